"""The sections of the board, each from what is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec
from twsmq_protocol.alerts import AlertRow

from .board import Row
from .desk import desk_row
from .figures import account_rows, cash_rows, position_rows
from .knowledge import Knowledge

Rows = Mapping[str, Row]
_RANKS = {"firing": 0, "acknowledged": 1, "resolved": 2}


class Moment(msgspec.Struct, frozen=True):
    """`now` in seconds, monotonic; `ns` since the epoch. `alerts`: as they stand. `held`: rows of positions
    as they were shown last."""

    now: float
    ns: int
    alerts: tuple[AlertRow, ...]
    held: Iterable[Row] = ()


def section(name: str, known: Knowledge, at: Moment) -> tuple[Rows, int | None]:
    """Its rows, and when (ns) their source last confirmed them."""
    rows, as_of = _SECTIONS[name]
    return rows(known, at), as_of(known, at)


def _desk(known: Knowledge, at: Moment) -> Rows:
    return desk_row(
        known.link,
        halts=known.monitor.halts,
        unknown=known.monitor.unknown(),
        working=known.monitor.working(),
        alerts=sum(row.state != "resolved" for row in at.alerts),
        next_restart=known.clock.next(at.ns),
    )


def _positions(known: Knowledge, at: Moment) -> Rows:
    before = {row["key"]: row for row in at.held}
    held, results = known.core.positions.rows(), known.core.results.published
    return position_rows(held, before, results, known.count, known.account_as_of)


def _accounts(known: Knowledge, at: Moment) -> Rows:
    accounts = known.core.accounts
    return account_rows(accounts.published, accounts.results, known.summary_as_of, known.account_as_of)


def _alerts(_: Knowledge, at: Moment) -> Rows:
    found: dict[str, Row] = {}
    for alert in at.alerts:
        key = f"{alert.name} {alert.about} {alert.since}"
        found[key] = msgspec.to_builtins(alert) | {"key": key, "rank": _RANKS[alert.state]}
    return found


Source = Callable[[Knowledge, Moment], Rows]
AsOf = Callable[[Knowledge, Moment], int | None]


def _of_orders(known: Knowledge, _: Moment) -> int | None:
    return known.orders_as_of


def _of_accounts(known: Knowledge, _: Moment) -> int | None:
    return known.account_as_of


def _of_market(known: Knowledge, _: Moment) -> int | None:
    return known.market.as_of


def _own(_: Knowledge, at: Moment) -> int | None:
    return at.ns


_SECTIONS: dict[str, tuple[Source, AsOf]] = {
    "desk": (_desk, lambda known, _: known.link.as_of),
    "orders": (lambda known, _: known.monitor.orders(), _of_orders),
    "foreign": (lambda known, _: known.monitor.foreign(), _of_orders),
    "strategies": (lambda known, _: known.monitor.strategies(), _of_orders),
    "fills": (lambda known, _: known.monitor.fills(), _of_orders),
    "positions": (_positions, _of_accounts),
    "accounts": (_accounts, _of_accounts),
    "cash": (lambda known, _: cash_rows(known.core.accounts.published, known.summary_as_of), _of_accounts),
    "streams": (lambda known, _: known.market.streams(), _of_market),
    "lines": (lambda known, _: known.market.lines(), _of_market),
    "processes": (lambda known, at: known.processes.processes(at.now), _own),
    "budget": (lambda known, _: known.processes.budget(), _own),
    "alerts": (_alerts, _own),
}
