"""A day as it was, gathered: pure once the two files are read.

A day is one of UTC, as on the board. The journal has what was ordered, traded and paid; the records have what
the journal cannot: equity, the middle of the quote at placing, gaps. What was never recorded is absent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from msgspec import Struct, field

from ..records import DAY_S, NS, FillCost, Recorded, Series

Row = Mapping[str, Any]


class FillRow(Struct, frozen=True):
    """An execution after corrections. `slippage_bps`, `latency_s`: None where not recorded."""

    time_ns: int
    strategy: str
    order: str
    instrument: str | None
    account: str | None
    side: str | None
    quantity: float | None
    price: float | None
    mid: float | None
    slippage: float | None
    slippage_bps: float | None
    latency_s: float | None
    commission: float | None
    currency: str | None
    realized_pnl: float | None
    exec_id: str


class StrategyRow(Struct, frozen=True):
    """What a strategy did. Means are over the fills that have the figure; None: none has.

    A row for each currency in which its fills cost something; what is not of a currency stands in the first.
    """

    strategy: str
    currency: str | None
    orders: int | None
    states: str | None
    fills: int
    commission: float | None
    realized: float | None
    slippage_bps: float | None
    latency_s: float | None


class AccountRow(Struct, frozen=True):
    """An account between its first and last minute of the day."""

    account: str
    currency: str | None
    first: float | None
    last: float | None
    low: float | None
    high: float | None
    daily: float | None
    realized: float | None
    unrealized: float | None


class DayReport(Struct, frozen=True):
    day: date
    accounts: list[AccountRow]
    series: dict[str, Series]
    strategies: list[StrategyRow]
    fills: list[FillRow]
    gaps: list[tuple[str, int]]
    problems: list[str] = field(default_factory=list[str])


def bounds(day: date) -> tuple[int, int]:
    """The first second of the day and of the next one."""
    begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    return begin, begin + DAY_S


def gather(
    day: date, recorded: Recorded, orders: Iterable[Row], executions: Iterable[Row], problems: Iterable[str]
) -> DayReport:
    """`orders` as they stood when the day was over, `executions` after corrections."""
    begin, end = bounds(day)
    costs = {each.exec_id: each for each in recorded.fills}
    by_key = {(str(row.get("strategy")), str(row.get("client_order_id"))): row for row in orders}
    fills = [
        _fill(row, by_key, costs)
        for row in executions
        if begin * NS <= _time(row) < end * NS and row.get("exec_id") is not None
    ]
    fills.sort(key=lambda each: each.time_ns)
    touched = [row for row in by_key.values() if begin * NS <= int(row.get("ts") or 0) < end * NS]
    gaps: Counter[str] = Counter()
    for each in recorded.gaps:
        gaps[each.topic] += each.gaps
    return DayReport(
        day=day,
        accounts=[_account(account, series) for account, series in recorded.accounts.items()],
        series=recorded.accounts,
        strategies=_strategies(touched, fills),
        fills=fills,
        gaps=gaps.most_common(),
        problems=[*filter(None, [recorded.problem]), *problems],
    )


def _time(row: Row) -> int:
    return int(row.get("time") or row.get("ts") or 0)


def _fill(row: Row, orders: Mapping[tuple[str, str], Row], costs: Mapping[str, FillCost]) -> FillRow:
    strategy, name = str(row.get("strategy")), str(row.get("client_order_id"))
    cost = costs.get(str(row["exec_id"]))
    return FillRow(
        time_ns=_time(row),
        strategy=strategy,
        order=name,
        instrument=orders.get((strategy, name), {}).get("instrument"),
        account=row.get("account"),
        side=row.get("side"),
        quantity=row.get("quantity"),
        price=row.get("price"),
        mid=None if cost is None else cost.mid,
        slippage=None if cost is None else cost.slippage,
        slippage_bps=None if cost is None else cost.slippage_bps,
        latency_s=None if cost is None else cost.latency_s,
        commission=row.get("commission"),
        currency=row.get("currency"),
        realized_pnl=row.get("realized_pnl"),
        exec_id=str(row["exec_id"]),
    )


def _strategies(orders: Iterable[Row], fills: Iterable[FillRow]) -> list[StrategyRow]:
    states: dict[str, Counter[str]] = {}
    for row in orders:
        states.setdefault(str(row.get("strategy")), Counter())[str(row.get("status"))] += 1
    traded: dict[str, list[FillRow]] = {}
    for fill in fills:
        traded.setdefault(fill.strategy, []).append(fill)
    rows: list[StrategyRow] = []
    for name in sorted(states.keys() | traded.keys()):
        counts = states.get(name, Counter())
        by_currency: dict[str | None, list[FillRow]] = {}
        for fill in traded.get(name, []):
            by_currency.setdefault(fill.currency, []).append(fill)
        for number, currency in enumerate(sorted(by_currency, key=lambda each: each or "~") or [None]):
            own = by_currency.get(currency, [])
            rows.append(
                StrategyRow(
                    strategy=name,
                    currency=currency,
                    orders=counts.total() if number == 0 else None,
                    states=", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
                    if number == 0
                    else None,
                    fills=len(own),
                    commission=_sum(fill.commission for fill in own),
                    realized=_sum(fill.realized_pnl for fill in own),
                    slippage_bps=mean(fill.slippage_bps for fill in own),
                    latency_s=mean(fill.latency_s for fill in own),
                )
            )
    return rows


def _sum(values: Iterable[float | None]) -> float | None:
    known = _known(values)
    return sum(known) if known else None


def _account(account: str, series: Series) -> AccountRow:
    worth = _known(series.net_liquidation)
    return AccountRow(
        account=account,
        currency=series.currency,
        first=worth[0] if worth else None,
        last=worth[-1] if worth else None,
        low=min(worth, default=None),
        high=max(worth, default=None),
        daily=_last(series.daily),
        realized=_last(series.realized),
        unrealized=_last(series.unrealized),
    )


def mean(values: Iterable[float | None]) -> float | None:
    """Of those that are known."""
    known = _known(values)
    return sum(known) / len(known) if known else None


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _last(values: Iterable[float | None]) -> float | None:
    known = _known(values)
    return known[-1] if known else None
