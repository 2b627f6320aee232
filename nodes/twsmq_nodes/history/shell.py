"""The history node's outer room: its ops, one session, the clock, the memory of what was fetched before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import count
from time import time_ns
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace
from twsmq_protocol.data_files import HISTORY_STORE
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.history_requests import (
    GetBars,
    GetHeadTimestamp,
    GetHistogram,
    GetSchedule,
    GetTicks,
    Head,
    Histogram,
    Schedule,
    TickPage,
    up_to_now,
)
from twsmq_protocol.system_events import Heartbeat
from twsmq_transport.mailbox import Call

from twsmq_nodes.runtime.driver import Driver
from twsmq_nodes.runtime.link import GatewayLink
from twsmq_nodes.runtime.node import Node, Shell
from twsmq_nodes.runtime.pacing_record import PacingRecord
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws import session_events
from twsmq_nodes.tws.calls import Answer, Cancel, Fail, Send, SessionDown
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.ledger import PacingLedger
from twsmq_nodes.tws.session_events import SessionEvent

from .bars_job import BarsJob, Form, Known
from .contracts import contract_for, usual_what
from .core import HistoryCore
from .events import ROWS, Action, Asked, Input
from .jobs import Forget, HeadJob, HistogramJob, Job, Keep, ScheduleJob
from .memory import Memory, past_for_good
from .plan import DAY_S, NS, Spans, before, most_up_to_now_s
from .store import Answered, Store
from .ticks_job import TicksJob

K = TypeVar("K", bound=Struct)
_Aged = GetTicks | GetHeadTimestamp | GetSchedule | GetHistogram

PATIENCE_S, BULK_PATIENCE_S, MOST_PATIENCE_S = 60.0, 600.0, 3_600.0
"""How long a call waits that has no `valid_until`, and any at most."""
AHEAD_S = 366 * DAY_S
"""No exchange plans its sessions for longer, and a gateway refuses what is longer than 68 years."""


class HistoryShell(Shell):
    """Ready while its session is up."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._link = GatewayLink(node, on_event=self._on_event, on_session_event=self._on_session_event)
        ledger = PacingLedger(owner=f"{node.name}-{time_ns()}")
        self._core = HistoryCore(self._link.session.next_req_id, ledger)
        self._pacing = PacingRecord(node.data_dir, ledger, self._loop.time)
        self._calls: dict[int, tuple[Call, Callable[[Struct], Struct] | None]] = {}
        self._spans = Spans()
        self._memory = Memory(
            node.config, Store(node.data_dir / HISTORY_STORE, node.config.history.store_mb * 1_000_000)
        )
        self._call_ids = count(1)
        self._driver: Driver[Input, Action] = Driver(
            self._handle, self._carry_out, lambda: self._core.wake_at, TimerFired()
        )
        node.metrics.collect(
            lambda: [
                ("histories_open", (), self._core.histories_open),
                ("histories_allowed", (), self._core.histories_allowed),
                ("histories_waiting", (), self._core.histories_waiting),
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
        for call, _ in self._calls.values():
            call.fail(error)
        self._calls.clear()
        self._link.close()
        self._driver.close()
        self._pacing.close()
        self._memory.close()

    def complete_heartbeat(self, beat: Heartbeat) -> Heartbeat:
        return replace(beat, competing=self._core.is_refused_for_another_session(self._loop.time()))

    def _handle(self, happened: Input, now: float) -> list[Action]:
        if isinstance(happened, ROWS):
            return self._core.handle(happened, now)
        with self._pacing.shared():
            return self._core.handle(happened, now)

    # --- ops -----------------------------------------------------------------------------------------------

    def _bars(self, args: GetBars, call: Call) -> None:
        contract = contract_for(args.instrument)
        what, now = args.what or usual_what(contract), time_ns()
        end = min(args.to, now) if args.to is not None else now
        begin = args.from_ if args.from_ is not None else before(end, args.duration or "1D")
        # Bars begin with a second: no two ranges are the same unless the same bars are in them. One up to now
        # is the same as one asked for in the same second.
        begin, end = -(-begin // NS) * NS, -(-end // NS) * NS if args.to is not None else end
        no_end = up_to_now(what, contract.sec_type)
        if no_end and begin < end:
            _require_one_answer(args, contract, begin, now)
        series = self._memory.name("bars", args.instrument, args.size, what, args.rth)
        fresh = args.max_age == 0
        form: Form = "packed" if args.packed else "columns" if args.columns else "rows"
        key = (series, begin, end // NS, args.limit, form, fresh)

        def make(known: Sequence[Known]) -> Job:
            return BarsJob(
                key, contract, what, args.size, begin, end, now, args.limit,
                rth=args.rth, form=form, spans=self._spans, series=series, known=known,
            )  # fmt: skip

        ask = self._asker(call, key, bulk=args.bulk)
        self._memory.bars(
            series, begin, end, args.max_age, lambda known: ask(lambda: make(known)), up_to_now=no_end
        )

    def _ticks(self, args: GetTicks, call: Call) -> None:
        contract, now = contract_for(args.instrument), time_ns()
        end = min(args.to, now) if args.to is not None else now
        asked = (args.from_, args.to, args.what, args.rth, args.ignore_size, args.limit)
        name = self._memory.name("ticks", args.instrument, *asked)

        def make() -> Job:
            flags = {"rth": args.rth, "ignore_size": args.ignore_size}
            return TicksJob((name, end // NS), contract, args.what, args.from_, end, args.limit, **flags)

        def lasts(result: TickPage) -> bool:
            return past_for_good(result, args.to, now)

        self._ask(call, args, name, (name, end // NS), TickPage, make, lasts, bulk=args.bulk)

    def _head(self, args: GetHeadTimestamp, call: Call) -> None:
        contract = contract_for(args.instrument)
        what = args.what or usual_what(contract)
        name = self._memory.name("head", args.instrument, what, args.rth)
        self._ask(call, args, name, name, Head, lambda: HeadJob(name, contract, what, rth=args.rth))

    def _schedule(self, args: GetSchedule, call: Call) -> None:
        contract = contract_for(args.instrument)
        now = time_ns()
        end = now if args.to is None else min(args.to, now + AHEAD_S * NS)
        name = self._memory.name("schedule", args.instrument, args.from_, args.to, args.rth)
        key = (name, end // NS)

        def make() -> Job:
            return ScheduleJob(key, contract, args.from_, end, now, rth=args.rth)

        self._ask(call, args, name, key, Schedule, make, lambda _: args.to is not None)

    def _histogram(self, args: GetHistogram, call: Call) -> None:
        contract = contract_for(args.instrument)
        name = self._memory.name("histogram", args.instrument, args.period, args.rth)
        make = partial(HistogramJob, name, contract, args.period, rth=args.rth)
        self._ask(call, args, name, name, Histogram, make)

    def _ask(
        self, call: Call, args: _Aged, name: str, key: object, kind: type[K], make: Callable[[], Job],
        lasts: Callable[[K], bool] = lambda _: True, *, bulk: bool = False,
    ) -> None:  # fmt: skip
        """What was answered before under `name`, else what the gateway says; kept where it `lasts`."""
        ask = self._asker(call, key, bulk=bulk, finished=partial(self._finished, name, kind, lasts))

        def found(before: Answered | None) -> None:
            if before is None:
                ask(make)
            else:
                call.succeed(replace(before.result, fetched_at=before.at))

        self._memory.answer(name, kind, args.max_age, found)

    def _finished(self, name: str, kind: type[K], lasts: Callable[[K], bool], result: Struct) -> Struct:
        assert isinstance(result, kind)
        if lasts(result):
            self._memory.keep_answer(name, result)
        return replace(result, fetched_at=time_ns())

    def _asker(
        self, call: Call, key: object, *, bulk: bool, finished: Callable[[Struct], Struct] | None = None
    ) -> Callable[[Callable[[], Job]], None]:
        """Asks the gateway, unless nobody waits by then. `finished`: what becomes of the result."""
        self._node.require_ready()
        call_id = next(self._call_ids)
        deadline = self._loop.time() + patience_s(call.valid_until, time_ns(), bulk=bulk)

        def ask(make: Callable[[], Job]) -> None:
            self._calls[call_id] = (call, finished)
            self._driver.feed(Asked(call_id, key, make, deadline, bulk, call.peer))

        return ask

    # --- the gateway ---------------------------------------------------------------------------------------

    def _on_session_event(self, event: SessionEvent) -> None:
        if isinstance(event, session_events.SessionLost):
            self._driver.feed(SessionDown())
            return
        if isinstance(event, session_events.SessionUp):
            self._memory.logged_in(event.accounts)
        self._driver.feed(event)

    def _on_event(self, event: Input) -> None:
        self._driver.feed(event)

    def _carry_out(self, action: Action) -> None:
        match action:
            case Send():
                self._link.ask(action, self._driver.feed)
            case Cancel(request):
                self._link.cancel(request)
            case Answer(call_id, result):
                if call_id in self._calls:
                    call, finished = self._calls.pop(call_id)
                    call.succeed(result if finished is None else finished(result))
            case Fail(call_id, error):
                if call_id in self._calls:
                    self._calls.pop(call_id)[0].fail(error)
            case Keep() | Forget():
                self._memory.keep(action)


def patience_s(valid_until: int | None, now: int, *, bulk: bool) -> float:
    """Whoever names a time waits until then: pacing alone may take ten minutes."""
    if valid_until is None:
        return BULK_PATIENCE_S if bulk else PATIENCE_S
    return min(MOST_PATIENCE_S, (valid_until - now) / NS)


def _require_one_answer(args: GetBars, contract: Contract, begin: int, now: int) -> None:
    """Raises `RequestError` where the gateway would have to send more in one message than it may."""
    earliest = now - most_up_to_now_s(args.size, of_futures=contract.sec_type != "STK", rth=args.rth) * NS
    if begin >= earliest:
        return
    field = "from" if args.from_ is not None else "duration"
    what = contract.sec_type if contract.sec_type == "CONTFUT" else "ADJUSTED_LAST"
    text = (
        f"{field}: the gateway gives {what} up to now only, in one answer, which holds {args.size} bars from "
        f"{datetime.fromtimestamp(earliest // NS, UTC):%Y-%m-%d} on; ask for less, or for longer bars"
    )
    raise RequestError(ErrorCode.INVALID_ARGUMENT, text, field=field)
