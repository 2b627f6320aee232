"""Single fields of the text protocol: reading a request's, writing a message's.

A message is fields each ended by NUL. An empty field means "not set"; IBKR's older clients also send the
largest 32-bit integer or the largest double for that, so both are read as None. Floats are written as Java
does (`0.0`, `1.7976931348623157E308`), booleans as 0 and 1 (captured from Gateways at versions 173 and 200).
"""

from decimal import Decimal, InvalidOperation
from math import isnan
from typing import Final

from twsmq_simulator.errors import MalformedRequest

UNSET_INTEGER: Final = 2147483647
UNSET_DOUBLE: Final = 1.7976931348623157e308
UNSET_DOUBLE_TEXT: Final = "1.7976931348623157E308"
INFINITE: Final = frozenset({"Infinity", "Infinite", "inf"})

Field = str | int | float | bool | Decimal | None


class FieldReader:
    """Reads the fields of one request in order. Raises MalformedRequest where one is missing or no number."""

    __slots__ = ("_at", "_fields", "version")

    def __init__(self, payload: bytes, version: int) -> None:
        self._fields = payload.decode("utf-8", "replace").split("\0")
        if self._fields[-1] == "":
            self._fields.pop()
        self._at = 0
        self.version = version

    def text(self) -> str:
        if self._at >= len(self._fields):
            raise MalformedRequest(f"the message ends after {self._at} fields")
        value = self._fields[self._at]
        self._at += 1
        return value

    def integer(self, default: int = 0) -> int:
        value = self.maybe_integer()
        return default if value is None else value

    def maybe_integer(self) -> int | None:
        text = self.text()
        if text == "":
            return None
        try:
            value = int(text)
        except ValueError:
            value = int(self._as_number(text))
        return None if value == UNSET_INTEGER else value

    def number(self, default: float = 0.0) -> float:
        value = self.maybe_number()
        return default if value is None else value

    def maybe_number(self) -> float | None:
        text = self.text()
        if text == "":
            return None
        if text in INFINITE:
            return float("inf")
        value = self._as_number(text)
        return None if value == UNSET_DOUBLE else value

    def boolean(self) -> bool:
        text = self.text()
        return text not in ("", "0", "False", "false")

    def quantity(self) -> Decimal:
        text = self.text()
        try:
            value = Decimal(text or "0")
        except InvalidOperation:
            raise MalformedRequest(f"'{text}' is no quantity") from None
        if not value.is_finite():
            raise MalformedRequest(f"'{text}' is no finite quantity")
        return value

    def remaining(self) -> int:
        return len(self._fields) - self._at

    @staticmethod
    def _as_number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise MalformedRequest(f"'{text}' is no number") from None
        if isnan(value) or value in (float("inf"), float("-inf")):
            raise MalformedRequest(f"'{text}' is no finite number")
        return value


def number(value: float | None) -> str:
    """A double as the gateway writes it; None is the empty field."""
    if value is None:
        return ""
    if value == UNSET_DOUBLE:
        return UNSET_DOUBLE_TEXT
    if value == float("inf"):
        return "Infinity"
    return repr(float(value))


def number_or_unset(value: float | None) -> str:
    """As `number`, for the fields where the gateway writes the largest double instead of nothing."""
    return UNSET_DOUBLE_TEXT if value is None else number(value)


def integer_or_unset(value: int | None) -> str:
    return str(UNSET_INTEGER if value is None else value)


def quantity(value: Decimal) -> str:
    """A size without exponent and without trailing zeros: 100, 0.5."""
    if value == value.to_integral_value():
        return str(int(value))
    return format(value.normalize(), "f")


def text(value: str) -> str:
    """Text is ASCII on the wire from version 153 on: anything else is written as a \\u escape."""
    return value.encode("ascii", "backslashreplace").decode("ascii").replace("\0", " ")


def message(*fields: Field) -> bytes:
    """One framed message: length, then every field with its NUL."""
    return frame(join(fields))


def join(fields: "tuple[Field, ...] | list[Field]") -> bytes:
    return ("\0".join(map(_plain, fields)) + "\0").encode("ascii")


def frame(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + payload


def _plain(value: Field) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number(value)
    return quantity(value)
