"""Between ibapi's objects and ours, one value at a time.

Inbound: ibapi marks "not set" by the largest double, int32, int64 or 2^127-1, whichever the type; here
all become None, as do NaN and infinities. Outbound: a value equal to our default leaves the installed
release's own default alone, so that the bytes are those its stock client sends; anything else is checked
first, since a NUL in a text would forge fields in releases that do not look.
"""

# ibapi is untyped: its objects are read and written by name, in the adapter files only.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportAny=false, reportExplicitAny=false

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec
from ibapi.tag_value import TagValue

from twsmq_nodes.tws.absence import LARGEST, UNSET_NUMBERS
from twsmq_nodes.tws.contracts import Scalar

T = TypeVar("T", bound=msgspec.Struct)

_UNSET_DECIMAL = Decimal(2**127 - 1)


NOT_IN_IBAPI = "the installed ibapi release does not know it"


class BadField(Exception):
    """A value of a request that must not be sent."""

    def __init__(self, field: str, text: str) -> None:
        self.field = field
        self.text = text
        super().__init__(f"{field}: {text}")


# -- inbound -----------------------------------------------------------------------------------------


def number(value: Any) -> float | None:
    """A finite float, or None for what ibapi calls unset."""
    if value is None or value == "":
        return None
    if isinstance(value, int):
        return None if value in LARGEST else float(value)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    elif isinstance(value, Decimal):
        if value == _UNSET_DECIMAL:
            return None
        value = float(value)
    return value if -1e300 < value < 1e300 and value not in UNSET_NUMBERS else None


def integer(value: Any) -> int | None:
    """An int, or None for what ibapi calls unset."""
    return None if value is None or value in LARGEST else int(value)


def text(value: Any) -> str:
    """Whole characters: of `\\ud83d\\ude00`, as a gateway may write one, ibapi makes two halves, which nobody
    can encode."""
    words = "" if value is None else str(value)
    return words if words.isascii() else words.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def tag_values(pairs: Any) -> tuple[tuple[str, str], ...]:
    return tuple((pair.tag, pair.value) for pair in pairs or ())


def plain(value: Any) -> Scalar:
    """Any ibapi value as a plain one; an object becomes its text."""
    if isinstance(value, Enum):
        value = value.value[0]
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return integer(value)
    if isinstance(value, float | Decimal):
        return number(value)
    if isinstance(value, list | tuple | set):
        return ";".join(str(item) for item in value)
    return str(value)


def _reader(annotation: Any) -> Callable[[Any], Any] | None:
    readers: dict[Any, Callable[[Any], Any]] = {
        float | None: number,
        int | None: integer,
        int: lambda value: integer(value) or 0,
        str: text,
        bool: bool,
    }
    return readers.get(annotation)


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


class View(Generic[T]):
    """Reads ibapi objects of one class into one of our structs, by name."""

    def __init__(
        self,
        struct: type[T],
        sample: Any,
        names: dict[str, tuple[str, ...]],
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        """`sample`: a fresh ibapi object, whose values are the defaults; `names`: ibapi's names where they
        are not our own in camelCase; `hidden`: attributes that are not worth reporting in `extra`."""
        self._struct = struct
        self._fields: list[tuple[str, str, Callable[[Any], Any]]] = []
        known: set[str] = set()
        for field in msgspec.structs.fields(struct):
            candidates = names.get(field.name, (camel(field.name),))
            known.update(candidates)
            attribute = next((name for name in candidates if hasattr(sample, name)), None)
            reader = _reader(field.type)
            if attribute is not None and reader is not None:
                self._fields.append((field.name, attribute, reader))
        unread = {name: value for name, value in vars(sample).items() if name not in known | hidden}
        self._rest = [(name, value, plain(value)) for name, value in unread.items()]

    def read(self, source: Any, **more: Any) -> T:
        """The struct for `source`; `more` are the fields that need more than a plain value."""
        values = {name: reader(getattr(source, attribute)) for name, attribute, reader in self._fields}
        return self._struct(**(values | more))

    def rest(self, source: Any) -> dict[str, Scalar]:
        """What has no field of its own, is not as in a fresh object, and says something: the defaults differ
        between releases, but zero, no and nothing mean the same in all."""
        return {
            name: value
            for name, as_made, default in self._rest
            if (found := getattr(source, name)) != as_made and (value := plain(found)) and value != default
        }


# -- outbound ----------------------------------------------------------------------------------------


def sendable_text(value: str, field: str) -> str:
    if not (value.isascii() and (value.isprintable() or all(c >= " " or c in "\t\n\r" for c in value))):
        raise BadField(field, f"only printable ASCII can be sent, not {value!r}")
    return value


def sendable(value: Any, field: str) -> Any:
    """A plain value, checked; (tag, value) pairs as ibapi's list of them."""
    if isinstance(value, str):
        return sendable_text(value, field)
    if isinstance(value, float) and not math.isfinite(value):
        raise BadField(field, f"must be a finite number, not {value}")
    if isinstance(value, tuple):
        pairs: Any = value
        return [TagValue(sendable_text(tag, field), sendable_text(item, field)) for tag, item in pairs]
    return value


def decimal_or_number(value: float, like: Any) -> Any:
    """A quantity in the type the installed release uses, without a needless ".0"."""
    exact = int(value) if float(value).is_integer() else value
    return Decimal(repr(exact)) if isinstance(like, Decimal) else exact


@cache
def _defaults(struct: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    """Fields and their defaults. msgspec evaluates all annotations anew at each call: 1.5 ms for an order."""
    return tuple((field.name, field.default) for field in msgspec.structs.fields(struct))


def fill(
    target: Any, source: msgspec.Struct, names: dict[str, tuple[str, ...]], skip: frozenset[str] = frozenset()
) -> None:
    """Copies what differs from our defaults into an ibapi object."""
    for field, default in _defaults(type(source)):
        value = getattr(source, field)
        if value is None or value == default or field in skip:
            continue
        attribute = next((n for n in names.get(field, (camel(field),)) if hasattr(target, n)), None)
        if attribute is None:
            raise BadField(field, NOT_IN_IBAPI)
        setattr(target, attribute, sendable(value, field))


def fill_extra(target: Any, extra: dict[str, Any]) -> None:
    """Sets further attributes under ibapi's names, if the installed release has them and the type fits."""
    for name, value in extra.items():
        if name.startswith("_") or name not in vars(target):
            raise BadField(name, "the installed ibapi release has no such attribute")
        default = vars(target)[name]
        fits = (
            isinstance(value, bool)
            if isinstance(default, bool)
            else isinstance(value, str)
            if isinstance(default, str)
            else isinstance(value, int | float) and not isinstance(value, bool)
            if isinstance(default, int | float | Decimal)
            else default is None and isinstance(value, str | int | float | bool)
        )
        if not fits:
            raise BadField(name, f"{value!r} does not fit an attribute whose default is {default!r}")
        setattr(target, name, sendable(value, name))
