"""A session on a loop, and a gateway of the test's own that it connects to."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import psutil
import uvloop
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.core import Timing
from twsmq_nodes.tws.events import (
    Event,
)
from twsmq_nodes.tws.framing import FrameSplitter, frame
from twsmq_nodes.tws.session import TwsSession
from twsmq_nodes.tws.session_events import (
    SessionEvent,
    SessionUp,
)
from twsmq_nodes.tws.ticks import Tick

T = TypeVar("T")
APPLE = Contract(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")
QUICK = Timing(retry_base=0.01, retry_cap=0.05, client_id_retry=0.02, idle=30)


def text(*messages: str) -> bytes:
    return b"".join(frame(message.replace("|", "\0").encode()) for message in messages)


class Peer(asyncio.Protocol):
    """The gateway's side of one connection: what it was told, and a pen to write with."""

    def __init__(self, arrived: asyncio.Queue[Peer]) -> None:
        self._arrived = arrived
        self._splitter = FrameSplitter()
        self._greeted = False
        self.messages: asyncio.Queue[list[str]] = asyncio.Queue()
        self.hung_up = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._arrived.put_nowait(self)

    def data_received(self, data: bytes) -> None:
        if not self._greeted:
            assert data.startswith(b"API\0")
            data, self._greeted = data[4:], True
        for found in self._splitter.feed(data):
            self.messages.put_nowait(found.decode().split("\0")[:-1] or [found.decode()])

    def connection_lost(self, exc: Exception | None) -> None:
        self.hung_up.set()

    def send(self, *messages: str) -> None:
        self.transport.write(text(*messages))

    async def told(self) -> list[str]:
        return await asyncio.wait_for(self.messages.get(), 5)

    async def let_in(self, version: int = 200) -> None:
        """The usual conversation up to nextValidId."""
        assert await self.told() == ["v157..200"]
        self.send(f"{version}|20260105 09:30:00 US/Eastern|")
        assert await self.told() == ["71", "2", "101", ""]
        self.send("15|1|DU1|", "9|1|42|")


class Gateway:
    """Listens on a free port; `accept` gives the next connection."""

    def __init__(self) -> None:
        self._arrived: asyncio.Queue[Peer] = asyncio.Queue()
        self.peers: list[Peer] = []

    async def listen(self, port: int = 0) -> Gateway:
        listener = socket.create_server(("127.0.0.1", port))
        self.port: int = listener.getsockname()[1]
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # a reader who stops is felt soon
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Peer(self._arrived), sock=listener
        )
        return self

    async def accept(self) -> Peer:
        self.peers.append(await asyncio.wait_for(self._arrived.get(), 5))
        return self.peers[-1]

    async def close(self) -> None:
        self._server.close()
        for peer in self.peers:
            peer.transport.abort()
            await asyncio.wait_for(peer.hung_up.wait(), 5)


class Node:
    """What a node hears from its session, in order."""

    def __init__(self, port: int, **options: Any) -> None:
        self.heard: list[Event | list[Tick]] = []
        self._changed = asyncio.Event()
        self.notices: list[SessionEvent] = []
        options = {"rate": 0, "timing": QUICK} | options
        self.session = TwsSession(
            "127.0.0.1",
            port,
            101,
            on_event=self._hear,
            on_ticks=self._hear,
            on_session_event=self._notice,
            **options,
        )
        self.session.open()

    def _hear(self, what: Event | list[Tick]) -> None:
        self.heard.append(what)
        self._changed.set()

    def _notice(self, notice: SessionEvent) -> None:
        self.notices.append(notice)
        self._changed.set()

    async def until(self, condition: Callable[[], T | None]) -> T:
        async with asyncio.timeout(5):
            while (found := condition()) is None or found is False:
                self._changed.clear()
                await self._changed.wait()
        return found

    async def noticed(self, kind: type[T]) -> T:
        """The next notice of a kind; what came before it is forgotten."""

        def find() -> T | None:
            return next((n for n in self.notices if isinstance(n, kind)), None)

        found = await self.until(find)
        del self.notices[: self.notices.index(found) + 1]  # type: ignore[arg-type]
        return found

    async def told(self, kind: type[Event]) -> Event:
        return await self.until(lambda: next((e for e in self.heard if isinstance(e, kind)), None))


def socket_to(gateway: Gateway) -> socket.socket:
    """The session's own end of its connection, as this process holds it."""
    [fd] = [
        held.fd
        for held in psutil.Process().net_connections("tcp4")
        if held.raddr and held.raddr[1] == gateway.port
    ]
    return socket.socket(fileno=os.dup(fd))


Story = Callable[[Gateway, Node], Awaitable[None]]


LOOPS = ("asyncio", "uvloop")


def runner(loop: str) -> Callable[[Coroutine[Any, Any, None]], None]:
    """What runs a story on that kind of loop."""

    def run_it(story: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None) as runner:
            runner.run(story)

    return run_it


def play(run: Callable[..., None], story: Story, **options: Any) -> None:
    async def whole() -> None:
        gateway = await Gateway().listen()
        node = Node(gateway.port, **options)
        try:
            await story(gateway, node)
        finally:
            node.session.close()
            await asyncio.wait_for(node.session.wait_closed(), 5)
            await gateway.close()

    run(whole())


async def come_up(gateway: Gateway, node: Node) -> Peer:
    peer = await gateway.accept()
    await peer.let_in()
    await node.noticed(SessionUp)
    return peer
