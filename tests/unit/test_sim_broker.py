"""The broker by itself: orders and a market that moves only when the story says so."""

from __future__ import annotations

from decimal import Decimal

import pytest
from support.sim_floor import AAPL, START, Floor, story
from twsmq_simulator.broker import cancelling, working
from twsmq_simulator.broker.effects import Effect, OrderMessage
from twsmq_simulator.broker.model import Order
from twsmq_simulator.broker.state import State
from twsmq_simulator.broker.ticket import Condition, OrderTicket
from twsmq_simulator.market.book import ASK, BID, LAST
from twsmq_simulator.market.contracts import ComboLeg, ContractSpec


@pytest.fixture
def floor() -> Floor:
    return Floor()


def test_a_market_order_fills_in_the_captured_order_of_callbacks(floor: Floor) -> None:
    floor.place("BUY", 10, "MKT")
    assert floor.told == ["open 1 PreSubmitted"]
    assert floor.later() == ["exec 1 10", "open 1 Filled", "open 1 Filled", "commission 1"]
    assert floor.position() == 10


def test_a_resting_limit_order_fills_when_the_market_comes(floor: Floor) -> None:
    floor.place("BUY", 10, "LMT", limit_price=200.0)
    assert floor.later() == ["open 1 Submitted"]
    assert floor.price(199.0)[0] == "exec 1 10"


def test_cancel_is_status_then_202_and_cannot_be_repeated(floor: Floor) -> None:
    order = floor.place("BUY", 10, "LMT", limit_price=200.0)
    floor.later()
    assert floor.cancel(order) == []
    assert floor.later() == ["status 1 Cancelled", "error 1 202"]
    assert floor.cancel(order) == ["error 1 10148"]
    assert floor.cancel(77) == ["error 77 10147"]


def test_a_fill_can_meet_the_cancel_on_its_way(floor: Floor) -> None:
    order = floor.place("BUY", 10, "LMT", limit_price=200.0)
    floor.later()
    floor.cancel(order)
    assert floor.price(199.0)[0] == "exec 1 10"
    assert floor.later() == []
    assert floor.status(order) == "Filled"


@pytest.mark.parametrize(("order_id", "code"), [(0, 10149), (1, 103)])
def test_ids_are_never_used_twice(floor: Floor, order_id: int, code: int) -> None:
    floor.next_id = 5
    floor.place("BUY", 10, "LMT", limit_price=200.0)
    assert story(floor.replace(order_id, "BUY", 1, "MKT")) == [f"error {order_id} {code}"]
    assert floor.broker.orders.next_order_id(1) == 6


def test_a_filled_order_cannot_be_modified(floor: Floor) -> None:
    order = floor.place("BUY", 10, "MKT")
    floor.later()
    assert story(floor.replace(order, "BUY", 10, "LMT", limit_price=1.0)) == ["error 1 104"]


def test_a_limit_order_becomes_a_market_order_and_keeps_its_perm_id(floor: Floor) -> None:
    order = floor.place("BUY", 10, "LMT", limit_price=200.0)
    floor.later()
    before = floor.broker.orders.find(1, order)
    floor.replace(order, "BUY", 10, "MKT")
    floor.later()
    after = floor.broker.orders.find(1, order)
    assert before is not None
    assert after is not None
    assert (after.perm_id, after.status.value) == (before.perm_id, "Filled")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"kind": "FEELINGS"}, 321),
        ({"quantity": 0}, 434),
        ({"kind": "LMT"}, 463),
        ({"kind": "LMT", "limit_price": 10.001}, 110),
        ({"kind": "STP", "aux_price": 10.001}, 110),
        ({"kind": "STP LMT", "limit_price": 10.01, "aux_price": 10.001}, 110),
        ({"kind": "MIT", "aux_price": 10.001}, 110),
        ({"kind": "LIT", "limit_price": 10.01, "aux_price": 10.001}, 110),
        ({"kind": "TRAIL", "aux_price": 1.0, "trail_stop_price": 10.001}, 110),
        ({"kind": "MIDPRICE", "limit_price": 10.001}, 110),
        ({"etrade_only": True}, 10268),
        ({"contract": ContractSpec(symbol="NOSUCH", sec_type="STK", exchange="SMART")}, 200),
        ({"parent_id": 99}, 321),
        ({"quantity": 10_000_000}, 201),
        ({"contract": ContractSpec(symbol="SPX", sec_type="IND", exchange="CBOE")}, 201),
        ({"account": "DU9"}, 321),
    ],
)
def test_refusals(floor: Floor, more: dict[str, object], code: int) -> None:
    arguments = {"kind": "MKT", "quantity": 1} | more
    floor.place("BUY", arguments.pop("quantity"), str(arguments.pop("kind")), **arguments)
    assert f"error 1 {code}" in floor.told
    assert not [word for word in floor.told if word.startswith("open")]
    assert floor.later() == []


def test_a_stop_waits_and_then_trades(floor: Floor) -> None:
    order = floor.place("SELL", 10, "STP", aux_price=250.0)
    floor.later()
    assert floor.status(order) == "PreSubmitted:trigger"
    assert floor.price(251.0) == []
    assert "exec 1 10" in floor.price(249.0)


def test_a_stop_limit_rests_at_its_limit(floor: Floor) -> None:
    order = floor.place("SELL", 10, "STP LMT", aux_price=250.0, limit_price=249.5)
    floor.later()
    floor.price(240.0)
    assert floor.status(order) == "Submitted"
    assert "exec 1 10" in floor.price(250.0)


def test_a_market_if_touched_buys_the_dip(floor: Floor) -> None:
    order = floor.place("BUY", 10, "MIT", aux_price=250.0)
    floor.later()
    assert floor.status(order) == "PreSubmitted:trigger"
    assert "exec 1 10" in floor.price(249.0)


def test_a_trailing_stop_follows_up_and_never_down(floor: Floor) -> None:
    order = floor.place("SELL", 10, "TRAIL", aux_price=5.0)
    floor.later()
    floor.price(300.0)
    held = floor.broker.orders.find(1, order)
    assert held is not None
    assert held.stop is not None
    assert 294 < held.stop < 296
    assert floor.price(297.0) == []
    assert "exec 1 10" in floor.price(294.0)


def test_a_relative_order_follows_the_bid_up_to_its_cap(floor: Floor) -> None:
    floor.place("BUY", 10, "REL", aux_price=0.01, limit_price=270.0)
    floor.later()
    assert floor.price(260.0) == []
    assert floor.price(275.0) == []


def test_fok_is_all_or_nothing_and_ioc_takes_what_there_is(floor: Floor) -> None:
    book = floor.exchange.required(265598)
    there = book.available(buy=True, limit=book.ask)
    fok = floor.place("BUY", there + 100, "LMT", limit_price=book.ask, tif="FOK")
    assert floor.later()[-1] == "status 1 Inactive"
    assert floor.position() == 0
    ioc = floor.place("BUY", there + 100, "LMT", limit_price=book.ask, tif="IOC")
    assert floor.later()[-3:] == ["status 2 PendingCancel", "status 2 Cancelled", "error 2 202"]
    assert floor.position() == there
    assert (floor.status(fok), floor.status(ioc)) == ("Inactive", "Cancelled")


def test_a_large_order_fills_in_parts_and_pays_one_commission(floor: Floor) -> None:
    book = floor.exchange.required(265598)
    size = book.asks[0][1] + 1
    order = floor.place("BUY", size, "MKT")
    told = floor.later()
    assert [word for word in told if word.startswith("exec")] == [f"exec 1 {size - 1}", "exec 1 1"]
    filled = floor.broker.orders.find(1, order)
    assert filled is not None
    assert filled.commission == max(Decimal(1), Decimal(size) * Decimal("0.005"))
    assert sum(e.commission for e in floor.broker.executions.values()) == filled.commission


def test_a_staged_order_is_silent_until_transmitted(floor: Floor) -> None:
    order = floor.place("BUY", 10, "LMT", limit_price=200.0, transmit=False)
    assert floor.told == []
    assert floor.later() == []
    assert floor.broker.orders.open() == []
    assert story(floor.replace(order, "BUY", 10, "LMT", limit_price=200.0)) == ["open 1 PreSubmitted"]


def test_a_bracket_wakes_with_its_parent_and_ends_with_one_child(floor: Floor) -> None:
    parent = floor.place("BUY", 10, "LMT", limit_price=200.0, transmit=False)
    take = floor.place("SELL", 10, "LMT", limit_price=300.0, parent_id=parent, transmit=False)
    stop = floor.place("SELL", 10, "STP", aux_price=150.0, parent_id=parent)
    assert floor.told == ["open 1 PreSubmitted", "open 2 PreSubmitted", "open 3 PreSubmitted"]
    floor.later()
    assert (floor.status(take), floor.status(stop)) == ("PreSubmitted:child", "PreSubmitted:child,trigger")
    child = floor.broker.orders.find(1, take)
    main = floor.broker.orders.find(1, parent)
    assert child is not None
    assert main is not None
    assert (child.oca_group, child.oca_type) == (str(main.perm_id), 3)
    floor.price(199.0)
    floor.later()
    assert (floor.status(take), floor.status(stop)) == ("Submitted", "PreSubmitted:trigger")
    told = floor.price(301.0)
    assert "exec 2 10" in told
    assert told[-2:] == ["status 3 Cancelled", "error 3 202"]
    assert floor.position() == 0


def test_cancelling_the_parent_cancels_the_children(floor: Floor) -> None:
    parent = floor.place("BUY", 10, "LMT", limit_price=200.0, transmit=False)
    floor.place("SELL", 10, "LMT", limit_price=300.0, parent_id=parent)
    floor.later()
    floor.cancel(parent)
    assert floor.later() == ["status 1 Cancelled", "error 1 202", "status 2 Cancelled", "error 2 202"]


def test_one_cancels_all(floor: Floor) -> None:
    floor.place("BUY", 10, "LMT", limit_price=200.0, oca_group="g", oca_type=1)
    floor.place("BUY", 10, "LMT", limit_price=190.0, oca_group="g", oca_type=1)
    floor.later()
    assert floor.price(199.0)[-2:] == ["status 2 Cancelled", "error 2 202"]


def test_a_price_condition_holds_an_order_back(floor: Floor) -> None:
    above = Condition(1, "a", is_more=True, value="300", con_id=265598, exchange="SMART")
    order = floor.place("BUY", 10, "MKT", conditions=(above,))
    floor.later()
    assert floor.status(order) == "PreSubmitted"
    assert "exec 1 10" in floor.price(301.0)


def test_a_time_condition_releases_an_order(floor: Floor) -> None:
    after = Condition(3, "a", is_more=True, value="20260415 12:21:00 US/Eastern")
    floor.place("BUY", 10, "MKT", conditions=(after,))
    assert floor.later(30) == []
    assert "exec 1 10" in floor.later(60)


def test_good_after_and_good_till(floor: Floor) -> None:
    times = {
        "good_after_time": "20260415 12:21:00 US/Eastern",
        "good_till_date": "20260415 12:30:00 US/Eastern",
    }
    order = floor.place("BUY", 10, "LMT", limit_price=200.0, tif="GTD", **times)
    floor.later(30)
    assert floor.status(order) == "PreSubmitted"
    floor.later(60)
    assert floor.status(order) == "Submitted"
    assert floor.later(600) == ["status 1 Cancelled", "error 1 202"]


def test_an_order_at_a_closed_market_waits_for_the_opening() -> None:
    night = START + 12 * 3600 * 10**9
    floor = Floor(always_open=False, start=night)
    order = floor.place("BUY", 10, "MKT", tif="GTC")
    assert floor.told == ["error 1 399", "open 1 PreSubmitted"]
    floor.later()
    assert floor.status(order) == "PreSubmitted"
    assert "exec 1 10" in floor.later(10 * 3600)


def test_the_notice_of_a_closed_market_is_worded_as_captured() -> None:
    floor = Floor(always_open=False, start=START + 12 * 3600 * 10**9)
    notice, _ = floor.replace(1, "BUY", 1, "LMT", limit_price=100.0)
    assert isinstance(notice, OrderMessage)
    assert notice.text == (
        "Order Message:\nBUY 1 AAPL NASDAQ.NMS\nWarning: your order will not be placed at the exchange until "
        "2026-04-16 09:30:00 US/Eastern"
    )


def test_market_on_close_waits_for_the_close(floor: Floor) -> None:
    order = floor.place("BUY", 10, "MOC")
    floor.later(3600)
    assert floor.status(order) == "PreSubmitted"
    assert "exec 1 10" in floor.later(3 * 3600)


def test_what_if_leaves_nothing_behind(floor: Floor) -> None:
    floor.place("BUY", 100, "MKT", what_if=True)
    assert floor.told == ["preview 1"]
    assert floor.later() == []
    assert floor.broker.orders.next_order_id(1) == 1


def test_global_cancel_hits_everybody(floor: Floor) -> None:
    floor.place("BUY", 10, "LMT", limit_price=200.0)
    floor.broker.place(2, OrderTicket(1, AAPL, "BUY", Decimal(1), "LMT", 200.0), floor.now)
    floor.later()
    assert story(cancelling.cancel_all(floor.broker, 1, floor.now)) == []
    assert floor.later() == ["status 1 Cancelled", "error 1 202"] * 2


def test_a_combo_fills_its_legs(floor: Floor) -> None:
    legs = (ComboLeg(265598, 1, "BUY", "SMART"), ComboLeg(272093, 2, "SELL", "SMART"))
    bag = ContractSpec(symbol="AAPL", sec_type="BAG", exchange="SMART", currency="USD", legs=legs)
    floor.place("BUY", 3, "MKT", contract=bag)
    assert [w for w in floor.later() if w.startswith("exec")] == ["exec 1 3", "exec 1 3", "exec 1 6"]
    assert (floor.position(265598), floor.position(272093)) == (3, -6)


def test_the_captured_future_round_trip_realises_minus_2_49(floor: Floor) -> None:
    mes = floor.catalogue.resolve(ContractSpec(con_id=770561194))[0]
    for bought, price in ((True, 7039.5), (False, 7039.25)):
        fee = Decimal("0.62")
        realized = floor.broker.ledger.apply(mes, bought=bought, quantity=Decimal(1), price=price, fee=fee)
    assert realized == Decimal("-2.49")
    assert floor.broker.ledger.cash["USD"] == Decimal("999997.51")


def test_short_sales_and_crossing_through_zero(floor: Floor) -> None:
    floor.place("SELL", 10, "MKT")
    floor.later()
    assert floor.position() == -10
    floor.place("BUY", 25, "MKT")
    floor.later()
    assert floor.position() == 15


def test_fractions_of_coins_and_currencies(floor: Floor) -> None:
    coin = ContractSpec(symbol="BTC", sec_type="CRYPTO", exchange="PAXOS", currency="USD")
    floor.place("BUY", "0.00125", "MKT", contract=coin, tif="IOC")
    floor.later()
    assert floor.position(479624278) == Decimal("0.00125")
    pair = ContractSpec(symbol="EUR", sec_type="CASH", exchange="IDEALPRO", currency="USD")
    floor.place("BUY", "1234.56", "MKT", contract=pair)
    floor.later()
    assert floor.position(12087792) == Decimal("1234.56")


def test_orders_that_the_market_does_not_reach_are_not_looked_at(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(50):
        floor.place("BUY", 10, "LMT", limit_price=1.0)
        floor.place("SELL", 10, "LMT", limit_price=900.0)
    near = floor.place("BUY", 10, "LMT", limit_price=200.0)
    floor.later()
    looked: list[int] = []
    work = working.work

    def looks(state: State, order: Order, now: int, *, fresh: bool) -> list[Effect]:
        looked.append(order.order_id)
        return work(state, order, now, fresh=fresh)

    monkeypatch.setattr(working, "work", looks)
    assert floor.price(199.0)[0] == f"exec {near} 10"
    assert looked == [near]


def test_an_order_inside_the_spread_trades_when_somebody_sells_below_it(floor: Floor) -> None:
    floor.price(200.0)
    market = floor.exchange.required(265598)
    market.show(BID, 199.9, 500)
    market.show(ASK, 200.1, 500)
    order = floor.place("BUY", 10, "LMT", limit_price=200.0)
    assert floor.later() == [f"open {order} Submitted"]
    market.show(LAST, 199.95, 20)
    assert story(floor.broker.on_market(265598, floor.now))[0] == f"exec {order} 10"
