"""IBC's command server: one word a line, answered by lines that begin with OK, ERROR or INFO.

What it answers says only that the command was taken: RECONNECTDATA and RECONNECTACCOUNT are answered OK
whatever happens (IBC's user guide and source). A connection is made for each command, so that none is held
while the gateway restarts.
"""

from __future__ import annotations

import asyncio

from msgspec import Struct
from twsmq_protocol.hosts import address

TIMEOUT_S = 10.0
_MOST_LINES, _LONGEST = 50, 4096


class Said(Struct, frozen=True):
    """`ok`: None if the command did not get there, or nothing came back. `given`: it may have got there."""

    ok: bool | None
    text: str
    given: bool = True


async def command(host: str, port: int, word: str, timeout_s: float = TIMEOUT_S) -> Said:
    """Never raises for what the network or IBC does."""
    given = False
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port, limit=_LONGEST)
            given = True
            try:
                writer.write(f"{word}\n".encode())
                await writer.drain()
                return await _answer(reader)
            finally:
                writer.close()
    except TimeoutError:
        return Said(None, f"IBC at {address(host, port)} did not answer within {timeout_s:g} s", given)
    except (OSError, ValueError) as error:
        return Said(None, f"IBC at {address(host, port)}: {error}", given)


async def _answer(reader: asyncio.StreamReader) -> Said:
    for _ in range(_MOST_LINES):
        line = await reader.readline()
        if not line:
            return Said(None, "IBC closed the connection without an answer")
        text = line.decode("utf-8", "replace").strip().lstrip("> ")
        if text.startswith(("OK", "ERROR")):
            return Said(text.startswith("OK"), text)
    return Said(None, "IBC answers without end")
