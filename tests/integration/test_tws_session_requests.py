"""What a session writes: orders take ids as they go, cancels overtake, budgets, refusals."""

from __future__ import annotations

import asyncio
import selectors
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from support.tws_session import APPLE, LOOPS, Gateway, Node, come_up, play, runner, socket_to
from twsmq_nodes.tws.core import State
from twsmq_nodes.tws.errors import EncodeRefused, TwsError
from twsmq_nodes.tws.events import (
    GatewayError,
)
from twsmq_nodes.tws.orders import OrderFields
from twsmq_nodes.tws.pacing import Priority
from twsmq_nodes.tws.requests import CancelOrder, PlaceOrder, ReqCurrentTime, ReqPositions
from twsmq_nodes.tws.session import TwsSession
from twsmq_nodes.tws.session_events import (
    SessionEvent,
    SessionLost,
    SessionUp,
)
from twsmq_nodes.tws.stream_requests import ReqMarketDataType


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    return runner(request.param)


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
        with socket_to(gateway) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
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

        def last(what: SessionEvent) -> None:
            if isinstance(what, SessionUp):
                session.close()
                closed.set()

        session = TwsSession(
            "127.0.0.1",
            gateway.port,
            101,
            on_event=lambda _: None,
            on_ticks=lambda _: None,
            on_session_event=last,
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
