"""`twsmq watch`: events as they come, one line each, from whichever process publishes them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from twsmq_protocol import endpoints
from twsmq_protocol.config import Config

from .options import config_option, settings_from
from .wire import Subscription

HEADER = ("v", "type", "src", "inc", "seq", "ts")
_PUBLISHERS = {
    "process": (endpoints.SUPERVISOR,),
    "gateway": (endpoints.CONNECTION,),
    "order": (endpoints.ORDERS,),
    "position": (endpoints.STATUS,),
    "account": (endpoints.STATUS,),
}
_QUIET_S = 3.0
_decoder = msgspec.msgpack.Decoder(dict[str, Any])  # any event at all, of later versions too


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
    heard = publishers(settings.config, topics)
    addresses = [endpoints.events_endpoint(settings.config, name) for name in heard]
    subscription = Subscription(addresses, topics)
    try:
        _print_events(subscription, as_json=as_json, count=count)
    except KeyboardInterrupt:
        pass
    finally:
        subscription.close()


def publishers(config: Config, topics: Iterable[str]) -> tuple[str, ...]:
    """The processes that may publish under these topics or prefixes of topics."""
    everyone = (endpoints.SUPERVISOR, *endpoints.node_names(config))
    found: set[str] = set()
    for topic in topics:
        first, slash, _ = topic.partition("/")
        if not slash or first == "node":
            return everyone
        shards = tuple(name for name in everyone if endpoints.shard_of(name) is not None)
        found.update(_PUBLISHERS.get(first, shards if first == "quote" else everyone))
    return tuple(name for name in everyone if name in found)


def _print_events(subscription: Subscription, *, as_json: bool, count: int | None) -> None:
    losses = Losses()
    printed = 0
    warned = False
    while True:
        for frame in subscription.frames(_QUIET_S):
            path, _, body = frame.partition(b"\0")
            topic = path.decode("utf-8", "replace")
            try:
                event = _decoder.decode(body)
            except msgspec.DecodeError as error:
                click.echo(f"twsmq: an event on {topic} that cannot be read: {error}", err=True)
                continue
            for note in losses.notice(topic, event):
                click.echo(msgspec.json.encode(note) if as_json else line_of_loss(note))
            if as_json:
                click.echo(msgspec.json.encode({"topic": topic, **event}))
            elif not event.get("repeated"):
                click.echo(line(topic, event))
            else:
                continue
            printed += 1
            if printed == count:
                return
        if not printed and not warned:
            warned = True
            click.echo("twsmq: nothing yet; is the cluster running? (`twsmq status`)", err=True)


class Losses:
    """Tells from the numbers of events what was lost between them."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int]] = {}

    def notice(self, topic: str, event: dict[str, Any]) -> list[dict[str, Any]]:
        """Maps of type `lost` (with `count`) or `restarted`, to be told before this event."""
        inc, seq = event.get("inc"), event.get("seq")
        if not isinstance(inc, int) or not isinstance(seq, int):
            return []
        before = self._last.get(topic)
        self._last[topic] = (inc, seq)
        if before is None:
            return []
        if before[0] != inc:
            return [{"type": "restarted", "topic": topic, "src": event.get("src")}]
        lost = seq - before[1] - 1
        return [{"type": "lost", "topic": topic, "count": lost}] if lost > 0 else []


def line_of_loss(note: dict[str, Any]) -> str:
    if note["type"] == "restarted":
        return f"{time.strftime('%H:%M:%S')}      {note['topic']}  {note['src']} restarted"
    return f"{time.strftime('%H:%M:%S')}      {note['topic']}  {note['count']} events lost"


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
