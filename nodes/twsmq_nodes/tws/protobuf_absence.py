"""What a protobuf message leaves out is left out of its events too.

Theory. Every handler of ibapi's hands the parsed message to a callback of its own before it reads it. There
the message is put in order, whatever its kind: an empty text is none, because ibapi makes a `Decimal` of it
where a size is due, fails, and the whole message is lost; and a number that is not there is unset, because
ibapi reads 0 instead (the open of a bar, an average cost, a realised profit that is not known yet), or all
ones for a mask of flags.

What describes a contract or an order keeps ibapi's defaults, which mean "not given" there and are compared
with what was asked for.

Evidence: C the report of an opening trade's commission without, of a closing one with a realised profit, from
gateways of 204 to 225; S ibapi 10.46 `decoder.py`, `decoder_utils.py`. Its releases without protobuf have no
such callback.
"""

# pyright: reportAny=false, reportExplicitAny=false
# protobuf has no types here.

from __future__ import annotations

from functools import cache
from typing import Any

from msgspec import Struct

UNSET_DOUBLE = 1.7976931348623157e308
UNSET_INTEGER = 2**31 - 1
DESCRIPTIONS = frozenset(
    (
        *("Contract", "ContractDetails", "ComboLeg", "DeltaNeutralContract"),
        *("Order", "OrderCondition", "SoftDollarTier"),
    )
)
"""Messages that ask for something or name it."""
INTEGERS: dict[tuple[str, str], int] = {
    ("RealTimeBarTick", "count"): UNSET_INTEGER,
    ("HistoricalDataBar", "barCount"): UNSET_INTEGER,
    ("TickPrice", "attrMask"): 0,
    ("TickReqParams", "snapshotPermissions"): 0,
    ("ErrorMessage", "id"): -1,
}
"""What stands for an integer that is not there, where ibapi takes another for it that says something."""


class _Plan(Struct, frozen=True):
    """What to look at in messages of one kind: names of fields."""

    texts: tuple[str, ...]
    numbers: tuple[tuple[str, float], ...]
    parts: tuple[str, ...]
    lists: tuple[str, ...]


def before_reading(_callbacks: object, message: Any) -> None:
    """ibapi's callback for each protobuf message, whatever its kind."""
    put_in_order(message)


def put_in_order(message: Any) -> None:
    """Change a parsed message so that ibapi reads what is absent as unset."""
    plan = _plan(message.DESCRIPTOR)
    for name in plan.texts:
        if message.HasField(name) and not getattr(message, name):
            message.ClearField(name)
    for name, unset in plan.numbers:
        if not message.HasField(name):
            setattr(message, name, unset)
    for name in plan.parts:
        if message.HasField(name):
            put_in_order(getattr(message, name))
    for name in plan.lists:
        for part in getattr(message, name):
            put_in_order(part)


@cache
def _plan(descriptor: Any) -> _Plan:
    texts: list[str] = []
    numbers: list[tuple[str, float]] = []
    parts: list[str] = []
    lists: list[str] = []
    for field in descriptor.fields:
        if _is_repeated(field):
            if field.message_type is not None and not field.message_type.GetOptions().map_entry:
                lists.append(field.name)
        elif field.message_type is not None:
            parts.append(field.name)
        elif not field.has_presence:
            continue
        elif field.type == field.TYPE_STRING:
            texts.append(field.name)
        elif (descriptor.name, field.name) in INTEGERS:
            numbers.append((field.name, INTEGERS[descriptor.name, field.name]))
        elif field.type in (field.TYPE_DOUBLE, field.TYPE_FLOAT) and descriptor.name not in DESCRIPTIONS:
            numbers.append((field.name, UNSET_DOUBLE))
    return _Plan(tuple(texts), tuple(numbers), tuple(parts), tuple(lists))


def _is_repeated(field: Any) -> bool:
    """protobuf 7 has no `label` any more, and those before 6.31 no `is_repeated`."""
    repeated = getattr(field, "is_repeated", None)
    return field.label == field.LABEL_REPEATED if repeated is None else repeated
