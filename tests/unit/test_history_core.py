"""The history core: pieces follow each other, refusals mean what they say, no rule is broken."""

from __future__ import annotations

import pytest
from support.history_desk import APPLE, MONDAY, NOW, Desk
from twsmq_nodes.history.bars_job import Known
from twsmq_nodes.history.core import (
    IDLE_S,
    MOST_JOBS,
    MOST_OPEN,
    Send,
    SessionDown,
    SessionUp,
)
from twsmq_nodes.history.jobs import Forget, HeadJob, Keep, ScheduleJob
from twsmq_nodes.history.plan import DAY_S, NS, TRUSTED, Spans, bar_time, before, duration, head_time, utc
from twsmq_nodes.history.ticks_job import TicksJob
from twsmq_nodes.tws.events import GatewayError
from twsmq_nodes.tws.reference_events import (
    Bar,
    HeadTimestamp,
    HistoricalBars,
    HistoricalBarsEnd,
    HistoricalSchedule,
    HistoricalTick,
    HistoricalTicks,
)
from twsmq_nodes.tws.reference_requests import ReqHistoricalData
from twsmq_protocol.errors import ErrorCode
from twsmq_protocol.history_requests import Schedule, TickPage
from twsmq_protocol.packed_bars import packed, rows_of


@pytest.fixture
def desk() -> Desk:
    return Desk()


def asked(send: Send) -> ReqHistoricalData:
    assert isinstance(send.request, ReqHistoricalData)
    return send.request


def minutes(begin: int, *numbers: int) -> list[int]:
    return [begin + number * 60 * NS for number in numbers]


def test_a_range_is_cut_into_pieces_that_follow_each_other(desk: Desk) -> None:
    call = desk.bars(MONDAY, MONDAY + 7 * DAY_S * NS)
    ends: list[str] = []
    for day in (0, 2, 6):  # they grow while answers come quickly
        ends.append(asked(desk.sent[-1]).end)
        desk.reply(MONDAY + day * DAY_S * NS)
    assert ends == ["20260930-00:00:00", "20261004-00:00:00", "20261005-00:00:00"]
    assert [row.time for row in desk.page(call).bars] == [MONDAY + day * DAY_S * NS for day in (0, 2, 6)]
    assert desk.page(call).next is None


def test_what_lies_outside_of_a_piece_is_thrown_away_and_nothing_comes_twice(desk: Desk) -> None:
    call = desk.bars(MONDAY, MONDAY + 4 * DAY_S * NS)
    edge = MONDAY + 2 * DAY_S * NS
    desk.reply(MONDAY - 60 * NS, *minutes(MONDAY, 0, 1), edge)
    desk.reply(*minutes(MONDAY, 1), edge, MONDAY + 4 * DAY_S * NS)
    assert [row.time for row in desk.page(call).bars] == [*minutes(MONDAY, 0, 1), edge]


def test_a_page_says_where_the_next_begins(desk: Desk) -> None:
    call = desk.bars(MONDAY, MONDAY + DAY_S * NS, limit=2)
    desk.reply(*minutes(MONDAY, 0, 1, 2, 3))
    page = desk.page(call)
    assert ([row.time for row in page.bars], page.next) == (minutes(MONDAY, 0, 1), minutes(MONDAY, 2)[0])


def test_a_bar_that_is_not_finished_is_left_out(desk: Desk) -> None:
    call = desk.bars(NOW - DAY_S * NS, NOW)
    desk.reply(NOW - 120 * NS, NOW - 60 * NS, NOW - 30 * NS)
    assert [row.time for row in desk.page(call).bars] == [NOW - 120 * NS, NOW - 60 * NS]


def test_no_data_is_an_empty_piece_and_not_the_end_of_history(desk: Desk) -> None:
    call = desk.bars(MONDAY, MONDAY + 4 * DAY_S * NS)
    desk.refuse(
        162, "Historical Market Data Service error message:HMDS query returned no data: AAPL@SMART Trades"
    )
    desk.reply(MONDAY + 3 * DAY_S * NS)
    assert len(desk.page(call).bars) == 1


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (162, "Historical data request pacing violation"),
        (162, "Trading TWS session is connected from a different IP address"),
        (100, "Max rate of messages per second has been exceeded:max=50 rec=51 (1)"),
        (322, "Error processing request:Only 50 simultaneous API historical data requests"),
        (420, "Invalid Real-time Query:Historical data request pacing violation"),
        (
            10187,
            "Failed to request historical ticks:Trading TWS session is connected from a different IP address",
        ),
    ],
)
def test_what_passes_is_asked_again_later(desk: Desk, code: int, text: str) -> None:
    call = desk.bars(MONDAY, MONDAY + DAY_S * NS)
    desk.refuse(code, text)
    assert len(desk.sent) == 1
    desk.advance(5.0)
    assert len(desk.sent) == 2
    desk.refuse(code, text)
    desk.advance(5.0)
    assert len(desk.sent) == 2, "pauses grow"
    desk.advance(10.0)
    desk.reply(MONDAY)
    assert len(desk.page(call).bars) == 1


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (162, "Historical Market Data Service error message:No market data permissions for ISLAND STK"),
        (162, "Historischer Marktdatendienst: keine Berechtigung"),
        (200, "No security definition has been found for the request"),
        (321, "Error validating request.-'bO' : cause - Historical data bar size setting is invalid."),
    ],
)
def test_a_final_refusal_is_the_gateway_s_own_words(desk: Desk, code: int, text: str) -> None:
    call = desk.bars(MONDAY, MONDAY + DAY_S * NS)
    desk.refuse(code, text)
    error = desk.failures[call]
    assert (error.code, error.tws_code, error.message) == (ErrorCode.GATEWAY_REJECTED, code, text)


def test_a_200_is_not_believed_near_an_outage(desk: Desk) -> None:
    desk.feed(GatewayError(-1, 2105, "HMDS data farm connection is broken:ushmds"))
    call = desk.bars(MONDAY, MONDAY + DAY_S * NS)
    desk.refuse(200)
    desk.feed(GatewayError(-1, 2106, "HMDS data farm connection is OK:ushmds"))
    desk.advance(5.0)
    desk.refuse(200)
    assert desk.failures == {}
    desk.advance(60.0)
    desk.refuse(200)
    assert desk.failures[call].tws_code == 200


@pytest.mark.parametrize("code", [2188, 2174, 165, 366])
def test_a_notice_is_no_refusal_and_the_bars_follow(desk: Desk, code: int) -> None:
    call = desk.bars(MONDAY, MONDAY + DAY_S * NS)
    desk.refuse(code, "Up-to-the-second historical data requires additional subscription for the API.")
    desk.reply(MONDAY)
    assert len(desk.page(call).bars) == 1


def test_what_the_gateway_suggests_is_followed_once(desk: Desk) -> None:
    call = desk.bars(MONDAY, MONDAY + DAY_S * NS)
    desk.refuse(10299, "Expected what to show is AGGTRADES, please use that instead of TRADES.")
    assert asked(desk.sent[-1]).what_to_show == "AGGTRADES"
    desk.refuse(10299, "Expected what to show is TRADES, please use that instead of AGGTRADES.")
    assert desk.failures[call].tws_code == 10299


def test_silence_is_given_up_cancelled_and_asked_again_in_smaller_pieces(desk: Desk) -> None:
    call = desk.bars(MONDAY, MONDAY + 2 * DAY_S * NS)
    desk.advance(IDLE_S)
    assert len(desk.cancelled) == 1
    desk.advance(5.0)
    assert asked(desk.sent[-1]).end == utc(MONDAY + DAY_S * NS)
    desk.reply(MONDAY)
    desk.reply(MONDAY + DAY_S * NS)
    assert len(desk.page(call).bars) == 2


def test_a_lost_session_costs_a_call_nothing_but_time(desk: Desk) -> None:
    call = desk.bars(MONDAY, MONDAY + 4 * DAY_S * NS)
    desk.reply(MONDAY)
    desk.feed(SessionDown())
    desk.advance(30.0)
    assert len(desk.sent) == 2
    desk.feed(SessionUp())
    desk.reply(MONDAY + 2 * DAY_S * NS)
    assert len(desk.page(call).bars) == 2


def test_the_same_is_asked_once_for_all_who_wait(desk: Desk) -> None:
    first, second = desk.bars(MONDAY, MONDAY + DAY_S * NS), desk.bars(MONDAY, MONDAY + DAY_S * NS)
    assert len(desk.sent) == 1
    desk.reply(MONDAY)
    assert desk.page(first) == desk.page(second)


def test_peers_take_turns_and_one_that_fills_the_queue_shuts_no_other_out(desk: Desk) -> None:
    flood = [desk.bars(MONDAY, MONDAY + day * DAY_S * NS, size="1d") for day in range(1, MOST_JOBS + 1)]
    begun = len(desk.sent)
    own = [desk.bars(MONDAY, MONDAY + day * DAY_S * NS, size="1h", peer=b"another") for day in (1, 2)]
    assert not desk.failures
    desk.bars(MONDAY, MONDAY + DAY_S * NS, size="5m")
    assert [error.code for error in desk.failures.values()] == ["throttled"]
    while desk.sent and len(set(own) & set(desk.answers)) < 2:
        for sent in list(desk.sent):
            desk.sent.remove(sent)
            desk.feed(HistoricalBars(sent.req_id, (Bar(str(MONDAY // NS), 1.0, 1.0, 1.0, 1.0, 5.0, 1.0, 1),)))
            desk.feed(HistoricalBarsEnd(sent.req_id, "", ""))
        desk.advance(0.0)
    assert len(set(flood) & set(desk.answers)) <= 10 * begun


def test_interactive_goes_before_bulk(desk: Desk) -> None:
    for day in range(MOST_OPEN):
        desk.bars(MONDAY, MONDAY + (1 + day) * DAY_S * NS, size="1d")
    desk.bars(MONDAY, MONDAY + 20 * DAY_S * NS, size="1d", bulk=True)
    desk.bars(MONDAY, MONDAY + 21 * DAY_S * NS, size="1d")
    assert len(desk.sent) == MOST_OPEN
    desk.feed(HistoricalBarsEnd(desk.sent[0].req_id, "", ""))
    assert asked(desk.sent[-1]).end == utc(MONDAY + 21 * DAY_S * NS)


def test_what_nobody_waits_for_any_more_is_cancelled(desk: Desk) -> None:
    call = desk.bars(MONDAY, MONDAY + DAY_S * NS, within=10.0)
    desk.advance(10.0)
    assert desk.failures[call].code is ErrorCode.TIMEOUT
    assert len(desk.cancelled) == 1
    assert desk.core.wake_at is None


def test_small_bars_keep_the_gateway_s_rules(desk: Desk) -> None:
    desk.bars(MONDAY, MONDAY + 10 * 1800 * NS, size="1s")
    written: list[float] = []
    for _ in range(10):
        while len(desk.sent) == len(written):
            assert desk.core.wake_at is not None
            desk.advance(desk.core.wake_at - desk.now)
        written.append(desk.now)
        desk.reply(MONDAY)
    assert all(late - early >= 2.0 for early, late in zip(written, written[5:], strict=False)), written


def test_ticks_come_in_whole_seconds_and_none_is_lost_or_doubled(desk: Desk) -> None:
    job = TicksJob("t", APPLE, "TRADES", MONDAY, MONDAY + 100 * NS, 3, rth=False, ignore_size=False)
    call = desk.ask(job)
    full = tuple(HistoricalTick(MONDAY // NS + second, price=1.0) for second in (0, 1, 1, 1))
    desk.feed(HistoricalTicks(desk.sent[-1].req_id, "TRADES", full, done=True))
    page = desk.answers[call]
    assert isinstance(page, TickPage)
    assert (len(page.ticks), page.next) == (4, MONDAY + 2 * NS)
    rest = TicksJob("u", APPLE, "TRADES", MONDAY + 2 * NS, MONDAY + 100 * NS, 3, rth=False, ignore_size=False)
    after = desk.ask(rest)
    desk.feed(HistoricalTicks(desk.sent[-1].req_id, "TRADES", (), done=True))
    last = desk.answers[after]
    assert isinstance(last, TickPage)
    assert (last.ticks, last.next) == ([], None)


def test_a_head_timestamp_is_cancelled_once_it_is_known(desk: Desk) -> None:
    call = desk.ask(HeadJob("h", APPLE, "TRADES", rth=False))
    desk.feed(HeadTimestamp(desk.sent[-1].req_id, "19801212-14:30:00"))
    assert getattr(desk.answers[call], "time", 0) == 345_479_400 * NS
    assert len(desk.cancelled) == 1


def test_sessions_are_told_in_ns(desk: Desk) -> None:
    job = ScheduleJob("s", APPLE, MONDAY, MONDAY + DAY_S * NS, rth=True)
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


@pytest.mark.parametrize(
    ("size", "seconds", "wanted"),
    [
        ("1s", 1800, "1801 S"),
        ("5s", 5, "30 S"),
        ("1m", 2 * DAY_S, "3 D"),
        ("1m", 73 * DAY_S, "11 W"),
        ("5s", 9 * DAY_S, "10 D"),
        ("1d", DAY_S, "2 D"),
        ("1d", 400 * DAY_S, "2 Y"),
        ("1w", 30 * DAY_S, "1 Y"),
    ],
)
def test_a_duration_is_written_in_a_unit_its_size_allows(size: str, seconds: int, wanted: str) -> None:
    assert duration(size, MONDAY, MONDAY + seconds * NS) == wanted


def test_times_are_read_as_the_gateway_writes_them() -> None:
    assert bar_time("20260928") == MONDAY
    assert bar_time(str(MONDAY // NS)) == MONDAY
    assert bar_time("rubbish") is None
    assert head_time("345479400") == head_time("19801212-14:30:00") == 345_479_400 * NS
    assert before(MONDAY, "1M") == MONDAY - 31 * DAY_S * NS
    assert before(MONDAY, "99999Y") == 0
    assert before(1_772_236_800 * NS, "1Y") == (1_772_236_800 - 365 * DAY_S) * NS


def known(begin: int, *numbers: int, at: int = 7) -> Known:
    times = minutes(begin, *numbers)
    ones: list[float | None] = [1.0] * len(times)
    bars = packed(times, ones, ones, ones, ones, [5.0] * len(times), ones, [1] * len(times))
    return Known(times[0], times[-1] + 60 * NS, bars, at)


def test_what_is_known_is_not_asked_for(desk: Desk) -> None:
    call = desk.bars(MONDAY, minutes(MONDAY, 10)[0], known=[known(MONDAY, *range(10))])
    assert not desk.sent
    assert [row.time for row in desk.page(call).bars] == minutes(MONDAY, *range(10))
    assert desk.page(call).fetched_at == 7


def test_only_the_gap_between_what_is_known_is_asked_for(desk: Desk) -> None:
    stretches = [known(MONDAY, *range(10)), known(MONDAY, *range(20, 30), at=3)]
    call = desk.bars(MONDAY, minutes(MONDAY, 30)[0], known=stretches)
    assert asked(desk.sent[-1]).end == utc(minutes(MONDAY, 20)[0])
    desk.reply(*minutes(MONDAY, *range(5, 20)))  # it reaches back, as requests do
    assert len(desk.sent) == 1
    assert [row.time for row in desk.page(call).bars] == minutes(MONDAY, *range(30))
    assert desk.page(call).fetched_at == 3
    (kept,) = desk.taken
    assert isinstance(kept, Keep)
    assert (kept.begin, kept.end, kept.confirmed) == (*minutes(MONDAY, 10, 20), True)
    assert [row.time for row in rows_of(kept.bars)] == minutes(MONDAY, *range(10, 20))


def test_a_past_that_was_adjusted_is_forgotten_and_all_asked_anew(desk: Desk) -> None:
    call = desk.bars(MONDAY, minutes(MONDAY, 12)[0], known=[known(MONDAY, *range(10))])
    desk.reply(*minutes(MONDAY, *range(8, 12)), price=0.25)
    assert desk.taken == [Forget("apple")]
    assert not desk.answers
    desk.reply(*minutes(MONDAY, *range(12)), price=0.25)
    assert [row.close for row in desk.page(call).bars] == [0.25] * 12
    assert len(desk.sent) == 2


def test_what_may_still_change_and_what_was_not_there_is_not_kept(desk: Desk) -> None:
    begin = NOW - 5 * 60 * NS
    desk.bars(begin, NOW)
    desk.reply(*minutes(begin, 0, 1, 2, 3, 4))
    (kept,) = desk.taken
    assert isinstance(kept, Keep)
    assert kept.end <= minutes(begin, 4)[0]
    desk.bars(MONDAY, minutes(MONDAY, 5)[0])
    desk.reply()
    assert desk.taken == [kept]


def test_bars_by_columns_are_the_same(desk: Desk) -> None:
    end = minutes(MONDAY, 5)[0]
    rows = desk.bars(MONDAY, end)
    desk.reply(*minutes(MONDAY, 0, 2, 3))
    columns = desk.bars(MONDAY, end, size="2m", form="columns")
    desk.reply(*minutes(MONDAY, 0, 2, 3))
    page = desk.page(columns)
    assert page.columns is not None
    assert not page.bars
    assert list(page.columns.time) == [row.time for row in desk.page(rows).bars]
    assert page.columns.count == [row.count for row in desk.page(rows).bars]
    packed_bars = desk.bars(MONDAY, end, size="3m", form="packed")
    desk.reply(*minutes(MONDAY, 0, 2, 3))
    page = desk.page(packed_bars)
    assert page.packed is not None
    assert not page.bars
    assert page.columns is None
    assert rows_of(page.packed) == desk.page(rows).bars


def test_pieces_grow_while_answers_are_quick_and_not_where_one_did_not_come() -> None:
    spans, size = Spans(), "1m"
    seen: list[int] = []
    for _ in range(12):
        seen.append(spans.seconds(size) // DAY_S)
        spans.answered(size, spans.seconds(size), 1.0)
    assert seen[:6] == [2, 4, 8, 16, 32, 64]
    assert seen[-1] == 76
    assert spans.silent(size)
    halved = spans.seconds(size)
    for _ in range(TRUSTED - 1):
        spans.answered(size, halved, 1.0)
        assert spans.seconds(size) == halved
    for _ in range(2):
        spans.answered(size, halved, 1.0)
    assert spans.seconds(size) > halved
    for _ in range(40):
        spans.silent(size)
    assert not spans.silent(size)
    assert spans.seconds(size) >= 60


def test_slow_answers_and_short_pieces_teach_nothing() -> None:
    spans = Spans()
    spans.answered("1m", spans.seconds("1m"), 30.0)
    spans.answered("1m", spans.seconds("1m") - 1, 1.0)
    assert spans.seconds("1m") == 2 * DAY_S
