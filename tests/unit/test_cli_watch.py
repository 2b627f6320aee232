"""`twsmq watch`: what it tells of each event, and how a line reads."""

from __future__ import annotations

import json

import pytest
from twsmq.cli.watch import Teller, line
from twsmq.inbox import Received
from twsmq_protocol.market_events import Quote, Stream

TOPIC = "quote/STK:AAPL:SMART:USD/"


class Heard:
    def __init__(self, *, as_json: bool = False) -> None:
        self.lines: list[str] = []
        self.teller = Teller(self.lines.append, as_json=as_json)

    def objects(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.lines]


def test_a_line_leaves_out_the_header_and_what_has_no_value() -> None:
    event = {"v": 1, "type": "quote", "src": "marketdata-0", "inc": 1, "seq": 1, "ts": 1_500_000_000}
    fields = {"bid": 190.01, "ask": None, "volume": 1e6, "text": "a b", "delayed": False}
    told = line("quote/X/", event | fields)
    assert told.endswith('.500  quote/X/  quote  bid=190.01  volume=1000000  text="a b"')


def test_lost_events_are_told_before_the_one_that_shows_it() -> None:
    heard = Heard()
    heard.teller.tell(Received(TOPIC, Quote(bid=1.0), 3), restarts=0)
    assert heard.lines[0].endswith(f"{TOPIC}  3 events lost")
    assert "bid=1" in heard.lines[1]
    assert heard.teller.told == 1


def test_each_restart_of_a_publisher_is_told_once() -> None:
    heard = Heard()
    for restarts in (0, 1, 1, 2):
        heard.teller.tell(Received(TOPIC, Quote(src="marketdata-0", bid=1.0), 0), restarts)
    assert sum(line.endswith("marketdata-0 restarted") for line in heard.lines) == 2


def test_a_quiet_repeat_is_not_printed_unless_as_json() -> None:
    repeat = Received(TOPIC, Stream(state="active", repeated=True), 0)
    people, programs = Heard(), Heard(as_json=True)
    people.teller.tell(repeat, restarts=0)
    programs.teller.tell(repeat, restarts=0)
    assert (people.lines, people.teller.told) == ([], 0)
    assert programs.objects()[0]["state"] == "active"


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
    heard.teller.tell(Received(TOPIC, Quote(src="marketdata-0", bid=1.5), lost), restarts)
    told, event = heard.objects()
    assert told == note
    assert (event["topic"], event["type"], event["bid"], event["ask"]) == (TOPIC, "quote", 1.5, None)
