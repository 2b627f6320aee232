"""The gateway's socket, written by the loop and by another thread."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop
from twsmq_nodes.tws.connection import Connection, why_unreachable
from twsmq_nodes.tws.framing import FrameSplitter, frame

Runner = Callable[[Coroutine[Any, Any, None]], None]


class Owner:
    def connection_opened(self, connection: Connection) -> None: ...
    def connection_gone(self, connection: Connection) -> None: ...
    def connection_writable(self, connection: Connection) -> None: ...
    def frames_received(self, connection: Connection, frames: list[bytes]) -> None: ...
    def connection_lost(self, connection: Connection, reason: str) -> None: ...


def on_both_loops(check: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[Runner], None]:
    @pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
    def test(run: Runner) -> None:
        run(check())

    return test


@asynccontextmanager
async def linked() -> AsyncIterator[tuple[Connection, socket.socket]]:
    """A connection with little room in its socket, and the gateway's end; both are closed."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    ours = socket.socket()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    ours.connect(listener.getsockname())
    theirs, _ = listener.accept()
    listener.close()
    ours.setblocking(False)
    _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(Owner()), sock=ours)
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
    said = why_unreachable(OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "127.0.0.1", 4002)
    assert (
        said
        == "no file descriptor is left here to connect to the gateway: Too many open files; raise `ulimit -n`"
    )
    refused = why_unreachable(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "::1", 4002)
    assert refused == f"cannot connect to [::1]:4002: [Errno {errno.ECONNREFUSED}] Connection refused"
