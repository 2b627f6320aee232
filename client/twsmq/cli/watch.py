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

from ..client import Client
from ..inbox import Received
from .options import config_option, settings_from

HEADER = ("v", "type", "src", "inc", "seq", "ts")
_QUIET_S = 3.0


@click.command(short_help="Print events as they come.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with its topic.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many events.")
@click.argument("topics", nargs=-1, required=True, metavar="TOPIC...")
def watch(config: Path | None, as_json: bool, count: int | None, topics: tuple[str, ...]) -> None:
    """Print every event of these topics, one line each, until Ctrl-C.

    Every level of a topic ends with a slash. A shorter topic is a prefix and stands for all below it; only a
    complete quote topic makes the gateway send data. Lost events are said to be lost.

    \b
    Examples:
      twsmq watch quote/STK:AAPL:SMART:USD/          live quotes
      twsmq watch order/                             every order of every strategy
      twsmq watch process/ gateway/                  the cluster itself
      twsmq watch --json quote/CASH:EUR:IDEALPRO:USD/ | jq .bid
    """
    settings = settings_from(config)
    for topic in topics:
        if topic and not topic.endswith("/"):
            click.echo(f"twsmq: {topic} is a prefix; the complete topic is {topic}/", err=True)
    with Client(settings.config) as client, suppress(KeyboardInterrupt):
        client.subscribe(*topics)
        _print_events(client, as_json=as_json, count=count)


def _print_events(client: Client, *, as_json: bool, count: int | None) -> None:
    teller = Teller(click.echo, as_json=as_json)
    received = client.receive(_QUIET_S)
    if received is None:
        click.echo("twsmq: nothing yet; is the cluster running? (`twsmq status`)", err=True)
    while True:
        if received is not None:
            teller.tell(received, client.loss.topics[received.topic].restarts)
            if teller.told == count:
                return
        received = client.receive()


class Teller:
    """What is printed of each event: what was lost before it, then itself, unless it only repeats.

    `told` counts the events printed.
    """

    def __init__(self, echo: Callable[[str], object], *, as_json: bool) -> None:
        self._echo = echo
        self._as_json = as_json
        self._restarts: dict[str, int] = {}
        self.told = 0

    def tell(self, received: Received, restarts: int) -> None:
        """`restarts`: how often the publisher of this topic is known to have come back anew."""
        topic, event, lost = received
        if restarts > self._restarts.get(topic, 0):
            self._restarts[topic] = restarts
            self._note({"type": "restarted", "topic": topic, "src": event.src}, f"{event.src} restarted")
        if lost:
            self._note({"type": "lost", "topic": topic, "count": lost}, f"{lost} events lost")
        fields = msgspec.to_builtins(event)
        if self._as_json:
            self._echo(msgspec.json.encode({"topic": topic, **fields}).decode())
        elif fields.get("repeated"):
            return
        else:
            self._echo(line(topic, fields))
        self.told += 1

    def _note(self, note: dict[str, Any], text: str) -> None:
        if self._as_json:
            self._echo(msgspec.json.encode(note).decode())
        else:
            self._echo(f"{time.strftime('%H:%M:%S')}      {note['topic']}  {text}")


def line(topic: str, event: dict[str, Any]) -> str:
    """One event as people read it: time, topic, type, then every field that has a value."""
    at = datetime.fromtimestamp(event.get("ts", 0) / 1e9).strftime("%H:%M:%S.%f")[:-3]
    fields = (
        f"{name}={_text(value)}"
        for name, value in event.items()
        if name not in HEADER and value is not None and value is not False
    )
    return f"{at}  {topic}  {event.get('type', '?')}  {'  '.join(fields)}"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, str) and value and " " not in value:
        return value
    return msgspec.json.encode(value).decode()
