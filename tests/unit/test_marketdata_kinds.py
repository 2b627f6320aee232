"""What holds for each kind of stream alike: told of every interruption, asked for again, given back."""

from __future__ import annotations

import pytest
from support.marketdata_core import AAPL, MSFT, UP, Desk
from support.marketdata_stories import BROKEN, OK, cancelled, started
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.marketdata.line import MOST_PAUSE_S
from twsmq_nodes.tws.session_events import DataLost, DataMaintained, UpstreamLost
from twsmq_protocol.streams import STREAMS

SPELLED = "STK:AAPL:SMART:USD"
KINDS = [
    AAPL, f"tick/{SPELLED}/", f"greeks/{SPELLED}/", f"trade/{SPELLED}/", f"bbo/{SPELLED}/",
    f"midpoint/{SPELLED}/", f"depth/{SPELLED}/", f"bar5s/{SPELLED}/", f"bars/5s/{SPELLED}/",
    f"bars/1m/{SPELLED}/", f"bars/1d/{SPELLED}/", "news/BRFG/",
]  # fmt: skip
of_each_kind = pytest.mark.parametrize("topic", KINDS)
PACED_S = 16.0
"""Within it no pacing rule holds a request back."""


def test_each_kind_of_stream_is_among_them() -> None:
    missing = STREAMS.keys() - {topic.partition("/")[0] for topic in KINDS}
    assert not missing, "add a topic of each to KINDS"


def asked_within(desk: Desk, seconds: float) -> int:
    """The request id of the line, asked for by then at the latest."""
    until = desk.now + seconds
    while True:
        asks = desk.asked()
        if asks:
            (ask,) = asks
            desk.feed(ev.RequestWritten(ask.req_id))
            return ask.req_id
        wake_at = desk.core.wake_at
        assert wake_at is not None
        assert wake_at <= until, f"not asked for within {seconds} s"
        desk.feed(ev.TimerFired(), at=wake_at)


@of_each_kind
def test_an_outage_that_ends_with_1101_is_told_and_everything_asked_for_again(topic: str) -> None:
    desk = Desk()
    desk.flowing(topic)
    desk.feed(UpstreamLost(1100, "lost"), at=20)
    assert desk.told() == [(topic, "gap")]
    desk.feed(DataLost(), at=40)
    desk.feed(ev.DataFlowed(asked_within(desk, PACED_S)))
    assert desk.told()[-1] == (topic, "resumed")


@of_each_kind
def test_an_outage_that_ends_with_1102_is_told_and_its_end_too(topic: str) -> None:
    desk = Desk()
    (req_id,) = desk.flowing(topic)
    desk.feed(UpstreamLost(1100, "lost"), at=20)
    assert desk.told() == [(topic, "gap")]
    desk.feed(DataMaintained(), at=40)
    if cancelled(desk):  # only of what has a past
        assert topic.startswith("bars/")
        req_id = asked_within(desk, PACED_S)
    desk.feed(ev.DataFlowed(req_id))
    assert desk.told()[-1] == (topic, "resumed")


@of_each_kind
def test_a_farm_that_flaps_is_told_and_what_does_not_come_back_is_asked_for_again(topic: str) -> None:
    desk = Desk()
    (req_id,) = desk.flowing(topic)
    desk.feed(BROKEN, at=20)
    assert desk.told() == [(topic, "gap")]
    desk.feed(OK, at=30)
    again = asked_within(desk, PACED_S)
    assert again > req_id
    assert cancelled(desk) == [req_id]
    desk.feed(ev.DataFlowed(again))
    assert desk.told()[-1] == (topic, "resumed")


@of_each_kind
def test_what_was_asked_for_in_an_outage_and_is_not_answered_is_asked_for_again(topic: str) -> None:
    desk, req_id = started(topic)
    desk.feed(UpstreamLost(1100, "lost"), at=20)
    desk.feed(DataMaintained(), at=40)
    again = asked_within(desk, PACED_S)
    assert again > req_id
    assert cancelled(desk) == [req_id]


@of_each_kind
def test_silence_is_told_by_the_lines_own_clock_while_others_tick(topic: str) -> None:
    other = MSFT.replace("quote/", "tick/")
    desk = Desk(silent_s=60)
    quiet, ticks = desk.flowing(topic, other)
    at = 0.0
    while desk.now < 90_000 and not any(told == (topic, "gap") for told in desk.told()):
        at += 10.0
        desk.feed(ev.LinesChecked({quiet: 0.0, ticks: at}, wall_s=0.0), at=at)
    assert desk.now < 90_000, "never told"
    assert cancelled(desk) == [quiet]
    assert asked_within(desk, PACED_S) > quiet


@of_each_kind
@pytest.mark.parametrize("code", [31_415, 10_197, 2_500, -7])
def test_a_refusal_that_nobody_knows_to_be_final_is_given_back_and_tried_again(topic: str, code: int) -> None:
    desk, req_id = started(topic)
    desk.error(req_id, code, "Unbekannter Fehler")
    assert desk.told()[-1] == (topic, "error")
    assert cancelled(desk) == [req_id]
    again = asked_within(desk, 31.0)
    desk.error(again, code, "Unbekannter Fehler")
    assert cancelled(desk) == [again]
    third = asked_within(desk, MOST_PAUSE_S)
    desk.feed(ev.DataFlowed(third))
    assert desk.told()[-1] == (topic, "active")


@of_each_kind
@pytest.mark.parametrize("code", [165, 399, 2150, 2152, 2176, 2184, 2188, 10_090, 10_091])
def test_a_notice_is_no_refusal(topic: str, code: int) -> None:
    desk, req_id = started(topic)
    desk.error(req_id, code, "提示")
    assert cancelled(desk) == []
    desk.feed(ev.DataFlowed(req_id))
    assert desk.told()[-1] == (topic, "active")


@of_each_kind
def test_a_200_in_an_outage_is_not_believed_of_any_kind(topic: str) -> None:
    desk, req_id = started(topic)
    desk.feed(BROKEN, at=20)
    desk.error(req_id, 200, "找不到合约")
    assert asked_within(desk, PACED_S) > req_id


@of_each_kind
def test_a_session_that_is_lost_and_back_serves_what_was_wanted(topic: str) -> None:
    desk = Desk()
    desk.flowing(topic)
    desk.feed(ev.Disconnected("reset by peer", 20.0), at=21)
    assert desk.told() == [(topic, "gap")]
    desk.feed(UP, at=30)
    desk.answer_lookups()
    desk.feed(ev.DataFlowed(asked_within(desk, PACED_S)))
    assert desk.told()[-1] == (topic, "resumed")
