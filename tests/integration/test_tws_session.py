"""The session against a gateway on a real socket, on both event loops."""

from __future__ import annotations

import asyncio
import importlib
import selectors
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import pytest
import uvloop
from twsmq_nodes.tws.adapter import HIGHEST_SERVER_VERSION
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.core import State, Timing
from twsmq_nodes.tws.errors import EncodeRefused, NotConnected, TwsError
from twsmq_nodes.tws.events import (
    CurrentTime,
    Event,
    FrameRejected,
    GatewayError,
    MarketDataType,
    OpenOrderEnd,
    OrderStatus,
)
from twsmq_nodes.tws.framing import FrameSplitter, frame
from twsmq_nodes.tws.notices import ConnectFailed, Notice, PortMoved, SessionLost, SessionUp, WaitingClientId
from twsmq_nodes.tws.orders import OrderFields
from twsmq_nodes.tws.requests import (
    CancelOrder,
    PlaceOrder,
    Priority,
    ReqCurrentTime,
    ReqMarketDataType,
    ReqPositions,
)
from twsmq_nodes.tws.session import TwsSession
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
        self.notices: list[Notice] = []
        options = {"rate": 0, "timing": QUICK} | options
        self.session = TwsSession(
            "127.0.0.1",
            port,
            101,
            on_event=self._hear,
            on_ticks=self._hear,
            on_notice=self._notice,
            **options,
        )
        self.session.open()

    def _hear(self, what: Event | list[Tick]) -> None:
        self.heard.append(what)
        self._changed.set()

    def _notice(self, notice: Notice) -> None:
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


def socket_of(node: Node) -> socket.socket:
    return node.session._link._transport.get_extra_info("socket")  # type: ignore[union-attr]


Story = Callable[[Gateway, Node], Awaitable[None]]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    def run_it(story: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(
            loop_factory=uvloop.new_event_loop if request.param == "uvloop" else None
        ) as runner:
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
        sock = socket_of(node)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

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


def test_orders_take_their_ids_as_they_are_written_and_cancels_go_first(run: Any) -> None:
    async def story(gateway: Gateway, node: Node) -> None:
        peer = await come_up(gateway, node)
        ids = iter(range(42, 100))
        written: list[Any] = []

        def order() -> PlaceOrder:
            return PlaceOrder(next(ids), APPLE, OrderFields("BUY", 1, "MKT"))

        node.session.set_rate(20)
        node.session.send(ReqPositions())
        for _ in range(3):
            node.session.send(ReqMarketDataType(3))
        node.session.send(order, on_written=written.append)
        node.session.send(lambda: None)  # not wanted any more
        node.session.send(order, on_written=written.append)
        node.session.send(CancelOrder(7))
        node.session.send(order, priority=Priority.CANCEL, on_written=written.append)
        kinds = [await peer.told() for _ in range(8)]
        assert kinds[0][0] == "61"
        assert [kind[0] for kind in kinds if kind[0] in "43"] == ["4", "3", "3", "3"]
        assert [kind[0] for kind in kinds[-2:]] == ["59", "59"]  # asked for before all of them
        assert [kind[1] for kind in kinds if kind[0] == "3"] == ["42", "43", "44"]
        assert [request.order_id for request in written if isinstance(request, PlaceOrder)] == [42, 43, 44]

    play(run, story, rate=20)


def test_what_cannot_be_encoded_is_refused_and_costs_nothing(run: Any) -> None:
    async def story(gateway: Gateway, node: Node) -> None:
        peer = await come_up(gateway, node)
        bad = PlaceOrder(7, APPLE, OrderFields("BUY", float("nan"), "MKT"))
        refused: list[TwsError] = []
        node.session.send(bad, on_refused=refused.append)
        [error] = refused
        assert isinstance(error, EncodeRefused)
        assert (error.request, error.field) == ("PlaceOrder", "total_quantity")
        with pytest.raises(EncodeRefused):
            node.session.check(bad)
        with pytest.raises(EncodeRefused):
            node.session.send(ReqCurrentTime())
        node.session.send(ReqPositions())
        assert await peer.told() == ["61", "1"]

    play(run, story)


def test_more_than_the_socket_takes_arrives_in_the_end(run: Any) -> None:
    async def story(gateway: Gateway, node: Node) -> None:
        peer = await come_up(gateway, node)
        peer.transport.pause_reading()
        socket_of(node).setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        order = PlaceOrder(7, APPLE, OrderFields("BUY", 1, "MKT", order_ref="x" * 4000))
        count = 100
        for _ in range(count):
            node.session.send(order)
        assert node.session.queued > 0  # the rest waits here, where a cancel can still overtake it
        node.session.send(CancelOrder(7))
        peer.transport.resume_reading()
        kinds = [(await peer.told())[0] for _ in range(count + 1)]
        assert kinds.count("3") == count
        assert kinds.index("4") < count

    play(run, story)


def test_what_is_written_leaves_before_the_callback_that_wrote_it_is_done(run: Any) -> None:
    async def story(gateway: Gateway, node: Node) -> None:
        peer = await come_up(gateway, node)
        with selectors.DefaultSelector() as selector:
            selector.register(peer.transport.get_extra_info("socket").fileno(), selectors.EVENT_READ)
            for order_id in (7, 8, 9):
                node.session.send(PlaceOrder(order_id, APPLE, OrderFields("BUY", 1, "MKT")))
                assert selector.select(5), "the loop has not turned, and the bytes are there"
        assert [(await peer.told())[:2] for _ in range(3)] == [["3", "7"], ["3", "8"], ["3", "9"]]
        node.session.send(CancelOrder(9))
        assert (await peer.told())[:2] == ["4", "9"]

    play(run, story)


def test_closing_from_within_a_notice_is_the_last_word(run: Any) -> None:
    async def whole() -> None:
        gateway = await Gateway().listen()
        closed = asyncio.Event()

        def notice(what: Notice) -> None:
            if isinstance(what, SessionUp):
                session.close()
                closed.set()

        session = TwsSession(
            "127.0.0.1", gateway.port, 101, on_event=lambda _: None, on_ticks=lambda _: None, on_notice=notice
        )
        session.open()
        peer = await gateway.accept()
        await peer.let_in()
        await asyncio.wait_for(closed.wait(), 5)
        await asyncio.wait_for(peer.hung_up.wait(), 5)
        assert session.state is State.DISCONNECTED
        await asyncio.wait_for(session.wait_closed(), 5)
        await gateway.close()

    run(whole())


def test_request_ids_are_never_given_twice(run: Any) -> None:
    async def story(gateway: Gateway, node: Node) -> None:
        peer = await come_up(gateway, node)
        ids = [node.session.next_req_id() for _ in range(3)]
        peer.transport.abort()
        await node.noticed(SessionLost)
        await come_up(gateway, node)
        ids += [node.session.next_req_id() for _ in range(3)]
        assert len(set(ids)) == 6

    play(run, story)


def test_a_session_that_is_too_fast_for_its_gateway_slows_down(
    run: Callable[..., None],
) -> None:
    async def story(gateway: Gateway, node: Node) -> None:
        peer = await come_up(gateway, node)
        assert node.session.rate == 40.0
        peer.send("4|-1|100|Max rate of messages per second has been exceeded:max=50 rec=100 (1)||0|")
        assert isinstance(await node.told(GatewayError), GatewayError)
        assert node.session.rate == 16.0
        peer.transport.abort()
        await node.noticed(SessionLost)
        await come_up(gateway, node)
        assert node.session.rate == 40.0

    play(run, story, rate=40.0)


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
