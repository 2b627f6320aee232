"""Risk rules, before the journal: an order one of them forbids leaves no trace and reaches nobody.

Pure: what a rule needs to know is asked of `Facts`. Every refusal is `risk_rejected`, with rule, limit and
value. A rule whose input is missing (no quote, no position, status down) refuses too and says so, unless its
layer says `missing = "allow"`: an order that nobody could check is not an order that was checked.

Layers: the default one for each strategy on its own, the strategy's, the account's. All of them hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal, NoReturn, Protocol
from zoneinfo import ZoneInfo

from msgspec import Struct
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.order_requests import PlaceOrder, RiskLayer, RiskLayers
from twsmq_protocol.risk_limits import Risk, RiskLimits

from .times import NS

Scope = Literal["strategy", "account"]


class Market(Struct, frozen=True):
    bid: float | None
    ask: float | None
    last: float | None

    def price(self, side: str) -> float | None:
        """What the order would pay or get now."""
        return (self.ask if side == "BUY" else self.bid) or self.last


class Open(Struct, frozen=True):
    """A working order, or one of the same group that is checked just now."""

    strategy: str
    account: str
    instrument: str
    side: str
    remaining: float


class Facts(Protocol):
    def market(self, instrument: str) -> Market | None: ...
    def multiplier(self, instrument: str) -> float | None: ...
    def position(self, scope: Scope, name: str, instrument: str) -> float | None: ...
    def daily_pnl(self, scope: Scope, name: str, ns: int) -> float | None: ...
    def same(self, one: str, other: str) -> bool | None: ...
    def open_orders(self) -> Iterator[Open]: ...


class RiskRules:
    """`layers` by (scope, name), the default one without a name; they may be replaced at run time."""

    def __init__(self, risk: Risk, facts: Facts) -> None:
        self.layers: dict[tuple[str, str], RiskLimits] = {("default", ""): risk}
        self.layers |= {("strategy", name): limits for name, limits in risk.strategy.items()}
        self.layers |= {("account", name): limits for name, limits in risk.account.items()}
        self._risk = risk
        self._facts = facts
        self._sent: list[tuple[int, str, str, PlaceOrder]] = []  # ns, strategy, account, what; newest last

    @property
    def _remembered_ns(self) -> int:
        """How long what was sent counts."""
        return int(max(1.0, *(limits.duplicate_s or 0.0 for limits in self.layers.values())) * NS)

    @property
    def idle(self) -> bool:
        """No rule is set: nothing to check."""
        return self._risk.restart_at is None and not any(map(_set, self.layers.values()))

    def replace(self, scope: str, name: str, limits: RiskLimits) -> None:
        """Put other limits in the place of a layer's; without any the layer is gone."""
        self.layers[scope, name] = limits
        if limits == RiskLimits() and scope != "default":
            del self.layers[scope, name]

    def listed(self) -> RiskLayers:
        return RiskLayers(
            layers=[
                RiskLayer(scope=scope, name=name, limits=_set(limits))
                for (scope, name), limits in self.layers.items()
            ]
        )

    def check(self, orders: tuple[PlaceOrder, ...], accounts: tuple[str, ...], ns: int) -> None:
        """Raise the `risk_rejected` reply if any of them is forbidden; else they count as sent."""
        self._sent = [sent for sent in self._sent if sent[0] > ns - self._remembered_ns]
        before = len(self._sent)
        group: list[Open] = []
        try:
            for order, account in zip(orders, accounts, strict=True):
                self._check_restart(ns)
                for scope, limits in self._layers(order, account):
                    self._check(order, account, scope, limits, group, ns)
                group.append(Open(order.strategy, account, order.instrument, order.side, order.quantity))
                self._sent.append((ns, order.strategy, account, order))
        except RequestError:
            del self._sent[before:]
            raise

    def check_change(self, order: PlaceOrder, account: str, more: float, ns: int) -> None:
        """The same for a working order that is to become `order`, larger by `more`: size, price and time."""
        self._check_restart(ns)
        for scope, limits in self._layers(order, account):
            name = order.strategy if scope == "strategy" else account
            self._check_time(limits, ns)
            self._check_size(order, limits)
            self._check_collar(order, limits)
            if more > 0:
                mine = [one for one in self._facts.open_orders() if getattr(one, scope) == name]
                self._check_position(order, scope, name, mine, limits, more)

    def _layers(self, order: PlaceOrder, account: str) -> Iterator[tuple[Scope, RiskLimits]]:
        names: list[tuple[str, str, Scope]] = [
            ("default", "", "strategy"),
            ("strategy", order.strategy, "strategy"),
            ("account", account, "account"),
        ]
        for kind, name, scope in names:
            limits = self.layers.get((kind, name))
            if limits is not None:
                yield scope, limits

    def _check(
        self, order: PlaceOrder, account: str, scope: Scope, limits: RiskLimits, group: list[Open], ns: int
    ) -> None:
        name = order.strategy if scope == "strategy" else account
        self._check_time(limits, ns)
        self._check_kind(order, limits)
        self._check_size(order, limits)
        self._check_collar(order, limits)
        self._check_rate(order, scope, name, limits, ns)
        mine = [one for one in (*self._facts.open_orders(), *group) if getattr(one, scope) == name]
        self._check_counts(order, account, mine, limits)
        self._check_position(order, scope, name, mine, limits, order.quantity)
        if limits.max_daily_loss is not None:
            pnl = self._facts.daily_pnl(scope, name, ns)
            if pnl is None:
                _missing("max_daily_loss", f"the day's result of {name}", limits)
            elif pnl < -limits.max_daily_loss:
                _refuse("max_daily_loss", limits.max_daily_loss, -pnl, None)

    def _check_restart(self, ns: int) -> None:
        if self._risk.restart_at is None:
            return
        now = _local(ns, self._risk.time_zone)
        restart = _on_day(now, self._risk.restart_at)
        if restart < now:
            restart += timedelta(days=1)
        left = (restart - now).total_seconds()
        if left <= self._risk.restart_lock_s:
            _refuse("restart_lock_s", self._risk.restart_lock_s, f"{left:.0f} s left", None)

    def _check_time(self, limits: RiskLimits, ns: int) -> None:
        if limits.trading_windows is None:
            return
        clock = f"{_local(ns, limits.time_zone):%H:%M}"
        for window in limits.trading_windows:
            begin, _, end = window.partition("-")
            if begin <= clock < end if begin <= end else clock >= begin or clock < end:
                return
        _refuse("trading_windows", ", ".join(limits.trading_windows), clock, None)

    def _check_kind(self, order: PlaceOrder, limits: RiskLimits) -> None:
        if limits.order_types is not None and order.order_type not in limits.order_types:
            _refuse("order_types", ", ".join(limits.order_types), order.order_type, "order_type")
        allowed = limits.instruments
        if allowed is not None and not any(_fits(order.instrument, pattern) for pattern in allowed):
            _refuse("instruments", ", ".join(allowed), order.instrument, "instrument")

    def _check_size(self, order: PlaceOrder, limits: RiskLimits) -> None:
        most = limits.max_order_quantity
        if most is not None:
            quantity = self._quantity("max_order_quantity", order, order.quantity, limits)
            if quantity > most:
                _refuse("max_order_quantity", most, quantity, "quantity")
        if limits.max_order_notional is None:
            return
        notional = order.cash_quantity
        if notional is None:
            price = self._worst_price(order)
            if price is None:
                _missing("max_order_notional", f"a live quote of {order.instrument}", limits)
                return
            multiplier = self._facts.multiplier(order.instrument)
            if multiplier is None:
                _missing("max_order_notional", f"the multiplier of {order.instrument}", limits)
                return
            notional = abs(price) * order.quantity * multiplier
        if notional > limits.max_order_notional:
            _refuse("max_order_notional", limits.max_order_notional, notional, "quantity")

    def _quantity(self, rule: str, order: PlaceOrder, quantity: float, limits: RiskLimits) -> float:
        """`quantity`, or what an amount of cash buys at the market or a lower limit; 0 if that is not known
        and may be so."""
        if order.cash_quantity is None:
            return quantity
        market, multiplier = self._facts.market(order.instrument), self._facts.multiplier(order.instrument)
        price = None if market is None else market.price(order.side)
        if not price or multiplier is None:
            _missing(rule, f"a live quote of {order.instrument}", limits)
            return 0.0
        return order.cash_quantity / (min(abs(price), abs(order.limit_price or price)) * multiplier)

    def _worst_price(self, order: PlaceOrder) -> float | None:
        """The most a unit may be worth when it trades. A buyer's limit is that; a seller's is the least, and
        a stop that the market has passed already trades at the market."""
        if order.side == "BUY" and order.limit_price:
            return order.limit_price
        market = self._facts.market(order.instrument)
        price = None if market is None else market.price(order.side)
        if price is None:
            return None
        return max(abs(price), abs(order.limit_price or 0.0), abs(order.stop_price or 0.0))

    def _check_collar(self, order: PlaceOrder, limits: RiskLimits) -> None:
        """A limit far better than the market only rests; one far worse is a slip."""
        if limits.price_collar is None or order.limit_price is None:
            return
        market = self._facts.market(order.instrument)
        price = None if market is None else market.price(order.side)
        if not price:
            _missing("price_collar", f"a live quote of {order.instrument}", limits)
            return
        worse = order.limit_price - price if order.side == "BUY" else price - order.limit_price
        if worse > abs(price) * limits.price_collar:
            _refuse("price_collar", limits.price_collar, worse / abs(price), "limit_price")

    def _check_rate(self, order: PlaceOrder, scope: Scope, name: str, limits: RiskLimits, ns: int) -> None:
        index = 1 if scope == "strategy" else 2
        mine = [sent for sent in self._sent if sent[index] == name]
        most = limits.max_orders_per_second
        if most is not None and sum(sent[0] > ns - NS for sent in mine) >= most:
            _refuse("max_orders_per_second", most, most + 1, None)
        if limits.duplicate_s is not None:
            since = ns - int(limits.duplicate_s * NS)
            for at, _, _, other in mine:
                if at > since and _alike(order, other):
                    _refuse("duplicate_s", limits.duplicate_s, f"like {other.client_order_id}", None)

    def _check_counts(self, order: PlaceOrder, account: str, mine: list[Open], limits: RiskLimits) -> None:
        if limits.max_open_orders is not None and len(mine) >= limits.max_open_orders:
            _refuse("max_open_orders", limits.max_open_orders, len(mine) + 1, None)
        if limits.max_orders_per_side is not None:
            same = sum(one.account == account and self._adds_to(one, order) for one in mine)
            if same >= limits.max_orders_per_side:
                _refuse("max_orders_per_side", limits.max_orders_per_side, same + 1, "side")

    def _check_position(
        self,
        order: PlaceOrder,
        scope: Scope,
        name: str,
        mine: list[Open],
        limits: RiskLimits,
        quantity: float,
    ) -> None:
        """As if every working order of the same side were filled, and `quantity` of this one."""
        if limits.max_position is None:
            return
        position = self._facts.position(scope, name, order.instrument)
        if position is None:
            _missing("max_position", f"the position of {name} in {order.instrument}", limits)
            return
        quantity = self._quantity("max_position", order, quantity, limits)
        more = quantity + sum(one.remaining for one in mine if self._adds_to(one, order))
        after = position + more if order.side == "BUY" else position - more
        reduces = min(0.0, position) <= after <= max(0.0, position)
        if abs(after) > limits.max_position and not reduces:
            _refuse("max_position", limits.max_position, abs(after), "quantity")

    def _adds_to(self, one: Open, order: PlaceOrder) -> bool:
        """Of the same side of the same contract, or of one that may be the same."""
        return one.side == order.side and self._facts.same(one.instrument, order.instrument) is not False


def _set(limits: RiskLimits) -> dict[str, Any]:
    """The limits a layer really sets, under their names."""
    names = RiskLimits.__struct_fields__
    return {name: getattr(limits, name) for name in names if getattr(limits, name) != _UNSET[name]}


_UNSET = {name: getattr(RiskLimits(), name) for name in RiskLimits.__struct_fields__}


def _fits(instrument: str, pattern: str) -> bool:
    return instrument.startswith(pattern[:-1]) if pattern.endswith("*") else instrument == pattern


def _alike(order: PlaceOrder, other: PlaceOrder) -> bool:
    names = set(order.__struct_fields__) - {"client_order_id"}
    return order.client_order_id != other.client_order_id and all(
        getattr(order, name) == getattr(other, name) for name in names
    )


def _local(ns: int, zone: str) -> datetime:
    return datetime.fromtimestamp(ns / NS, ZoneInfo(zone))


def _on_day(now: datetime, clock: str) -> datetime:
    hour, minute = clock.split(":")
    return now.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)


def _missing(rule: str, what: str, limits: RiskLimits) -> None:
    if limits.missing != "allow":
        raise RequestError(
            ErrorCode.RISK_REJECTED, f"{rule}: {what} is not known at present, so it cannot be checked"
        )


def _refuse(rule: str, limit: object, value: object, field: str | None) -> NoReturn:
    shown = f"{value:g}" if isinstance(value, float) else value
    raise RequestError(ErrorCode.RISK_REJECTED, f"{rule}: the limit is {limit}, this is {shown}", field=field)
