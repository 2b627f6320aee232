"""Executions and what they cost.

- Executions are what `filled` rests on; each counts once, by its id, and a correction replaces it. One to 0
  takes it back (a trade that the exchange has busted): it counts for nothing from then on.
- orderStatus may run ahead of them (captured: Filled 100 ms before its execDetails).
- A cost may come before its execution, or be another client's.
- Of an adviser's order for several accounts first its own executions are reported, then what each account
  gets of them (Lean, InteractiveBrokersBrokerage): these are counted like legs, that is not at all. What an
  account gets may also come first, and counts until the order's own come: then it is recorded anew, as a leg
  that corrects itself.
"""

from __future__ import annotations

import math
from typing import Unpack

from msgspec.structs import replace
from twsmq_protocol.order_events import AccountExecution, Commission, Fill

from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws.accounts import is_adviser
from twsmq_nodes.tws.gateway_times import execution_time_ns

from ..book import Book
from ..ids import split_exec_id
from ..record import EPSILON, Cost, OrderChanges, Record
from ..states import Trigger
from .recorder import Recorder

UNREPORTED = "; the gateway does not report its executions any more"
ON_ITS_WORD = "the gateway says "


class Executions:
    def __init__(self, book: Book, recorder: Recorder) -> None:
        self._book = book
        self._move = recorder.move
        self._note = recorder.note
        self._early_costs: dict[str, tws.CommissionReport] = {}
        self.zone: tuple[str, int] | None = None  # the gateway's own zone: its name, seconds east of UTC

    def session_ended(self) -> None:
        """Costs that nobody asked after were other clients'; ours come again with the next snapshot."""
        self._early_costs.clear()

    def count(self, record: Record, event: tws.ExecDetails, ts: int) -> bool:
        """Record an execution; False if it is not news."""
        seen = event.execution
        prefix, number = split_exec_id(seen.exec_id)
        before = record.fills.get(prefix)
        shares, price = amounts(event, before)
        if shares is None or price is None:
            return False
        if before is not None and split_exec_id(before.exec_id)[1] >= number:
            return False
        fill = Fill(
            client_order_id=record.order.client_order_id,
            strategy=record.order.strategy,
            exec_id=seen.exec_id,
            account=seen.acct_number,
            side="BUY" if seen.side == "BOT" else "SELL",
            quantity=shares,
            price=price,
            time=self.time_ns(seen.time),
            corrects=None if before is None else before.exec_id,
            recovered=event.req_id != -1,
            con_id=event.contract.con_id or None,
            leg=is_leg(record, event),
        )
        if record.allots(fill):
            fill = replace(fill, leg=True)
        self._book.record(fill, ts)
        if is_adviser(fill.account):
            for one in [one for one in record.fills.values() if not one.leg and record.allots(one)]:
                self._book.record(replace(one, leg=True, corrects=one.exec_id), ts)
        if before is not None and not shares:
            self._note(record, 0, f"execution {before.exec_id} of {before.quantity:g} was taken back", ts)
        return True

    def time_ns(self, text: str) -> int | None:
        return execution_time_ns(text, self.zone)

    def cost_of(self, exec_id: str, ts: int) -> None:
        """A cost that came before its execution."""
        early = self._early_costs.pop(exec_id, None)
        if early is not None:
            self.commission(early, ts)

    def settle(
        self, record: Record, ts: int, *, corrected: bool = False, **changes: Unpack[OrderChanges]
    ) -> None:
        """The order's amounts and state after its executions changed. An orderStatus that is ahead of them
        stands, until one of them is `corrected`."""
        executed = record.executed()
        if not executed:
            if corrected:
                self._move(record, Trigger.TAKEN_BACK, ts, filled=0.0, avg_price=None)
            return  # only legs of a combo so far
        # An order for an amount of cash has no quantity: that it is filled only the gateway can say. So it is
        # of one that is to become larger: the gateway may have taken that already.
        complete = executed >= (record.largest or math.inf) - EPSILON
        trigger = Trigger.FILLED if complete else Trigger.PARTLY_FILLED
        if corrected or record.order.filled <= executed + EPSILON:
            changes.update(OrderChanges(filled=executed, avg_price=record.average()))
            if record.done and record.order.reason is not None:
                changes.setdefault("reason", _as_reported(record.order.reason))
        self._move(record, trigger, ts, **changes)

    def commission(self, event: tws.CommissionReport, ts: int) -> None:
        record = self._book.by_exec_id(event.exec_id)
        if record is None:
            self._early_costs[event.exec_id] = event  # of another client, or ahead of its execution
            return
        before = record.costs.get(event.exec_id)
        cost = cost_in(event, None if before is None else before.realized_pnl)
        if cost is None or before == cost:
            return
        commission = Commission(
            client_order_id=record.order.client_order_id,
            strategy=record.order.strategy,
            exec_id=event.exec_id,
            commission=cost.commission,
            currency=cost.currency,
            realized_pnl=cost.realized_pnl,
        )
        self._book.record(commission, ts)


def _as_reported(reason: str) -> str | None:
    """Why an order has ended, once executions have come that were missing when it did."""
    return None if reason.startswith(ON_ITS_WORD) else reason.removesuffix(UNREPORTED)


def cost_in(event: tws.CommissionReport, known_result: float | None) -> Cost | None:
    """What a report says an execution has cost. None: nothing; the first report may be empty, and the cost
    come later (pysystemtrade pull request 1661). A result that is known is not taken back by a report that
    has none."""
    if event.commission is None or (not event.commission and not event.currency):
        return None
    result = known_result if event.realized_pnl is None else event.realized_pnl
    return Cost(event.commission, event.currency, result)


def amounts(
    event: tws.ExecDetails, before: Fill | AccountExecution | None
) -> tuple[float, float] | tuple[None, None]:
    """Units and price of an execution; None where it has none. `before`: what it corrects, and what alone can
    be taken back: nothing is executed of 0."""
    seen = event.execution
    if before is not None and seen.shares == 0.0:
        return 0.0, seen.price or before.price
    if not seen.shares or seen.shares < 0.0 or seen.price is None:
        return None, None
    return seen.shares, seen.price


def is_leg(record: Record | None, event: tws.ExecDetails) -> bool:
    """A combo is reported as a whole and leg by leg, all under one order id (IBKR API docs)."""
    if record is None:
        return False
    return record.order.instrument.startswith("BAG:") and event.contract.sec_type not in ("BAG", "")
