"""Who may ask what: every op and every kind of topic has its row, and each right opens only what it says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twsmq_protocol.errors import ErrorCode, FieldError, RequestError
from twsmq_protocol.requests import OPS
from twsmq_protocol.right_kinds import KINDS
from twsmq_protocol.rights import (
    TOPIC_RIGHTS,
    Identity,
    Right,
    narrowed,
    parse_rights,
    require,
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
