"""One subscriber as a process: counts ticks, and measures how old they are when it has decoded them.

    python subscriber.py ENDPOINT PREFIX|PREFIX… TICKS,TICKS…

The ticks come in parts, whose latencies are told apart. Every side publishes msgpack after `topic NUL`:
ours a map with `ticks`, the others one list for each tick. The price ticks are counted; a size above 1e9 is
the ns of the monotonic clock at which the gateway made the frame. Prints {"ready"} once it is connected and
at the end what it saw.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import msgspec
import zmq

IDLE_MS = 4000
PRICES = (1, 2)
UP = 1.0  # see feed.py


class Tally:
    """What was seen, in parts of so many ticks."""

    def __init__(self, parts: list[int]) -> None:
        self.seen = self.lost = self.first = self.last = 0
        self.ages: list[list[int]] = [[] for _ in parts]
        self._ends = [sum(parts[: at + 1]) for at in range(len(parts))]
        self._part = 0
        self._seqs: dict[bytes, int] = {}

    def event(self, topic: bytes, event: dict[str, Any], at: int) -> None:
        before = self._seqs.get(topic)
        self._seqs[topic] = event["seq"]
        if before is not None:
            self.lost += event["seq"] - before - 1
        if "ticks" in event and not event["snapshot"]:
            self.ticks(event["ticks"], at)

    def ticks(self, ticks: list[Any], at: int) -> None:
        for tick in ticks:
            if tick[0] in PRICES and tick[1] != UP:
                self.seen += 1
            size = tick[3] if len(tick) > 3 else tick[1]
            if size and size > 1e9:
                self.ages[self._part].append(at - int(size))
            whole = tick[0] not in PRICES or len(tick) > 3  # a price and its size, however they come
            if whole and self.seen == self._ends[self._part] and self._part + 1 < len(self._ends):
                self._part += 1
        if self.seen:
            self.first = self.first or at
            self.last = at

    def report(self) -> dict[str, Any]:
        latency: list[dict[str, float]] = []
        for part in filter(None, self.ages):
            part.sort()
            latency.append({f"p{at}": part[len(part) * at // 100] / 1000 for at in (50, 99)})
        return {
            "ticks": self.seen,
            "seconds": (self.last - self.first) / 1e9,
            "lost": self.lost,
            "latency_us": latency,
            "last": self.last,
        }


def main() -> None:
    endpoint, prefixes = sys.argv[1], sys.argv[2].split("|")
    parts = [int(part) for part in sys.argv[3].split(",")]
    expected = sum(parts)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    sub = context.socket(zmq.SUB)
    sub.setsockopt(zmq.RCVHWM, 0)
    sub.connect(endpoint)
    for prefix in prefixes:
        sub.subscribe(prefix.encode())
    decode = msgspec.msgpack.Decoder().decode
    tally = Tally(parts)
    print(json.dumps({"ready": True}), flush=True)
    while tally.seen < expected and sub.poll(IDLE_MS if tally.seen else 60_000):
        try:
            while tally.seen < expected:
                topic, _, body = sub.recv(zmq.NOBLOCK).partition(b"\0")
                event: Any = decode(body)
                if isinstance(event, dict):
                    tally.event(topic, event, time.monotonic_ns())  # pyright: ignore[reportUnknownArgumentType]
                else:
                    tally.ticks([event], time.monotonic_ns())
        except zmq.Again:
            continue
    print(json.dumps(tally.report()), flush=True)
    context.destroy(0)


if __name__ == "__main__":
    main()
