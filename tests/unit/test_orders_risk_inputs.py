"""Where the facts that risk rules check come from: our own fills, status, quotes, contracts."""

from __future__ import annotations

from datetime import datetime

import pytest
from support.orders_desk import Desk
from support.orders_reports import EXEC, execution
from twsmq_nodes.orders.risk.guard import RiskGuard
from twsmq_nodes.orders.risk.inputs import Market
from twsmq_nodes.orders.risk.live_inputs import LiveRiskInputs
from twsmq_nodes.orders.risk.steps import Steps
from twsmq_nodes.orders.spellings import Spellings
from twsmq_nodes.tws import events as tws
from twsmq_protocol.market_events import Quote, Stream, StreamState
from twsmq_protocol.reference_requests import ExchangeRule, MarketRules, PriceIncrement
from twsmq_protocol.risk_limits import Risk
from twsmq_protocol.system_events import AccountValue, Heartbeat, Position

AAPL, IBM = "STK:AAPL:SMART:USD", "STK:IBM:SMART:USD"
NOON = int(datetime.fromisoformat("2026-11-23T12:00:00+00:00").timestamp()) * 10**9
DOLLARS = AccountValue(account="DU1", tag="NetLiquidation", value="1000000", currency="USD")


def test_a_strategys_position_and_result_are_its_own_fills_and_costs() -> None:
    desk = Desk()
    facts = LiveRiskInputs(desk.core.book, lambda _instrument: None, lambda: 0.0, repeat_s=5.0)
    desk.place()
    desk.accepted()
    desk.says(execution(1, f"{EXEC}.01.01", 4.0), execution(1, f"{EXEC}.01.02", 3.0))
    desk.says(tws.CommissionReport(f"{EXEC}.01.02", 1.0, "USD", -5.0, None, None))
    assert facts.position("strategy", "s", AAPL) == 3.0
    assert facts.daily_pnl("strategy", "s", desk.now.ns) is None, "in which currency are the account's own?"
    facts.on_event("account/DU1/NetLiquidation/USD/", DOLLARS)
    assert facts.daily_pnl("strategy", "s", desk.now.ns) == -5.0
    (working,) = facts.open_orders()
    assert (working.account, working.remaining) == ("DU1", 7.0)


def test_the_losses_of_a_day_are_forgotten_with_it() -> None:
    desk = Desk()
    facts = LiveRiskInputs(desk.core.book, lambda _instrument: None, lambda: 0.0, repeat_s=5.0)
    desk.core.pipeline.guard = RiskGuard(Risk(max_daily_loss=3.0), facts)
    facts.on_event("account/DU1/NetLiquidation/USD/", DOLLARS)
    desk.place(quantity=4.0)
    desk.accepted()
    desk.says(execution(1, f"{EXEC}.01.01", 4.0))
    desk.says(tws.CommissionReport(f"{EXEC}.01.01", 1.0, "USD", -5.0, None, None))
    assert desk.place("b").code == "risk_rejected"
    desk.later(11 * 3600.0)
    assert desk.place("b").code == "risk_rejected"
    desk.later(2 * 3600.0)  # past midnight; nobody has traded since
    assert desk.place("b").answer.order_id == 2


def test_a_cost_reported_anew_counts_once() -> None:
    desk = Desk()
    facts = LiveRiskInputs(desk.core.book, lambda _instrument: None, lambda: 0.0, repeat_s=5.0)
    desk.place()
    desk.accepted()
    facts.on_event("account/DU1/NetLiquidation/USD/", DOLLARS)
    desk.says(execution(1, f"{EXEC}.01.01", 4.0))
    desk.says(tws.CommissionReport(f"{EXEC}.01.01", 1.0, "USD", None, None, None))
    desk.says(tws.CommissionReport(f"{EXEC}.01.01", 1.5, "USD", -5.0, None, None))
    assert facts.daily_pnl("strategy", "s", desk.now.ns) == -5.0
    desk.says(execution(1, f"{EXEC}.01.02", 3.0))
    desk.says(tws.CommissionReport(f"{EXEC}.01.02", 1.0, "USD", -4.0, None, None))
    assert facts.daily_pnl("strategy", "s", desk.now.ns) == -4.0


def test_an_accounts_facts_are_believed_only_while_status_is_ready() -> None:
    now = [0.0]
    facts = LiveRiskInputs(Desk().core.book, lambda _instrument: None, lambda: now[0], repeat_s=5.0)
    position = Position(account="DU1", instrument=AAPL, con_id=1, quantity=7.0)
    facts.on_event("position/DU1/x/", position)
    facts.on_event("account/DU1/DailyPnL/", AccountValue(account="DU1", tag="DailyPnL", value="-12.5"))
    assert facts.position("account", "DU1", AAPL) in (7.0, None)
    now[0] = 10.0
    assert facts.position("account", "DU1", AAPL) is None
    facts.on_event("node/status/", Heartbeat(name="status", pid=1, state="ready"))
    assert facts.position("account", "DU1", AAPL) == 7.0
    assert facts.position("account", "DU1", IBM) == 0.0
    assert facts.position("account", "DU1", "CONID:5") == 0.0
    assert facts.position("account", "DU1", "CONID:1") == 7.0
    assert facts.daily_pnl("account", "DU1", NOON) == -12.5
    facts.on_event("node/status/", Heartbeat(name="status", pid=1, state="connecting"))
    now[0] = 10.1
    assert facts.daily_pnl("account", "DU1", NOON) is None


def test_a_position_is_the_contracts_whatever_it_is_called() -> None:
    wanted: list[str] = []
    desk = Desk()
    facts = LiveRiskInputs(desk.core.book, wanted.append, lambda: 0.0, repeat_s=5.0)
    desk.core.pipeline.guard = RiskGuard(Risk(max_position=20), facts)
    desk.place(quantity=15.0)
    assert desk.place("b", instrument="CONID:265598:SMART").code == "risk_rejected", "it may be the same"
    desk.accepted()
    desk.says(execution(1, f"{EXEC}.01.01", 15.0))
    assert desk.place("b", instrument="CONID:265598:SMART").code == "risk_rejected"
    assert desk.place("b", instrument="CONID:265598", quantity=5.0).answer.order_id == 2
    listed = "STK:AAPL:SMART@NASDAQ:USD"
    assert desk.place("c", instrument=listed).code == "risk_rejected"
    assert wanted == [listed]
    facts.on_event(f"quote/{listed}/", Quote(con_id=265598, bid=1.0, ask=2.0))
    assert facts.position("strategy", "s", listed) == 15.0
    assert facts.position("strategy", "s", IBM) == 0.0
    assert desk.place("c", instrument=IBM).answer.order_id == 3


def test_which_spellings_may_be_one_contract() -> None:
    spellings = Spellings()
    assert spellings.same("OPT:SPY:SMART:USD:20261218:C:450", "OPT:SPY:SMART:USD:20261218:C:455") is False
    assert spellings.same("FUT:ES:CME:USD:202612", "FUT:ES:CME:USD:20261218") is None
    assert spellings.same("BAG:SPY:SMART:USD:+1x1,-1x2", "BAG:SPY:SMART:USD:+1x1,-1x3") is False
    for combo in ("BAG:SPY:SMART:USD:-1x2,+1x1", "BAG:SPY:CBOE:USD:+1x1@ISE,-1x2"):
        assert spellings.same("BAG:SPY:SMART:USD:+1x1,-1x2", combo) is True
    assert spellings.same("BAG:SPY:SMART:USD:+1x1,-1x2", "BAG:SPY:SMART:USD:+1x2,-1x1") is False
    assert spellings.same("BAG:SPY:SMART:USD:+1x1,-1x2", "CONID:1") is False
    assert spellings.same("CONID:1", "CONID:1:SMART") is True
    assert spellings.same(AAPL, "CONID:1") is None
    spellings.learn(AAPL, 1)
    assert spellings.same(AAPL, "CONID:1") is True
    assert spellings.same(AAPL, "CONID:2") is False
    spellings.learn(AAPL, 2)  # two listings of one symbol
    assert spellings.same(AAPL, "CONID:1") is None
    assert spellings.same(AAPL, "CONID:2") is None


def test_a_quote_is_asked_for_once_and_believed_while_its_stream_lives() -> None:
    wanted: list[str] = []
    facts = LiveRiskInputs(Desk().core.book, wanted.append, lambda: 0.0, repeat_s=5.0)
    assert facts.market(AAPL) is None
    assert facts.market(AAPL) is None
    assert wanted == [AAPL]
    facts.on_event(f"quote/{AAPL}/", Quote(bid=1.0, ask=2.0))
    assert facts.market(AAPL) == Market(1.0, 2.0, None)
    facts.on_event(f"quote/{AAPL}/", Stream(state="gap"))
    assert facts.market(AAPL) is None
    facts.on_event(f"quote/{AAPL}/", Quote(bid=1.0, ask=2.0, snapshot=True))
    assert facts.market(AAPL) is None, "a newcomer is sent it in the gap as well"
    facts.on_event(f"quote/{AAPL}/", Stream(state="resumed"))
    assert facts.market(AAPL) is None
    facts.on_event(f"quote/{AAPL}/", Quote(bid=3.0, ask=4.0))
    assert facts.market(AAPL) == Market(3.0, 4.0, None)


@pytest.mark.parametrize("state", ["frozen", "delayed", "starting", "error", "closed"])
def test_a_quote_that_is_not_live_is_none(state: StreamState) -> None:
    facts = LiveRiskInputs(Desk().core.book, lambda _instrument: None, lambda: 0.0, repeat_s=5.0)
    facts.on_event(f"quote/{AAPL}/", Stream(state=state))
    facts.on_event(f"quote/{AAPL}/", Quote(bid=1.0, ask=2.0))
    assert facts.market(AAPL) is None
    facts.on_event(f"quote/{AAPL}/", Stream(state="active"))
    facts.on_event(f"quote/{AAPL}/", Quote(bid=1.0, ask=2.0, delayed=True))
    assert facts.market(AAPL) is None


def test_a_quote_whose_sender_fell_silent_is_not_believed_for_ever() -> None:
    now = [0.0]
    facts = LiveRiskInputs(Desk().core.book, lambda _instrument: None, lambda: now[0], repeat_s=5.0)
    facts.on_event(f"quote/{AAPL}/", Quote(bid=1.0, ask=2.0))
    now[0] = 10.0
    assert facts.market(AAPL) == Market(1.0, 2.0, None)
    now[0] = 12.0
    assert facts.market(AAPL) is None
    facts.on_event(f"quote/{AAPL}/", Quote(bid=1.0, ask=2.0, snapshot=True))
    assert facts.market(AAPL) is not None


@pytest.mark.parametrize(
    ("instrument", "multiplier"),
    [
        (AAPL, 1.0),
        (f"{AAPL}::::0.001", 1.0),
        ("OPT:SPY:SMART:USD:20261218:C:450", None),
        ("OPT:SPY:SMART:USD:20261218:C:450:100", 100.0),
        ("OPT:SPY:SMART:USD:20261218:C:450:0.5", 0.5),
        ("OPT:SPY:SMART:USD:20261218:C:450:hundred", None),
        ("OPT:SPY:SMART:USD:20261218:C:450:nan", None),
        ("OPT:SPY:SMART:USD:20261218:C:450:-100", None),
        ("OPT:SPY:SMART:USD:20261218:C:450:0", None),
        ("FUT:ES:CME:USD:20261218:::50", 50.0),
        ("FUT:ES:CME:USD:20261218", None),
        ("CONID:265598", None),
    ],
)
def test_multipliers(instrument: str, multiplier: float | None) -> None:
    facts = LiveRiskInputs(Desk().core.book, lambda _instrument: None, lambda: 0.0, repeat_s=5.0)
    assert facts.unit_value(instrument) == multiplier


@pytest.mark.parametrize("step", [0.0, -0.0, -0.01])
def test_steps_and_worths_that_none_can_be_are_not_believed(step: float) -> None:
    """Whatever another process answers: to divide by it would end this one."""
    facts = LiveRiskInputs(Desk().core.book, lambda _instrument: None, lambda: 0.0, repeat_s=5.0)
    rule = ExchangeRule(exchange="SMART", rule=26, increments=[PriceIncrement(low=0.0, increment=step)])
    rules = MarketRules(
        instrument=AAPL,
        con_id=1,
        min_tick=step,
        min_size=None,
        size_increment=step,
        price_magnifier=None,
        rules=[rule],
    )
    facts.learn_steps(AAPL, rules)
    assert facts.steps(AAPL) == Steps(())
    future = "FUT:ES:CME:USD:20261218"
    facts.learn_contract(future, "50", -1.0)
    assert facts.unit_value(future) is None
