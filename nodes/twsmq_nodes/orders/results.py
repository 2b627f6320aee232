"""What a day has realised for each strategy, by account and currency, as the gateway reports it.

That has the cost of closing in it already, and that of opening (captured: two MES fills at 7039.5 and 7039.25
with 0.62 commission each realise -2.49): a fill that opens realises nothing, and neither cost is taken off
once more.

Invariant: each execution counts once, a later report about it replaces the earlier one; what is reported of
an execution of an earlier day says nothing of this one. Days are UTC's.
"""

from __future__ import annotations

from twsmq_protocol.order_events import Commission, Fill

from .ids import split_exec_id

_DAY_NS = 86_400_000_000_000


class DayResults:
    def __init__(self) -> None:
        self._day = 0
        self._results: dict[str, dict[tuple[str, str], float]] = {}  # of that day
        self._parts: dict[str, tuple[tuple[str, str], float]] = {}  # of that day, by execution

    def add(self, cost: Commission, fill: Fill | None, account: str) -> None:
        day = cost.ts // _DAY_NS
        if fill is not None and fill.time is not None and fill.time // _DAY_NS < day:
            return
        if day > self._day:
            self._day, self._results, self._parts = day, {}, {}
        result, prefix = cost.realized_pnl or 0.0, split_exec_id(cost.exec_id)[0]
        mine, at = self._results.setdefault(cost.strategy, {}), (account, cost.currency)
        before = self._parts.get(prefix)
        if before is not None:  # it may have been in another currency
            mine[before[0]] = mine.get(before[0], 0.0) - before[1]
        self._parts[prefix] = at, result
        mine[at] = mine.get(at, 0.0) + result

    def take_back(self, fill: Fill, currency: str, account: str) -> None:
        """An execution that was taken back has brought nothing; what that costs may be reported yet."""
        nothing = Commission(
            client_order_id=fill.client_order_id,
            strategy=fill.strategy,
            exec_id=fill.exec_id,
            commission=0.0,
            currency=currency,
            ts=fill.ts,
        )
        self.add(nothing, fill, fill.account or account)

    def of(self, strategy: str, ns: int) -> dict[tuple[str, str], float]:
        """Of the day of `ns`, the present moment, by account and currency."""
        return self._results.get(strategy, {}) if ns // _DAY_NS <= self._day else {}
