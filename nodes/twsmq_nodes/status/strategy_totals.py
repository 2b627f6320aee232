"""What is counted of each strategy: its orders by status, its fills of the day and what they cost.

Invariant: an event costs the same however many orders there are; only rows of strategies that changed are
made anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from msgspec import Struct
from twsmq_protocol.board import Row
from twsmq_protocol.order_events import TERMINAL_STATUSES, Commission


class _Cost(Struct, frozen=True):
    """What an execution of the day cost and realized, in its own currency."""

    strategy: str
    currency: str
    commission: float
    realized: float | None


class _Sum(Struct):
    """Of the executions of one strategy in one currency. `with_result`: how many of them realized
    something."""

    executions: int = 0
    with_result: int = 0
    commission: float = 0.0
    realized: float = 0.0


class StrategyTotals:
    def __init__(self) -> None:
        self._states: dict[str, Counter[str]] = {}
        self._fills: Counter[str] = Counter()
        self._costs: dict[str, _Cost] = {}  # by execution
        self._sums: dict[str, dict[str, _Sum]] = {}
        self._changed: set[str] = set()
        self._halts: dict[str, str] = {}
        self._rows: dict[str, Row] = {}

    # -- in

    def moved(self, strategy: str, before: str | None, after: str | None) -> None:
        """One of its orders went from a status to another; None: it was, or is, not on the board."""
        if before == after:
            return
        states = self._states.setdefault(strategy, Counter())
        for status, by in ((before, -1), (after, 1)):
            if status is not None:
                states[status] += by
                if not states[status]:
                    del states[status]
        if not states:
            del self._states[strategy]
        self._changed.add(strategy)

    def filled(self, strategy: str) -> None:
        """By an execution of the day."""
        self._fills[strategy] += 1
        self._changed.add(strategy)

    def cost(self, event: Commission) -> None:
        """Of an execution of the day. A gateway may report it again."""
        self.busted(event.exec_id)
        cost = _Cost(event.strategy, event.currency, event.commission, event.realized_pnl)
        self._costs[event.exec_id] = cost
        found = self._sums.setdefault(cost.strategy, {}).setdefault(cost.currency, _Sum())
        _add(found, cost, 1)
        self._changed.add(cost.strategy)

    def busted(self, exec_id: str) -> None:
        """What it cost does not count: it was corrected."""
        cost = self._costs.pop(exec_id, None)
        if cost is None:
            return
        sums = self._sums[cost.strategy]
        _add(sums[cost.currency], cost, -1)
        if not sums[cost.currency].executions:
            del sums[cost.currency]
        self._changed.add(cost.strategy)

    def new_day(self) -> None:
        self._changed |= self._fills.keys() | self._sums.keys()
        self._fills.clear()
        self._costs.clear()
        self._sums.clear()

    # -- out

    def rows(self, halts: Mapping[str, str]) -> dict[str, Row]:
        """By name. `halts`: reasons by strategy; of the empty name, everybody's."""
        if halts != self._halts:
            self._halts = dict(halts)
            self._changed |= self._rows.keys() | (halts.keys() - {""})
        new = False
        for name in self._changed:
            if name in self._states or name in self._sums or self._fills[name] or name in halts:
                new = new or name not in self._rows
                self._rows[name] = self._row(name)
            else:
                self._rows.pop(name, None)
        if new:
            self._rows = dict(sorted(self._rows.items()))
        self._changed.clear()
        return self._rows

    def by_state(self) -> Iterator[tuple[tuple[str, str], int]]:
        """How many orders that are not finished, by strategy and status."""
        for strategy, states in self._states.items():
            for status, count in states.items():
                if status not in TERMINAL_STATUSES:
                    yield (strategy, status), count

    def working(self, strategy: str = "") -> int:
        """How many orders of a strategy (empty: of all) are not finished."""
        if strategy:
            states = self._states.get(strategy, Counter[str]())
            return sum(count for status, count in states.items() if status not in TERMINAL_STATUSES)
        return sum(count for _, count in self.by_state())

    def _row(self, name: str) -> Row:
        states = self._states.get(name, Counter[str]())
        halted = self._halts.get(name, self._halts.get(""))
        return {
            "key": name,
            "strategy": name,
            "halted": None if halted is None else f"halted: {halted}",
            "working": self.working(name),
            "unknown": states["unknown"],
            "fills": self._fills[name],
            **_summed(self._sums.get(name, {})),
            "states": ", ".join(f"{n} {status}" for status, n in sorted(states.items())) or None,
        }


def _add(found: _Sum, cost: _Cost, sign: int) -> None:
    found.executions += sign
    found.commission += sign * cost.commission
    if cost.realized is not None:
        found.with_result += sign
        found.realized = found.realized + sign * cost.realized if found.with_result else 0.0


def _summed(sums: Mapping[str, _Sum]) -> Row:
    """Of one currency; of several each by itself, as a text: no rate is known here."""
    if len(sums) <= 1:
        one = next(iter(sums.items()), None)
        if one is None:
            return {"realized": None, "commission": None, "currency": None}
        currency, found = one
        return {
            "realized": found.realized if found.with_result else None,
            "commission": found.commission,
            "currency": currency or None,
        }
    each = "; ".join(
        f"{currency}: realized {_money(found.realized if found.with_result else None)}, "
        f"commission {_money(found.commission)}"
        for currency, found in sorted(sums.items())
    )
    return {"realized": None, "commission": None, "currency": each}


def _money(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f}"
