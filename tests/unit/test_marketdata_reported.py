"""More that public reports tell of gateways and lines, beside `test_marketdata_recovery.py`: words that come
too early, lines that are silent for a reason, notices nobody explained, answers that are none.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from support.marketdata_core import AAPL, MSFT, UP, Desk, info
from support.marketdata_stories import BARS, BROKEN, OK, OTHER_ADDRESS, TRADES, cancelled, started
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.marketdata.data.quotes import QuoteBook, QuoteRow
from twsmq_nodes.marketdata.listings import Listing, Matches, Refusal, judge
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.farms import listed
from twsmq_nodes.tws.gateway_times import bar_time
from twsmq_nodes.tws.outages import Outages
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived
from twsmq_nodes.tws.session_events import (
    ConnectFailed,
    DataMaintained,
    FarmState,
    FarmStatus,
    SessionEvent,
    UpstreamLost,
    WaitingClientId,
)
from twsmq_protocol.instruments import parse_instrument

NO_DEFINITION = "No security definition has been found for the request"
FARMS = [FarmStatus(kind, "f", FarmState.BROKEN) for kind in ("market", "historical", "security_definition")]
DEPTH = "depth/STK:AAPL:SMART:USD/"
CONNECTION_ENDS: list[ev.Input] = [
    ConnectFailed("reset", 1, 0.25),
    WaitingClientId(21, 1.0),
    ev.Disconnected("reset", since=0.0),
]


def told_last(desk: Desk) -> tuple[str, int | None, str | None]:
    status = desk.take(ev.PublishStatus)[-1].status
    return status.state, status.code, status.reason


def looked_up(desk: Desk) -> int:
    """The one look-up since the last look, now written."""
    (ask,) = desk.asked()
    assert isinstance(ask.request, ref.ReqContractDetails)
    desk.feed(ev.RequestWritten(ask.req_id))
    return ask.req_id


# -- farms that are reported while the session is still being made (order of notices: captured)


@pytest.mark.parametrize("farm", FARMS)
def test_a_farm_that_is_broken_before_the_session_is_up_makes_a_200_doubtful(farm: FarmStatus) -> None:
    desk = Desk()
    desk.feed(farm)
    desk.feed(UP)
    desk.want(AAPL)
    desk.error(looked_up(desk), 200, NO_DEFINITION)
    state, code, reason = told_last(desk)
    assert (state, code) == ("starting", None)
    assert reason is not None
    assert reason.startswith("200 is not believed while the connection to")


@pytest.mark.parametrize("end", CONNECTION_ENDS)
def test_a_farm_of_an_earlier_connection_is_not_held_against_the_next(end: ev.Input) -> None:
    desk = Desk()
    desk.feed(FARMS[0])
    desk.feed(end)
    desk.feed(UP)
    desk.wait(61)
    desk.want("quote/STK:NOSUCH:SMART:USD/")
    desk.error(looked_up(desk), 200, NO_DEFINITION)
    assert told_last(desk)[:2] == ("error", 200)


@pytest.mark.parametrize("end", [ConnectFailed("reset", 1, 0.25), WaitingClientId(21, 1.0), None])
def test_look_ups_and_histories_know_of_it_too(end: SessionEvent | None) -> None:
    outages = Outages()
    outages.note(FARMS[2], 1.0)
    outages.note(UP, 2.0)
    assert outages.doubt(1000.0)
    assert outages.doubt(1000.0, "security_definition")
    if end is None:
        outages.session_lost()
    else:
        outages.note(end, 1000.0)
    outages.note(UP, 1001.0)
    assert outages.doubt(1062.0) is None


def test_a_200_that_came_before_the_notice_that_explains_it_is_asked_once_more() -> None:
    """Queued ones are sent first (changelog of osauer/ibkr)."""
    desk = Desk()
    desk.feed(UP)
    desk.wait(100)
    desk.want(AAPL)
    desk.error(looked_up(desk), 200, NO_DEFINITION)
    desk.feed(FARMS[2])
    desk.feed(FarmStatus("security_definition", "f", FarmState.OK))
    desk.wait(60)
    desk.answer_lookups()
    desk.feed(ev.DataFlowed(desk.line()))
    assert told_last(desk)[0] == "active"


@pytest.mark.parametrize("code", [354, 10089, 10168, 200])
def test_what_is_refused_right_after_the_first_connection_is_asked_for_once_more(code: int) -> None:
    """2158, 2119, 2104, and 354 a moment after them (thetagang #175)."""
    desk, req_id = started(AAPL)
    desk.feed(FarmStatus("market", "usfarm", FarmState.CONNECTING))
    desk.feed(OK)
    desk.error(req_id, code)
    desk.wait(60)
    desk.answer_lookups()
    desk.feed(ev.DataFlowed(desk.line()))
    assert told_last(desk)[0] == "active"


# -- what was left while it could not be told to the gateway (deepentropy/ibx #396)


@pytest.mark.parametrize("outage", [BROKEN, UpstreamLost(1100, "lost"), ev.Disconnected("reset", since=1.0)])
@pytest.mark.parametrize("topic", [AAPL, BARS, TRADES, DEPTH])
def test_a_topic_that_was_left_in_an_outage_is_not_asked_for_after_it(topic: str, outage: ev.Input) -> None:
    desk = Desk()
    desk.flowing(topic)
    desk.feed(outage, at=100)
    desk.leave(topic)
    desk.wait(6)
    desk.asked()
    desk.feed(UP if isinstance(outage, ev.Disconnected) else OK if outage is BROKEN else DataMaintained())
    desk.wait(120)
    assert desk.asked() == []


# -- farms that flap


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("topic", [AAPL, BARS])
def test_a_farm_that_flaps_for_minutes_does_not_have_its_lines_asked_for_each_time(
    topic: str, answered: bool
) -> None:
    """nautilus_trader #4412: broken and OK for several minutes, every few seconds."""
    desk = Desk()
    desk.flowing(topic)
    asked = 0
    for second in range(100, 400, 2):
        desk.feed(BROKEN, at=second)
        desk.feed(OK, at=second + 0.2)
        while (wake_at := desk.core.wake_at) is not None and wake_at < second + 2:
            desk.feed(ev.TimerFired(), at=max(wake_at, desk.now))
            for ask in desk.asked():
                asked += 1
                desk.feed(ev.RequestWritten(ask.req_id))
                if answered:
                    desk.feed(ev.DataFlowed(ask.req_id))
    assert 1 <= asked <= 10
    assert desk.told()[-1] == (topic, "gap")
    desk.feed(ev.TimerFired(), at=470)
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told()[-1] == (topic, "resumed")


def test_what_two_ends_of_an_outage_have_asked_for_again_is_asked_for_once() -> None:
    """A farm is OK and a 1102 comes, within what small bars have to be apart."""
    desk = Desk()
    small = "bars/5s/STK:AAPL:SMART:USD/"
    desk.flowing(small)
    desk.feed(BROKEN, at=2)
    desk.feed(OK, at=3)
    desk.feed(DataMaintained())
    for second in range(4, 60):
        desk.feed(ev.TimerFired(), at=second)
    assert len(desk.asked()) == 1
    assert desk.told() == [(small, "gap")]


def test_a_farm_that_stays_broken_keeps_no_line_of_another_waiting() -> None:
    """Lean #9496: hfarm and usfarm broke, usfarm came back within a second, hfarm did not."""
    desk = Desk()
    dead, lives = desk.flowing(AAPL, MSFT)
    desk.feed(FarmStatus("market", "hfarm", FarmState.BROKEN), at=100)
    desk.feed(BROKEN)
    desk.feed(OK, at=101)
    for at in range(101, 240):
        desk.feed(ev.LinesChecked({dead: 99.0, lives: float(at)}, wall_s=at), at=float(at))
        if any(isinstance(action, ev.Ask) for action in desk.actions):
            break
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told()[-1] == (AAPL, "resumed")


def test_the_list_behind_a_1102_is_read_where_all_farms_are_connected() -> None:
    words = (
        "Connectivity between IBKR and Trader Workstation has been restored - data maintained. "
        "All data farms are connected: eufarmnj; usfarm; ushmds; secdefnj."
    )  # Lean.Brokerages.InteractiveBrokers #169
    found = [(farm.kind, farm.name, farm.state.value) for farm in listed(words, [])]
    kinds = ("market", "market", "historical", "security_definition")
    names = ("eufarmnj", "usfarm", "ushmds", "secdefnj")
    assert found == [(kind, name, "ok") for kind, name in zip(kinds, names, strict=True)]


# -- notices that nobody explained


@pytest.mark.parametrize("topic", [AAPL, DEPTH, BARS, TRADES])
@pytest.mark.parametrize("code", [165, 2152, 2176, 2184, 2188, 10090, 10091])
def test_who_waits_for_data_learns_what_the_gateway_remarked(topic: str, code: int) -> None:
    """Nothing may follow: "Part of requested market data is not subscribed" (rust-ibapi #768, #804)."""
    desk, req_id = started(topic)
    desk.error(req_id, code, "Part of it is missing.")
    assert told_last(desk) == ("starting", None, f"{code} Part of it is missing.")
    desk.error(req_id, code, "Part of it is missing.")
    assert desk.told() == [], "once"
    desk.feed(ev.DataFlowed(req_id))
    assert told_last(desk) == ("active", None, None)
    desk.error(req_id, code, "Part of it is missing.")
    assert desk.told() == []
    assert cancelled(desk) == []


def test_what_a_gateway_says_of_ids_of_an_earlier_session_ends_in_data() -> None:
    """322, 300 and 10197 one after the other (stoqey/ib #240)."""
    desk, req_id = started(AAPL)
    desk.error(req_id, 322, "Error processing request.-'bO' : cause - Duplicate ticker id")
    assert told_last(desk)[2] == "asked for again 30 s later"
    desk.error(req_id, 300, "Can't find EId with tickerId:1")
    assert desk.told() == [], "nobody's any more"
    desk.wait(30)
    desk.error(desk.line(), 10197, "No market data during competing live session")
    desk.wait(60)
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told()[-1] == (AAPL, "active")


def test_another_session_refuses_each_kind_of_line_and_all_come_back() -> None:
    desk = Desk()
    desk.feed(UP)
    desk.want(AAPL, BARS, TRADES)
    desk.answer_lookups()
    for ask in desk.asked():
        desk.feed(ev.RequestWritten(ask.req_id))
        desk.error(ask.req_id, 10187, f"Failed to request live data:{OTHER_ADDRESS}")
    assert [state for _, state in desk.told()][-3:] == ["error"] * 3
    desk.feed(BROKEN)
    desk.feed(OK)
    desk.wait(5)
    desk.wait(25)
    assert len(desk.asked()) == 3


# -- answers that are none


def row(con_id: int, exchange: str, **fields: Any) -> ContractInfo:
    return ContractInfo(Contract(con_id=con_id, sec_type="STK", exchange=exchange), **fields)


@pytest.mark.parametrize("con_id", [0, -1])
def test_a_contract_without_a_con_id_is_none(con_id: int) -> None:
    """ezibpy #31: a row of conId 0 came for what there is not, and an order for it was one for ES."""
    instrument = parse_instrument("STK:AAPL:SMART:USD")
    refused = judge(instrument, Matches([row(con_id, "SMART")]), 0.0)
    assert isinstance(refused, Refusal)
    assert refused.code == 200
    found = judge(instrument, Matches([row(con_id, "SMART"), row(7, "SMART")]), 0.0)
    assert isinstance(found, Listing)
    assert found.contract.con_id == 7


def test_such_a_row_starts_no_line() -> None:
    desk = Desk()
    desk.feed(UP)
    desk.wait(100)
    desk.want(AAPL)
    req_id = looked_up(desk)
    desk.feed(ContractDetailsReceived(req_id, info(0)))
    desk.feed(ContractDetailsEnd(req_id))
    assert told_last(desk)[:2] == ("error", 200)
    assert desk.asked() == []


@pytest.mark.parametrize("order", [1, -1])
def test_of_many_rows_of_a_contract_that_of_the_exchange_asked_counts(order: int) -> None:
    """OVERNIGHT is open while others are closed (IBKR API docs: an exchange of its own)."""
    common = {"valid_exchanges": "SMART,OVERNIGHT", "time_zone_id": "US/Eastern"}
    by_day, by_night = "20261123:0930-20261123:1600", "20261123:2000-20261124:0350"
    answer = [
        row(7, "SMART", trading_hours=by_day, liquid_hours=by_day, **common),
        row(7, "OVERNIGHT", trading_hours=by_night, **common),
    ]
    found = judge(parse_instrument("STK:AAPL::USD"), Matches(answer[::order]), 0.0)
    assert isinstance(found, Listing)
    assert found.contract.exchange == "SMART"
    opens = int(datetime(2026, 11, 23, 14, 30, tzinfo=UTC).timestamp())
    assert found.hours == found.regular == ((opens, opens + 6 * 3600 + 1800),)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1752499800", datetime(2025, 7, 14, 13, 30, tzinfo=UTC)),
        ("20250714", datetime(2025, 7, 14, tzinfo=UTC)),
        ("20250714 09:30:00 US/Eastern", datetime(2025, 7, 14, 13, 30, tzinfo=UTC)),
        ("20250714 09:30:00 America/New_York", datetime(2025, 7, 14, 13, 30, tzinfo=UTC)),
        ("20250714-13:30:00", datetime(2025, 7, 14, 13, 30, tzinfo=UTC)),
        ("20250714  09:30:00", None),  # in whose zone?
        ("0714 09:30:00 US/Eastern", None),  # of which year? (ib_async #161)
        ("", None),
    ],
)
def test_a_bar_is_read_however_its_time_is_written(text: str, moment: datetime | None) -> None:
    assert bar_time(text) == (None if moment is None else int(moment.timestamp()) * 10**9)


@pytest.mark.parametrize("kind", [1, 2, 4, 6, 7, 9, 14, 66, 67, 68, 72, 73, 75, 76])
@pytest.mark.parametrize("mark", [-1.0, 0.0])
def test_no_price_of_a_quote_is_a_mark_of_absence(kind: int, mark: float) -> None:
    """vnpy_ib #59: the day's low was -1 after a reconnect."""
    book = QuoteBook(QuoteRow())
    book.apply([(1, kind, 101.5, 0), (1, {1: 0, 2: 3, 4: 5, 66: 69, 67: 70, 68: 71}.get(kind, 99), 3.0, 0)])
    prices = [getattr(book.row, name) for name in ("bid", "ask", "last", "high", "low", "close", "open")]
    assert 101.5 in prices
    book.apply([(1, kind, mark, 0)])
    prices = [getattr(book.row, name) for name in ("bid", "ask", "last", "high", "low", "close", "open")]
    assert prices == [None] * 7
