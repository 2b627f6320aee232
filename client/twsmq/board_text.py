"""How values of the board are shown as text: as the page shows them (`web/twsmq_web/static/format.js`); a
test holds the two together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from twsmq_protocol.board import ColumnKind
from twsmq_protocol.envelope import NS

ABSENT = "–"
NUMERIC = frozenset(("integer", "quantity", "price", "money", "percent", "bytes", "seconds", "age", "id"))


def text_of(kind: ColumnKind, value: Any, now_ns: int) -> str:
    """One cell. Absent is a dash, never zero."""
    if value is None or value == "":
        return ABSENT
    match kind:
        case "integer":
            return f"{value:,.0f}"
        case "quantity":
            return _grouped(value, 0, 8)
        case "price":
            return _grouped(value, 2, 6)
        case "money":
            return _grouped(value, 2, 2)
        case "percent":
            return f"{_grouped(value * 100, 1, 1)} %"
        case "bytes":
            return f"{_grouped(value / 1e6, 1, 1)} MB"
        case "seconds":
            return _seconds(value)
        case "time":
            return _time(value, now_ns)
        case "age":
            return age(now_ns - value)
        case "flag":
            return "yes" if value else "no"
        case _:
            return str(value)


def age(ns: int) -> str:
    """A duration in nanoseconds, in the two largest units; of a moment that has not come, because a clock was
    set, a dash."""
    if ns < -2 * NS:
        return ABSENT
    seconds = max(0, ns // NS)
    return duration(seconds) if seconds < 48 * 3600 else f"{seconds // 86_400} d"


def duration(seconds: float) -> str:
    """A duration as people write it: 42 s, 3 min 07 s, 5 h 02 min."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def _grouped(value: float, least: int, most: int) -> str:
    text = f"{value:,.{most}f}"
    if most > least:
        whole, _, rest = text.partition(".")
        rest = rest.rstrip("0").ljust(least, "0")
        text = f"{whole}.{rest}" if rest else whole
    return text


def _seconds(value: float) -> str:
    if value < 0.001:
        return f"{_grouped(value * 1000, 0, 2)} ms"
    if value < 1:
        return f"{_grouped(value * 1000, 0, 0)} ms"
    return f"{_grouped(value, 0, 1)} s"


def _time(ns: int, now_ns: int) -> str:
    at, now = datetime.fromtimestamp(ns / NS).astimezone(), datetime.fromtimestamp(now_ns / NS).astimezone()
    return at.strftime("%H:%M:%S" if at.date() == now.date() else "%m-%d %H:%M:%S")
