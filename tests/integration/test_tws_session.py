"""The session against a gateway on a real socket, on both event loops."""

from __future__ import annotations

import asyncio
import importlib
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from support.patience import patient
from support.tws_session import LOOPS, Gateway, Node, come_up, play, runner, socket_to, text
from twsmq_nodes.tws.adapter import HIGHEST_SERVER_VERSION
from twsmq_nodes.tws.connection import DEAD_HOST_MS
from twsmq_nodes.tws.core import State, Timing
from twsmq_nodes.tws.errors import NotConnected, TwsError
from twsmq_nodes.tws.events import (
    CurrentTime,
    FrameRejected,
    MarketDataType,
    OpenOrderEnd,
    OrderStatus,
)
from twsmq_nodes.tws.framing import frame
from twsmq_nodes.tws.requests import ReqPositions
from twsmq_nodes.tws.session import EVENT_FRAMES, FRAMES_A_TURN
from twsmq_nodes.tws.session_events import (
    ConnectFailed,
    PortMoved,
    SessionLost,
    SessionUp,
    WaitingClientId,
)


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    return runner(request.param)


def test_it_comes_up_and_says_with_what(run: Any) -> None:
    async def story(gateway: Gateway, node: Node) -> None:
        peer = await gateway.accept()
        await peer.let_in(187)
        assert await node.noticed(SessionUp) == SessionUp(187, ("DU1",), 42, upstream=True)
        assert node.session.state is State.UP
        assert node.session.server_version == 187

    play(run, story)


def test_nagle_is_off_and_keepalive_on(run: Any) -> None:
    async def story(gateway: Gateway, node: Node) -> None:
        await come_up(gateway, node)
        with socket_to(gateway) as sock:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == DEAD_HOST_MS

    play(run, story)


def test_bytes_one_by_one_tell_the_same_as_all_at_once(run: Any) -> None:
    said = text(
        "58|1|7|1|", "1|6|7|1|187.25|300|1|", "2|6|7|8|1000|", "53|1|", "9|x|", "1|6|7|2|187.5||1|", "49|1|1|"
    )

    async def story(gateway: Gateway, node: Node) -> None:
        peer = await come_up(gateway, node)
        node.heard.clear()
        peer.transport.write(said)
        await node.told(CurrentTime)
        at_once = [heard for heard in node.heard if not isinstance(heard, list)]
        ticks_at_once = [tick for heard in node.heard if isinstance(heard, list) for tick in heard]
        node.heard.clear()
        for n in range(len(said)):
            peer.transport.write(said[n : n + 1])
            await asyncio.sleep(0)
        await node.told(CurrentTime)
        assert [heard for heard in node.heard if not isinstance(heard, list)] == at_once
        assert [tick for heard in node.heard if isinstance(heard, list) for tick in heard] == ticks_at_once
        assert ticks_at_once == [
            (7, 1, 187.25, 1),
            (7, 0, 300.0, 0),
            (7, 8, 1000.0, 0),
            (7, 2, 187.5, 1),
            (7, 3, None, 0),
        ]

    play(run, story)


def test_ticks_and_events_keep_the_gateways_order(run: Any) -> None:
    async def story(gateway: Gateway, node: Node) -> None:
        peer = await come_up(gateway, node)
        node.heard.clear()
        peer.send("58|1|7|1|", "2|6|7|8|1|", "2|6|7|8|2|", "58|1|7|3|", "2|6|7|74|3|", "49|1|1|")
        await node.told(CurrentTime)
        assert node.heard == [
            MarketDataType(7, 1), [(7, 8, 1.0, 0), (7, 8, 2.0, 0)], MarketDataType(7, 3), [(7, 74, 3.0, 0)],
            CurrentTime(1),
        ]  # fmt: skip

    play(run, story)


def test_a_gateway_that_sends_without_end_keeps_nobody_else_from_their_turn(run: Any) -> None:
    ticks = [f"2|6|7|8|{size}|" for size in range(40_000)]
    reports = [f"3|{number}|Submitted|0|1|0|5|0|0|1||0|" for number in range(5000)]

    async def story(gateway: Gateway, node: Node) -> None:
        peer = await come_up(gateway, node)
        loop = asyncio.get_running_loop()
        node.heard.clear()
        turns: list[tuple[int, int]] = []
        over = asyncio.Event()
        left = [5000, 40_500]

        def turn() -> None:
            events = sum(not isinstance(heard, list) for heard in node.heard)
            count = sum(len(heard) for heard in node.heard if isinstance(heard, list))
            node.heard.clear()
            turns.append((events, count))
            left[:] = left[0] - events, left[1] - count
            if left == [0, 0]:
                over.set()
            else:
                loop.call_soon(turn)

        loop.call_soon(turn)
        peer.send(*ticks, *reports, *ticks[:500])
        async with asyncio.timeout(patient(20)):
            await over.wait()
        # Of uvloop the last part of a read and the first of the next may share one.
        assert max(events for events, _ in turns) <= 2 * FRAMES_A_TURN // EVENT_FRAMES
        assert max(count for _, count in turns) <= 2 * FRAMES_A_TURN

    play(run, story)


def test_a_bad_frame_is_an_event_and_nothing_else_notices(run: Any) -> None:
    async def story(gateway: Gateway, node: Node) -> None:
        peer = await come_up(gateway, node)
        peer.transport.write(frame(b"") + frame(b"\xff\xfe\x00") + frame(b"1\x006\x00x\x00") + text("53|1|"))
        await node.told(OpenOrderEnd)
        assert sum(isinstance(heard, FrameRejected) for heard in node.heard) == 3
        assert node.session.state is State.UP

    play(run, story)


def test_a_stream_that_is_no_frames_ends_the_connection_and_a_new_one_is_made(run: Any) -> None:
    async def story(gateway: Gateway, node: Node) -> None:
        peer = await come_up(gateway, node)
        peer.transport.write(b"\xff" * 100)
        assert "frame of 4294967295 bytes" in (await node.noticed(SessionLost)).reason
        await come_up(gateway, node)

    play(run, story)


def test_it_comes_back_after_the_gateway_hangs_up_and_what_was_queued_is_refused(run: Any) -> None:
    async def story(gateway: Gateway, node: Node) -> None:
        peer = await come_up(gateway, node)
        refused: list[TwsError] = []
        node.session.set_rate(0.001)
        for _ in range(3):
            node.session.send(ReqPositions(), on_refused=refused.append)
        assert await peer.told() == ["61", "1"]
        assert node.session.queued == 2
        peer.transport.abort()
        lost = await node.noticed(SessionLost)
        assert lost.retry_in < 1
        assert [type(error) for error in refused] == [NotConnected, NotConnected]
        with pytest.raises(NotConnected):
            node.session.send(ReqPositions())
        await come_up(gateway, node)
        assert node.session.queued == 0

    play(run, story)


def test_a_busy_client_id_is_waited_for(run: Any) -> None:
    async def story(gateway: Gateway, node: Node) -> None:
        peer = await gateway.accept()
        assert await peer.told() == ["v157..200"]
        peer.send("200|20260105 09:30:00 US/Eastern|")
        assert (await peer.told())[:3] == ["71", "2", "101"]
        peer.send(
            "4|-1|326|Unable connect as the client id is already in use. Retry with a unique client id.||0|"
        )
        assert (await node.noticed(WaitingClientId)).client_id == 101
        await asyncio.wait_for(peer.hung_up.wait(), 5)
        await come_up(gateway, node)

    play(run, story)


def test_a_silent_gateway_is_probed_then_left(run: Any) -> None:
    async def story(gateway: Gateway, node: Node) -> None:
        peer = await come_up(gateway, node)
        assert await peer.told() == ["49", "1"]
        peer.send("49|1|1700000000|")
        await node.told(CurrentTime)
        assert await peer.told() == ["49", "1"]  # and no answer this time
        assert "though asked for the time" in (await node.noticed(SessionLost)).reason
        await asyncio.wait_for(peer.hung_up.wait(), 5)
        await come_up(gateway, node)

    play(run, story, timing=Timing(retry_base=0.01, idle=1.0, probe_timeout=0.2))


def test_nobody_listening_is_tried_again_until_somebody_does(run: Any) -> None:
    async def whole() -> None:
        gateway = await Gateway().listen()
        port = gateway.port
        await gateway.close()
        node = Node(port)
        assert "cannot connect" in (await node.noticed(ConnectFailed)).reason
        gateway = await Gateway().listen(port)
        await come_up(gateway, node)
        node.session.close()
        await asyncio.wait_for(node.session.wait_closed(), 5)
        await gateway.close()

    run(whole())


def test_a_moved_port_is_followed(run: Any) -> None:
    async def story(gateway: Gateway, node: Node) -> None:
        elsewhere = await Gateway().listen()
        peer = await come_up(gateway, node)
        peer.send(f"4|-1|1300|Please reconnect on the new port -{elsewhere.port}||0|")
        assert await node.noticed(PortMoved) == PortMoved(elsewhere.port)
        peer.transport.abort()
        await come_up(elsewhere, node)
        node.session.close()
        await elsewhere.close()

    play(run, story)


@pytest.mark.skipif(HIGHEST_SERVER_VERSION < 203, reason="the installed ibapi speaks only text")
def test_a_session_above_200_reads_text_and_protobuf_side_by_side(run: Callable[..., None]) -> None:
    async def story(gateway: Gateway, node: Node) -> None:
        peer = await gateway.accept()
        assert await peer.told() == ["v157..203"]
        peer.send("203|20260105 09:30:00 US/Eastern|")
        assert await peer.told() == ["", "", "", "G2", "101", ""]  # startApi is text still, its id is raw
        peer.transport.write(frame(b"\0\0\0\x0f1\0DU1\0") + frame(b"\0\0\0\x091\x0042\0"))
        up = await node.noticed(SessionUp)
        assert (up.server_version, up.accounts, up.next_order_id) == (203, ("DU1",), 42)
        status: Any = importlib.import_module("ibapi.protobuf.OrderStatus_pb2").OrderStatus(
            orderId=7, status="Filled", filled="1", remaining="0", avgFillPrice=1.5, permId=9, clientId=101
        )
        peer.transport.write(
            frame(b"\0\0\0\x016\x009\x001\x00187.5\x00100\x001\x00")
            + frame(b"\0\0\0\xcb" + status.SerializeToString())
            + frame(b"\0\0\0\xcb\xff")
        )
        await node.told(FrameRejected)
        ticks, filled, rejected = node.heard[-3:]
        assert ticks == [(9, 1, 187.5, 1), (9, 0, 100.0, 0)]
        assert isinstance(filled, OrderStatus)
        assert (filled.order_id, filled.status, filled.filled, filled.perm_id) == (7, "Filled", 1.0, 9)
        assert isinstance(rejected, FrameRejected)

    play(run, story, max_server_version=203)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x15\x03\x03\x00\x02\x02\x46",  # a TLS alert
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"-ERR unknown command 'API'\r\n",
        b"\xff\0\0\0\0\0\0\0\x01\x7f",  # ZMTP
        b"\0\0\0\x05hello",
    ],
)
def test_another_program_on_the_gateways_port_is_called_so(run: Callable[..., None], said: bytes) -> None:
    async def story(gateway: Gateway, node: Node) -> None:
        peer = await gateway.accept()
        peer.transport.write(said)
        failed = await node.noticed(ConnectFailed)
        assert "no TWS or IB Gateway" in failed.reason
        assert failed.unusable

    play(run, story)


@pytest.mark.parametrize("kind", ["5", "61", "4", "nonsense"])
def test_a_message_of_millions_of_fields_ends_the_session_and_holds_nobody_up(
    run: Callable[..., None], kind: str
) -> None:
    async def story(gateway: Gateway, node: Node) -> None:
        peer = await come_up(gateway, node)
        loop, latest = asyncio.get_running_loop(), 0.0

        async def beat() -> None:
            nonlocal latest
            while True:
                before = loop.time()
                await asyncio.sleep(0.005)
                latest = max(latest, loop.time() - before)

        beating = asyncio.create_task(beat())
        peer.send("49|1|1700000000|")
        peer.transport.write(frame(kind.encode() + b"\0" * 15_000_000))
        lost = await node.noticed(SessionLost)
        assert "more than" in lost.reason
        assert isinstance(node.heard[-1], CurrentTime), "what came before it has been handed on"
        await come_up(gateway, node)
        beating.cancel()
        assert latest < 1.0

    play(run, story)
