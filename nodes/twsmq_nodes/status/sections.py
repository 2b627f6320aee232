"""The sections of the board, each from what is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec
from twsmq_protocol.alerts import AlertRow
from twsmq_protocol.board import Row

from .board import Changes
from .desk import desk_row
from .figures import account_rows, cash_rows, position_rows
from .knowledge import Knowledge
from .position_currency import rates_of

Rows = Mapping[str, Row]
_RANKS = {"firing": 0, "acknowledged": 1, "resolved": 2}


class Moment(msgspec.Struct, frozen=True):
    """`now` in seconds, monotonic; `ns` since the epoch. `alerts`: as they stand. `held`: rows of positions
    as they were shown last."""

    now: float
    ns: int
    alerts: tuple[AlertRow, ...]
    held: Iterable[Row] = ()


def section(name: str, known: Knowledge, at: Moment) -> tuple[Rows | Changes, int | None]:
    """Its rows, or those that changed since this was last asked, and when (ns) their source last confirmed
    them."""
    rows, as_of = _SECTIONS[name]
    return rows(known, at), as_of(known, at)


def _desk(known: Knowledge, at: Moment) -> Rows:
    return desk_row(
        known.link,
        halts=None if known.halts_as_of is None else known.monitor.halts,
        unknown=None if known.orders_as_of is None else known.monitor.unknown(),
        working=None if known.orders_as_of is None else known.monitor.working(),
        alerts=sum(row.state != "resolved" for row in at.alerts),
        next_restart=known.clock.next(at.ns),
    )


def _positions(known: Knowledge, at: Moment) -> Rows:
    before = {row["key"]: row for row in at.held}
    held, results = known.core.positions.rows(), known.core.results.published
    rates = rates_of(known.core.accounts.published)
    return position_rows(held, before, results, known.count, known.figures_as_of, rates)


def _accounts(known: Knowledge, at: Moment) -> Rows:
    accounts = known.core.accounts
    return account_rows(accounts.published, accounts.results, known.figures_as_of)


def _alerts(_: Knowledge, at: Moment) -> Rows:
    found: dict[str, Row] = {}
    for alert in at.alerts:
        key = f"{alert.name} {alert.about} {alert.since}"
        found[key] = msgspec.to_builtins(alert) | {"key": key, "rank": _RANKS[alert.state]}
    return found


Source = Callable[[Knowledge, Moment], Rows | Changes]
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
    "orders": (lambda known, _: Changes(known.monitor.changes()), _of_orders),
    "foreign": (lambda known, _: known.monitor.foreign(), lambda known, _: known.foreign_as_of),
    "strategies": (lambda known, _: known.monitor.strategies(), _of_orders),
    "fills": (lambda known, _: known.monitor.fills(), _of_orders),
    "positions": (_positions, _of_accounts),
    "accounts": (_accounts, _of_accounts),
    "cash": (lambda known, _: cash_rows(known.core.accounts.published, known.figures_as_of), _of_accounts),
    "streams": (lambda known, _: known.market.streams(), _of_market),
    "lines": (lambda known, _: known.market.lines(), _of_market),
    "processes": (lambda known, at: known.processes.processes(at.now), _own),
    "budget": (lambda known, at: known.processes.budget(at.now), _own),
    "alerts": (_alerts, _own),
}
