"""Who may ask what: every op and every kind of topic has its row, and each right opens only what it says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twsmq_protocol.alerts import ALERTS, TEST, AlertList, AlertRow
from twsmq_protocol.errors import ErrorCode, FieldError, RequestError
from twsmq_protocol.metrics import METRICS, Metrics, MetricSamples, Sample
from twsmq_protocol.order_control_requests import RiskLayer, RiskLayers
from twsmq_protocol.order_requests import Preview
from twsmq_protocol.requests import OPS
from twsmq_protocol.right_kinds import KINDS
from twsmq_protocol.rights import (
    EVERYBODY,
    TOPIC_RIGHTS,
    Identity,
    Right,
    narrowed,
    parse_rights,
    require,
    shown,
    strategies_of,
)
from twsmq_protocol.topics import FIRST_LEVELS

ALPHA = Identity("alpha", (Right("trader", "alpha"),))
READER = Identity("reader", (Right("reader"),))
RISK = Identity("risk", (Right("risk"),))
ACCOUNTS = Identity("books", (Right("accounts"),))
OPERATOR = Identity("ops", (Right("operator"),))
ORDER = {
    "strategy": "alpha",
    "client_order_id": "a-1",
    "instrument": "STK:AAPL:SMART:USD",
    "side": "BUY",
    "quantity": 1,
    "order_type": "MKT",
}
ARGS: dict[str, dict[str, Any]] = {
    "place_order": ORDER,
    "place_orders": {"orders": [ORDER, {**ORDER, "client_order_id": "a-2"}]},
    "modify_order": {"strategy": "alpha", "client_order_id": "a-1", "quantity": 2},
    "cancel_order": {"strategy": "alpha", "client_order_id": "a-1"},
    "get_orders": {"strategy": "alpha"},
    "replay_events": {"after": 0, "strategy": "alpha"},
    "halt": {"strategy": "alpha", "reason": "smoke"},
    "resume": {"strategy": "alpha"},
    "get_risk": {},
    "set_risk": {"scope": "strategy", "name": "alpha", "limits": {"max_position": 1}},
}


def allowed(identity: Identity, op: str, **changed: Any) -> bool:
    args = msgspec.convert({**ARGS[op], **changed}, OPS[op].args)
    try:
        require(identity, op, args)
    except RequestError as error:
        return error.code is not ErrorCode.UNAUTHORIZED
    return True


def test_somebody_may_ask_every_op_and_listen_to_every_kind_of_topic() -> None:
    assert all(row.rights and set(row.rights) <= set(KINDS) for row in OPS.values())
    assert set(TOPIC_RIGHTS) == set(FIRST_LEVELS) - {"denied"}, "which is each key's own"


@pytest.mark.parametrize(
    ("op", "who"),
    [
        ("place_order", {"alpha", "ops"}),
        ("place_orders", {"alpha", "ops"}),
        ("modify_order", {"alpha", "ops"}),
        ("cancel_order", {"alpha", "risk", "ops"}),
        ("get_orders", {"alpha", "risk", "ops"}),
        ("replay_events", {"alpha", "risk", "ops"}),
        ("halt", {"alpha", "risk", "ops"}),
        ("resume", {"ops"}),
        ("set_risk", {"risk", "ops"}),
        ("get_risk", {"alpha", "risk", "ops"}),
    ],
)
def test_each_right_opens_what_it_says(op: str, who: set[str]) -> None:
    assert {one.name for one in (ALPHA, READER, RISK, ACCOUNTS, OPERATOR) if allowed(one, op)} == who


def test_a_trader_is_a_trader_of_its_own_strategy_only() -> None:
    assert not allowed(ALPHA, "place_order", strategy="beta")
    assert not allowed(ALPHA, "place_orders", orders=[ORDER, {**ORDER, "strategy": "beta"}][1:])
    assert not allowed(ALPHA, "get_orders", strategy=None), "all orders are not one strategy's"
    assert not allowed(ALPHA, "halt", strategy=None), "everybody is not one strategy"
    assert allowed(RISK, "halt", strategy=None)


def test_what_is_refused_names_the_key_s_own_strategy_and_nothing_of_the_other() -> None:
    args = msgspec.convert({**ORDER, "strategy": "beta"}, OPS["place_order"].args)
    with pytest.raises(RequestError) as refused:
        require(ALPHA, "place_order", args)
    assert "alpha" in refused.value.message
    assert "beta" not in refused.value.message


def test_an_op_without_a_row_is_the_operator_s() -> None:
    args = msgspec.convert({}, OPS["describe"].args)
    require(OPERATOR, "launch_rocket", args)
    with pytest.raises(RequestError):
        require(RISK, "launch_rocket", args)


@pytest.mark.parametrize(
    ("identity", "wish", "granted"),
    [
        (ALPHA, "order/", ("order/alpha/",)),
        (ALPHA, "order/alpha/", ("order/alpha/",)),
        (ALPHA, "order/alpha/a-1/", ("order/alpha/a-1/",)),
        (ALPHA, "order/al", ("order/alpha/",)),
        (ALPHA, "order/alphabet/", ()),
        (ALPHA, "order/beta/", ()),
        (ALPHA, "position/", ()),
        (ALPHA, "quote/STK:AAPL:SMART:USD/", ("quote/STK:AAPL:SMART:USD/",)),
        (ALPHA, "denied/", ("denied/alpha/",)),
        (ALPHA, "denied/beta/", ()),
        (READER, "alert/GatewayDown/", ("alert/GatewayDown/",)),
        (READER, "alert/M", ()),
        (READER, "alert/P", tuple(f"alert/Process{word}/" for word in ("Flapping", "Failed", "Silent"))),
        (ALPHA, "alert/PositionsDiffer/", ()),
        (READER, "alert/T", ("alert/Test/",)),
        (ACCOUNTS, "alert/", ("alert/",)),
        (ACCOUNTS, "position/", ("position/",)),
        (ACCOUNTS, "order/", ()),
        (RISK, "order/", ("order/",)),
        (OPERATOR, "", ("",)),
        (Identity("nobody"), "quote/X/", ()),
    ],
)
def test_a_wish_is_narrowed_to_what_is_open(identity: Identity, wish: str, granted: tuple[str, ...]) -> None:
    assert narrowed(identity, wish) == granted


@given(st.text(max_size=12), st.sampled_from([ALPHA, READER, RISK, ACCOUNTS]))
def test_no_wish_opens_more_than_is_open(wish: str, identity: Identity) -> None:
    everything = narrowed(identity, "")
    for prefix in narrowed(identity, wish):
        assert prefix.startswith(wish)
        assert any(prefix.startswith(open_prefix) for open_prefix in everything)


def test_all_that_a_trader_wishes_for_at_once_is_all_it_may() -> None:
    assert "order/alpha/" in narrowed(ALPHA, "")
    assert "position/" not in narrowed(ALPHA, "")


@pytest.mark.parametrize(
    "wrong", ["", "admin", "trader", "trader:", "trader:a/b", "trader:" + "x" * 17, "Reader"]
)
def test_a_word_that_is_no_right_is_named(wrong: str) -> None:
    with pytest.raises(FieldError, match="there are reader"):
        parse_rights(["reader", wrong])


def test_rights_are_written_as_they_are_read() -> None:
    rights = parse_rights([" trader:alpha", "reader"])
    assert parse_rights([str(right) for right in rights]) == rights


def test_the_strategies_of_a_request() -> None:
    convert = msgspec.convert
    assert strategies_of(convert(ARGS["place_orders"], OPS["place_orders"].args)) == {"alpha"}
    assert strategies_of(convert({}, OPS["get_orders"].args)) == frozenset()


def test_an_answer_about_everybody_shows_a_trader_its_own() -> None:
    layers = RiskLayers(
        layers=[
            RiskLayer(scope=scope, name=name, limits={})
            for scope, name in (
                ("default", ""),
                ("strategy", "alpha"),
                ("strategy", "beta"),
                ("account", "DU1"),
            )
        ]
    )
    assert [layer.name for layer in shown(ALPHA, layers).layers] == ["", "alpha", "DU1"]
    for one in (RISK, OPERATOR, EVERYBODY):
        assert shown(one, layers) == layers


def test_what_an_account_is_worth_is_for_those_who_may_see_accounts() -> None:
    def samples(name: str) -> MetricSamples:
        metric, labels = METRICS[name], dict.fromkeys(METRICS[name].labels, "x")
        found = [Sample(labels=labels, value=1.0)]
        return MetricSamples(name=name, kind=metric.kind, text=metric.text, bounds=[], samples=found)

    every = Metrics(name="status", incarnation=1, metrics=[samples(name) for name in METRICS])
    for one in (READER, ALPHA):
        seen = {metric.name for metric in shown(one, every).metrics if metric.samples}
        assert {"cpu_seconds_total", "halts"} <= seen
        assert not seen & {"net_liquidation", "daily_pnl", "excess_liquidity", "account_age_seconds"}
        assert not seen & {"orders", "fills_total"}, "how much another strategy trades is its own"
    for one in (ACCOUNTS, RISK, OPERATOR, EVERYBODY):
        assert shown(one, every) == every


def test_how_much_a_strategy_trades_is_for_its_own_key() -> None:
    found = [Sample(labels={"strategy": name}, value=1.0) for name in ("alpha", "beta")]
    fills = MetricSamples(name="fills_total", kind="counter", text="", bounds=[], samples=found)
    every = Metrics(name="orders", incarnation=1, metrics=[fills])
    assert shown(ALPHA, every).metrics[0].samples == found[:1]
    assert shown(ACCOUNTS, every) == every, "the board shows them too"


def test_what_an_alert_says_of_an_account_is_for_those_who_may_see_accounts() -> None:
    """MarginLow names an account and its cushion, PositionsDiffer what it holds."""
    rows = [
        AlertRow(name=name, about="", severity="page", state="firing", text="", since=1)
        for name in (*ALERTS, TEST)
    ]
    every = AlertList(alerts=rows, silences={}, sinks=[])
    for one in (READER, ALPHA):
        seen = {row.name for row in shown(one, every).alerts}
        assert seen == {*ALERTS, TEST} - {"MarginLow", "PositionsDiffer"}
        assert {f"alert/{name}/" for name in seen} == set(narrowed(one, "alert/")), "the feed shows the same"
    for one in (ACCOUNTS, RISK, OPERATOR, EVERYBODY):
        assert shown(one, every) == every


def test_a_preview_says_what_the_order_adds_and_not_what_the_account_has() -> None:
    names = [name for name in Preview.__struct_fields__ if name not in ("currency", "warning")]
    every = msgspec.convert({**dict.fromkeys(names, 1.0), "currency": "USD"}, Preview)
    seen = shown(ALPHA, every)
    assert seen.commission == seen.init_margin_change == seen.maint_margin_change == 1.0
    assert seen.equity_with_loan_before is seen.equity_with_loan_after is seen.init_margin_before is None
    both = Identity("both", (Right("trader", "alpha"), Right("accounts")))
    for one in (both, OPERATOR, EVERYBODY):
        assert shown(one, every) == every


def test_what_costs_a_fee_is_for_whoever_may_cause_costs() -> None:
    paid, free = "quote/STK:AAPL:SMART:USD;generic=233;regulatory=1/", "tick/CONID:1;regulatory=0/"
    asked: dict[str, dict[str, Any]] = {
        "snapshot": {"instrument": "CONID:1", "regulatory": True},
        "retry": {"topic": paid},
        "subscribe": {"topic": paid},
    }
    for one in (ALPHA, OPERATOR, EVERYBODY):
        assert narrowed(one, paid) == (paid,)
        for op, args in asked.items():
            require(one, op, msgspec.convert(args, OPS[op].args))
    for one in (READER, ACCOUNTS, RISK):
        assert narrowed(one, paid) == ()
        assert narrowed(one, free) == (free,)
        assert narrowed(one, "quote/") == ("quote/",), "a shorter one asks for nothing"
        for op, args in asked.items():
            with pytest.raises(RequestError, match="costs a fee"):
                require(one, op, msgspec.convert(args, OPS[op].args))
        require(one, "snapshot", msgspec.convert({"instrument": "CONID:1"}, OPS["snapshot"].args))
        require(one, "retry", msgspec.convert({"topic": free}, OPS["retry"].args))


def test_a_key_without_a_right_may_listen_to_nothing() -> None:
    assert narrowed(Identity("gone"), "") == ()
    assert narrowed(Identity("gone"), "denied/gone/") == ()
