"""Passes bytes on between a client and a process, as a tunnel does: `python forwarder.py HOST:PORT` prints
the port it listens on, odd for an odd one: that of events. Stopped (SIGSTOP) it leaves both sides half-open:
its system still answers keepalive, and no FIN is sent.
"""

from __future__ import annotations

import asyncio
import random
import sys
from contextlib import suppress


async def passed_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.close()


async def main(address: str) -> None:
    host, _, port = address.rpartition(":")

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            theirs, ours = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.close()
            return
        await asyncio.gather(passed_on(reader, ours), passed_on(theirs, writer))

    for own in random.sample(range(20_000 + int(port) % 2, 32_000, 2), 1000):  # Linux gives odd ones only
        with suppress(OSError):
            server = await asyncio.start_server(connected, "127.0.0.1", own)
            break
    else:
        raise SystemExit("no port is free")
    print(own, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
