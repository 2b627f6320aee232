"""What must be true of orders once everything is delivered: node, gateway and journal say the same."""

from __future__ import annotations

from typing import Any

from twsmq_nodes.orders.book import Book
from twsmq_protocol.order_events import TERMINAL_STATUSES, Order

from support.orders_desk import Desk
from support.orders_gateway import Gateway


def both_agree(book: Book, gateway: Gateway) -> None:
    """Order by order and fill by fill, and nothing is unknown any more."""
    for order_id in gateway.tickets:
        tickets = gateway.under(order_id)
        order = book.records["s", tickets[0].cid].order
        fills = book.records["s", tickets[0].cid].fills.values()
        executed = [each.execution.exec_id for ticket in tickets for each in ticket.executions]
        assert sorted(f.exec_id for f in fills) == sorted(executed)
        assert order.filled == sum(ticket.filled for ticket in tickets)
        if tickets[0].live:
            assert order.status in ("submitted", "partially_filled"), order
            stands = (order.quantity, order.limit_price, order.tif)
            assert stands == (tickets[0].quantity, tickets[0].limit, tickets[0].tif)
            assert not book.records["s", tickets[0].cid].changes, "settled, one way or the other"
        elif len(tickets) == 1:
            said = "rejected" if order.tws_code == 201 else tickets[0].word.lower()
            assert order.status in (said, tickets[0].word.lower()), order  # words of a change just before
        elif order.filled < order.quantity:
            assert order.status == "cancelled", order
        else:  # of which quantity it is all or a part, nobody can say
            assert order.status in ("filled", "cancelled"), order
    for record in book.records.values():
        if record.order_id in gateway.staged:
            assert record.order.status in ("pending", "unknown", "pending_cancel"), record.order
        elif record.order_id not in gateway.tickets and not record.staged:
            assert record.order.status in TERMINAL_STATUSES - {"filled"}, record.order
            assert not record.fills


def the_journal_is_the_state(desk: Desk) -> None:
    """What is rebuilt from it is what was, and what is retained is what works."""
    book = desk.core.book
    rebuilt = Book()
    for entry in desk.committed:
        rebuilt.apply(entry)
    same: Any = {key: record.state() for key, record in book.records.items()}
    assert {key: record.state() for key, record in rebuilt.records.items()} == same
    assert set(desk.retained) == {
        key for key, record in book.records.items() if record.order.status not in TERMINAL_STATUSES
    }
    last = {k: r.order.event_no for k, r in book.records.items() if k in desk.retained}
    assert {key: event.event_no for key, event in desk.retained.items()} == last
    assert all(isinstance(event, Order) for event in desk.retained.values())
