"""Which numbers and texts of the gateway's reports about orders and accounts can be true.

What is stored, published and counted with must fit where it goes: an id beyond its integer type, an amount no
account can hold or half a character ends a process wherever it is first written down. Such a report is set
aside whole, as one that cannot be decoded. Bounds are the gateway's own integer types (its API classes are
Java's: order, client and contract ids are `int`, permanent ids `long`) and, for amounts, far above any trade
and far below where sums of floats lose their meaning.

Every event's integers and texts are looked at, with those of its parts; the amounts of those in `_AMOUNTS`.
The fast decoders (`ticks`, `status_report`, `report_template`) leave to ibapi, and so to this, whatever is
not well within these bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec import Struct

from . import events as ev

_Checks: TypeAlias = "dict[type[Any], Callable[[str, Any, _Checks], bool]]"

LARGEST_AMOUNT = 1e15
LONGEST_TEXT = 100_000

_INT = (-(2**31), 2**31 - 1)
_LONG = (0, 2**63 - 1)
_ANY = (-(2**63), 2**63 - 1)
_BOUNDS: dict[str, tuple[int, int]] = {
    "order_id": _INT, "client_id": _INT, "parent_id": _INT, "req_id": _INT, "con_id": _INT, "code": _INT,
    "perm_id": _LONG, "parent_perm_id": _LONG, "time_s": (0, 2**33), "time_ms": (0, 2**43),
    "tick_type": _INT, "position": _INT, "underlying_con_id": _INT,
}  # fmt: skip
"""Of integers, by name; any other must fit into 64 bits."""

_AMOUNTS: frozenset[type[Struct]] = frozenset((
    ev.OpenOrder, ev.OrderStatus, ev.ExecDetails, ev.CommissionReport, ev.CompletedOrder,
    ev.Position, ev.PositionMulti, ev.PortfolioValue, ev.PnL, ev.PnLSingle,
    ev.AccountValue, ev.AccountSummary, ev.GatewayError,
))  # fmt: skip
"""Events that are stored or summed up: their floats are amounts, their texts have a length."""


def problem(event: ev.Event) -> str | None:
    """Why this cannot be true; None if it can."""
    checks = _ALL if type(event) in _AMOUNTS else _WITHOUT_AMOUNTS
    return _first(event, type(event).__name__, checks)


def _first(struct: Struct, name: str, checks: _Checks) -> str | None:
    for field in struct.__struct_fields__:
        value: Any = getattr(struct, field)
        check = checks.get(value.__class__)
        if check is not None:
            if not check(field, value, checks):
                shown = f"{value!r}" if not isinstance(value, tuple | dict) else "what it holds"
                return f"{name}.{field} cannot be {shown[:60]}{'…' if shown[60:] else ''}"
        elif isinstance(value, Struct) and (found := _first(value, field, checks)) is not None:
            return found
    return None


def _whole(field: str, value: int, _checks: _Checks) -> bool:
    low, high = _BOUNDS.get(field, _ANY)
    return low <= value <= high


def _amount(_field: str, value: float, _checks: _Checks) -> bool:
    return -LARGEST_AMOUNT <= value <= LARGEST_AMOUNT


def _text(_field: str, value: str, _checks: _Checks) -> bool:
    return len(value) <= LONGEST_TEXT and _encodable(_field, value, _checks)


def _encodable(_field: str, value: str, _checks: _Checks) -> bool:
    if "\0" in value:  # text protocols cannot carry one, protobuf can: it would cut a topic
        return False
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def _items(field: str, value: tuple[Any, ...], checks: _Checks) -> bool:
    for item in value:
        if isinstance(item, Struct):
            if _first(item, field, checks) is not None:
                return False
        elif (check := checks.get(item.__class__)) is not None and not check("", item, checks):
            return False
    return True


def _values(field: str, value: dict[str, Any], checks: _Checks) -> bool:
    return _items(field, tuple(value.values()), checks)


_ALL: _Checks = {int: _whole, float: _amount, str: _text, tuple: _items, dict: _values}
_WITHOUT_AMOUNTS: _Checks = {int: _whole, str: _encodable, tuple: _items, dict: _values}
