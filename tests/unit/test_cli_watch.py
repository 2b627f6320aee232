"""`twsmq watch`: what it tells of each event, and how a line reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from twsmq.cli import main
from twsmq.cli.topics import hint, require_known
from twsmq.cli.watch import EventPrinter, line
from twsmq.inbox import Received
from twsmq_protocol.market_events import Quote, Stream
from twsmq_protocol.system_events import Gateway
from twsmq_protocol.topics import FIRST_LEVELS

TOPIC = "quote/STK:AAPL:SMART:USD/"


class Heard:
    def __init__(self, *, as_json: bool = False) -> None:
        self.lines: list[str] = []
        self.printer = EventPrinter(self.lines.append, as_json=as_json)

    def objects(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.lines]


def test_a_line_leaves_out_the_header_and_what_has_no_value() -> None:
    event = {"v": 1, "type": "quote", "src": "marketdata-0", "inc": 1, "seq": 1, "ts": 1_500_000_000}
    fields = {"bid": 190.01, "ask": None, "volume": 1e6, "text": "a b", "delayed": False}
    told = line("quote/X/", event | fields)
    assert told.endswith('.500  quote/X/  quote  bid=190.01  volume=1000000  text="a b"')


def test_lost_events_are_told_before_the_one_that_shows_it() -> None:
    heard = Heard()
    heard.printer.print(Received(TOPIC, Quote(bid=1.0), 3), restarts=0)
    assert heard.lines[0].endswith(f"{TOPIC}  3 events lost")
    assert "bid=1" in heard.lines[1]
    assert heard.printer.printed == 1


def test_each_restart_of_a_publisher_is_told_once() -> None:
    heard = Heard()
    for restarts in (0, 1, 1, 2):
        heard.printer.print(Received(TOPIC, Quote(src="marketdata-0", bid=1.0), 0), restarts)
    assert sum(line.endswith("marketdata-0 restarted") for line in heard.lines) == 2


def test_a_quiet_repeat_is_not_printed_unless_as_json() -> None:
    repeat = Received(TOPIC, Stream(state="active", repeated=True), 0)
    people, programs = Heard(), Heard(as_json=True)
    for heard in (people, programs):
        heard.printer.print(Received(TOPIC, Stream(state="active"), 0), restarts=0)
        heard.printer.print(repeat, restarts=0)
    assert (len(people.lines), people.printer.printed) == (1, 1)
    assert [event["state"] for event in programs.objects()] == ["active", "active"]


def test_one_who_comes_late_is_told_that_the_stream_is_in_a_gap() -> None:
    heard = Heard()
    gap = Received(TOPIC, Stream(state="gap", reason="the farm is broken", repeated=True), 0)
    heard.printer.print(gap, restarts=0)
    heard.printer.print(gap, restarts=0)
    heard.printer.print(Received(TOPIC, Quote(bid=1.5, snapshot=True), 0), restarts=0)
    assert len(heard.lines) == 2
    assert "state=gap" in heard.lines[0]


@pytest.mark.parametrize(
    ("lost", "restarts", "note"),
    [
        (2, 0, {"type": "lost", "topic": TOPIC, "count": 2}),
        (0, 1, {"type": "restarted", "topic": TOPIC, "src": "marketdata-0"}),
    ],
)
def test_as_json_every_line_is_an_object_with_its_topic(
    lost: int, restarts: int, note: dict[str, object]
) -> None:
    heard = Heard(as_json=True)
    heard.printer.print(Received(TOPIC, Quote(src="marketdata-0", bid=1.5), lost), restarts)
    told, event = heard.objects()
    assert told == note
    assert (event["topic"], event["type"], event["bid"], event["ask"]) == (TOPIC, "quote", 1.5, None)


def starting(**fields: Any) -> Received:
    return Received(TOPIC, Stream(state="starting", **fields), 0)


def test_a_stream_that_only_starts_is_told_once_with_its_last_reason() -> None:
    heard = Heard()
    heard.printer.print(starting(), 0, now=10.0)
    heard.printer.remind(13.9)
    assert len(heard.lines) == 1
    heard.printer.print(starting(repeated=True, reason="no session with the gateway"), 0, now=14.0)
    heard.printer.remind(15.0)
    heard.printer.remind(99.0)
    assert len(heard.lines) == 2
    assert heard.lines[1].endswith(f"{TOPIC}  still starting after 5 s: no session with the gateway")


def test_a_stream_that_became_active_is_not_said_to_start() -> None:
    heard = Heard()
    heard.printer.print(starting(), 0, now=10.0)
    heard.printer.print(Received(TOPIC, Stream(state="active"), 0), 0, now=11.0)
    heard.printer.remind(99.0)
    assert len(heard.lines) == 2


@pytest.mark.parametrize(
    "topic", ["gateway/", "node/orders/", "process/orders/", "position/D/X/", "account/D/T/"]
)
def test_a_new_incarnation_of_a_state_is_whole_by_its_snapshot(topic: str) -> None:
    heard = Heard()
    heard.printer.print(
        Received(topic, Gateway(src="connection", state="up", host="h", port=1), 8), restarts=1
    )
    assert not any("lost" in line for line in heard.lines)
    heard.printer.print(
        Received(topic, Gateway(src="connection", state="up", host="h", port=1), 2), restarts=1
    )
    assert sum("2 events lost" in line for line in heard.lines) == 1


def test_a_new_incarnation_of_a_stream_did_lose_events() -> None:
    heard = Heard()
    heard.printer.print(Received(TOPIC, Quote(src="marketdata-0", bid=1.0), 8), restarts=1)
    assert any(line.endswith("8 events lost") for line in heard.lines)


@pytest.mark.parametrize("topic", ["quot/STK:AAPL:SMART:USD/", "Quote/X/", "/", "zzz"])
def test_a_topic_that_cannot_be_is_refused_with_those_there_are(topic: str) -> None:
    for command in (("watch",), ("record", "-o", "never.msgpack")):
        result = CliRunner().invoke(main, [*command, topic])
        assert result.exit_code == 2
        first = topic.partition("/")[0]
        assert result.stderr.startswith(f"twsmq: no such topic {first}/; there are quote/, tick/, ")


@pytest.mark.parametrize(
    ("topic", "told"),
    [
        ("quote/STK:AAPL:SMART:USD;regulatry=1/", "quote/ has no option 'regulatry'"),
        ("bars/7m/STK:AAPL:SMART:USD/", "bars/7m/ must name a size of bars"),
        ("trade/AAPL/", "AAPL"),
    ],
)
def test_a_topic_that_can_only_have_an_error_is_not_waited_for(topic: str, told: str) -> None:
    for command in (("watch",), ("record", "-o", "never.msgpack")):
        result = CliRunner().invoke(main, [*command, topic])
        assert result.exit_code == 2
        assert result.stderr.startswith(f"twsmq: {topic}: ")
        assert told in result.stderr


@pytest.mark.parametrize("level", FIRST_LEVELS)
def test_every_first_level_and_its_beginnings_may_be_watched(level: str) -> None:
    for topic in ("", level[0], level, f"{level}/", f"{level}/x"):
        require_known(topic)


@pytest.mark.parametrize(
    ("topic", "told"),
    [
        ("quote/STK:AAPL:SMART:USD", "the complete topic is quote/STK:AAPL:SMART:USD/"),
        ("trade/", "a complete topic is like trade/STK:AAPL:SMART:USD/"),
        ("bars/STK:AAPL:SMART:USD/", "a complete topic is like bars/1m/STK:AAPL:SMART:USD/"),
        ("order/alpha", "the complete topic is order/alpha/"),
    ],
)
def test_a_prefix_that_starts_nothing_gets_a_hint(topic: str, told: str) -> None:
    said = hint(topic)
    assert said is not None
    assert said.endswith(told)


@pytest.mark.parametrize("topic", ["", "quote/STK:AAPL:SMART:USD/", "bars/1m/STK:AAPL:SMART:USD/", "order/"])
def test_a_topic_as_it_should_be_gets_none(topic: str) -> None:
    assert hint(topic) is None
