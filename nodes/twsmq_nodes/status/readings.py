"""The metrics that only the status node knows: of processes, the link, orders, accounts and alerts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from twsmq_protocol.alerts import AlertRow
from twsmq_protocol.envelope import NS
from twsmq_protocol.metrics import MOST_ACCOUNTS, MOST_STRATEGIES
from twsmq_transport.metrics import Reading

from .figures import account_rows
from .knowledge import Knowledge
from .order_monitor import OrderMonitor
from .processes import ProcessBoard

_OF_ACCOUNTS = {
    "net_liquidation": "net_liquidation",
    "daily_pnl": "daily",
    "excess_liquidity": "excess_liquidity",
    "maintenance_margin": "maintenance_margin",
}
"""The column of the section `accounts` that each shows."""


def readings(
    known: Knowledge, firing: Sequence[AlertRow], disk_free: int | None, now: float, ns: int
) -> Iterator[Reading]:
    """`now` in seconds, monotonic; `ns` since the epoch; `disk_free` in bytes, None if not known."""
    yield from _processes(known.processes, now)
    yield from _link(known, ns)
    if known.orders_as_of is not None:
        yield from _orders(known.monitor, ns)
        for scope in ("everybody", "strategy"):
            left = [known.monitor.remaining(n) for n in known.killed if (n == "") == (scope == "everybody")]
            yield "kill_remaining", (scope,), max(left, default=0)
    if known.foreign_as_of is not None:
        yield "orders_foreign", (), len(known.monitor.foreign())
    if known.halts_as_of is not None:
        for scope in ("everybody", "strategy"):
            halted = sum((name == "") == (scope == "everybody") for name in known.monitor.halts)
            yield "halts", (scope,), halted
    yield from _accounts(known, now)
    if known.count.compared:
        yield "positions_differing", (), len(known.count.differing_since(now))
    for severity in ("page", "warn"):
        yield "alerts_firing", (severity,), sum(row.severity == severity for row in firing)
    if disk_free is not None:
        yield "disk_free_bytes", (), disk_free


def _processes(processes: ProcessBoard, now: float) -> Iterator[Reading]:
    for name, state, age, restarts in processes.states(now):
        yield "process_state", (name, state), 1
        if age is not None:
            yield "heartbeat_age_seconds", (name,), round(age, 3)
        if restarts is not None:
            yield "restarts_total", (name,), restarts


def _link(known: Knowledge, ns: int) -> Iterator[Reading]:
    """While the connection node is silent what was bad stands, and of what was well nobody knows."""
    link, down, present = known.link, known.link.down_since, known.link.present(ns)
    yield "gateway_state", ((link.state if present else None) or "unknown",), 1
    if present or link.upstream != "connected":
        yield "gateway_upstream_up", (), int(link.upstream == "connected")
    if present or down is not None:
        yield "gateway_down_seconds", (), 0.0 if down is None else max(0.0, (ns - down) / NS)
    covered = down is not None and known.clock.covers(ns, down)
    yield "gateway_restart_planned", (), int(covered)
    overdue = None if down is None else known.clock.overdue_s(ns, down)
    yield "gateway_restart_overdue_seconds", (), overdue or 0.0
    for state, count in link.farm_counts().items():
        if present or state == "broken":
            yield "gateway_farms", (state,), count


def _orders(monitor: OrderMonitor, ns: int) -> Iterator[Reading]:
    counts: Counter[tuple[str, str]] = Counter()
    for (strategy, status), count in _few(monitor.by_state().items()):
        counts[strategy, status] += count
    for (strategy, status), count in counts.items():
        yield "orders", (strategy, status), count
    oldest = monitor.oldest_unknown()
    yield "orders_unknown_oldest_seconds", (), 0.0 if oldest is None else max(0.0, (ns - oldest) / NS)
    fills: Counter[str] = Counter()
    for number, (strategy, count) in enumerate(sorted(monitor.fills_total.items())):
        fills[strategy if number < MOST_STRATEGIES else "other"] += count
    for strategy, count in fills.items():
        yield "fills_total", (strategy,), count


def _few(
    counted: Iterable[tuple[tuple[str, str], int]],
) -> Iterator[tuple[tuple[str, str], int]]:
    """Strategies beyond the most count as `other`."""
    ranked = sorted(counted)
    named = sorted({strategy for (strategy, _), _ in ranked})[:MOST_STRATEGIES]
    for (strategy, status), count in ranked:
        yield (strategy if strategy in named else "other", status), count


def _accounts(known: Knowledge, now: float) -> Iterator[Reading]:
    accounts = known.core.accounts
    rows = account_rows(accounts.published, accounts.results, {})
    yield "accounts", (), len(rows)
    for row in list(rows.values())[:MOST_ACCOUNTS]:
        labels = (row["account"], row["currency"] or "")
        for metric, column in _OF_ACCOUNTS.items():
            if row.get(column) is not None:
                yield metric, labels, row[column]
        stamps = known.figures_as_of.get(row["account"])
        if stamps is not None:
            yield "account_age_seconds", (row["account"],), round(now - stamps.at, 3)
