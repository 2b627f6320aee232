"""What of the board is kept for later, minute by minute: equity and results, what each fill cost, gaps.

A figure that has not been confirmed for `FIGURE_S` is no measurement of this minute and is left out: the line
is broken there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twsmq_protocol.board import Row
from twsmq_protocol.envelope import NS

from .records import DAY_S, EquityPoint, Records

Rows = Callable[[str], Iterable[Row]]
FIGURE_S = 600


class Recorder:
    """`rows` gives the rows of a section of the board."""

    def __init__(self, records: Records, rows: Rows) -> None:
        self._records = records
        self._rows = rows
        self._kept_fills: set[str] = set()
        self._currencies: dict[str, str] = {}
        self._gaps = records.gap_counts()

    def minute(self, ns: int) -> None:
        """A minute has begun."""
        minute = ns // NS // 60 * 60
        points: list[EquityPoint] = []
        for row in self._rows("accounts"):
            worth = row.get("net_liquidation") if _fresh(row["updated"], ns) else None
            results = row if _fresh(row["pnl_updated"], ns) else {}
            figures = [worth, *(results.get(name) for name in ("daily", "unrealized", "realized"))]
            if any(figure is not None for figure in figures):
                self._keep_currency(row["account"], row.get("currency"))
                points.append(EquityPoint(minute, row["account"], *figures))
        self._records.keep_equity(points)
        self.latest(ns)
        self._records.forget_old(minute)

    def _keep_currency(self, account: str, currency: str | None) -> None:
        if currency and self._currencies.get(account) != currency:
            self._currencies[account] = currency
            self._records.keep_setting(f"currency/{account}", currency)

    def latest(self, ns: int) -> None:
        """What came since the minute began; also before the day and before this process ends."""
        fills = list(self._rows("fills"))
        self._records.keep_fills(row for row in fills if row["key"] not in self._kept_fills)
        self._kept_fills = {row["key"] for row in fills}
        self._keep_gaps(ns // NS // DAY_S)

    def _keep_gaps(self, day: int) -> None:
        """A shard counts from 0 again when it was restarted, and goes on when this process was."""
        more: dict[str, int] = {}
        counts: dict[str, int] = {}
        for row in self._rows("streams"):
            key, topic, count = row["key"], row["topic"], row["gaps"] or 0
            before = self._gaps.get(key, 0)
            if count != before:
                counts[key] = count
                more[topic] = more.get(topic, 0) + (count if count < before else count - before)
        self._gaps |= counts
        self._records.keep_gaps(day, more, counts)


def _fresh(as_of: int | None, ns: int) -> bool:
    return as_of is not None and abs(ns - as_of) < FIGURE_S * NS
