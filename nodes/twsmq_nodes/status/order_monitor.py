"""The order monitor: every order of the day and every foreign order, as the orders node publishes them.

Theory: it is fed by `follower`, every event once and in its order. A finished order stays on the board for
the day, and while it is among the last `MOST_FINISHED`; what works or is unknown always stays.

Times: `ts` of events in ns since the epoch; nothing here asks a clock.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from twsmq_protocol.envelope import payload
from twsmq_protocol.order_events import TERMINAL_STATUSES, Commission, Fill, Order, OrderEvent
from twsmq_protocol.order_requests import ForeignOrder

MOST_FINISHED = 500
MOST_FILLS = 500
DAY_NS = 86_400_000_000_000

Key = tuple[str, str]
Row = dict[str, Any]


class _Fact(Struct):
    """What is remembered of one order beside its event. `row`: as the board shows it, None once it
    changed."""

    order: Order
    since: int
    born: int
    acknowledged: int | None = None
    first_fill: int | None = None
    row: Row | None = None


class Latency(Struct, frozen=True):
    """An order was acknowledged (`fill` false) or first filled, so many seconds after it was born."""

    fill: bool
    seconds: float


class OrderMonitor:
    """`latencies`: what was measured since it was last taken. `costs`: the middle of the quote at placing of
    executions that an earlier life of this process saw."""

    def __init__(self, today: int = 0) -> None:
        self._orders: dict[Key, _Fact] = {}
        self._finished: deque[Key] = deque()
        self._foreign: dict[int, ForeignOrder] = {}
        self._fills: dict[str, Row] = {}
        self._mids: dict[Key, float | None] = {}
        self._day: dict[str, Row] = {}  # figures of the day by strategy
        self._today = today
        self.fills_total: Counter[str] = Counter()
        self.halts: dict[str, str] = {}
        self.latencies: list[Latency] = []
        self.costs: Mapping[str, float] = {}

    # -- in

    def event(self, event: OrderEvent) -> None:
        """An event of the journal, each once and in its order."""
        match event:
            case Order():
                self._order(event)
            case Fill():
                self._fill(event)
            case Commission():
                self._commission(event)
            case _:
                pass

    def foreign_listed(self, foreign: Iterable[ForeignOrder]) -> None:
        """All foreign orders, as the orders node answered."""
        self._foreign = {each.perm_id: each for each in foreign}

    def forget(self) -> None:
        """The journal is another one."""
        halts, costs, today = self.halts, self.costs, self._today
        self.__init__(today)
        self.halts, self.costs = halts, costs

    def new_day(self, day: int) -> None:
        """Midnight UTC: what finished goes, counts of the day begin anew."""
        if day == self._today:
            return
        self._today = day
        self._day.clear()
        for key in [key for key, fact in self._orders.items() if fact.order.status in TERMINAL_STATUSES]:
            del self._orders[key]
            self._mids.pop(key, None)
        self._finished.clear()
        self._fills = {key: row for key, row in self._fills.items() if row["time"] // DAY_NS == day}

    def mid(self, key: Key, mid: float | None) -> None:
        """The middle of the quote when the order was placed."""
        self._mids[key] = mid

    # -- out

    def orders(self) -> dict[str, Row]:
        """Rows, unknown ones first, then what works, then what is finished, each newest first."""
        ranked = sorted(self._orders.items(), key=lambda each: (_rank(each[1].order.status), -each[1].since))
        return {_spelled(key): self._row(fact) for key, fact in ranked}

    def foreign(self) -> dict[str, Row]:
        return {
            str(perm_id): {"key": str(perm_id), **_plain(order)} for perm_id, order in self._foreign.items()
        }

    def fills(self) -> dict[str, Row]:
        """The newest first."""
        return dict(reversed(self._fills.items()))

    def strategies(self) -> dict[str, Row]:
        states: dict[str, Counter[str]] = {}
        for fact in self._orders.values():
            states.setdefault(fact.order.strategy, Counter())[fact.order.status] += 1
        names = sorted(states.keys() | self._day.keys() | (self.halts.keys() - {""}))
        rows: dict[str, Row] = {}
        for name in names:
            counts = states.get(name, Counter())
            day = self._day.get(name, {})
            halted = self.halts.get(name, self.halts.get(""))
            rows[name] = {
                "key": name,
                "strategy": name,
                "halted": None if halted is None else f"halted: {halted}",
                "working": sum(n for status, n in counts.items() if status not in TERMINAL_STATUSES),
                "unknown": counts["unknown"],
                "fills": day.get("fills", 0),
                "realized": day.get("realized"),
                "commission": day.get("commission"),
                "states": ", ".join(f"{n} {status}" for status, n in sorted(counts.items())) or None,
            }
        return rows

    def by_state(self) -> Mapping[tuple[str, str], int]:
        """How many orders that are not finished, by strategy and status."""
        found: Counter[tuple[str, str]] = Counter()
        for fact in self._orders.values():
            if fact.order.status not in TERMINAL_STATUSES:
                found[fact.order.strategy, fact.order.status] += 1
        return found

    def oldest_unknown(self) -> int | None:
        """Since when (ns) the oldest unknown order is."""
        return min(
            (fact.since for fact in self._orders.values() if fact.order.status == "unknown"), default=None
        )

    def working(self) -> int:
        return sum(fact.order.status not in TERMINAL_STATUSES for fact in self._orders.values())

    def unknown(self) -> int:
        return sum(fact.order.status == "unknown" for fact in self._orders.values())

    def remaining(self, scope: str) -> int:
        """How many orders of a strategy (empty: of all) are not finished."""
        return sum(
            fact.order.status not in TERMINAL_STATUSES
            for (strategy, _), fact in self._orders.items()
            if scope in ("", strategy)
        )

    def instrument_of(self, key: Key) -> str | None:
        fact = self._orders.get(key)
        return None if fact is None else fact.order.instrument

    # -- within

    def _order(self, order: Order) -> None:
        key = (order.strategy, order.client_order_id)
        fact = self._orders.get(key)
        if fact is None:
            fact = self._orders[key] = _Fact(order, order.ts, order.ts)
        elif order.status != fact.order.status:
            fact.since = order.ts
        if fact.acknowledged is None and order.status not in ("pending", "unknown", "not_sent"):
            fact.acknowledged = order.ts
            if fact.order.status == "pending" and fact.order is not order:
                self.latencies.append(Latency(fill=False, seconds=max(0.0, (order.ts - fact.born) / 1e9)))
        fact.order, fact.row = order, None
        if order.status in TERMINAL_STATUSES:
            self._finished.append(key)
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        while len(self._finished) > MOST_FINISHED:
            key = self._finished.popleft()
            fact = self._orders.get(key)
            if fact is not None and fact.order.status in TERMINAL_STATUSES and key not in self._finished:
                del self._orders[key]
                self._mids.pop(key, None)

    def _fill(self, fill: Fill) -> None:
        if fill.exec_id in self._fills:
            return
        if fill.corrects is not None:
            self._fills.pop(fill.corrects, None)
        key = (fill.strategy, fill.client_order_id)
        fact = self._orders.get(key)
        latency = None
        if fact is not None and not fill.recovered:
            latency = max(0.0, (fill.ts - fact.born) / 1e9)
            if fact.first_fill is None:
                fact.first_fill = fill.ts
                self.latencies.append(Latency(fill=True, seconds=latency))
        mid = self._mids.get(key, self.costs.get(fill.exec_id))
        signed = 1.0 if fill.side == "BUY" else -1.0
        self._fills[fill.exec_id] = {
            "key": fill.exec_id,
            "time": fill.time or fill.ts,
            "strategy": fill.strategy,
            "client_order_id": fill.client_order_id,
            "instrument": None if fact is None else fact.order.instrument,
            "account": fill.account,
            "side": fill.side,
            "quantity": fill.quantity,
            "price": fill.price,
            "mid": mid,
            "slippage": None if mid is None or fill.leg else signed * (fill.price - mid),
            "latency_s": latency,
            "commission": None,
            "realized_pnl": None,
            "corrects": fill.corrects,
            "exec_id": fill.exec_id,
            "con_id": fill.con_id,
            "leg": fill.leg,
        }
        self.fills_total[fill.strategy] += 1
        day = self._of_today(fill.strategy, fill.time or fill.ts)
        if day is not None and fill.corrects is None:
            day["fills"] = day.get("fills", 0) + 1
        while len(self._fills) > MOST_FILLS:
            del self._fills[next(iter(self._fills))]

    def _commission(self, event: Commission) -> None:
        row = self._fills.get(event.exec_id)
        if row is not None:
            costs = {"commission": event.commission, "realized_pnl": event.realized_pnl}
            self._fills[event.exec_id] = row | costs
        day = self._of_today(event.strategy, row["time"] if row is not None else event.ts)
        if day is not None:
            day["commission"] = day.get("commission", 0.0) + event.commission
            if event.realized_pnl is not None:
                day["realized"] = day.get("realized", 0.0) + event.realized_pnl

    def _of_today(self, strategy: str, ns: int) -> Row | None:
        return self._day.setdefault(strategy, {}) if ns // DAY_NS == self._today else None

    def _row(self, fact: _Fact) -> Row:
        if fact.row is not None:
            return fact.row
        order = fact.order
        row = payload(order)
        for name in ("snapshot", "event_no", "strategy_no", "remaining", "tws_code", "gateway_status"):
            row.pop(name, None)
        row |= {
            "key": _spelled((order.strategy, order.client_order_id)),
            "since": fact.since,
            "rank": _rank(order.status),
        }
        if order.tws_code is not None and order.reason is not None:
            row["reason"] = f"{order.reason} ({order.tws_code})"
        fact.row = row
        return row


def _rank(status: str) -> int:
    if status == "unknown":
        return 0
    return 2 if status in TERMINAL_STATUSES else 1


def _spelled(key: Key) -> str:
    return f"{key[0]}/{key[1]}"


def _plain(order: ForeignOrder) -> Row:
    return {name: getattr(order, name) for name in order.__struct_fields__}
