"""What requests about orders have in common: how one is looked up, answered and refused."""

from __future__ import annotations

from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.order_requests import OrderAccepted, OrderKey

from .actions import Caller, Now
from .book import Book
from .ids import Key
from .record import Record


def key_of(args: OrderKey) -> Key:
    return (args.strategy, args.client_order_id)


def require_record(book: Book, args: OrderKey) -> Record:
    record = book.records.get(key_of(args))
    if record is None:
        raise RequestError(
            ErrorCode.UNKNOWN_ORDER, f"no order {args.strategy}/{args.client_order_id} was placed here"
        )
    return record


def accepted(record: Record) -> OrderAccepted:
    order = record.order
    return OrderAccepted(client_order_id=order.client_order_id, order_id=order.order_id, status=order.status)


def invalid(field: str, why: str) -> RequestError:
    return RequestError(ErrorCode.INVALID_ARGUMENT, why, field=field)


def conflict(why: str) -> RequestError:
    return RequestError(ErrorCode.CONFLICT, why)


def not_ready(why: str) -> RequestError:
    return RequestError(ErrorCode.NOT_READY, f"orders cannot be sent: {why}; try again")


def require_time(caller: Caller, now: Now) -> None:
    """Raises `RequestError` for one whose turn came too late."""
    if caller.valid_until is not None and now.ns > caller.valid_until:
        raise RequestError(ErrorCode.TIMEOUT, "valid_until passed while it waited; no effect")
