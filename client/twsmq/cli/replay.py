"""`twsmq replay`: a recording onto the topics it came from."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import msgspec
import zmq
from twsmq_protocol import endpoints
from twsmq_protocol.counted import counted
from twsmq_protocol.recording import BadRecording, Recorded, Recording

from .. import sockets
from .options import Unusable, config_option, running_from
from .terminal import echo

SOURCE = "replay"
_JOIN_S = 0.3
_QUEUE = 1_000_000


def _speed(_context: click.Context, _option: click.Parameter, value: float) -> float:
    if value and not 1e-3 <= value <= 1e6:
        raise click.BadParameter("must be 0, or from 0.001 to 1000000")
    return value


@click.command()
@config_option
@click.option("--speed", default=1.0, show_default=True, callback=_speed, help="Times as fast; 0: at once.")
@click.option("--endpoint", metavar="ADDRESS", help="Where to publish. [default: marketdata-0's events]")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Begin with the first subscriber.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
def replay(config: Path | None, speed: float, endpoint: str | None, wait: bool, file: Path) -> None:
    """Publish what `twsmq record` recorded, on the same topics, as fast as it came.

    It takes the place of the first market-data node, so that clients need not change; that node must not
    run. The events are as they were, but for their header: src is "replay", inc and seq count anew, ts is
    now.

    \b
    Examples:
      twsmq replay aapl.msgpack                 as it was
      twsmq replay aapl.msgpack --speed 10      ten times as fast
    """
    settings = running_from(config)
    address = endpoint or endpoints.events_endpoint(settings.config, endpoints.marketdata(0))
    try:
        recording = Recording(file)
    except (OSError, BadRecording) as error:
        raise Unusable(str(error)) from error
    context: zmq.Context[sockets.Socket] = zmq.Context()
    try:
        player = Player(context, address)
        if wait:
            echo(f"waiting for a subscriber at {address}")
            player.await_subscriber()
        for recorded in recording:
            player.play(recorded, speed)
        echo(f"{counted(player.events, 'event')} replayed")
    except zmq.ZMQError as error:
        raise Unusable(
            f"cannot publish at {address}: {error}; is the cluster running? (`twsmq down`)"
        ) from error
    except BadRecording as error:
        raise Unusable(str(error)) from error
    except KeyboardInterrupt:
        pass
    finally:
        recording.close()
        context.destroy(linger=2000)


_fields = msgspec.msgpack.Decoder(dict[str, msgspec.Raw]).decode


class Player:
    """Publishes recorded events at `address`, each when its time has come."""

    def __init__(self, context: zmq.Context[sockets.Socket], address: str) -> None:
        self.events = 0
        self._pub = context.socket(zmq.XPUB)
        self._pub.setsockopt(zmq.SNDHWM, _QUEUE)
        self._pub.bind(address)
        self._inc = time.time_ns()
        self._seqs: dict[str, int] = {}
        self._first: tuple[int, float] | None = None

    def await_subscriber(self) -> None:
        """Until somebody listens, and a moment longer for the rest of what it wants."""
        self._pub.poll()
        time.sleep(
            _JOIN_S
        )  # subscriptions of one client arrive one by one, and nothing shows which is the last

    def play(self, recorded: Recorded, speed: float) -> None:
        """`speed`: times as fast as recorded, 0 = without waiting."""
        if self._first is None:
            self._first = (recorded.at, time.monotonic())
        if speed:
            due = self._first[1] + (recorded.at - self._first[0]) / 1e9 / speed
            time.sleep(max(0.0, due - time.monotonic()))
        event = _fields(recorded.event)  # the header is written anew, the rest goes out as it came
        seq = self._seqs[recorded.topic] = self._seqs.get(recorded.topic, 0) + 1
        header: dict[str, Any] = {"src": SOURCE, "inc": self._inc, "seq": seq, "ts": time.time_ns()}
        self._pub.send(recorded.topic.encode() + b"\0" + msgspec.msgpack.encode(event | header))
        self.events += 1
