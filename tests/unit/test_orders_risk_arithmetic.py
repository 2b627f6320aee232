"""What orders are worth and how far they reach: what public bug reports showed, with what is right."""

from __future__ import annotations

from typing import Any

import pytest
from support.orders_desk import BASE, Caller, Desk
from support.orders_reports import EXEC, execution, open_order
from support.risk_desk import CALL, HIGHER_CALL, SPREAD, desk_with, held
from twsmq_nodes.orders.risk.guard import RiskGuard
from twsmq_nodes.orders.risk.inputs import Market
from twsmq_nodes.orders.risk.live_inputs import LiveRiskInputs
from twsmq_nodes.tws import events as tws
from twsmq_protocol.errors import RequestError
from twsmq_protocol.market_events import Quote
from twsmq_protocol.order_requests import PlaceOrder, PlaceOrders
from twsmq_protocol.risk_limits import Risk
from twsmq_protocol.system_events import AccountValue

AAPL = "STK:AAPL:SMART:USD"
DOLLARS = AccountValue(account="DU1", tag="NetLiquidation", value="1000000", currency="USD")


RATIO = SPREAD.replace("-1x", "-2x")
MARKET: dict[str, Any] = {"order_type": "MKT", "limit_price": None}
DEAR: dict[str, Any] = {"instrument": SPREAD, "quantity": 100.0, "limit_price": 5.0}


def an_order(cid: str, **changes: Any) -> PlaceOrder:
    return PlaceOrder(client_order_id=cid, **(BASE | changes))


def group(desk: Desk, link: Any, *orders: PlaceOrder, **rest: Any) -> Caller:
    caller = Caller(answers=[])
    args = PlaceOrders(orders=orders, link=link, **rest)
    return desk.ask(lambda: desk.core.request(args, caller, desk.now), caller)


def bracket(cid: str, quantity: float) -> tuple[PlaceOrder, ...]:
    leaving: dict[str, Any] = {"side": "SELL", "quantity": quantity}
    stop: dict[str, Any] = {"order_type": "STP", "limit_price": None, "stop_price": 0.5}
    return (
        an_order(cid, quantity=quantity),
        an_order(f"{cid}-profit", limit_price=2.0, **leaving),
        an_order(f"{cid}-stop", **leaving, **stop),
    )


def refusal(desk: Desk, cid: str, **changes: Any) -> str:
    """The rule that forbids the order, "" if it went out."""
    answer = desk.place(cid, **changes).answer
    return answer.message.partition(":")[0] if isinstance(answer, RequestError) else ""


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        (DEAR, "max_order_notional"),  # 100 spreads at 5 are worth 50,000
        (DEAR | {"quantity": 10.0}, ""),
        (DEAR | {"side": "SELL", "limit_price": 0.1}, "max_order_notional"),  # it sells at the market's 4.8
        (DEAR | {"order_type": "MKT", "limit_price": None}, "max_order_notional"),
        (DEAR | {"order_type": "MKT", "limit_price": None, "quantity": 9.0}, ""),
        # twice as much is sold as bought: 5 - 2 x 0.1 = 4.8 a combo
        (DEAR | MARKET | {"instrument": RATIO, "quantity": 11.0}, "max_order_notional"),
        (DEAR | MARKET | {"instrument": RATIO, "quantity": 10.0}, ""),
    ],
)  # fmt: skip
def test_a_combo_is_worth_what_its_legs_are_by_multiplier_ratio_and_side(
    changes: dict[str, Any], rule: str
) -> None:
    desk, inputs = desk_with({"max_order_notional": 5_000}, (CALL, "100", 1.0), (HIGHER_CALL, "100", 1.0))
    inputs.on_event(f"quote/{CALL}/", Quote(bid=4.9, ask=5.0, bid_size=1, ask_size=1))
    inputs.on_event(f"quote/{HIGHER_CALL}/", Quote(bid=0.1, ask=0.1, bid_size=1, ask_size=1))
    assert refusal(desk, "a", **changes) == rule


def test_a_combo_of_contracts_that_are_not_known_yet_is_not_guessed() -> None:
    asked: list[str] = []
    desk = Desk()
    now = [0.0]
    inputs = LiveRiskInputs(
        desk.core.book, lambda _i: None, lambda: now[0], repeat_s=5.0, want_contract=asked.append
    )
    desk.core.pipeline.guard = RiskGuard(Risk(max_order_notional=1e9), inputs)
    caller = desk.place("a", **DEAR)
    assert caller.code == "risk_rejected"
    assert "multiplier" in caller.answer.message
    assert asked == [CALL, HIGHER_CALL]
    assert desk.place("a", **DEAR).code == "risk_rejected"
    assert asked == [CALL, HIGHER_CALL], "asked for once, then again after some seconds"
    now[0] = 6.0
    inputs.learn_contract(CALL, "100", None)
    assert desk.place("a", **DEAR).code == "risk_rejected"
    assert asked == [CALL, HIGHER_CALL, HIGHER_CALL]
    inputs.learn_contract(HIGHER_CALL, "100", None)
    assert desk.place("a", **DEAR).answer.order_id == 1


def test_facts_of_a_contract_are_asked_for_again_after_a_day() -> None:
    asked: list[str] = []
    now = [0.0]
    inputs = LiveRiskInputs(
        Desk().core.book, lambda _i: None, lambda: now[0], repeat_s=5.0, want_contract=asked.append
    )
    future = "FUT:ES:CME:USD:20261218"
    assert inputs.unit_value(future) is None
    inputs.learn_contract(future, "50", None)
    assert inputs.unit_value(future) == 50.0
    now[0] = 86_400.0
    assert inputs.unit_value(future) is None
    assert asked == [future, future]


def test_a_share_quoted_in_pence_is_worth_a_hundredth() -> None:
    vodafone = "STK:VOD:LSE:GBP"
    desk, _ = desk_with({"max_order_notional": 400}, (vodafone, None, 100.0))
    changes = {"instrument": vodafone, "limit_price": 337.1}
    assert refusal(desk, "a", quantity=100.0, **changes) == ""
    assert refusal(desk, "b", quantity=200.0, **changes) == "max_order_notional"


def test_a_value_that_may_be_a_hundredth_is_not_known_to_be_too_much() -> None:
    """Until the contract is known, 100 at 337 are at most 33,700: in pence they are 337."""
    vodafone = "STK:VOD:LSE:GBP"
    desk, inputs = desk_with({"max_order_notional": 400, "max_order_quantity": 50})
    changes: dict[str, Any] = {"instrument": vodafone, "limit_price": 337.0}
    assert refusal(desk, "a", quantity=1.0, **changes) == "", "whatever it is quoted in"
    caller = desk.place("b", quantity=40.0, **changes)
    assert "is worth (its multiplier and magnifier) is not known at present" in caller.answer.message
    inputs.on_event(f"quote/{vodafone}/", Quote(bid=336.0, ask=337.0, bid_size=1, ask_size=1))
    cash = {"quantity": 0.0, "cash_quantity": 300.0, "instrument": vodafone, "limit_price": 337.0}
    assert refusal(desk, "c", **cash) == "max_order_quantity", "less than one share, or 89 of them"
    inputs.learn_contract(vodafone, None, 100.0)
    assert refusal(desk, "d", quantity=40.0, **changes) == ""
    assert refusal(desk, "e", **cash) == "max_order_quantity"
    assert refusal(desk, "f", **cash | {"cash_quantity": 100.0}) == ""


def test_of_a_brackets_exits_the_worst_counts_and_only_after_its_entry() -> None:
    desk, _ = desk_with({"max_position": 100})
    assert group(desk, "bracket", *bracket("a", 100.0)).answer.orders[2].order_id == 3
    # The exits can only close what their own entry has bought; two entries together are 200.
    assert group(desk, "bracket", *bracket("b", 100.0)).code == "risk_rejected"
    assert refusal(desk, "c", side="SELL", quantity=100.0) == ""
    assert refusal(desk, "d", side="SELL", quantity=1.0) == "max_position"


def test_of_orders_that_cancel_each_other_the_worst_counts() -> None:
    desk, _ = desk_with({"max_position": 100})
    assert group(desk, "oca", an_order("a", quantity=100.0), an_order("b", quantity=100.0)).answer.orders
    assert refusal(desk, "c", quantity=1.0) == "max_position"
    assert refusal(desk, "d", quantity=100.0, oca_group="mine", oca_type=1, side="SELL") == ""
    assert refusal(desk, "e", quantity=100.0, oca_group="mine", oca_type=1, side="SELL") == ""
    assert refusal(desk, "f", quantity=1.0, oca_group="yours", oca_type=1, side="SELL") == "max_position"


@pytest.mark.parametrize("oca_type", [1, 2, 3])
def test_members_that_are_reduced_without_block_may_all_fill(oca_type: int) -> None:
    """Type 3 has no protection against overfills: none is reduced before all may have filled."""
    desk, _ = desk_with({"max_position": 100})
    both = (an_order("a", quantity=60.0), an_order("b", quantity=60.0))
    answer = group(desk, "oca", *both, oca_type=oca_type).answer
    assert isinstance(answer, RequestError) == (oca_type == 3)
    sold: dict[str, Any] = {"quantity": 60.0, "oca_group": "mine", "oca_type": oca_type, "side": "SELL"}
    assert refusal(desk, "c", **sold) == ""
    assert refusal(desk, "d", **sold) == ("max_position" if oca_type == 3 else "")


def test_what_somebody_makes_of_a_groups_type_counts() -> None:
    desk, _ = desk_with({"max_position": 100})
    for cid in ("a", "b"):
        assert refusal(desk, cid, quantity=60.0, oca_group="mine", oca_type=1) == ""
    for order_id, cid in enumerate(("a", "b"), 1):
        shown: dict[str, Any] = {"total_quantity": 60.0, "oca_group": "mine"}
        desk.accepted(order_id, cid, oca_type=1, **shown)
        desk.says(open_order(order_id, cid, oca_type=3, **shown))
    assert refusal(desk, "c", quantity=1.0, oca_group="mine", oca_type=1) == "max_position", "120 may fill"


def test_what_is_attached_to_an_attached_order_counts_once_their_parent_is_done() -> None:
    desk, _ = desk_with({"max_position": 100})
    entry, *exits = bracket("a", 100.0)
    assert group(desk, "bracket", entry, *exits).answer.orders
    desk.accepted(1, "a", total_quantity=100.0)
    for order_id, cid in ((2, "a-profit"), (3, "a-stop")):
        desk.accepted(order_id, cid, action="SELL", total_quantity=100.0)
    desk.says(execution(1, shares=100.0))
    assert desk.status("a") == "filled"
    assert refusal(desk, "again", quantity=100.0, parent="a-profit") == "", "after the sale of as many"
    assert refusal(desk, "more", quantity=201.0, parent="a-stop") == "max_position"


def test_of_an_entry_that_is_partly_filled_the_exits_may_fill_first() -> None:
    desk, _ = desk_with({"max_position": 100})
    entry, *exits = bracket("a", 100.0)
    assert group(desk, "bracket", entry, *exits).answer.orders
    desk.accepted(1, "a", total_quantity=100.0)
    desk.says(execution(1, shares=10.0))
    assert refusal(desk, "b", side="SELL", quantity=11.0) == "max_position", "10 less the exit's 100 are -90"
    assert refusal(desk, "c", side="SELL", quantity=10.0) == ""


@pytest.mark.parametrize(
    "limits", [{"max_daily_loss": 1.0}, {"max_order_quantity": 5}, {"max_order_notional": 5}]
)
def test_what_only_reduces_passes_the_limits_of_exposure(limits: dict[str, Any]) -> None:
    desk, inputs = desk_with(limits)
    inputs.on_event("account/DU1/NetLiquidation/USD/", DOLLARS)
    desk.core.pipeline.guard, guard = None, desk.core.pipeline.guard
    desk.place("a")
    desk.accepted()
    desk.says(execution(1, f"{EXEC}.01.01", 10.0))
    desk.says(tws.CommissionReport(f"{EXEC}.01.01", 1.0, "USD", -5.0, None, None))
    desk.core.pipeline.guard = guard
    (rule,) = limits
    assert refusal(desk, "b", quantity=6.0) == rule
    assert refusal(desk, "c", side="SELL", quantity=11.0) == rule, "it would turn the position round"
    assert refusal(desk, "d", side="SELL", quantity=6.0) == ""
    assert refusal(desk, "e", side="SELL", quantity=6.0) == rule, "both together would"
    desk.core.pipeline.guard = RiskGuard(Risk(**limits, reduce_only_passes=False), inputs)
    assert refusal(desk, "e", side="SELL", quantity=6.0 - 2.0 * (rule == "max_daily_loss")) == rule


def test_an_order_that_must_only_reduce_is_refused_if_it_may_do_more_with_or_without_limits() -> None:
    desk, inputs = desk_with({})
    assert refusal(desk, "a", reduce_only=True) == "reduce_only", "nobody knows what the account holds"
    held(inputs, 0.0)
    assert refusal(desk, "a", reduce_only=True) == "reduce_only"
    held(inputs, -10.0)
    assert refusal(desk, "a", reduce_only=True, quantity=11.0) == "reduce_only"
    assert refusal(desk, "b", reduce_only=True, quantity=6.0) == ""
    assert refusal(desk, "c", reduce_only=True, quantity=6.0) == "reduce_only", "both together may do more"
    assert refusal(desk, "d", reduce_only=True, quantity=4.0, side="SELL") == "reduce_only"
    assert refusal(desk, "e", reduce_only=True, quantity=4.0) == ""
    assert desk.modify("b", quantity=7.0).code == "risk_rejected"


def test_losses_in_several_currencies_are_converted_by_the_accounts_own_rates_or_unknown() -> None:
    desk, inputs = desk_with({"max_daily_loss": 100})
    inputs.on_event("account/DU1/NetLiquidation/USD/", DOLLARS)
    desk.core.pipeline.guard, guard = None, desk.core.pipeline.guard
    desk.place("a")
    desk.accepted()
    for number, (cost, currency) in enumerate([(50.0, "USD"), (4_000.0, "JPY")], 1):
        desk.says(execution(1, f"{EXEC}.0{number}.01", 1.0))
        desk.says(tws.CommissionReport(f"{EXEC}.0{number}.01", 1.0, currency, -cost, None, None))
    desk.core.pipeline.guard = guard
    caller = desk.place("b")
    assert caller.code == "risk_rejected"
    assert "not known" in caller.answer.message
    rate = AccountValue(account="DU1", tag="ExchangeRate", value="0.0066", currency="JPY")
    inputs.on_event("account/DU1/ExchangeRate/JPY/", rate)
    assert inputs.daily_pnl("strategy", "s", desk.now.ns) == pytest.approx(-76.4)
    assert refusal(desk, "b") == ""
    dear = AccountValue(account="DU1", tag="ExchangeRate", value="0.0133", currency="JPY")
    inputs.on_event("account/DU1/ExchangeRate/JPY/", dear)
    assert refusal(desk, "c") == "max_daily_loss"


@pytest.mark.parametrize(("text", "rate"), [("7.2E-4", 0.00072), ("1350.5", 1350.5), ("0.0000615", 6.15e-5)])
def test_a_rate_is_read_as_java_writes_it(text: str, rate: float) -> None:
    _, inputs = desk_with({})
    inputs.on_event("account/DU1/NetLiquidation/USD/", DOLLARS)
    inputs.on_event("account/", AccountValue(account="DU1", tag="ExchangeRate", value=text, currency="KRW"))
    assert inputs.in_one_currency({("DU1", "KRW"): -1e6}) == pytest.approx(-1e6 * rate)


@pytest.mark.parametrize("kind", ["BILL", "BOND", "SOMETHING NEW"])
def test_what_is_priced_in_percent_or_in_nobody_knows_what_is_worth_what_its_contract_says(kind: str) -> None:
    desk, inputs = desk_with({"max_order_notional": 1_000})
    inputs.learn_contract("CONID:77:SMART", None, 1.0, kind)
    assert refusal(desk, "a", instrument="CONID:77:SMART", limit_price=98.5) == "max_order_notional"
    inputs.learn_contract("CONID:77:SMART", "0.1", 1.0, kind)
    assert refusal(desk, "b", instrument="CONID:77:SMART", limit_price=98.5) == ""


@pytest.mark.parametrize("no_price", [0.0, -1.0])
def test_a_price_of_nothing_with_a_size_of_nothing_is_no_price(no_price: float) -> None:
    desk, inputs = desk_with({"max_order_notional": 5_000})
    nothing: dict[str, Any] = dict.fromkeys(("bid", "ask", "last"), no_price)
    nothing |= dict.fromkeys(("bid_size", "ask_size", "last_size"), 0.0)
    inputs.on_event(f"quote/{AAPL}/", Quote(**nothing))
    caller = desk.place("a", order_type="MKT", limit_price=None, quantity=1_000_000.0)
    assert caller.code == "risk_rejected"
    assert "live quote" in caller.answer.message


def test_a_combo_that_trades_at_minus_one_has_a_price() -> None:
    inputs = LiveRiskInputs(Desk().core.book, lambda _i: None, lambda: 0.0, repeat_s=5.0)
    inputs.on_event(f"quote/{SPREAD}/", Quote(bid=-1.0, ask=0.0, bid_size=3, ask_size=2))
    assert inputs.market(SPREAD) == Market(-1.0, 0.0, None)


def test_what_cash_buys_is_not_known_while_prices_may_be_in_pence() -> None:
    desk, inputs = desk_with({"max_order_quantity": 20})
    inputs.on_event("quote/STK:VOD:LSE:GBP/", Quote(bid=80.0, ask=80.0, bid_size=1, ask_size=1))
    cash: dict[str, Any] = {"instrument": "STK:VOD:LSE:GBP", "quantity": 0.0, "cash_quantity": 100.0} | MARKET
    unknown = desk.place("c", **cash).answer
    assert "what a price of STK:VOD:LSE:GBP is worth" in unknown.message
    inputs.learn_contract("STK:VOD:LSE:GBP", None, 100.0)
    assert refusal(desk, "c", **cash) == "max_order_quantity", "a hundred pounds buy 125"
    assert refusal(desk, "c", **cash | {"cash_quantity": 16.0}) == ""


def test_results_of_accounts_in_different_currencies_are_not_one_number() -> None:
    _, inputs = desk_with({})
    for account, currency in (("DU1", "USD"), ("DU2", "JPY")):
        inputs.on_event(
            "account/", AccountValue(account=account, tag="NetLiquidation", value="1", currency=currency)
        )
    both = {("DU1", "USD"): -50.0, ("DU2", "JPY"): -5_000.0}
    assert inputs.in_one_currency(both) is None
    assert inputs.in_one_currency({**both, ("DU2", "JPY"): 0.0}) == -50.0
