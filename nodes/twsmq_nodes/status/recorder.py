"""What of the board is kept for later, minute by minute: equity and results, what each fill cost, gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .board import Row
from .records import DAY_S, EquityPoint, Records

Rows = Callable[[str], Iterable[Row]]
NS = 1_000_000_000


class Recorder:
    """`rows` gives the rows of a section of the board."""

    def __init__(self, records: Records, rows: Rows) -> None:
        self._records = records
        self._rows = rows
        self._kept_fills: set[str] = set()
        self._gaps: dict[str, int] = {}

    def minute(self, ns: int) -> None:
        """A minute has begun."""
        minute = ns // NS // 60 * 60
        self._records.keep_equity(
            EquityPoint(
                minute,
                row["account"],
                row.get("net_liquidation"),
                row.get("daily"),
                row.get("unrealized"),
                row.get("realized"),
            )
            for row in self._rows("accounts")
        )
        self.latest(ns)
        self._records.forget_old(minute)

    def latest(self, ns: int) -> None:
        """What came since the minute began; also before the end."""
        fills = list(self._rows("fills"))
        self._records.keep_fills(row for row in fills if row["key"] not in self._kept_fills)
        self._kept_fills = {row["key"] for row in fills}
        self._keep_gaps(ns // NS // DAY_S)

    def _keep_gaps(self, day: int) -> None:
        """A shard that was restarted counts from 0 again."""
        gaps = {row["key"]: (row["topic"], row["gaps"] or 0) for row in self._rows("streams")}
        more: dict[str, int] = {}
        for key, (topic, count) in gaps.items():
            before = self._gaps.get(key, 0)
            more[topic] = more.get(topic, 0) + (count if count < before else count - before)
        self._gaps = {key: count for key, (_, count) in gaps.items()}
        self._records.keep_gaps(day, more)
