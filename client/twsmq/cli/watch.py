"""`twsmq watch`: events as they come, one line each, from whichever process publishes them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from twsmq_protocol import endpoints
from twsmq_protocol.counted import counted
from twsmq_protocol.market_events import Stream
from twsmq_protocol.topics import STATES
from twsmq_supervisor.settings import Settings

from ..client import Client
from ..inbox import Received
from .options import config_option, running_from, typed
from .reach import NobodyListens, require_listener
from .terminal import echo, json_text, printable
from .topics import check_topics

HEADER = ("v", "type", "src", "inc", "seq", "ts")
_QUIET_S = 3.0
_LOOK_S = 1.0
_PATIENCE_S = 4.0


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with its topic.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many events.")
@click.argument("topics", nargs=-1, required=True, metavar="TOPIC...")
def watch(config: Path | None, as_json: bool, count: int | None, topics: tuple[str, ...]) -> None:
    """Print every event of these topics, one line each, until Ctrl-C.

    Every level of a topic ends with a slash. A shorter topic is a prefix and stands for all below it; only a
    complete market-data topic makes the gateway send data. Lost events are counted and shown.

    \b
    Examples:
      twsmq watch quote/STK:AAPL:SMART:USD/          live quotes
      twsmq watch order/                             every order of every strategy
      twsmq watch process/ gateway/                  the cluster itself
      twsmq watch scanner/gainers/                   a scan of [reference.scans]
      twsmq watch --json quote/CASH:EUR:IDEALPRO:USD/ | jq .bid
    """
    settings = running_from(config)
    check_topics(topics)
    with Client(settings.config) as client, suppress(KeyboardInterrupt):
        client.subscribe(*topics)
        _print_events(client, settings, as_json=as_json, count=count)


def _print_events(client: Client, settings: Settings, *, as_json: bool, count: int | None) -> None:
    printer = EventPrinter(echo, as_json=as_json)
    received = client.receive(_QUIET_S)
    if received is None:
        echo(f"twsmq: nothing yet; {_whether_it_runs(settings)}", err=True)
    while True:
        if received is not None:
            printer.print(received, client.loss.topics[received.topic].restarts, time.monotonic())
            if printer.printed == count:
                return
        printer.remind(time.monotonic())
        received = client.receive(_LOOK_S)


def _whether_it_runs(settings: Settings) -> str:
    try:
        require_listener(settings.config, endpoints.SUPERVISOR)
    except NobodyListens:
        return f"no cluster is running here (start one with `{typed(settings, 'up')}`)"
    return f"the cluster runs (`{typed(settings, 'status')}` shows how it is)"


class EventPrinter:
    """What is printed of each event: what was lost before it, then itself, unless it only repeats what was
    printed: to one who comes late a repeat may be the first report of how a stream stands.

    A stream that does nothing but start is shown as starting, once, with the reason it last gave. `printed`
    counts the events printed.
    """

    def __init__(self, echo: Callable[[str], object], *, as_json: bool) -> None:
        self._echo = echo
        self._as_json = as_json
        self._restarts: dict[str, int] = {}
        self._stands: dict[str, tuple[str, int | None]] = {}  # by topic: the state and code printed last
        self._starting: dict[str, tuple[float, Stream]] = {}  # by topic: since when, and its last event
        self._reminded: set[str] = set()
        self.printed = 0

    def print(self, received: Received, restarts: int, now: float = 0.0) -> None:
        """`restarts`: how often the publisher of this topic is known to have come back anew."""
        topic, event, lost = received
        known = isinstance(event, Stream) and self._follow(topic, event, now)
        restarted = restarts > self._restarts.get(topic, 0)
        if restarted:
            self._restarts[topic] = restarts
            self._note({"type": "restarted", "topic": topic, "src": event.src}, f"{event.src} restarted")
        if lost and not (restarted and topic.partition("/")[0] in STATES):  # else this event makes it whole
            self._note({"type": "lost", "topic": topic, "count": lost}, f"{counted(lost, 'event')} lost")
        fields = msgspec.to_builtins(event)
        if self._as_json:
            self._echo(json_text({"topic": topic, **fields}))
        elif known and fields["repeated"]:
            return
        else:
            self._echo(line(topic, fields))
        self.printed += 1

    def remind(self, now: float) -> None:
        """People see streams that have been starting for long; programs see every repeat anyway."""
        for topic, (since, last) in self._starting.items():
            if self._as_json or topic in self._reminded or now - since < _PATIENCE_S:
                continue
            self._reminded.add(topic)
            why = last.reason or last.text or "the gateway has sent nothing yet"
            note = {"type": "waiting", "topic": topic}
            self._note(note, f"still starting after {now - since:.0f} s: {why}")

    def _follow(self, topic: str, event: Stream, now: float) -> bool:
        """Whether this is how the topic stood before."""
        if event.state == "starting":
            since = self._starting.get(topic, (now, event))[0]
            self._starting[topic] = since, event
        else:
            self._starting.pop(topic, None)
            self._reminded.discard(topic)
        before, self._stands[topic] = self._stands.get(topic), (event.state, event.code)
        return before == self._stands[topic]

    def _note(self, note: dict[str, Any], text: str) -> None:
        if self._as_json:
            self._echo(json_text(note))
        else:
            self._echo(f"{time.strftime('%H:%M:%S')}      {note['topic']}  {text}")


def line(topic: str, event: dict[str, Any]) -> str:
    """One event as people read it: time, topic, type, then every field that has a value."""
    if event.get("type") == "ranking":  # by rank, and of what is known of each only what it is
        event = event | {"rows": [row["instrument"] for row in event["rows"]]}
    at = datetime.fromtimestamp(event.get("ts", 0) / 1e9).strftime("%H:%M:%S.%f")[:-3]
    fields = (
        f"{name}={_text(value)}"
        for name, value in event.items()
        if name not in HEADER and value is not None and value is not False
    )
    return f"{at}  {printable(topic)}  {event.get('type', '?')}  {'  '.join(fields)}"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, str) and value and " " not in value:
        return printable(value)
    return json_text(value)
