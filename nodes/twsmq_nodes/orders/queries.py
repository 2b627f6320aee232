"""What the book answers when it is asked: orders, executions, what remains of a strategy."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence, Sized
from itertools import islice
from typing import Any

import msgspec
from twsmq_protocol.envelope import payload
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.order_control_requests import Halted
from twsmq_protocol.order_query_requests import (
    MAX_ROWS,
    EventPage,
    ExecutionList,
    ExecutionRow,
    ForeignOrder,
    GetExecutions,
    GetOrders,
    OrderList,
    ReplayEvents,
)

from .book import Book
from .record import Record
from .risk.inputs import SentOrder


def orders(book: Book, args: GetOrders, foreign: Iterable[ForeignOrder]) -> OrderList:
    """The oldest first. Foreign orders belong to no strategy."""
    wanted = (
        record
        for record in _records(book, args)
        if args.strategy in (None, record.order.strategy)
        and args.client_order_id in (None, record.order.client_order_id)
        and (args.active is None or args.active != record.done)
        and (args.since is None or record.order.ts >= args.since)
    )
    found = list(islice(wanted, MAX_ROWS + 1))
    _require_few(found, "orders")
    narrowed = args.strategy is not None or args.client_order_id is not None or args.active is False
    return OrderList(orders=[_row(record) for record in found], foreign=[] if narrowed else list(foreign))


def _row(record: Record) -> dict[str, Any]:
    """The order as it stands, and as it was placed."""
    placed = record.exercise or record.request
    request = None if placed is None else msgspec.to_builtins(placed)
    return {**payload(record.order), "request": request}


def _require_few(found: Sized, what: str) -> None:
    if len(found) > MAX_ROWS:
        raise RequestError(
            ErrorCode.INVALID_ARGUMENT,
            f"more than {MAX_ROWS:,} {what}, which is the most in one answer: narrow it, say by since",
            field="since",
        )


def _records(book: Book, args: GetOrders) -> Collection[Record]:
    """Where to look: one order, or those that work, are asked for all the time; years are many orders."""
    if args.strategy is not None and args.client_order_id is not None:
        record = book.records.get((args.strategy, args.client_order_id))
        return () if record is None else (record,)
    if args.active:
        return sorted(book.active(), key=lambda record: record.born)
    return book.records.values()


def sent_orders(book: Book, since: int = 0) -> list[SentOrder]:
    """Those sent after `since` (ns), as they were placed, the oldest first."""
    sent = [
        SentOrder(record.sent_at, request.strategy, record.order.account or "", request)
        for record in book.records.values()
        if record.sent_at > since
        and (request := record.request) is not None
        and record.order.status != "not_sent"
    ]
    return sorted(sent, key=lambda one: one.ns)


def executions(book: Book, args: GetExecutions) -> ExecutionList:
    """As they stand after corrections, in the order in which they were published."""
    rows: list[tuple[int, ExecutionRow]] = []
    for record in book.records.values():
        order = record.order
        if args.strategy not in (None, order.strategy):
            continue
        if args.client_order_id not in (None, order.client_order_id):
            continue
        for fill in record.fills.values():
            if args.account not in (None, fill.account) or not fill.quantity:
                continue  # another account's, or taken back
            if args.since is not None and (fill.time or fill.ts) < args.since:
                continue
            cost = record.cost_of(fill)
            row = ExecutionRow(
                strategy=order.strategy,
                client_order_id=order.client_order_id,
                instrument=order.instrument,
                exec_id=fill.exec_id,
                account=fill.account,
                side=fill.side,
                quantity=fill.quantity,
                price=fill.price,
                time=fill.time,
                recovered=fill.recovered,
                leg=fill.leg,
                commission=None if cost is None else cost.commission,
                currency=None if cost is None else cost.currency,
                realized_pnl=None if cost is None else cost.realized_pnl,
                con_id=fill.con_id,
            )
            rows.append((fill.event_no, row))
        _require_few(rows, "executions")
    return ExecutionList(executions=[row for _, row in sorted(rows, key=lambda pair: pair[0])])


def page(found: Sequence[tuple[int, bytes]], args: ReplayEvents, last: int) -> EventPage:
    """Of events of the journal by their numbers, those up to `last`. A page that is not full goes that far,
    whatever numbers before it no event has."""
    events = [msgspec.msgpack.decode(event) for number, event in found if number <= last]
    whole = len(events) < args.limit
    return EventPage(events=events, next=max(args.after, last) if whole else found[-1][0], last=last)


def halted(book: Book, halts: dict[str, str], strategy: str | None) -> Halted:
    """What is halted, and which orders of `strategy` (None: of anybody) still work or are unknown."""
    remaining = [record.order for record in book.active() if strategy in (None, record.order.strategy)]
    return Halted(halted=dict(halts), remaining=[payload(order) for order in remaining])
