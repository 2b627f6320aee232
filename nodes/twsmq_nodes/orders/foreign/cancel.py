"""An operator's cancel of an order that was not placed here.

A gateway lets an order be cancelled by whoever placed it: so a session of its own is opened under its owner's
client ID for as long as that takes, the order is looked up there by its permanent id, and cancelled by the
id it has there (an order entered by hand gets one when the client ID 0 asks for open orders; IBKR API
docs). If the owner is connected, its client ID is taken: then our own session names the order id, if no other
order has it. What is known of gateways differs there: one refused (10147, captured in August 2026), one was
written down to obey. So the answer waits for the gateway's word, or for the order to be gone from its lists.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from msgspec import Struct
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.order_control_requests import ForeignCancel
from twsmq_protocol.order_query_requests import ForeignOrder
from twsmq_transport.mailbox import Call

from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import session_events
from twsmq_nodes.tws.codes import is_warning
from twsmq_nodes.tws.errors import NotConnected
from twsmq_nodes.tws.requests import CancelOrder, ReqOpenOrders, Request
from twsmq_nodes.tws.session import TwsSession

from .orders import ENDED

PATIENCE_S = 10.0
HERE_PATIENCE_S = 15.0
"""Orders of others are listed every ten seconds."""
CANCELLED = 202
"""The gateway's word that an order is cancelled comes as an error (captured)."""

log = structlog.stdlib.get_logger()


class ForeignCanceller:
    """`cancel` answers its call. `unique`: no other order has this one's order id; `works`: whether the order
    of a permanent id is listed; `send` goes out in the node's own session, of which `heard` is told what the
    gateway says."""

    def __init__(
        self,
        host: str,
        port: int,
        own_client_id: int,
        send: Callable[[CancelOrder], None],
        unique: Callable[[ForeignOrder], bool],
        works: Callable[[int], bool],
    ) -> None:
        self._host = host
        self._port = port
        self._own_client_id = own_client_id
        self._send = send
        self._unique = unique
        self._works = works
        self._running: set[_Attempt] = set()
        self._here: dict[int, _Here] = {}  # by order id

    def cancel(self, row: ForeignOrder, call: Call) -> None:
        log.warning("an operator cancels a foreign order", perm_id=row.perm_id, client_id=row.client_id)
        if row.client_id == self._own_client_id:
            self._cancel_here(row, call)
            return
        attempt = _Attempt(self._host, self._port, row, call, self._owner_is_connected)
        self._running.add(attempt)
        attempt.on_end = lambda: self._running.discard(attempt)
        attempt.open()

    def close(self) -> None:
        why = "the node ends; the order was perhaps not cancelled"
        for attempt in list(self._running):
            attempt.fail(ErrorCode.NOT_READY, why)
        for order_id in list(self._here):
            self._end_here(order_id).call.fail(RequestError(ErrorCode.NOT_READY, why))

    def on_event(self, event: tws.Event) -> None:
        """Something came in the node's own session."""
        if not self._here:
            return
        match event:
            case tws.GatewayError(order_id, code, text) if order_id in self._here and not is_warning(code):
                here = self._end_here(order_id)
                if code == CANCELLED:
                    here.call.succeed(ForeignCancel(perm_id=here.row.perm_id, status="Cancelled", text=text))
                else:
                    here.call.fail(
                        RequestError(ErrorCode.GATEWAY_REJECTED, here.refused(text), tws_code=code)
                    )
            case tws.OrderStatus(order_id, status) if order_id in self._here and status in ENDED:
                if event.perm_id == self._here[order_id].row.perm_id:
                    row = self._here[order_id].row
                    self._end_here(order_id).call.succeed(ForeignCancel(perm_id=row.perm_id, status=status))
            case _:
                pass

    def _owner_is_connected(self, row: ForeignOrder, call: Call) -> None:
        if row.order_id > 0 and self._unique(row):
            self._cancel_here(row, call)
            return
        why = (
            f"client ID {row.client_id}, which placed it, is connected, and another order has the order id "
            f"{row.order_id} as well: cancel it there, or in TWS"
        )
        call.fail(RequestError(ErrorCode.CONFLICT, why))

    def _cancel_here(self, row: ForeignOrder, call: Call) -> None:
        if row.order_id in self._here:
            call.fail(RequestError(ErrorCode.CONFLICT, "its cancel is under way already"))
            return
        loop = asyncio.get_running_loop()
        timer = loop.call_later(HERE_PATIENCE_S, self._unanswered, row.order_id)
        self._here[row.order_id] = _Here(row, call, timer, ours=row.client_id == self._own_client_id)
        self._send(CancelOrder(row.order_id))

    def _unanswered(self, order_id: int) -> None:
        """What becomes of another client's order only that one is told; lists show whether it is gone."""
        here = self._end_here(order_id)
        gone = "it is listed no more: foreign/ tells how it ended"
        text = (
            f"cancel sent; it is still listed after {HERE_PATIENCE_S:g} s"
            if self._works(here.row.perm_id)
            else gone
        )
        here.call.succeed(ForeignCancel(perm_id=here.row.perm_id, status="", text=text))

    def _end_here(self, order_id: int) -> _Here:
        here = self._here.pop(order_id)
        here.timer.cancel()
        return here


class _Here(Struct):
    """A cancel in the node's own session."""

    row: ForeignOrder
    call: Call
    timer: asyncio.TimerHandle
    ours: bool

    def refused(self, text: str) -> str:
        if self.ours:
            return text
        return (
            f"client ID {self.row.client_id}, which placed it, is connected, and the gateway lets nobody "
            f"else cancel it ({text}): cancel it there or in TWS, or end that program and try again"
        )


class _Attempt:
    """One session under the owner's client ID, until the order has ended or nothing more will come."""

    def __init__(
        self,
        host: str,
        port: int,
        row: ForeignOrder,
        call: Call,
        owner_is_connected: Callable[[ForeignOrder, Call], None],
    ) -> None:
        self._row = row
        self._call = call
        self._owner_is_connected = owner_is_connected
        self._order_id: int | None = None  # under which it was cancelled
        self._status = ""
        self._up = (
            False  # what comes before that is not an answer: open orders come before nextValidId (captured)
        )
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False
        self.on_end: Callable[[], None] = lambda: None
        self._session = TwsSession(
            host,
            port,
            row.client_id,
            on_event=self._on_event,
            on_session_event=self._on_session_event,
            on_ticks=lambda _ticks: None,
        )

    def open(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(PATIENCE_S, self._give_up)
        self._session.open()

    def fail(self, code: ErrorCode, why: str, tws_code: int | None = None) -> None:
        self._end(lambda: self._call.fail(RequestError(code, why, tws_code=tws_code)))

    def _succeed(self, status: str, text: str | None = None) -> None:
        done = ForeignCancel(perm_id=self._row.perm_id, status=status, text=text)
        self._end(lambda: self._call.succeed(done))

    def _end(self, answer: Callable[[], None]) -> None:
        if self._ended:
            return
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        answer()
        # Not from within its own callback, in which the session still works.
        asyncio.get_running_loop().call_soon(self._close)

    def _close(self) -> None:
        self._session.close()
        self.on_end()

    def _give_up(self) -> None:
        if self._order_id is None:
            self.fail(
                ErrorCode.TIMEOUT, f"the gateway did not answer within {PATIENCE_S:g} s; nothing was sent"
            )
        else:
            self._succeed(self._status, f"cancel sent; it has not ended within {PATIENCE_S:g} s")

    def _on_session_event(self, notice: session_events.SessionEvent) -> None:
        match notice:
            case session_events.SessionUp():
                self._up = True
                self._send(ReqOpenOrders())
            case session_events.WaitingClientId():
                self._end(lambda: self._owner_is_connected(self._row, self._call))
            case session_events.ConnectFailed(reason) | session_events.SessionLost(reason):
                self.fail(ErrorCode.NOT_READY, f"no session under client ID {self._row.client_id}: {reason}")
            case _:
                pass

    def _send(self, request: Request) -> None:
        try:
            self._session.send(request)
        except NotConnected as error:
            self.fail(ErrorCode.NOT_READY, str(error))

    def _on_event(self, event: tws.Event) -> None:
        if not self._up:
            return
        match event:
            case tws.OpenOrder(order_id, _, order) if order.perm_id == self._row.perm_id:
                if self._order_id is None:
                    self._order_id = order_id
                    self._send(CancelOrder(order_id))
            case tws.OrderStatus() if event.perm_id == self._row.perm_id:
                self._status = event.status
                if event.status in ENDED:
                    self._succeed(event.status)
            case tws.OpenOrderEnd() if self._order_id is None:
                why = f"client ID {self._row.client_id} has no open order {self._row.perm_id} any more"
                self.fail(ErrorCode.UNKNOWN_ORDER, why)
            case tws.GatewayError(order_id, code, text) if order_id == self._order_id is not None:
                if code == CANCELLED:
                    self._succeed("Cancelled", text)
                elif not is_warning(code):
                    self.fail(ErrorCode.GATEWAY_REJECTED, text, code)
            case _:
                pass
