"""An asyncio client of the TWS text protocol, for tests that run the simulator in their own loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from twsmq_simulator import Server, Settings, serve

from support.sim_client import place_fields

Fields = list[str]
_OPENED: list[asyncio.StreamWriter] = []


class Client:
    """`seen` is everything received, in order; a forgetful client keeps none of it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.seen: list[Fields] = []
        self.version = 0
        self.forgetful = False
        _OPENED.append(writer)

    def hello(self, versions: str) -> None:
        self._writer.write(b"API\0" + len(versions).to_bytes(4, "big") + versions.encode())

    async def greet(self, client_id: int, versions: str = "v157..200") -> None:
        self.hello(versions)
        self.version = int((await self.receive())[0])
        self.send("71", "2", str(client_id), "")

    def send(self, *fields: str) -> None:
        payload = ("\0".join(fields) + "\0").encode()
        self._writer.write(len(payload).to_bytes(4, "big") + payload)

    async def receive(self) -> Fields:
        size = int.from_bytes(await self._reader.readexactly(4), "big")
        fields = (await self._reader.readexactly(size)).decode().split("\0")[:-1]
        if not self.forgetful:
            self.seen.append(fields)
        return fields

    async def until(self, kind: str, match: Callable[[Fields], bool] = lambda _: True) -> Fields:
        while True:
            fields = await self.receive()
            if fields[0] == kind and match(fields):
                return fields

    async def status(self, order_id: int, status: str) -> Fields:
        return await self.until("3", lambda f: f[1:3] == [str(order_id), status])

    async def error(self, code: int) -> Fields:
        return await self.until("4", lambda f: f[2] == str(code))

    def close(self) -> None:
        self._writer.close()

    async def hung_up(self) -> None:
        """Reads on until the gateway has ended the connection."""
        try:
            while True:
                await self.receive()
        except (asyncio.IncompleteReadError, ConnectionError):
            self._writer.close()

    async def drained(self) -> None:
        """Reads on until an answer shows that everything before it has been read."""
        self.send("8", "1", "1")
        await self.until("9")

    async def quiet(self, seconds: float) -> None:
        """Fails if anything arrives in this time, once what was under way has been read."""
        await self.quiet_for("", seconds)

    async def quiet_for(self, kind: str, seconds: float) -> None:
        """Fails if a message of a kind arrives in this time; "" is any."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while (left := until - loop.time()) > 0:
            try:
                fields = await asyncio.wait_for(self.receive(), left)
            except TimeoutError:
                return
            assert kind not in ("", fields[0]), fields

    def all(self, kind: str) -> list[Fields]:
        return [fields for fields in self.seen if fields[0] == kind]

    def subscribe(self, request_id: int, symbol: str = "AAPL") -> None:
        contract = ["0", symbol, "STK", "", "", "", "", "SMART", "", "USD", "", ""]
        self.send("1", "11", str(request_id), *contract, "0", "", "0", "0", "")

    def cancel(self, order_id: int) -> None:
        self.send("4", str(order_id), "", "", "")

    def place(self, order_id: int, action: str, quantity: float, kind: str, **more: Any) -> None:
        self.send(*place_fields(order_id, action, quantity, kind, **more))


async def connected(port: int, client_id: int) -> Client:
    """A client that has its nextValidId and has read the farm notices."""
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    await client.greet(client_id)
    await client.error(2158)
    return client


async def close_all() -> None:
    """Closes every client's socket, whatever state it is in."""
    while _OPENED:
        writer = _OPENED.pop()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


Story = Callable[[Server], Awaitable[None]]


def play(folder: Path, story: Story, **settings: Any) -> None:
    """Runs a story against a simulator of its own, in one loop; nothing is left open."""

    async def run() -> None:
        usual = {"data_dir": folder, "tick_rate": 50, "reports": "plain"}
        server = await serve(Settings(**(usual | settings)))
        try:
            await asyncio.wait_for(story(server), 20)
        finally:
            await server.close()
            await close_all()

    asyncio.run(run())
