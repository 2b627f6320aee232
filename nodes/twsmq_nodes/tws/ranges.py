"""Which numbers and texts of the gateway's reports about orders and accounts can be true.

What is stored, published and counted with must fit where it goes: an id beyond its integer type, an amount no
account can hold or half a character ends a process wherever it is first written down. Such a report is set
aside whole, as one that cannot be decoded. Bounds are the gateway's own integer types (its API classes are
Java's: order, client and contract ids are `int`, permanent ids `long`) and, for amounts, far above any trade
and far below where sums of floats lose their meaning.

One table, by type of event; what is not in it has a decoder of its own (ticks) or is only passed on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from . import events as ev

LARGEST_AMOUNT = 1e15
LONGEST_TEXT = 100_000

_INT = (-(2**31), 2**31 - 1)
_LONG = (0, 2**63 - 1)
_ANY = (-(2**63), 2**63 - 1)
_BOUNDS: dict[str, tuple[int, int]] = {
    "order_id": _INT, "client_id": _INT, "parent_id": _INT, "req_id": _INT, "con_id": _INT, "code": _INT,
    "perm_id": _LONG, "parent_perm_id": _LONG,
}  # fmt: skip
"""Of integers, by name; any other must fit into 64 bits."""

_PARTS: dict[type[Struct], tuple[str, ...]] = {
    ev.NextValidId: (),
    ev.GatewayError: (),
    ev.OpenOrder: ("contract", "order", "state"),
    ev.OrderStatus: (),
    ev.OrderBound: (),
    ev.ExecDetails: ("contract", "execution"),
    ev.ExecDetailsEnd: (),
    ev.CommissionReport: (),
    ev.CompletedOrder: ("contract", "order", "state"),
    ev.Position: ("contract",),
    ev.PortfolioValue: ("contract",),
    ev.AccountValue: (),
    ev.AccountSummary: (),
}
"""What is looked at, and its parts that are."""


def problem(event: ev.Event) -> str | None:
    """Why this cannot be true; None if it can, or is none of those that are looked at."""
    parts = _PARTS.get(type(event))
    if parts is None:
        return None
    return _first(event, type(event).__name__) or next(
        (found for part in parts if (found := _first(getattr(event, part), part))), None
    )


def _first(struct: Struct, name: str) -> str | None:
    for field in struct.__struct_fields__:
        value: Any = getattr(struct, field)
        check = _CHECKS.get(value.__class__)
        if check is not None and not check(field, value):
            shown = f"{value!r}"
            return f"{name}.{field} cannot be {shown[:60]}{'…' if shown[60:] else ''}"
    return None


def _whole(field: str, value: int) -> bool:
    low, high = _BOUNDS.get(field, _ANY)
    return low <= value <= high


def _amount(_field: str, value: float) -> bool:
    return -LARGEST_AMOUNT <= value <= LARGEST_AMOUNT


def _text(_field: str, value: str) -> bool:
    if len(value) > LONGEST_TEXT:
        return False
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def _items(field: str, value: tuple[Any, ...]) -> bool:
    for item in value:
        if isinstance(item, Struct):
            if _first(item, field) is not None:
                return False
        elif (check := _CHECKS.get(item.__class__)) is not None and not check("", item):
            return False
    return True


def _values(field: str, value: dict[str, Any]) -> bool:
    return _items(field, tuple(value.values()))


_CHECKS: dict[type[Any], Callable[[str, Any], bool]] = {
    int: _whole,
    float: _amount,
    str: _text,
    tuple: _items,
    dict: _values,
}
