"""The history core: pieces follow each other, refusals mean what they say, no rule is broken."""

from __future__ import annotations

import pytest
from support.history_desk import APPLE, MONDAY, NOW, UP, Desk, asked, minutes
from twsmq_nodes.history.core import COMPETING_S, IDLE_S, MOST_BULK, MOST_JOBS, MOST_OPEN, SPARE
from twsmq_nodes.history.jobs import HeadJob
from twsmq_nodes.history.plan import (
    DAY_LATE_S,
    DAY_S,
    NS,
    Spans,
    utc,
)
from twsmq_nodes.history.ticks_job import TicksJob
from twsmq_nodes.tws.calls import SessionDown
from twsmq_nodes.tws.reference_events import (
    Bar,
    HeadTimestamp,
    HistoricalBars,
    HistoricalBarsEnd,
    HistoricalTick,
    HistoricalTicks,
)
from twsmq_nodes.tws.session_events import FarmState, FarmStatus
from twsmq_protocol.errors import ErrorCode
from twsmq_protocol.history_requests import TickPage
from twsmq_protocol.packed_bars import rows_of


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_range_is_cut_into_pieces_that_follow_each_other(desk: Desk) -> None:
    call = desk.bars(MONDAY, MONDAY + 28 * DAY_S * NS)
    ends: list[str] = []
    for day in (0, 2, 20):  # they grow while answers come quickly
        ends.append(asked(desk.sent[-1]).end)
        desk.reply(MONDAY + day * DAY_S * NS)
    assert ends == ["20260930-00:00:00", "20261016-00:00:00", "20261026-00:00:00"]
    assert [row.time for row in desk.page(call).bars] == [MONDAY + day * DAY_S * NS for day in (0, 2, 20)]
    assert desk.page(call).next is None


def test_how_long_pieces_may_be_is_learned_by_one_for_all(desk: Desk) -> None:
    """Or each of many jobs would begin with the shortest. Who waits for an answer does not wait for that."""
    spans, end = Spans(), MONDAY + 28 * DAY_S * NS
    for start in (0, 1, 2):
        desk.bars(MONDAY + start * NS, end, spans=spans, bulk=True)
    assert len(desk.sent) == 1
    desk.bars(MONDAY + 3 * NS, end, spans=spans)
    assert len(desk.sent) == 2
    first, _ = desk.sent
    desk.feed(HistoricalBarsEnd(first.req_id, "", ""))
    assert len(desk.sent) == 3, "a second lesson"
    desk.feed(HistoricalBarsEnd(desk.sent[-1].req_id, "", ""))
    assert len(desk.sent) == 6, "nothing is left to be learned"
    assert desk.core.wake_at is not None
    assert desk.core.wake_at > desk.now


def test_nobody_waits_for_the_lesson_of_a_slow_gateway(desk: Desk) -> None:
    spans = Spans()
    for start in (0, 1, 2):
        desk.bars(MONDAY + start * NS, MONDAY + 28 * DAY_S * NS, spans=spans, bulk=True)
    desk.now += 30.0
    desk.feed(HistoricalBarsEnd(desk.sent[0].req_id, "", ""))
    assert len(desk.sent) == 4


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
    competing = "different IP" in text
    assert desk.core.is_refused_for_another_session(desk.now) is competing
    assert not desk.core.is_refused_for_another_session(desk.now + COMPETING_S)
    desk.reply(MONDAY)
    assert len(desk.page(call).bars) == 1
    assert not desk.core.is_refused_for_another_session(desk.now)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (162, "Historical Market Data Service error message:No market data permissions for ISLAND STK"),
        (162, "Mensaje de error de los servicios de datos de mercado históricos:invalid step: 1"),
        (420, "Invalid Real-time Query:No market data permissions for ISLAND STK."),
        (10187, "Failed to request historical ticks:No market data permissions"),
        (200, "No security definition has been found for the request"),
        (321, "Error validating request.-'bO' : cause - Historical data bar size setting is invalid."),
    ],
)
def test_a_final_refusal_is_the_gateway_s_own_words(desk: Desk, code: int, text: str) -> None:
    call = desk.bars(MONDAY, MONDAY + DAY_S * NS)
    desk.refuse(code, text)
    error = desk.failures[call]
    assert (error.code, error.tws_code, error.message) == (ErrorCode.GATEWAY_REJECTED, code, text)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (162, "Historischer Marktdatendienst: keine Berechtigung"),
        (162, "历史市场数据服务错误信息：请求未执行"),
        (162, ""),
        (162, "Historical Market Data Service error message:Historical data service is unavailable"),
        (10187, "Fehler bei der Anfrage historischer Ticks"),
        (10999, "a code that nobody has seen"),
    ],
)
def test_what_nobody_understands_is_asked_again_some_times_and_then_said_in_the_gateway_s_words(
    desk: Desk, code: int, text: str
) -> None:
    call = desk.bars(MONDAY, MONDAY + DAY_S * NS)
    for pause in (5.0, 15.0, 30.0):
        desk.refuse(code, text)
        assert not desk.failures
        asked_for = len(desk.sent)
        desk.advance(pause - 0.1)
        assert len(desk.sent) == asked_for
        desk.advance(0.1)
        assert len(desk.sent) == asked_for + 1
    desk.refuse(code, text)
    error = desk.failures[call]
    assert (error.code, error.tws_code) == (ErrorCode.GATEWAY_REJECTED, code)
    assert text in error.message
    assert "unknown" in error.message


def test_what_was_not_understood_and_passed_is_forgotten(desk: Desk) -> None:
    call = desk.bars(MONDAY, MONDAY + 28 * DAY_S * NS)
    for day in (0, 2, 20):
        for pause in (5.0, 15.0, 30.0):
            desk.refuse(162, "nicht ausgeführt")
            desk.advance(pause)
        desk.reply(MONDAY + day * DAY_S * NS)
    assert len(desk.page(call).bars) == 3


def test_whoever_waited_too_short_for_it_hears_what_the_gateway_said(desk: Desk) -> None:
    call = desk.bars(MONDAY, MONDAY + DAY_S * NS, within=4.0)
    desk.refuse(162, "Anfrage nicht ausgeführt")
    desk.advance(4.0)
    error = desk.failures[call]
    assert (error.code, error.tws_code) == (ErrorCode.TIMEOUT, 162)
    assert "Anfrage nicht ausgeführt" in error.message


def test_what_is_too_long_for_the_gateway_is_asked_for_in_smaller_pieces(desk: Desk) -> None:
    desk.bars(MONDAY, MONDAY + 2 * DAY_S * NS)
    before = asked(desk.sent[-1]).duration
    desk.refuse(162, "Historical Market Data Service error message:Time length exceed max.")
    desk.advance(5.0)
    assert (before, asked(desk.sent[-1]).duration) == ("3 D", "2 D")


def test_what_the_gateway_suggests_is_read_in_any_language(desk: Desk) -> None:
    desk.bars(MONDAY, MONDAY + DAY_S * NS)
    desk.refuse(10299, "Statt TRADES verwenden Sie bitte AGGTRADES.")
    assert asked(desk.sent[-1]).what_to_show == "AGGTRADES"


def test_a_200_is_not_believed_near_an_outage(desk: Desk) -> None:
    desk.feed(FarmStatus("historical", "ushmds", FarmState.BROKEN))
    call = desk.bars(MONDAY, MONDAY + DAY_S * NS)
    desk.refuse(200)
    desk.feed(FarmStatus("historical", "ushmds", FarmState.OK))
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
    desk.feed(UP)
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
    assert asked(desk.sent[-1]).end == utc(MONDAY + (22 * DAY_S + DAY_LATE_S) * NS)


def test_bulk_leaves_a_place_to_whoever_waits_for_an_answer(desk: Desk) -> None:
    for day in range(2 * MOST_OPEN):
        desk.bars(MONDAY, MONDAY + (1 + day) * DAY_S * NS, size="1d", bulk=True)
    assert len(desk.sent) == MOST_BULK
    wakes = desk.core.wake_at
    assert wakes is not None
    assert wakes > desk.now, "it does not turn for want of a place"
    desk.bars(MONDAY, MONDAY + 20 * DAY_S * NS, size="1d")
    assert len(desk.sent) == MOST_OPEN
    assert asked(desk.sent[-1]).end == utc(MONDAY + (21 * DAY_S + DAY_LATE_S) * NS)
    desk.reply()
    assert len(desk.sent) == MOST_OPEN


def test_bulk_leaves_some_of_the_window_of_small_bars(desk: Desk) -> None:
    for nth in range(100):
        begin = MONDAY + nth * DAY_S * NS
        desk.bars(begin, begin + 3600 * NS, size="5s", bulk=True, within=10_000)
        while desk.core.histories_open:
            desk.reply()
        desk.advance(2.0)
    assert len(desk.sent) == 60 - SPARE
    head = desk.ask(HeadJob("h", APPLE, "TRADES", rth=False))
    desk.feed(HeadTimestamp(desk.sent[-1].req_id, "19801212-14:30:00"))
    assert head in desk.answers


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


def test_a_head_timestamp_that_says_nothing_is_no_answer(desk: Desk) -> None:
    """It was neither that nor a refusal, and was asked for again and again, as fast as pacing allows."""
    call = desk.ask(HeadJob("h", APPLE, "TRADES", rth=False))
    desk.feed(HeadTimestamp(desk.sent[-1].req_id, ""))
    assert desk.failures[call].code == "gateway_rejected"
    assert len(desk.sent) == 1


def test_a_head_timestamp_is_cancelled_once_it_is_known(desk: Desk) -> None:
    call = desk.ask(HeadJob("h", APPLE, "TRADES", rth=False))
    desk.feed(HeadTimestamp(desk.sent[-1].req_id, "19801212-14:30:00"))
    assert getattr(desk.answers[call], "time", 0) == 345_479_400 * NS
    assert len(desk.cancelled) == 1


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
