"""Lets an order pass or raises its refusal: an order that a rule forbids leaves no trace and reaches nobody.

Pure: what a rule needs to know is asked of `RiskInputs`. Every refusal is `risk_rejected`, with rule, limit
and value. A rule whose input is missing (no quote, no position, status down) refuses too and says so, unless
its layer says `missing = "allow"`: an order that nobody could check is not an order that was checked.

Layers: the default one for each strategy on its own, the strategy's, the account's. All of them hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace
from twsmq_protocol.errors import RequestError
from twsmq_protocol.gateway_life import GatewayLife
from twsmq_protocol.order_control_requests import RiskLayer, RiskLayers
from twsmq_protocol.order_requests import ExerciseOption, PlaceOrder
from twsmq_protocol.risk_limits import Risk, RiskLimits

from twsmq_nodes.tws.gateway_times import NS

from .arithmetic import trades_beside
from .inputs import Candidate, Open, RiskInputs, Scope, SentOrder
from .refused import RiskRefused
from .rules import RULES, Refusal, Rule, Unknown, held_as, only_reduces
from .steps import passive

_EXACT_FROM = 10_000.0
"""Six digits of what is above could look like the limit."""
SEVERAL = ""
"""The account of an order that the gateway allots to several."""
UNPLANNED = GatewayLife()
"""A gateway that restarts at no known time."""
_SOME = 1.0
"""An order for an amount of cash grows what works, by how much its rules find out."""


class _Layer(Struct, frozen=True):
    """`name`: of its account; of others empty."""

    scope: Scope
    name: str
    limits: RiskLimits
    rules: tuple[Rule, ...]


class RiskGuard:
    """`layers` by (scope, name), the default one without a name; they may be replaced at run time."""

    def __init__(self, risk: Risk, inputs: RiskInputs, life: GatewayLife = UNPLANNED) -> None:
        self._risk = risk
        self._restarts = risk.restarts(life)
        self._inputs = inputs
        self._layers: dict[tuple[str, str], _Layer] = {}
        self._sent: list[SentOrder] = []  # newest last
        self.idle = True
        """No rule is set: nothing to check but orders that ask for it themselves."""
        self.remembered_ns = 0
        self.replace("default", "", risk)
        for name, limits in risk.strategy.items():
            self.replace("strategy", name, limits)
        for name, limits in risk.account.items():
            self.replace("account", name, limits)

    def judges(self, orders: Iterable[PlaceOrder]) -> bool:
        """Whether there is anything to check: a rule is set, or one of them asks for it itself."""
        return not self.idle or any(order.reduce_only for order in orders)

    def replace(self, scope: str, name: str, limits: RiskLimits) -> None:
        """Put other limits in the place of a layer's; without any the layer is gone."""
        rules = tuple(rule for rule in RULES if getattr(limits, rule.name) is not None)
        if scope == "account":
            self._layers[scope, name] = _Layer("account", name, limits, rules)
        else:
            self._layers[scope, name] = _Layer("strategy", "", limits, rules)
        if limits == RiskLimits() and scope != "default":
            del self._layers[scope, name]
        self.idle = not self._restarts.at and not any(one.rules for one in self._layers.values())
        looks_back_s = [
            rule.looks_back_s(layer.limits)
            for layer in self._layers.values()
            for rule in layer.rules
            if rule.looks_back_s is not None
        ]
        self.remembered_ns = int(max(looks_back_s, default=0.0) * NS)

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
        if self.idle:
            return order
        ways = {layer.limits.round for layer in self._layers_of(order.strategy, account)} - {None}
        steps = self._inputs.steps(order.instrument) if ways == {"passive"} else None
        return order if steps is None else passive(order, steps)

    def shares(self, args: ExerciseOption, account: str) -> float | None:
        """To each option, for what follows from its exercise; None: nobody limits that."""
        layers = [
            layer for layer in self._layers_of(args.strategy, account) if layer.limits.missing != "allow"
        ]
        rules = [rule for layer in layers for rule in layer.rules if rule.exposure]
        shares = self._inputs.multiplier(args.instrument)
        if shares is None and rules and args.action == "exercise":
            raise _unknown(rules[0].name, Unknown(f"the multiplier of {args.instrument}"))
        return shares

    def recall(self, sent: Iterable[SentOrder], ns: int) -> None:
        """What passed before this process began, the oldest first; all since `remembered_ns` ago."""
        self._sent = list(sent)
        self._forget_old(ns)

    def _forget_old(self, ns: int) -> None:
        """A clock that is set back makes orders later than now: they count from now on, not for hours."""
        since = ns - self.remembered_ns
        self._sent = [one if one.ns <= ns else replace(one, ns=ns) for one in self._sent if one.ns > since]

    def check(self, orders: Sequence[PlaceOrder], working: Sequence[Open], ns: int) -> None:
        """Raise the `risk_rejected` reply if any of them is forbidden; else they count as sent.

        `working`: each of them as it would work at the gateway, with its account and what ties it to others.
        """
        if not self.judges(orders):
            return
        self._forget_old(ns)
        before = len(self._sent)
        try:
            for index, (order, own) in enumerate(zip(orders, working, strict=True)):
                self._check_restart(ns)
                self._check(order, own, order.quantity or _SOME, working[:index], ns, changed=False)
                self._sent.append(SentOrder(ns, order.strategy, own.account, order))
        except RequestError:
            del self._sent[before:]
            raise

    def check_change(
        self, order: PlaceOrder, own: Open, more: float, ns: int, stands: frozenset[str] = frozenset()
    ) -> None:
        """The same for a working order that becomes `order`, larger by `more`; `own`: as it would work;
        `stands`: what of its prices is not asked for."""
        if not self.judges((order,)):
            return
        self._check_restart(ns)
        self._check(order, own, more, (), ns, changed=True, stands=stands)

    def _check(
        self,
        order: PlaceOrder,
        own: Open,
        more: float,
        group: Sequence[Open],
        ns: int,
        *,
        changed: bool,
        stands: frozenset[str] = frozenset(),
    ) -> None:
        at_work = self._inputs.open_orders()
        there = [one for one in at_work if not own.order_id or one.order_id != own.order_id]
        everything = [*there, *group]

        def seen_by(scope: Scope, limits: RiskLimits, account: str = own.account) -> Candidate:
            names = (order.strategy,) if scope == "strategy" else (account, SEVERAL)
            mine = [one for one in everything if getattr(one, scope) in names]
            return Candidate(order, account, scope, limits, more, own, mine, (), self._inputs, ns, stands)

        if order.reduce_only:
            self._require_reducing(seen_by)
        for layer in self._layers_of(order.strategy, own.account):
            candidate = seen_by(layer.scope, layer.limits, layer.name or own.account)
            passes = layer.limits.reduce_only_passes and any(rule.exposure for rule in layer.rules)
            reducing = passes and bool(only_reduces(candidate))
            for rule in layer.rules:
                if (changed and not rule.on_change) or (reducing and rule.exposure):
                    continue
                beside = trades_beside(order) if rule.exposure or rule.beside else None
                if beside is not None:
                    outcome = Unknown(f"what {beside} has the gateway trade beside it")
                else:
                    outcome = rule.check(self._with_sent(candidate, rule))
                if isinstance(outcome, Refusal):
                    raise _refused(rule.name, outcome)
                if isinstance(outcome, Unknown) and layer.limits.missing != "allow":
                    raise _unknown(rule.name, outcome)

    def _with_sent(self, candidate: Candidate, rule: Rule) -> Candidate:
        """As the rule sees it, with what passed while it looks back."""
        if rule.looks_back_s is None:
            return candidate
        since = candidate.ns - int(rule.looks_back_s(candidate.limits) * NS)
        names, scope = (candidate.name, SEVERAL), candidate.scope
        sent = [one for one in self._sent if one.ns > since and getattr(one, scope) in names]
        return replace(candidate, sent=sent)

    def _require_reducing(self, seen_by: Any) -> None:
        """By the strategy's own position in the order's account, or by all of the account's where the
        strategy holds nothing there."""
        candidate: Candidate = seen_by("strategy", RiskLimits())
        held = self._held(candidate)
        if not any(held):
            candidate = seen_by("account", RiskLimits())
            held = self._held(candidate)
        reduces = only_reduces(candidate)
        if reduces is None:
            beside = trades_beside(candidate.order)
            what = (
                f"the position of {candidate.name}" if beside is None else f"what {beside} trades beside it"
            )
            raise _unknown("reduce_only", Unknown(what))
        if not reduces:
            there = " and ".join(f"{units:g}" for units in held if units is not None)
            shown = f"{candidate.order.side} {candidate.order.quantity:g} of a position of {there}"
            raise _refused("reduce_only", Refusal("what only reduces the position", shown, "reduce_only"))

    def _held(self, candidate: Candidate) -> list[float | None]:
        """Of a combo each leg."""
        contracts = [contract for _, contract in held_as(candidate.order.instrument)]
        scope, name = candidate.scope, candidate.name
        return [self._inputs.position(scope, name, contract, candidate.within) for contract in contracts]

    def _layers_of(self, strategy: str, account: str) -> Iterator[_Layer]:
        """Of an order that is allotted to several accounts (FA) those of every account: all of it may become
        one account's."""
        keys = [("default", ""), ("strategy", strategy), ("account", account)]
        if account == SEVERAL:
            keys[2:] = [key for key in self._layers if key[0] == "account"]
        for key in keys:
            layer = self._layers.get(key)
            if layer is not None and layer.rules:
                yield layer

    def _check_restart(self, ns: int) -> None:
        due = self._restarts.next(ns)
        if due is None or due - ns > self._risk.restart_lock_s * NS:
            return
        at = datetime.fromtimestamp(due // NS, ZoneInfo(self._restarts.zone))
        shown = f"{(due - ns) / NS:.0f} s before the gateway restarts by itself ({at:%H:%M})"
        raise _refused("restart_lock_s", Refusal(f"{self._risk.restart_lock_s:g} s", shown))


_UNSET = {name: getattr(RiskLimits(), name) for name in RiskLimits.__struct_fields__}


def _set(limits: RiskLimits) -> dict[str, Any]:
    """The limits a layer really sets, under their names."""
    return {name: value for name in _UNSET if (value := getattr(limits, name)) != _UNSET[name]}


def _refused(rule: str, refusal: Refusal) -> RequestError:
    value = refusal.value
    shown: object = value
    if isinstance(value, float):
        shown = f"{value:g}" if abs(value) < _EXACT_FROM else f"{value:.12g}"
    return RiskRefused(rule, f"{rule}: the limit is {refusal.limit}, this is {shown}", field=refusal.field)


def _unknown(rule: str, unknown: Unknown) -> RequestError:
    what = f"{rule}: {unknown.what} is not known at present, so it cannot be checked"
    return RiskRefused(rule, what)
