"""The gateway's socket, written by the loop and by another thread."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvloop
from support.patience import patient
from twsmq_nodes.tws.connection import Connection, why_unreachable
from twsmq_nodes.tws.framing import FrameSplitter, frame

Runner = Callable[[Coroutine[Any, Any, None]], None]


class Owner:
    def connection_opened(self, connection: Connection) -> None: ...
    def connection_gone(self, connection: Connection) -> None: ...
    def connection_writable(self, connection: Connection) -> None: ...
    def connection_lost(self, connection: Connection, reason: str) -> None: ...
    def frames_received(self, connection: Connection, frames: list[bytes]) -> int:
        return len(frames)


class Sipping(Owner):
    """Takes three frames a turn, and says in which turn."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.turns: list[int] = []
        self.turn = 0
        self.ended = False
        self.some = asyncio.Event()
        self.wanted = 0
        self.all = asyncio.Event()
        self._next()

    def _next(self) -> None:
        self.turn += 1
        if not self.ended:
            asyncio.get_running_loop().call_soon(self._next)

    def frames_received(self, connection: Connection, frames: list[bytes]) -> int:
        assert not self.ended
        if frames:
            self.taken += frames[:3]
            self.turns.append(self.turn)
            self.some.set()
        if self.wanted and len(self.taken) >= self.wanted:
            self.all.set()
        return min(3, len(frames))

    def connection_lost(self, connection: Connection, reason: str) -> None:
        self.ended = True


def on_both_loops(check: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[Runner], None]:
    @pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
    def test(run: Runner) -> None:
        run(check())

    return test


@asynccontextmanager
async def linked(owner: Owner | None = None) -> AsyncIterator[tuple[Connection, socket.socket]]:
    """A connection with little room in both sockets, and the gateway's end; both are closed."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    ours = socket.socket()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    ours.connect(listener.getsockname())
    theirs, _ = listener.accept()
    listener.close()
    ours.setblocking(False)
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(owner or Owner()), sock=ours)
    try:
        yield connection, theirs
    finally:
        connection.close()
        await connection.gone
        theirs.close()


@on_both_loops
async def test_frames_of_two_threads_arrive_whole_though_the_socket_is_full_most_of_the_time() -> None:
    async with linked() as (connection, gateway):
        frames: list[bytes] = []
        arrived = threading.Event()
        expected = 600

        def read() -> None:
            splitter = FrameSplitter()
            while len(frames) < expected:
                frames.extend(splitter.feed(gateway.recv(3000)))
            arrived.set()

        begun = threading.Event()
        refused: list[int] = []

        def write() -> None:
            for number in range(expected // 2):
                data = frame(b"thread %d " % number + os.urandom(1) * 3000)
                if not connection.write_from_thread(data):
                    refused.append(number)
                begun.set()

        threads = [threading.Thread(target=read), threading.Thread(target=write)]
        for thread in threads:
            thread.start()
        assert await asyncio.to_thread(begun.wait, 20)
        assert 0 not in refused, "there was room for the first"
        for number in range(expected // 2):
            connection.write(frame(b"loop %d " % number + os.urandom(1) * 2000))
            if number % 7 == 0:
                await asyncio.sleep(0)
        await asyncio.to_thread(threads[1].join)
        for number in refused:  # as the loop does with what the thread could not write
            connection.write(frame(b"thread %d " % number))
        assert await asyncio.to_thread(arrived.wait, 20)
        texts = [bytes(payload[:1]) for payload in frames]
        assert len(frames) == expected
        assert set(texts) == {b"t", b"l"}
        loops = [int(bytes(payload).split()[1]) for payload in frames if payload[:4] == b"loop"]
        assert loops == sorted(loops) == list(range(expected // 2))
        threads[0].join()


@on_both_loops
async def test_what_a_thread_has_written_in_part_is_ended_before_anything_else() -> None:
    async with linked() as (connection, gateway):
        large = frame(b"19\0" + b"x" * 1_000_000)  # scanner parameters may be long
        assert connection.write_from_thread(large), "the socket takes a part"
        assert not connection.write_from_thread(frame(b"no")), "nothing more until the rest has gone"
        connection.write(frame(b"after"))
        splitter = FrameSplitter()
        frames: list[bytes] = []
        while len(frames) < 2:
            frames += splitter.feed(await asyncio.to_thread(gateway.recv, 65536))
        assert [len(payload) for payload in frames] == [1_000_003, 5]
        for _ in range(1000):
            if connection.write_from_thread(frame(b"again")):
                break
            await asyncio.sleep(0)
        assert await asyncio.to_thread(gateway.recv, 100) == frame(b"again")


@on_both_loops
async def test_what_the_owner_does_not_take_comes_in_later_turns_in_order_and_the_gateway_waits() -> None:
    owner = Sipping()
    data = b"".join(frame(b"%9d" % number) for number in range(300_000))
    async with linked(owner) as (_, gateway):
        gateway.setblocking(False)
        sent = 0
        for _ in range(200):
            with suppress(BlockingIOError):
                while sent < len(data):
                    sent += gateway.send(data[sent : sent + 4096])
            for _ in range(5):
                await asyncio.sleep(0)
        assert sent < 300_000 + 13 * len(owner.taken), "one read, and what the system holds"
        owner.wanted = sent // 13
        async with asyncio.timeout(patient(20)):
            await owner.all.wait()
        assert owner.taken == [b"%9d" % number for number in range(sent // 13)]
        # Of uvloop the last part of a read and the first of the next may share one.
        assert max(Counter(owner.turns).values()) <= 2


@on_both_loops
async def test_what_a_gateway_said_before_it_cut_the_connection_comes_first() -> None:
    owner = Sipping()
    async with linked(owner) as (connection, gateway):
        gateway.sendall(b"".join(frame(b"%d" % number) for number in range(100)))
        async with asyncio.timeout(patient(20)):
            await owner.some.wait()
            gateway.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            gateway.close()
            await connection.gone
        assert owner.taken == [b"%d" % number for number in range(100)]
        assert owner.ended


@on_both_loops
async def test_no_thread_writes_on_a_link_that_is_closed_and_the_gateway_sees_the_end() -> None:
    async with linked() as (connection, gateway):
        connection.close(flush=True)
        assert not connection.write_from_thread(b"late")
        assert await asyncio.to_thread(gateway.recv, 10) == b""


@on_both_loops
async def test_a_link_for_which_no_second_descriptor_is_left_is_written_by_the_loop() -> None:
    def none_left(_: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "dup", none_left)
        async with linked() as (connection, gateway):
            assert not connection.write_from_thread(b"by a thread")
            connection.write(b"by the loop")
            assert await asyncio.to_thread(gateway.recv, 100) == b"by the loop"


def test_that_no_descriptor_is_left_is_no_fault_of_the_gateways() -> None:
    said, ours = why_unreachable(OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "127.0.0.1", 4002)
    assert ours
    assert said.startswith("no file descriptor is left in this process: raise `ulimit -n`")
    refused = why_unreachable(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "::1", 4002)
    assert refused == (
        f"cannot connect to [::1]:4002: [Errno {errno.ECONNREFUSED}] Connection refused",
        False,
    )


def test_a_name_that_cannot_be_looked_up_for_want_of_a_descriptor_is_no_unknown_name() -> None:
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert why_unreachable(unknown, "gateway", 4002)[1] is False

    def none_left(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", none_left)
        said, ours = why_unreachable(unknown, "gateway", 4002)
    assert ours
    assert "ulimit -n" in said
