"""Executions and what they cost.

- Executions are what `filled` rests on; each counts once, by its id, and a correction replaces it.
- orderStatus may run ahead of them (captured: Filled 100 ms before its execDetails).
- A cost may come before its execution, or be another client's.
"""

from __future__ import annotations

import math
from typing import Unpack

from twsmq_protocol.order_events import Commission, Fill

from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws.gateway_times import execution_time_ns

from .book import Book
from .ids import split_exec_id
from .record import EPSILON, Cost, OrderChanges, Record
from .recorder import Recorder
from .states import Trigger


class Executions:
    def __init__(self, book: Book, recorder: Recorder) -> None:
        self._book = book
        self._move = recorder.move
        self._early_costs: dict[str, tws.CommissionReport] = {}
        self.zone: tuple[str, int] | None = None  # the gateway's own zone: its name, seconds east of UTC

    def session_ended(self) -> None:
        """Costs that nobody asked after were other clients'; ours come again with the next snapshot."""
        self._early_costs.clear()

    def count(self, record: Record, event: tws.ExecDetails, ts: int) -> bool:
        """Record an execution; False if it is not news."""
        seen = event.execution
        if not seen.shares or seen.price is None:
            return False
        prefix, number = split_exec_id(seen.exec_id)
        before = record.fills.get(prefix)
        if before is not None and split_exec_id(before.exec_id)[1] >= number:
            return False
        fill = Fill(
            client_order_id=record.order.client_order_id,
            strategy=record.order.strategy,
            exec_id=seen.exec_id,
            account=seen.acct_number,
            side="BUY" if seen.side == "BOT" else "SELL",
            quantity=seen.shares,
            price=seen.price,
            time=self.time_ns(seen.time),
            corrects=None if before is None else before.exec_id,
            recovered=event.req_id != -1,
            con_id=event.contract.con_id or None,
            leg=is_leg(record, event),
        )
        self._book.record(fill, ts)
        return True

    def time_ns(self, text: str) -> int | None:
        return execution_time_ns(text, self.zone)

    def cost_of(self, exec_id: str, ts: int) -> None:
        """A cost that came before its execution."""
        early = self._early_costs.pop(exec_id, None)
        if early is not None:
            self.commission(early, ts)

    def settle(self, record: Record, ts: int, **changes: Unpack[OrderChanges]) -> None:
        """The order's amounts and state after its executions changed."""
        executed = record.executed()
        if not executed:
            return  # only legs of a combo so far
        # An order for an amount of cash has no quantity: that it is filled only the gateway can say. So it is
        # of one that is to become larger: the gateway may have taken that already.
        complete = executed >= (record.largest or math.inf) - EPSILON
        trigger = Trigger.FILLED if complete else Trigger.PARTLY_FILLED
        self._move(record, trigger, ts, **{**changes, "filled": executed, "avg_price": record.average()})

    def commission(self, event: tws.CommissionReport, ts: int) -> None:
        record = self._book.by_exec_id(event.exec_id)
        if record is None:
            self._early_costs[event.exec_id] = event  # of another client, or ahead of its execution
            return
        if event.commission is None:
            return
        cost = Cost(event.commission, event.currency, event.realized_pnl)
        if record.costs.get(event.exec_id) == cost:
            return
        commission = Commission(
            client_order_id=record.order.client_order_id,
            strategy=record.order.strategy,
            exec_id=event.exec_id,
            commission=event.commission,
            currency=event.currency,
            realized_pnl=event.realized_pnl,
        )
        self._book.record(commission, ts)


def is_leg(record: Record | None, event: tws.ExecDetails) -> bool:
    """A combo is reported as a whole and leg by leg, all under one order id (IBKR API docs)."""
    if record is None:
        return False
    return record.order.instrument.startswith("BAG:") and event.contract.sec_type not in ("BAG", "")
