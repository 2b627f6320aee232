"""The history node's outer room: its ops, one session, the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from time import time_ns

from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.history_requests import GetBars, GetHeadTimestamp, GetHistogram, GetSchedule, GetTicks
from twsmq_protocol.instruments import parse_instrument
from twsmq_transport.mailbox import Call

from twsmq_nodes.runtime.driver import Driver
from twsmq_nodes.runtime.link import GatewayLink
from twsmq_nodes.runtime.node import Node, Shell
from twsmq_nodes.runtime.pacing_record import PacingRecord
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws import notices
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.errors import EncodeRefused, NotConnected, TwsError
from twsmq_nodes.tws.instruments import contract_of
from twsmq_nodes.tws.ledger import PacingLedger
from twsmq_nodes.tws.notices import Notice
from twsmq_nodes.tws.requests import Priority

from .core import (
    Action,
    Answer,
    Asked,
    Cancel,
    Fail,
    HistoryCore,
    Input,
    NotSent,
    Send,
    SessionDown,
    SessionUp,
    Written,
)
from .jobs import BarsJob, HeadJob, HistogramJob, Job, ScheduleJob, TicksJob
from .plan import before

PATIENCE_S, BULK_PATIENCE_S = 60.0, 600.0
"""How long a call waits at most; its own `valid_until` may end it sooner."""

_WHATS = {
    "CASH": "MIDPOINT",
    "CMDTY": "MIDPOINT",
    "CFD": "MIDPOINT",
    "FUND": "MIDPOINT",
    "CRYPTO": "AGGTRADES",
}
"""What kinds of contract have instead of TRADES (IBKR's documentation 21.04)."""


class HistoryShell(Shell):
    """Ready while its session is up."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._link = GatewayLink(node, on_event=self._on_event, on_notice=self._noticed)
        ledger = PacingLedger(owner=f"{node.name}-{time_ns()}")
        self._core = HistoryCore(self._link.session.next_req_id, ledger)
        self._pacing = PacingRecord(node.data_dir, ledger, self._loop.time)
        self._calls: dict[int, Call] = {}
        self._call_ids = count(1)
        self._driver: Driver[Input, Action] = Driver(
            self._handle, self._carry_out, lambda: self._core.wake_at, TimerFired()
        )
        node.metrics.collect(
            lambda: [
                ("histories_open", (), self._core.histories_open),
                ("histories_allowed", (), self._core.histories_allowed),
            ]
        )
        node.mailbox.add("bars", self._bars)
        node.mailbox.add("ticks", self._ticks)
        node.mailbox.add("head_timestamp", self._head)
        node.mailbox.add("schedule", self._schedule)
        node.mailbox.add("histogram", self._histogram)

    def start(self) -> None:
        self._link.open()

    async def stop(self) -> None:
        error = RequestError(ErrorCode.NOT_READY, "the history process is stopping; ask again")
        for call in self._calls.values():
            call.fail(error)
        self._calls.clear()
        self._link.close()
        self._driver.close()
        self._pacing.close()

    def _handle(self, happened: Input, now: float) -> list[Action]:
        with self._pacing.shared():
            return self._core.handle(happened, now)

    # --- ops -----------------------------------------------------------------------------------------------

    def _bars(self, args: GetBars, call: Call) -> None:
        contract = _contract(args.instrument)
        what, now = args.what or _what(contract), time_ns()
        end = min(args.to, now) if args.to is not None else now
        begin = args.from_ if args.from_ is not None else before(end, args.duration or "1D")
        # A range up to now is the same as one asked for in the same second.
        key = ("bars", args.instrument, args.size, begin // 10**9, end // 10**9, what, args.rth, args.limit)

        def make() -> Job:
            return BarsJob(key, contract, what, args.size, begin, end, now, args.limit, rth=args.rth)

        self._ask(call, key, make, bulk=args.bulk)

    def _ticks(self, args: GetTicks, call: Call) -> None:
        contract, now = _contract(args.instrument), time_ns()
        end = min(args.to, now) if args.to is not None else now
        begin = args.from_
        key = (
            "ticks",
            args.instrument,
            begin,
            end // 10**9,
            args.what,
            args.rth,
            args.ignore_size,
            args.limit,
        )

        def make() -> Job:
            flags = {"rth": args.rth, "ignore_size": args.ignore_size}
            return TicksJob(key, contract, args.what, begin, end, args.limit, **flags)

        self._ask(call, key, make, bulk=args.bulk)

    def _head(self, args: GetHeadTimestamp, call: Call) -> None:
        contract = _contract(args.instrument)
        what = args.what or _what(contract)
        key = ("head", args.instrument, what, args.rth)
        self._ask(call, key, lambda: HeadJob(key, contract, what, rth=args.rth))

    def _schedule(self, args: GetSchedule, call: Call) -> None:
        contract = _contract(args.instrument)
        end = args.to if args.to is not None else time_ns()
        key = ("schedule", args.instrument, args.from_, end // 10**9, args.rth)
        self._ask(call, key, lambda: ScheduleJob(key, contract, args.from_, end, rth=args.rth))

    def _histogram(self, args: GetHistogram, call: Call) -> None:
        contract = _contract(args.instrument)
        key = ("histogram", args.instrument, args.period, args.rth)
        self._ask(call, key, lambda: HistogramJob(key, contract, args.period, rth=args.rth))

    def _ask(self, call: Call, key: object, make: Callable[[], Job], *, bulk: bool = False) -> None:
        self._node.require_ready()
        call_id = next(self._call_ids)
        self._calls[call_id] = call
        patience = BULK_PATIENCE_S if bulk else PATIENCE_S
        if call.valid_until is not None:
            patience = min(patience, (call.valid_until - time_ns()) / 1e9)
        self._driver.feed(Asked(call_id, key, make, self._loop.time() + patience, bulk))

    # --- the gateway ---------------------------------------------------------------------------------------

    def _noticed(self, notice: Notice) -> None:
        match notice:
            case notices.SessionUp():
                self._driver.feed(SessionUp())
            case notices.SessionLost():
                self._driver.feed(SessionDown())
            case _:
                pass

    def _on_event(self, event: Input) -> None:
        self._driver.feed(event)

    def _carry_out(self, action: Action) -> None:
        match action:
            case Send():
                self._send(action)
            case Cancel(request):
                self._link.session.send(request)
            case Answer(call, result):
                if call in self._calls:
                    self._calls.pop(call).succeed(result)
            case Fail(call, error):
                if call in self._calls:
                    self._calls.pop(call).fail(error)

    def _send(self, send: Send) -> None:
        def refused(error: TwsError) -> None:
            self._driver.feed(NotSent(send.req_id, _explained(error)))

        def written(_: object) -> None:
            self._driver.feed(Written(send.req_id))

        session = self._link.session
        try:
            session.send(send.request, priority=Priority.DATA, on_written=written, on_refused=refused)
        except NotConnected as error:
            refused(error)


def _contract(instrument: str) -> Contract:
    return contract_of(parse_instrument(instrument))


def _what(contract: Contract) -> str:
    return _WHATS.get(contract.sec_type, "TRADES")


def _explained(error: TwsError) -> RequestError:
    if isinstance(error, EncodeRefused):
        return RequestError(ErrorCode.INVALID_ARGUMENT, f"instrument: {error.text}", field="instrument")
    return RequestError(ErrorCode.NOT_READY, "the gateway session was lost before it was asked; ask again")
