"""The order monitor: every order of the day and every foreign order, as the orders node publishes them.

Theory: it is fed by `follower`, every event once and in its order. A finished order stays on the board for
the day, and while it is among the last `MOST_FINISHED`; what works or is unknown always stays.

Times: `ts` of events in ns since the epoch; nothing here asks a clock.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping

from msgspec import Struct
from twsmq_protocol.board import Row
from twsmq_protocol.envelope import payload
from twsmq_protocol.order_events import (
    TERMINAL_STATUSES,
    Commission,
    Fill,
    ForeignOrderChanged,
    Order,
    OrderEvent,
)
from twsmq_protocol.order_query_requests import ForeignOrder

from .strategy_totals import StrategyTotals

MOST_FINISHED = 500
MOST_FILLS = 500
DAY_NS = 86_400_000_000_000

Key = tuple[str, str]


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
        self._totals = StrategyTotals()
        self._unknown: dict[Key, _Fact] = {}
        self._changed: set[Key] = set()  # since `changes` was last asked for
        self._foreign_rows: dict[str, Row] | None = None
        self.today = today
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
        listed = {each.perm_id: each for each in foreign}
        if listed != self._foreign:
            self._foreign, self._foreign_rows = listed, None

    def foreign_changed(self, event: ForeignOrderChanged) -> None:
        """One came, changed or ended."""
        self._foreign_rows = None
        if event.working:
            fields = {name: getattr(event, name) for name in ForeignOrder.__struct_fields__}
            self._foreign[event.perm_id] = ForeignOrder(**fields)
        else:
            self._foreign.pop(event.perm_id, None)

    def forget(self) -> None:
        """The journal is another one."""
        halts, costs, today, gone = self.halts, self.costs, self.today, self._orders.keys() | self._changed
        self.__init__(today)
        self.halts, self.costs, self._changed = halts, costs, set(gone)

    def new_day(self, day: int) -> None:
        """Midnight UTC: what finished goes, counts of the day begin anew."""
        if day == self.today:
            return
        self.today = day
        self._totals.new_day()
        for key in [key for key, fact in self._orders.items() if fact.order.status in TERMINAL_STATUSES]:
            self._drop(key)
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

    def changes(self) -> dict[str, Row | None]:
        """Rows of orders that changed since this was last asked for; None for one that is gone."""
        changed, self._changed = self._changed, set[Key]()
        facts = ((key, self._orders.get(key)) for key in changed)
        return {_spelled(key): None if fact is None else self._row(fact) for key, fact in facts}

    def foreign(self) -> dict[str, Row]:
        if self._foreign_rows is None:
            self._foreign_rows = {
                str(perm_id): {"key": str(perm_id), **_plain(order)}
                for perm_id, order in self._foreign.items()
            }
        return self._foreign_rows

    def fills(self) -> dict[str, Row]:
        """The newest first."""
        return dict(reversed(self._fills.items()))

    def strategies(self) -> dict[str, Row]:
        return self._totals.rows(self.halts)

    def by_state(self) -> Mapping[tuple[str, str], int]:
        """How many orders that are not finished, by strategy and status."""
        return dict(self._totals.by_state())

    def oldest_unknown(self) -> int | None:
        """Since when (ns) the oldest unknown order is."""
        return min((fact.since for fact in self._unknown.values()), default=None)

    def working(self) -> int:
        return self._totals.working()

    def unknown(self) -> int:
        return len(self._unknown)

    def remaining(self, scope: str) -> int:
        """How many orders of a strategy (empty: of all) are not finished."""
        return self._totals.working(scope)

    def instrument_of(self, key: Key) -> str | None:
        fact = self._orders.get(key)
        return None if fact is None else fact.order.instrument

    # -- within

    def _order(self, order: Order) -> None:
        key = (order.strategy, order.client_order_id)
        fact = self._orders.get(key)
        self._changed.add(key)
        self._totals.moved(order.strategy, None if fact is None else fact.order.status, order.status)
        if fact is None:
            fact = self._orders[key] = _Fact(order, order.ts, order.ts)
        elif order.status != fact.order.status:
            fact.since = order.ts
        if fact.acknowledged is None and order.status not in ("pending", "unknown", "not_sent"):
            fact.acknowledged = order.ts
            if fact.order.status == "pending" and fact.order is not order:
                self.latencies.append(Latency(fill=False, seconds=max(0.0, (order.ts - fact.born) / 1e9)))
        fact.order, fact.row = order, None
        if order.status == "unknown":
            self._unknown[key] = fact
        else:
            self._unknown.pop(key, None)
        if order.status in TERMINAL_STATUSES:
            self._finished.append(key)
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        while len(self._finished) > MOST_FINISHED:
            key = self._finished.popleft()
            fact = self._orders.get(key)
            if fact is not None and fact.order.status in TERMINAL_STATUSES and key not in self._finished:
                self._drop(key)

    def _drop(self, key: Key) -> None:
        self._totals.moved(key[0], self._orders.pop(key).order.status, None)
        self._mids.pop(key, None)
        self._changed.add(key)

    def _fill(self, fill: Fill) -> None:
        if fill.exec_id in self._fills:
            if fill.corrects == fill.exec_id:
                self._fills[fill.exec_id] |= {"leg": fill.leg, "slippage": None}
            return
        if fill.corrects is not None:
            self._fills.pop(fill.corrects, None)
            self._totals.busted(fill.corrects)
            if not fill.quantity:
                return
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
            "currency": None,
            "corrects": fill.corrects,
            "exec_id": fill.exec_id,
            "con_id": fill.con_id,
            "leg": fill.leg,
        }
        self.fills_total[fill.strategy] += 1
        if fill.corrects is None and (fill.time or fill.ts) // DAY_NS == self.today:
            self._totals.filled(fill.strategy)
        while len(self._fills) > MOST_FILLS:
            del self._fills[next(iter(self._fills))]

    def _commission(self, event: Commission) -> None:
        row = self._fills.get(event.exec_id)
        if row is not None:
            costs = {"commission": event.commission, "realized_pnl": event.realized_pnl}
            self._fills[event.exec_id] = row | costs | {"currency": event.currency}
        if (row["time"] if row is not None else event.ts) // DAY_NS == self.today:
            self._totals.cost(event)

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
