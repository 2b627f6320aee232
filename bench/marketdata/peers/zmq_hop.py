"""The bare ZeroMQ hop: the feed's pacing and commands, each write one message as long as a `ticks` event."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from ..feed import play, serve_commands, write_log
from ..tape import Loop, size_of, topic
from . import pub

encode = msgspec.msgpack.Encoder().encode


def main() -> None:
    out = pub.bind(sys.argv[1])
    prefix = topic(0).encode() + b"\0"
    header = {
        "v": 1,
        "type": "ticks",
        "src": "marketdata-0",
        "inc": 1 << 60,
        "seq": 1,
        "ts": 1 << 60,
        "con_id": 1,
    }
    tape = Loop([1])

    def write(_: memoryview, first: int, end: int) -> None:
        ticks = [(0, float(size_of(number)), 0) for number in range(first, end)]
        out.send(prefix + encode(header | {"ticks": ticks}))

    def answer(command: dict[str, Any]) -> dict[str, Any]:
        return write_log(command["log"], play(tape, write, command["first"], command["end"], command["rate"]))

    serve_commands(0, answer)


if __name__ == "__main__":
    main()
