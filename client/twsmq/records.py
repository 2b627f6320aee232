"""What the status node keeps of the past, read from its file: equity minute by minute, costs of fills, gaps.

Read-only, so it works while the node writes and when nothing runs. Times in seconds since the epoch unless a
name ends in `ns`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from twsmq_protocol.data_files import STATUS_RECORDS
from twsmq_protocol.envelope import NS

DAY_S = 86_400


class Series(Struct):
    """An account's figures; lists of equal length. `currency`: its own, None if that was never recorded."""

    minute: list[int] = field(default_factory=list[int])
    net_liquidation: list[float | None] = field(default_factory=list[float | None])
    daily: list[float | None] = field(default_factory=list[float | None])
    unrealized: list[float | None] = field(default_factory=list[float | None])
    realized: list[float | None] = field(default_factory=list[float | None])
    currency: str | None = None


class FillCost(Struct, frozen=True):
    """`mid`: the middle of the quote when its order was placed; `slippage`: price against it, above 0 where
    it cost; `latency_s`: from the order's first event to this fill. None: not known."""

    exec_id: str
    time_ns: int
    strategy: str
    mid: float | None
    slippage: float | None
    latency_s: float | None

    @property
    def slippage_bps(self) -> float | None:
        """In ten-thousandths of the mid."""
        return None if self.slippage is None or not self.mid else self.slippage / abs(self.mid) * 10_000


class GapCount(Struct, frozen=True):
    """How many gaps a topic had on a day (days since the epoch, UTC)."""

    day: int
    topic: str
    gaps: int


class Recorded(Struct):
    """`problem`: why nothing could be read, None if it could."""

    accounts: dict[str, Series] = field(default_factory=dict[str, Series])
    fills: list[FillCost] = field(default_factory=list[FillCost])
    gaps: list[GapCount] = field(default_factory=list[GapCount])
    problem: str | None = None


def read_records(data_dir: Path, since_s: float, until_s: float = 1e12) -> Recorded:
    """What was recorded in a time; gaps are of whole days."""
    path = data_dir / STATUS_RECORDS
    if not path.exists():
        return Recorded(problem=f"{path} does not exist: the status node has recorded nothing here")
    if not path.is_file():
        return Recorded(problem=f"{path} cannot be read: it is no plain file")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return Recorded(
                _accounts(database, since_s, until_s),
                _fills(database, since_s, until_s),
                _gaps(database, since_s, until_s),
            )
    except (sqlite3.Error, TypeError, ValueError) as error:
        return Recorded(problem=f"{path} cannot be read: {error}")


def _accounts(database: sqlite3.Connection, since_s: float, until_s: float) -> dict[str, Series]:
    query = (
        "SELECT minute, account, net_liquidation, daily, unrealized, realized FROM equity"
        " WHERE minute >= ? AND minute < ? ORDER BY account, minute"
    )
    kept = database.execute("SELECT name, value FROM settings WHERE name LIKE 'currency/%'")
    named = {name: value for name, value in kept if isinstance(value, str)}
    found: dict[str, Series] = {}
    for minute, account, *figures in database.execute(query, (since_s, until_s)):
        series = found.setdefault(str(account), Series(currency=named.get(f"currency/{account}")))
        series.minute.append(int(minute))
        lists = (series.net_liquidation, series.daily, series.unrealized, series.realized)
        for values, figure in zip(lists, figures, strict=True):
            values.append(_number(figure))
    return found


def _fills(database: sqlite3.Connection, since_s: float, until_s: float) -> list[FillCost]:
    query = (
        "SELECT exec_id, time, strategy, mid, slippage, latency_s FROM fills"
        " WHERE time >= ? AND time < ? ORDER BY time"
    )
    return [
        FillCost(str(exec_id), int(time), str(strategy), *map(_number, costs))
        for exec_id, time, strategy, *costs in database.execute(query, (since_s * NS, until_s * NS))
    ]


def _gaps(database: sqlite3.Connection, since_s: float, until_s: float) -> list[GapCount]:
    query = "SELECT day, topic, gaps FROM gaps WHERE day >= ? AND day < ? ORDER BY day, gaps DESC, topic"
    days = (since_s // DAY_S, -(-until_s // DAY_S))
    return [GapCount(int(day), str(topic), int(gaps)) for day, topic, gaps in database.execute(query, days)]


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
