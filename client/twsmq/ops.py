"""What can be asked for by name. Both clients offer these as methods; `Client.request` asks anything else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Required, TypedDict, TypeVar

import msgspec
from msgspec import Struct
from twsmq_protocol.errors import MalformedMessage
from twsmq_protocol.history_requests import BarPage, TickPage
from twsmq_protocol.market_requests import SnapshotQuote
from twsmq_protocol.order_events import Order, Side
from twsmq_protocol.reference_requests import FoundSymbols, OptionChain, Qualified
from twsmq_protocol.requests import (
    OPS,
    ContractList,
    Description,
    ExecutionList,
    Halted,
    Health,
    OrderAccepted,
    OrdersAccepted,
    PositionList,
    Preview,
    ProcessRow,
    RiskLayers,
)
from twsmq_protocol.system_events import Gateway

from .calls import Ask

TIMEOUT_S = 5.0
N = TypeVar("N", int, str)


class OrderName(TypedDict):
    """An order by its names: 1 to 16 and 1 to 40 characters of A-Z a-z 0-9 . _ -"""

    strategy: str
    client_order_id: str


class NewOrder(TypedDict, total=False):
    """Prices in the instrument's currency, `quantity` in its units; SPEC's `place_order` has the rest."""

    strategy: Required[str]
    client_order_id: Required[str]
    instrument: Required[str]
    side: Required[Side]
    quantity: Required[float]
    order_type: Required[str]
    limit_price: float
    stop_price: float
    tif: str
    account: str
    outside_rth: bool
    trail_amount: float
    trail_percent: float
    trail_stop_price: float
    limit_offset: float
    offset: float
    cash_quantity: float
    good_till: str
    good_after: str
    display_size: int
    min_quantity: int
    all_or_none: bool
    hidden: bool
    oca_group: str
    oca_type: int
    algo: dict[str, Any]
    conditions: list[dict[str, Any]]
    conditions_cancel: bool
    conditions_ignore_rth: bool
    leg_prices: list[float | None]
    parent: str
    transmit: bool
    routing: dict[str, str]
    extra: dict[str, str | int | float | bool]
    reduce_only: bool


class OrderChange(OrderName, total=False):
    """What is given changes, the rest stays. `quantity` is the new total."""

    quantity: float
    limit_price: float
    stop_price: float
    trail_amount: float
    trail_percent: float
    trail_stop_price: float
    limit_offset: float
    offset: float
    order_type: str
    tif: str
    good_till: str
    outside_rth: bool
    display_size: int
    transmit: bool


class OrderScope(TypedDict, total=False):
    """Which working orders: those that match everything given, or `all`."""

    strategy: str
    account: str
    instrument: str
    all: bool


class ExecutionFilter(TypedDict, total=False):
    """`since`: ns since the epoch."""

    strategy: str
    client_order_id: str
    account: str
    since: int


class OrderFilter(TypedDict, total=False):
    """`active`: only those that are not finished (true), only finished ones (false). `since`: ns since the
    epoch, only those with an event then or later."""

    strategy: str
    client_order_id: str
    active: bool
    since: int


class Orders(Struct, frozen=True):
    orders: list[Order]


class ClusterState(Struct, frozen=True):
    """Every process, and the link to the gateway; None until the connection node has published it.

    Of `gateway`, the fields of the event's header (`src`, `inc`, `seq`, `ts`) mean nothing here. `data_dir`:
    of which data folder the cluster is.
    """

    processes: list[ProcessRow]
    gateway: Gateway | None
    data_dir: str | None = None


def place_order(order: NewOrder) -> Ask[OrderAccepted]:
    return _ask("place_order", dict(order), OrderAccepted)


def modify_order(change: OrderChange) -> Ask[OrderAccepted]:
    return _ask("modify_order", dict(change), OrderAccepted)


def cancel_order(name: OrderName) -> Ask[OrderAccepted]:
    return _ask("cancel_order", dict(name), OrderAccepted)


def place_orders(orders: list[NewOrder], link: str, oca_type: int) -> Ask[OrdersAccepted]:
    args: dict[str, Any] = {"orders": [dict(order) for order in orders], "link": link, "oca_type": oca_type}
    return _ask("place_orders", args, OrdersAccepted)


def preview_order(order: NewOrder) -> Ask[Preview]:
    return _ask("preview_order", dict(order), Preview)


def cancel_orders(which: OrderScope) -> Ask[OrdersAccepted]:
    return _ask("cancel_orders", dict(which), OrdersAccepted)


def executions(wanted: ExecutionFilter) -> Ask[ExecutionList]:
    return _ask("get_executions", dict(wanted), ExecutionList)


def halt(reason: str, strategy: str | None, cancel: bool) -> Ask[Halted]:
    return _ask("halt", {"reason": reason, "strategy": strategy, "cancel": cancel}, Halted)


def resume(strategy: str | None) -> Ask[Halted]:
    return _ask("resume", {"strategy": strategy}, Halted)


def risk() -> Ask[RiskLayers]:
    return _ask("get_risk", {}, RiskLayers)


def set_risk(limits: dict[str, Any], scope: str, name: str) -> Ask[RiskLayers]:
    return _ask("set_risk", {"scope": scope, "name": name, "limits": limits}, RiskLayers)


def orders(wanted: OrderFilter) -> Ask[Orders]:
    return _ask("get_orders", dict(wanted), Orders)


def positions() -> Ask[PositionList]:
    return _ask("positions", {}, PositionList)


def qualify(instrument: str) -> Ask[Qualified]:
    return _ask("qualify", {"instrument": instrument}, Qualified)


def option_chain(
    instrument: str, expiry: str | None, trading_class: str | None, after: str | None
) -> Ask[OptionChain]:
    args = {"instrument": instrument, "expiry": expiry, "trading_class": trading_class, "after": after}
    return _ask("option_chain", args, OptionChain)


def search(pattern: str) -> Ask[FoundSymbols]:
    return _ask("search", {"pattern": pattern}, FoundSymbols)


def bars(args: dict[str, Any]) -> Ask[BarPage]:
    return _ask("bars", args, BarPage)


def ticks(args: dict[str, Any]) -> Ask[TickPage]:
    return _ask("ticks", args, TickPage)


def snapshot(instrument: str, regulatory: bool) -> Ask[SnapshotQuote]:
    return _ask("snapshot", {"instrument": instrument, "regulatory": regulatory}, SnapshotQuote)


def following(op: str, asked: N | None, told: N | None) -> N | None:
    """The `next` that a page gave, asked from `asked`. Raises `MalformedMessage` for one that is not later:
    whoever followed it would never come to an end."""
    if asked is not None and told is not None and told <= asked:
        raise MalformedMessage(f"{OPS[op].process} answered {op} with a next that is not later: {told!r}")
    return told


def nanoseconds(moment: int | datetime | None) -> int | None:
    """ns since the epoch. Raises ValueError for a datetime without a zone: it would be anybody's."""
    if moment is None or isinstance(moment, int):
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone; give datetime(…, tzinfo=UTC), or ns since the epoch")
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def contract_details(instrument: str, after: int | None) -> Ask[ContractList]:
    return _ask("contract_details", {"instrument": instrument, "after": after}, ContractList)


def status() -> Ask[ClusterState]:
    return _ask("status", {}, ClusterState)


def health() -> Ask[Health]:
    return _ask("health", {}, Health)


def describe(process: str) -> Ask[Description]:
    return Ask(process, "describe", {}, Description)


def anything(process: str, op: str, args: Struct | dict[str, Any] | None) -> Ask[Any]:
    plain = msgspec.to_builtins(args) if isinstance(args, Struct) else args or {}
    return Ask(process, op, plain, object)


def _ask(op: str, args: dict[str, Any], result: type[Any]) -> Ask[Any]:
    process = OPS[op].process
    assert process is not None
    return Ask(process, op, args, result)
