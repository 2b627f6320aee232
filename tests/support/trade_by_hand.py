"""A trade under a client ID of its own, as a person at TWS makes one."""

from __future__ import annotations

import asyncio

from twsmq_nodes.tws.events import Event, OrderStatus
from twsmq_nodes.tws.instruments import contract_of
from twsmq_nodes.tws.orders import OrderFields
from twsmq_nodes.tws.requests import PlaceOrder
from twsmq_nodes.tws.session import TwsSession
from twsmq_nodes.tws.session_events import SessionEvent, SessionUp
from twsmq_protocol.instruments import parse_instrument


def trade_by_hand(port: int, spelling: str, side: str, quantity: float) -> None:
    """Fill a market order at the gateway on `port`."""

    async def run() -> None:
        up: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        filled = asyncio.Event()

        def noticed(notice: SessionEvent) -> None:
            if isinstance(notice, SessionUp) and not up.done():
                up.set_result(notice.next_order_id)

        def heard(event: Event) -> None:
            if isinstance(event, OrderStatus) and event.status == "Filled":
                filled.set()

        session = TwsSession(
            "127.0.0.1", port, 7, on_event=heard, on_session_event=noticed, on_ticks=lambda _: None, rate=0
        )
        session.open()
        order_id = await asyncio.wait_for(up, 20)
        order = OrderFields(action=side, total_quantity=quantity, order_type="MKT", transmit=True)
        session.send(PlaceOrder(order_id, contract_of(parse_instrument(spelling)), order))
        await asyncio.wait_for(filled.wait(), 20)
        session.close()

    asyncio.run(run())
