"""The reference node's outer room: the op `contract_details`, one session, one timer."""

from __future__ import annotations

import asyncio
from itertools import count
from time import time_ns

from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.instruments import parse_instrument
from twsmq_protocol.requests import ContractDetails, ContractList, ContractRow
from twsmq_transport.mailbox import Call

from twsmq_nodes.runtime.driver import Driver
from twsmq_nodes.runtime.link import GatewayLink
from twsmq_nodes.runtime.node import Node, Shell
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.contracts import ContractInfo
from twsmq_nodes.tws.errors import EncodeRefused, NotConnected, TwsError
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.instruments import canonical_instrument, contract_of
from twsmq_nodes.tws.notices import Notice, SessionLost
from twsmq_nodes.tws.requests import Priority, ReqContractDetails

from .core import (
    Action,
    Answer,
    Asked,
    Fail,
    Input,
    NotSent,
    ReferenceCore,
    Rows,
    Send,
    SessionDown,
)

DEADLINE_S = 30.0
"""How long a call waits at most; its own `valid_until` may end it sooner."""


class ReferenceShell(Shell):
    """Ready while its session is up; what it has cached it answers in any state."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._link = GatewayLink(node, on_event=self._on_event, on_notice=self._noticed)
        self._core = ReferenceCore(self._link.session.next_req_id)
        self._calls: dict[int, Call] = {}
        self._call_ids = count(1)
        self._driver: Driver[Input, Action] = Driver(
            self._core.handle, self._carry_out, lambda: self._core.wake_at, TimerFired()
        )
        node.mailbox.add("contract_details", self._asked)

    def start(self) -> None:
        self._link.open()

    async def stop(self) -> None:
        self._driver.feed(SessionDown())
        self._link.close()
        self._driver.close()

    def _asked(self, args: ContractDetails, call: Call) -> None:
        instrument = parse_instrument(args.instrument)
        key, now = str(instrument), self._loop.time()
        known = self._core.cached(key, now)
        if known is not None:
            call.succeed(_listed(known))
            return
        self._node.require_ready()
        call_id = next(self._call_ids)
        self._calls[call_id] = call
        self._driver.feed(Asked(call_id, key, contract_of(instrument), now + _patience(call)))

    def _noticed(self, notice: Notice) -> None:
        if isinstance(notice, SessionLost):
            self._driver.feed(SessionDown())

    def _on_event(self, event: Event) -> None:
        self._driver.feed(event)

    def _carry_out(self, action: Action) -> None:
        match action:
            case Send():
                self._send(action)
            case Answer(call, rows):
                self._calls.pop(call).succeed(_listed(rows))
            case Fail(call, error):
                self._calls.pop(call).fail(error)

    def _send(self, send: Send) -> None:
        request = ReqContractDetails(send.req_id, send.contract)

        def refused(error: TwsError) -> None:
            self._driver.feed(NotSent(send.req_id, _explained(error)))

        try:
            self._link.session.send(
                lambda: request if self._core.wanted(send.req_id) else None,
                priority=Priority.DATA,
                on_refused=refused,
            )
        except NotConnected as error:
            refused(error)


def _patience(call: Call) -> float:
    if call.valid_until is None:
        return DEADLINE_S
    return min(DEADLINE_S, (call.valid_until - time_ns()) / 1e9)


def _explained(error: TwsError) -> RequestError:
    if isinstance(error, EncodeRefused):
        return RequestError(ErrorCode.INVALID_ARGUMENT, f"instrument: {error.text}", field="instrument")
    return RequestError(ErrorCode.NOT_READY, "the gateway session was lost before it was asked; ask again")


def _listed(rows: Rows) -> ContractList:
    return ContractList(contracts=[_row(info) for info in rows])


def _row(info: ContractInfo) -> ContractRow:
    contract = info.contract
    return ContractRow(
        instrument=str(canonical_instrument(info)),
        con_id=contract.con_id,
        sec_type=contract.sec_type,
        symbol=contract.symbol,
        exchange=contract.exchange or None,
        primary_exchange=contract.primary_exchange or None,
        currency=contract.currency or None,
        local_symbol=contract.local_symbol or None,
        trading_class=contract.trading_class or None,
        expiry=contract.expiry or None,
        right=contract.right or None,
        strike=contract.strike,
        multiplier=contract.multiplier or None,
        long_name=info.long_name or None,
        min_tick=info.min_tick,
        min_size=info.min_size,
        size_increment=info.size_increment,
        price_magnifier=info.price_magnifier or None,
        order_types=info.order_types or None,
        valid_exchanges=info.valid_exchanges or None,
        time_zone_id=info.time_zone_id or None,
        trading_hours=info.trading_hours or None,
        liquid_hours=info.liquid_hours or None,
    )
