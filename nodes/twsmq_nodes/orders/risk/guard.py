"""Lets an order pass or raises its refusal: an order that a rule forbids leaves no trace and reaches nobody.

Pure: what a rule needs to know is asked of `RiskInputs`. Every refusal is `risk_rejected`, with rule, limit
and value. A rule whose input is missing (no quote, no position, status down) refuses too and says so, unless
its layer says `missing = "allow"`: an order that nobody could check is not an order that was checked.

Layers: the default one for each strategy on its own, the strategy's, the account's. All of them hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct
from twsmq_protocol.errors import RequestError
from twsmq_protocol.order_control_requests import RiskLayer, RiskLayers
from twsmq_protocol.order_requests import PlaceOrder
from twsmq_protocol.risk_limits import Risk, RiskLimits

from twsmq_nodes.tws.gateway_times import NS

from .inputs import Candidate, Open, RiskInputs, Scope, SentOrder
from .refused import RiskRefused
from .rules import RULES, Refusal, Rule, Unknown, only_reduces
from .steps import passive

_SOME = 1.0
"""An order for an amount of cash grows what works, by how much its rules find out."""


class _Layer(Struct, frozen=True):
    scope: Scope
    limits: RiskLimits
    rules: tuple[Rule, ...]


class RiskGuard:
    """`layers` by (scope, name), the default one without a name; they may be replaced at run time."""

    def __init__(self, risk: Risk, inputs: RiskInputs) -> None:
        self._risk = risk
        self._inputs = inputs
        self._layers: dict[tuple[str, str], _Layer] = {}
        self._sent: list[SentOrder] = []  # newest last
        self._remembered_ns = NS
        self.replace("default", "", risk)
        for name, limits in risk.strategy.items():
            self.replace("strategy", name, limits)
        for name, limits in risk.account.items():
            self.replace("account", name, limits)

    @property
    def idle(self) -> bool:
        """No rule is set: nothing to check but orders that ask for it themselves."""
        return self._risk.restart_at is None and not any(layer.rules for layer in self._layers.values())

    def replace(self, scope: str, name: str, limits: RiskLimits) -> None:
        """Put other limits in the place of a layer's; without any the layer is gone."""
        rules = tuple(rule for rule in RULES if getattr(limits, rule.name) is not None)
        self._layers[scope, name] = _Layer("account" if scope == "account" else "strategy", limits, rules)
        if limits == RiskLimits() and scope != "default":
            del self._layers[scope, name]
        longest = max(layer.limits.duplicate_s or 0.0 for layer in self._layers.values())
        self._remembered_ns = int(max(1.0, longest) * NS)

    def listed(self) -> RiskLayers:
        return RiskLayers(
            layers=[
                RiskLayer(scope=scope, name=name, limits=_set(layer.limits))
                for (scope, name), layer in self._layers.items()
            ]
        )

    def rounded(self, order: PlaceOrder, account: str) -> PlaceOrder:
        """With each price on its step where its layers say `passive`; as it is where one says `refuse`, or
        while the steps are not known."""
        ways = {layer.limits.round for layer in self._layers_of(order.strategy, account)} - {None}
        steps = self._inputs.steps(order.instrument) if ways == {"passive"} else None
        return order if steps is None else passive(order, steps)

    def check(self, orders: Sequence[PlaceOrder], working: Sequence[Open], ns: int) -> None:
        """Raise the `risk_rejected` reply if any of them is forbidden; else they count as sent.

        `working`: each of them as it would work at the gateway, with its account and what ties it to others.
        """
        if self.idle and not any(order.reduce_only for order in orders):
            return
        self._sent = [sent for sent in self._sent if sent.ns > ns - self._remembered_ns]
        before = len(self._sent)
        try:
            for index, (order, own) in enumerate(zip(orders, working, strict=True)):
                self._check_restart(ns)
                self._check(order, own, order.quantity or _SOME, working[:index], ns, changed=False)
                self._sent.append(SentOrder(ns, order.strategy, own.account, order))
        except RequestError:
            del self._sent[before:]
            raise

    def check_change(self, order: PlaceOrder, own: Open, more: float, ns: int) -> None:
        """The same for a working order that becomes `order`, larger by `more`; `own`: as it would work."""
        if self.idle and not order.reduce_only:
            return
        self._check_restart(ns)
        self._check(order, own, more, (), ns, changed=True)

    def _check(
        self, order: PlaceOrder, own: Open, more: float, group: Sequence[Open], ns: int, *, changed: bool
    ) -> None:
        at_work = self._inputs.open_orders()
        there = [one for one in at_work if not own.order_id or one.order_id != own.order_id]
        everything = [*there, *group]

        def seen_by(scope: Scope, limits: RiskLimits) -> Candidate:
            account = own.account
            name = order.strategy if scope == "strategy" else account
            mine = [one for one in everything if getattr(one, scope) == name]
            sent = [one for one in self._sent if getattr(one, scope) == name]
            return Candidate(order, account, scope, limits, more, own, mine, sent, self._inputs, ns)

        if order.reduce_only:
            self._require_reducing(seen_by)
        for layer in self._layers_of(order.strategy, own.account):
            candidate = seen_by(layer.scope, layer.limits)
            passes = layer.limits.reduce_only_passes and any(rule.exposure for rule in layer.rules)
            reducing = passes and bool(only_reduces(candidate))
            for rule in layer.rules:
                if (changed and not rule.on_change) or (reducing and rule.exposure):
                    continue
                outcome = rule.check(candidate)
                if isinstance(outcome, Refusal):
                    raise _refused(rule.name, outcome)
                if isinstance(outcome, Unknown) and layer.limits.missing != "allow":
                    raise _unknown(rule.name, outcome)

    def _require_reducing(self, seen_by: Any) -> None:
        """By the strategy's own position, or by the account's where the strategy holds nothing."""
        candidate: Candidate = seen_by("strategy", RiskLimits())
        held = self._inputs.position("strategy", candidate.name, candidate.order.instrument)
        if not held:
            candidate = seen_by("account", RiskLimits())
            held = self._inputs.position("account", candidate.name, candidate.order.instrument)
        reduces = only_reduces(candidate)
        if reduces is None:
            raise _unknown("reduce_only", Unknown(f"the position of {candidate.name}"))
        if not reduces:
            shown = f"{candidate.order.side} {candidate.order.quantity:g} of a position of {held:g}"
            raise _refused("reduce_only", Refusal("what only reduces the position", shown, "reduce_only"))

    def _layers_of(self, strategy: str, account: str) -> Iterator[_Layer]:
        for key in (("default", ""), ("strategy", strategy), ("account", account)):
            layer = self._layers.get(key)
            if layer is not None and layer.rules:
                yield layer

    def _check_restart(self, ns: int) -> None:
        if self._risk.restart_at is None:
            return
        now = datetime.fromtimestamp(ns / NS, ZoneInfo(self._risk.time_zone))
        hour, minute = self._risk.restart_at.split(":")
        restart = now.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
        if restart < now:
            restart += timedelta(days=1)
        left = (restart - now).total_seconds()
        if left <= self._risk.restart_lock_s:
            raise _refused("restart_lock_s", Refusal(self._risk.restart_lock_s, f"{left:.0f} s left"))


_UNSET = {name: getattr(RiskLimits(), name) for name in RiskLimits.__struct_fields__}


def _set(limits: RiskLimits) -> dict[str, Any]:
    """The limits a layer really sets, under their names."""
    return {name: value for name in _UNSET if (value := getattr(limits, name)) != _UNSET[name]}


def _refused(rule: str, refusal: Refusal) -> RequestError:
    value = refusal.value
    shown = f"{value:g}" if isinstance(value, float) else value
    return RiskRefused(rule, f"{rule}: the limit is {refusal.limit}, this is {shown}", field=refusal.field)


def _unknown(rule: str, unknown: Unknown) -> RequestError:
    what = f"{rule}: {unknown.what} is not known at present, so it cannot be checked"
    return RiskRefused(rule, what)
