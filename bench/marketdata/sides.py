"""A side: what stands between the feed and the subscribers, and those subscribers.

A side is ready when every subscriber has heard every tick of a short piece: ZeroMQ has no other way to tell
that all subscriptions have arrived, and the first ticks warm everything up.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from .peers import gateway_client
from .processes import PEERS, Conversation, Household, free_port, start

NODE_CLIENT_ID = 110
IDLE_S = 5.0
SETTLE_S, SETTLE_TRIES = 1.0, 30


@dataclass(frozen=True)
class Kind:
    """`module` publishes, under `client_id`, what a subscriber takes from a `source`. `settings`: of the
    node's [marketdata], beside the defaults.
    """

    name: str
    module: str
    client_id: int
    source: str
    needs: str | None = None
    settings: str = ""


PEER = "bench.marketdata.peers."
TWSMQ = Kind("twsmq", "twsmq_nodes.marketdata", NODE_CLIENT_ID, "zmq")
CROWDED = replace(TWSMQ, settings="batch_interval_s = 0.1")
"""As config.py advises for many subscribers on few cores."""
IBAPI = Kind("ibapi → PUB", PEER + "ibapi_pub", gateway_client.IBAPI, "zmq")
IB_ASYNC = Kind("ib_async → PUB", PEER + "ib_async_pub", gateway_client.IB_ASYNC, "rows")
COUNT = Kind("ibapi, counting only", PEER + "ibapi_pub", gateway_client.COUNT, "")
OUTBOX = Kind("twsmq, one tick a message", PEER + "outbox_pub", gateway_client.OUTBOX, "zmq")
VNPY = Kind("vnpy RpcServer", PEER + "vnpy_pub", gateway_client.VNPY, "pickle", "vnpy")
NATS = Kind("NATS", PEER + "nats_pub", gateway_client.NATS, "nats", "nats")
TCP = Kind("bare TCP hop", "", gateway_client.BARE, "tcp")
HOP = Kind("bare ZeroMQ hop", PEER + "zmq_hop", 0, "zmq")


def lacking(kind: Kind) -> str | None:
    """What has to be installed before this side can be measured."""
    if kind.needs == "vnpy" and not (PEERS / "vnpy").is_dir():
        return "vnpy, see `make bench-marketdata`"
    if kind.needs == "nats" and shutil.which("nats-server") is None:
        return "nats-server (Debian: apt install nats-server)"
    if kind.needs == "nats" and importlib.util.find_spec("nats") is None:
        return "nats-py (pip install -e '.[bench]')"
    return None


@dataclass
class Result:
    """Of one play. `seconds`: from the first write to the last tick at the slowest subscriber. `lost`: of all
    subscribers together. Ages in µs, the worst subscriber's. `cpu_us`: the publisher's, for each frame.
    """

    frames: int
    seconds: float
    lost: int
    p50: float | None = None
    p99: float | None = None
    cpu_us: float | None = None

    @property
    def rate(self) -> float:
        return self.frames / self.seconds

    def __str__(self) -> str:
        ages = f", p50 {self.p50:,.0f} µs, p99 {self.p99:,.0f} µs" if self.p50 and self.p99 else ""
        return f"{self.rate:,.0f}/s, lost {self.lost}{ages}"


@dataclass
class Side:
    kind: Kind
    player: Conversation
    subscribers: list[Conversation]
    publisher: psutil.Process | None
    instruments: int
    log: Path
    _at: int = 0

    def measure(self, frames: int, rate: float = 0, *, ages: bool = False, idle_s: float = IDLE_S) -> Result:
        """Plays `frames` frames at `rate` a second, 0 for as fast as they are taken."""
        first, end = self._at, self._at + frames
        self._at = -(-end // self.instruments) * self.instruments
        for subscriber in self.subscribers:
            subscriber.tell(first=first, end=end, keep=ages, idle_s=idle_s)
        for subscriber in self.subscribers:
            subscriber.hear()
        before = _busy_s(self.publisher)
        log = str(self.log)
        played = self.player.ask(play=self.kind.client_id, first=first, end=end, rate=rate, log=log)
        for subscriber in self.subscribers:
            subscriber.hear()
        busy = _busy_s(self.publisher) - before
        for subscriber in self.subscribers:
            subscriber.tell(report=log if ages else None)
        reports = [subscriber.hear() for subscriber in self.subscribers]
        return Result(
            frames=frames,
            seconds=(max(report["last"] for report in reports) - played["began"]) / 1e9,
            lost=sum(report["lost"] for report in reports),
            p50=_worst(reports, "p50"),
            p99=_worst(reports, "p99"),
            cpu_us=1e6 * busy / frames,
        )

    def settle(self) -> None:
        for _ in range(SETTLE_TRIES):
            if self.measure(4 * self.instruments, 4000, idle_s=SETTLE_S).lost == 0:
                return
        raise RuntimeError(f"{self.kind.name}: not all subscribers hear everything")


def _busy_s(process: psutil.Process | None) -> float:
    times = process.cpu_times() if process is not None else None
    return times.user + times.system if times is not None else 0.0


def _worst(reports: list[dict[str, Any]], name: str) -> float | None:
    return max((report[name] for report in reports if name in report), default=None)


class Stage(Household):
    """One feed, and the sides that stand before it, until the end of the `with`."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._feed = self.converse("bench.marketdata.feed")
        self.gateway_port: int = self._feed.hear()["port"]

    def side(self, kind: Kind, instruments: int, subscribers: int) -> Side:
        """Started, connected and warm."""
        player = self._feed
        if kind in (TCP, COUNT):
            publisher, address = None, str(self.gateway_port)
        elif kind.module == TWSMQ.module:
            publisher, address = self._node(kind.settings)
        elif kind is HOP:
            address = f"tcp://127.0.0.1:{free_port()}"
            player, publisher = self.converse(kind.module, address), None
            player.hear()
        else:
            address = self._nats() if kind is NATS else f"tcp://127.0.0.1:{free_port()}"
            publisher = self.adopt(start(kind.module, self.gateway_port, address, instruments))
        listening = [self._subscriber(kind, address, instruments) for _ in range(subscribers)]
        if kind is not HOP:
            self._feed.ask(**{"await": kind.client_id, "lines": instruments})
        watched = psutil.Process(publisher.pid) if publisher is not None else None
        side = Side(kind, player, listening, watched, instruments, self._folder / "writes.json")
        side.settle()
        return side

    def _subscriber(self, kind: Kind, address: str, instruments: int) -> Conversation:
        if kind is COUNT:
            return self.converse(kind.module, self.gateway_port, "COUNT", instruments)
        return self.converse("bench.marketdata.subscriber", kind.source, address, instruments)

    def _node(self, settings: str) -> tuple[subprocess.Popen[bytes], str]:
        """The market-data node as shipped, with its default queues."""
        base = free_port(100)
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        config = folder / "twsmq.toml"
        config.write_text(
            f"[cluster]\nport_base = {base}\n"
            f"[gateway]\nmode = 'external'\nport = {self.gateway_port}\n"
            f"[marketdata]\nlines = 1000\n{settings}\n"
        )
        node = start(TWSMQ.module, "--config", config, "--log-level", "error")
        return self.adopt(node), f"tcp://127.0.0.1:{base + 21}"

    def _nats(self) -> str:
        port = free_port()
        (self._folder / "nats.conf").write_text("max_pending: 4GB\nwrite_deadline: '60s'\n")
        command = ["nats-server", "-a", "127.0.0.1", "-p", str(port), "-c", str(self._folder / "nats.conf")]
        self.adopt(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        return f"nats://127.0.0.1:{port}"
