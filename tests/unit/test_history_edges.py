"""What history gets wrong where an edge is taken for granted: of bars, of sessions, of known stretches."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.history_desk import APPLE, MONDAY, NOW, UP, Desk
from twsmq_nodes.history.bars_job import BarsJob, Known
from twsmq_nodes.history.contracts import contract_for
from twsmq_nodes.history.jobs import Forget, HeadJob, HistogramJob, Job, Keep, ScheduleJob
from twsmq_nodes.history.plan import DAY_S, NS, duration, most_bars, most_up_to_now_s
from twsmq_nodes.history.ticks_job import TICKS_PER_REQUEST, TicksJob
from twsmq_nodes.tws.adapter import Codec
from twsmq_nodes.tws.calls import SessionDown
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.reference_events import (
    Bar,
    HeadTimestamp,
    HistoricalBars,
    HistoricalBarsEnd,
    HistoricalSchedule,
    HistoricalTick,
    HistoricalTicks,
)
from twsmq_nodes.tws.reference_requests import ReqHistoricalData, ReqHistoricalTicks
from twsmq_nodes.tws.session_events import FarmState, FarmStatus
from twsmq_nodes.tws.whole_bars import whole_bars
from twsmq_protocol.errors import ErrorCode, FieldError
from twsmq_protocol.history_requests import GetBars, Schedule, TickPage
from twsmq_protocol.packed_bars import packed

HOUR, DAY = 3_600 * NS, DAY_S * NS
NO_DATA = (162, "Historical Market Data Service error message:HMDS query returned no data: AAPL@SMART Trades")
FRONT = Contract(symbol="ES", sec_type="CONTFUT", exchange="CME", currency="USD")


@pytest.fixture
def desk() -> Desk:
    return Desk()


def known(step: int, begin: int, count: int, price: float = 1.0) -> Known:
    times = [begin + nth * step for nth in range(count)]
    prices: list[float | None] = [price] * count
    bars = packed(times, prices, prices, prices, prices, [5.0] * count, prices, [1] * count)
    return Known(begin, begin + count * step, bars, 7)


def asked(desk: Desk) -> ReqHistoricalData:
    request = desk.sent[-1].request
    assert isinstance(request, ReqHistoricalData)
    return request


# --- what is known -----------------------------------------------------------------------------------------


def test_what_the_gateway_gives_instead_is_kept_under_no_name(desk: Desk) -> None:
    """Who asks for TRADES again would be given mid-points that are called TRADES."""
    call = desk.bars(MONDAY, MONDAY + DAY, known=[known(60 * NS, MONDAY, 10)])
    desk.refuse(10299, "Expected what to show is MIDPOINT, please use that instead of TRADES.")
    desk.reply(MONDAY, MONDAY + 60 * NS, price=2.0)
    assert desk.page(call).what == "MIDPOINT"
    assert [row.close for row in desk.page(call).bars] == [2.0, 2.0]
    assert not desk.taken


def test_a_split_between_two_ranges_that_touch_is_noticed(desk: Desk) -> None:
    """Who follows bars as they come asks from where the last answer ended."""
    before = known(60 * NS, MONDAY, 10, price=100.0)
    desk.bars(before.end, before.end + 600 * NS, known=[before])
    desk.reply(before.end - 60 * NS, before.end, price=50.0)
    assert desk.taken == [Forget("apple")]


def test_a_stretch_that_is_not_sure_any_more_is_compared_with_itself(desk: Desk) -> None:
    """Its last bar stands alone at the beginning of a session."""
    whole = known(60 * NS, MONDAY, 10)
    doubted = Known(whole.begin, whole.end - 60 * NS, whole.bars, 7)
    call = desk.bars(MONDAY, whole.end, known=[doubted])
    desk.reply(whole.end - 60 * NS)
    (kept,) = desk.taken
    assert isinstance(kept, Keep)
    assert kept.confirmed == (MONDAY + 9 * 60 * NS,)
    assert len(desk.page(call).bars) == 10
    desk.taken.clear()
    desk.bars(MONDAY, whole.end, known=[doubted], limit=19)
    desk.reply(whole.end - 60 * NS, price=0.5)
    assert desk.taken == [Forget("apple")]


def test_bars_that_a_request_cuts_prove_nothing(desk: Desk) -> None:
    """It reaches an hour further than the gap, and what it cuts off there is in the stretch after it. Bars of
    half-hour zones, stretches of whole hours."""
    half = HOUR // 2
    left, right = known(HOUR, MONDAY + half, 5), known(HOUR, MONDAY + 10 * HOUR + half, 5)
    stretches = [Known(one.begin - half, one.end - half, one.bars, 7) for one in (left, right)]
    call = desk.bars(MONDAY, MONDAY + 15 * HOUR, "1h", known=stretches)
    req_id = desk.sent[-1].req_id
    bars = tuple(
        Bar(str((MONDAY + hour * HOUR + half) // NS), price, price, price, price, 5.0, price, 1)
        for hour in range(3, 11)
        for price in [0.9 if hour in (3, 10) else 1.0]
    )
    desk.feed(HistoricalBars(req_id, bars))
    desk.feed(HistoricalBarsEnd(req_id, "", ""))
    assert not [one for one in desk.taken if isinstance(one, Forget)]
    assert [row.close for row in desk.page(call).bars] == [1.0] * 15


# --- what is not finished, or not known to be empty --------------------------------------------------------


def test_the_day_of_a_session_past_midnight_is_not_finished_at_midnight(desk: Desk) -> None:
    """New York's extended hours end at 01:00 UTC, a day of crypto at 06:00. NOW is a midnight."""
    call = desk.bars(NOW - 3 * DAY, NOW, "1d")
    desk.reply(*(NOW - days * DAY for days in (3, 2, 1)))
    assert [row.time for row in desk.page(call).bars] == [NOW - 3 * DAY, NOW - 2 * DAY]
    regular = desk.bars(NOW - 3 * DAY, NOW, "1d", rth=True, limit=50)
    desk.reply(*(NOW - days * DAY for days in (3, 2, 1)))
    assert len(desk.page(regular).bars) == 3


def test_no_data_in_an_outage_is_not_believed(desk: Desk) -> None:
    desk.feed(FarmStatus("historical", "ushmds", FarmState.BROKEN))
    desk.feed(FarmStatus("market", "usfarm", FarmState.OK))
    call = desk.bars(MONDAY, MONDAY + DAY)
    desk.refuse(*NO_DATA)
    assert not desk.answers
    desk.advance(5.0)
    desk.reply(MONDAY)
    assert len(desk.page(call).bars) == 1


@pytest.mark.parametrize("refusal", [(200, "No security definition"), NO_DATA])
def test_that_there_is_nothing_is_not_believed_of_a_gateway_that_has_just_come_back(
    desk: Desk, refusal: tuple[int, str]
) -> None:
    """It may have started anew, and reach IBKR only later, of which it says nothing."""
    desk.feed(SessionDown())
    desk.feed(UP)
    call = desk.bars(MONDAY, MONDAY + DAY)
    desk.refuse(*refusal)
    assert (desk.failures, desk.answers) == ({}, {})
    desk.advance(60.0)
    desk.reply(MONDAY)
    assert len(desk.page(call).bars) == 1


def test_a_farm_that_sleeps_is_no_outage(desk: Desk) -> None:
    desk.feed(FarmStatus("historical", "ushmds", FarmState.BROKEN))
    desk.feed(FarmStatus("historical", "ushmds", FarmState.INACTIVE))
    desk.advance(61.0)
    call = desk.bars(MONDAY, MONDAY + DAY)
    desk.refuse(200, "No security definition has been found for the request")
    assert call in desk.failures


# --- up to now only ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("contract", [APPLE, FRONT])
def test_what_goes_up_to_now_only_is_asked_for_without_an_end(desk: Desk, contract: Contract) -> None:
    """10339: "Setting end date/time for continuous future security type is not allowed"."""
    what = "ADJUSTED_LAST" if contract is APPLE else "TRADES"
    call = desk.bars(MONDAY, MONDAY + 600 * NS, what=what, contract=contract)
    assert (asked(desk).end, asked(desk).duration) == ("", "5 W")
    desk.reply(MONDAY, MONDAY + 600 * NS)
    assert len(desk.page(call).bars) == 1
    schedule: Job = ScheduleJob("s", contract, MONDAY, MONDAY + DAY, NOW, rth=True)
    desk.ask(schedule)
    assert (asked(desk).end == "") == (contract is FRONT)


def test_a_continuous_future_has_no_end() -> None:
    with pytest.raises(FieldError, match="CONTFUT goes up to now only"):
        GetBars(instrument="CONTFUT:ES:CME:USD", size="1h", from_=1, to=2)


@pytest.mark.parametrize("size", ["1s", "5s", "30s", "1m", "5m", "1h", "8h", "1d", "1w"])
@pytest.mark.parametrize("rth", [False, True])
def test_one_answer_up_to_now_is_no_larger_than_a_message(size: str, rth: bool) -> None:
    """What is larger is no message, and ends the session for everybody, again and again."""
    most = most_up_to_now_s(size, of_futures=True, rth=rth)
    assert most_bars(size, duration(size, 0, most * NS)) <= 121_500 or most == DAY_S
    stocks = most_up_to_now_s(size, of_futures=False, rth=rth)
    assert stocks >= most
    if size == "5m" and rth:
        assert stocks > 1.5 * 365 * DAY_S


# --- ticks -------------------------------------------------------------------------------------------------


def ticks(desk: Desk, *seconds: int) -> None:
    rows = tuple(
        HistoricalTick(MONDAY // NS + second, price=float(nth)) for nth, second in enumerate(seconds)
    )
    desk.feed(HistoricalTicks(desk.sent[-1].req_id, "TRADES", rows, done=True))


def test_an_answer_of_a_thousand_may_have_cut_its_last_second(desk: Desk) -> None:
    job = TicksJob("t", APPLE, "TRADES", MONDAY, MONDAY + 100 * NS, 5000, rth=False, ignore_size=False)
    call = desk.ask(job)
    ticks(desk, *[0] * 900, *[1] * 100)
    request = desk.sent[-1].request
    assert isinstance(request, ReqHistoricalTicks)
    assert request.start == "20260928-00:00:01"
    ticks(desk, *[1] * 1_700)  # more than a thousand: whole
    ticks(desk, *[2] * TICKS_PER_REQUEST)  # a single second: there is no asking for less
    ticks(desk)
    page = desk.answers[call]
    assert isinstance(page, TickPage)
    assert [sum(row.time == MONDAY + second * NS for row in page.ticks) for second in range(3)] == [
        900, 1_700, 1_000,
    ]  # fmt: skip
    assert page.next is None


@pytest.mark.parametrize(
    ("what", "contract", "prices", "wanted"),
    [
        ("BID", APPLE, (-1.0, -1.0, -1.0, -1.0), (None, None, None, None)),
        ("BID", APPLE, (-1.0, 0.05, -1.0, 0.05), (None, 0.05, None, 0.05)),
        ("BID_ASK", APPLE, (-1.0, 0.1, -1.0, 0.1), (None, 0.1, None, 0.1)),
        ("MIDPOINT", APPLE, (-1.0, -1.0, -1.0, -1.0), (None, None, None, None)),
        ("ASK", APPLE, (-0.5, -0.5, -1.0, -0.75), (-0.5, -0.5, -1.0, -0.75)),
        ("TRADES", APPLE, (-1.0, -1.0, -1.0, -1.0), (-1.0, -1.0, -1.0, -1.0)),
        ("BID", Contract(sec_type="BAG", symbol="A"), (-1.0, -1.0, -1.0, -1.0), (-1.0, -1.0, -1.0, -1.0)),
    ],
)
@pytest.mark.parametrize("whole", [False, True])
def test_a_side_that_nobody_quotes_has_no_price(
    desk: Desk, what: str, contract: Contract, prices: tuple[float, float, float, float],
    wanted: tuple[float | None, ...], whole: bool,
) -> None:  # fmt: skip
    call = desk.bars(MONDAY, MONDAY + DAY_S * NS, what=what, contract=contract)
    times = [MONDAY // NS, MONDAY // NS + 60]
    req_id = desk.sent[-1].req_id
    if whole:
        rows = b"".join(b"%d\0" % time + b"%g\0%g\0%g\0%g\0" % prices + b"-1\0-1\0-1\0" for time in times)
        events = whole_bars(b"17\0%d\0%d\0" % (req_id, len(times)) + rows, 200)
        assert events is not None
        desk.feed(events[0])
    else:
        first, high, low, last = prices
        bars = tuple(Bar(str(time), first, high, low, last, None, None, None) for time in times)
        desk.feed(HistoricalBars(req_id, bars))
    desk.feed(HistoricalBarsEnd(req_id, "", ""))
    rows_ = desk.page(call).bars
    assert [(row.open, row.high, row.low, row.close) for row in rows_] == [wanted, wanted]


def sessions_of(desk: Desk, *sessions: tuple[str, str, str], zone: str = "US/Eastern") -> int:
    call = desk.ask(ScheduleJob("s", APPLE, MONDAY, MONDAY + DAY, NOW, rth=True))
    desk.feed(HistoricalSchedule(desk.sent[-1].req_id, "", "", zone, sessions))
    return call


@pytest.mark.parametrize(
    ("session", "zone"),
    [
        (("20260928-09:30:00", "20260928-25:00:00", "20260928"), "US/Eastern"),
        (("", "20260928-16:00:00", "20260928"), "US/Eastern"),
        (("20260928-09:30:00", "20260928-16:00:00", ""), "US/Eastern"),
        (("20260928-09:30:00", "20260928-16:00:00", "20261328"), "US/Eastern"),
        (("20260928-16:00:00", "20260928-09:30:00", "20260928"), "US/Eastern"),
        (("20260928-09:30:00", "20260928-16:00:00", "20260928"), "Nowhere/Land"),
    ],
)
def test_a_session_that_cannot_be_read_is_no_day_off(
    desk: Desk, session: tuple[str, str, str], zone: str
) -> None:
    good = ("20260928-09:30:00", "20260928-16:00:00", "20260928")
    error = desk.failures[sessions_of(desk, good, session, zone=zone)]
    assert (error.code, error.tws_code) == (ErrorCode.GATEWAY_REJECTED, None)
    assert "cannot be read" in error.message


def test_a_session_may_end_with_its_day(desk: Desk) -> None:
    found = desk.answers[
        sessions_of(desk, ("20260928-00:00:00", "20260928-24:00:00", "20260928"), zone="UTC")
    ]
    assert isinstance(found, Schedule)
    assert [(row.open, row.close) for row in found.sessions] == [(MONDAY, MONDAY + DAY)]


def test_a_beginning_that_cannot_be_read_is_not_waited_for(desk: Desk) -> None:
    call = desk.ask(HeadJob("h", APPLE, "TRADES", rth=False))
    desk.feed(HeadTimestamp(desk.sent[-1].req_id, "long ago"))
    assert "long ago" in desk.failures[call].message
    assert len(desk.cancelled) == 1


@pytest.mark.parametrize(
    ("instrument", "expired"),
    [("FUT:ES:CME:USD:202403", True), ("CONID:495512563", True), ("STK:AAPL:SMART:USD", False)],
)
@pytest.mark.parametrize("version", [178, 200, 222])
def test_a_future_that_has_expired_is_asked_for_as_such(instrument: str, expired: bool, version: int) -> None:
    contract = contract_for(instrument)
    jobs = [
        HeadJob("h", contract, "TRADES", rth=False),
        ScheduleJob("s", contract, MONDAY, NOW, NOW, rth=True),
        BarsJob("b", contract, "TRADES", "1m", MONDAY, NOW, NOW, 10, rth=False),
        TicksJob("t", contract, "TRADES", MONDAY, NOW, 10, rth=False, ignore_size=False),
        HistogramJob("p", contract, "1D", rth=False),
    ]
    codec = Codec(version)
    for job in jobs:
        as_asked = codec.encode(job.request(1))
        job.contract = replace(contract, include_expired=expired)
        assert codec.encode(job.request(1)) == as_asked
        job.contract = replace(contract, include_expired=not expired)
        assert codec.encode(job.request(1)) != as_asked, "it is on the wire"


def test_sessions_are_told_in_ns(desk: Desk) -> None:
    job = ScheduleJob("s", APPLE, MONDAY, MONDAY + DAY_S * NS, NOW, rth=True)
    call = desk.ask(job)
    sessions = (
        ("20260925-09:30:00", "20260925-16:00:00", "20260925"),
        ("20260928-09:30:00", "20260928-16:00:00", "20260928"),
    )
    desk.feed(HistoricalSchedule(desk.sent[-1].req_id, "", "", "US/Eastern", sessions))
    found = desk.answers[call]
    assert isinstance(found, Schedule)
    assert [(row.open, row.close) for row in found.sessions] == [
        (MONDAY + int(13.5 * 3600) * NS, MONDAY + 20 * 3600 * NS)
    ]


def test_whoever_waited_for_the_pace_only_is_told_so(desk: Desk) -> None:
    calls: list[int] = []
    for nth in range(61):
        begin = MONDAY + nth * DAY_S * NS
        calls.append(desk.bars(begin, begin + 3600 * NS, size="5s", within=30.0))
        while desk.core.histories_open:
            desk.reply()
        desk.advance(2.0)
    desk.advance(30.0)
    assert len(desk.sent) == 60
    rule = "60 requests for bars of 30 s or less in 10 minutes"
    assert desk.failures[calls[-1]].message.startswith(f"not asked yet: IBKR allows {rule}; ask again in 4")
