"""nats-py to a nats-server, one tick a message, msgpack as the others; ticks from the node's own reader."""

# pyright: basic, reportMissingImports=false
from __future__ import annotations

import asyncio
import sys

import msgspec
import nats

from ..tape import topic
from . import gateway_client

encode = msgspec.msgpack.Encoder().encode


async def run(port: int, address: str, instruments: int) -> None:
    subjects = [topic(instrument).replace("/", ".").rstrip(".") for instrument in range(instruments)]
    link = await nats.connect(address)
    reader = gateway_client.Reader(port, gateway_client.NATS, instruments)
    loop = asyncio.get_running_loop()
    while ticks := await loop.run_in_executor(None, reader.read):
        for req_id, tick_type, value, attribs in ticks:
            await link.publish(subjects[req_id - 1], encode({"ticks": ((tick_type, value, attribs),)}))


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
