"""Who may ask what, and which topics an identity may listen to. Deny by default; pure.

A key opens only what it was given. Rights are words, several to a key:

    reader      market data, contracts, history, the health of processes
    accounts    reader, and positions, account values, profit and loss, executions, the board
    trader:S    reader, and the orders of strategy S: place, change, cancel, its events, a halt of its own
    risk        accounts, and every strategy's orders as events; halt, limits, cancelling all of them
    operator    everything

Halting needs less than resuming, on purpose: whoever sees smoke may stop, whoever knows why may go on. A
strategy in a request must be the key's own; a refusal does not show whether the order exists, and an answer
that is about everybody is cut down to what the key may see (`shown`).

A regulatory snapshot costs a fee each time, as a request, a topic or tried once more: it is for whoever may
cause costs, a trader of any strategy or an operator.

Who may ask an op stands in its row of `requests.OPS`. A wish for a topic is narrowed, not refused: `order/`
becomes `order/alpha/` for a trader of alpha. Every stream of market data is a reader's; another kind of topic
without a row here fails the tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from .alerts import ALERTS, TEST, AlertList
from .errors import ErrorCode, FieldError, RequestError
from .metrics import METRICS, Metrics, MetricSamples
from .order_control_requests import RiskLayers
from .order_requests import Preview
from .requests import OPS
from .right_kinds import IMPLIED, Kind
from .streams import STREAMS
from .topics import parse_stream_topic

_WRITTEN = re.compile(r"(reader|accounts|risk|operator)|trader:([A-Za-z0-9._-]{1,16})")

UNSCOPED = frozenset(("get_risk",))
"""Ops of a trader's that name no strategy; of others' it is shown nothing."""

TOPIC_RIGHTS: dict[str, Kind] = {
    **dict.fromkeys(STREAMS, "reader"),
    "scanner": "reader",
    "node": "reader",
    "process": "reader",
    "gateway": "reader",
    "budget": "reader",
    "alert": "accounts",
    "position": "accounts",
    "account": "accounts",
    "account_notice": "accounts",
    "execution": "accounts",
    "foreign": "risk",
    "pnl": "accounts",
    "board": "accounts",
    "order": "risk",
}
"""The right that opens a first level as a whole. A trader of S is let into `order/S/` besides, a reader into
`alert/NAME/` of what says nothing of accounts."""

DENIED = "denied"
MAY_CAUSE_FEES: Kind = "trader"
"""An operator's rights include it."""


class Right(Struct, frozen=True, order=True):
    """`strategy` of a trader, empty for the others."""

    kind: Kind
    strategy: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.strategy}" if self.strategy else self.kind


class Identity(Struct, frozen=True):
    """Who a key belongs to, and what it may."""

    name: str
    rights: tuple[Right, ...] = ()

    def kinds(self) -> frozenset[Kind]:
        return frozenset(kind for right in self.rights for kind in IMPLIED[right.kind])

    def strategies(self) -> frozenset[str]:
        return frozenset(right.strategy for right in self.rights if right.kind == "trader")


EVERYBODY = Identity("", (Right("operator"),))
"""Whoever comes over the loopback interface while keys are off."""


def parse_rights(texts: Iterable[str]) -> tuple[Right, ...]:
    """Raises `FieldError` naming the word that is none."""
    found: list[Right] = []
    for text in texts:
        match = _WRITTEN.fullmatch(text.strip())
        if match is None:
            raise FieldError(
                "rights",
                f"{text[:40]!r} is no right; there are reader, accounts, risk, operator, and trader:STRATEGY "
                "(1 to 16 of A-Z a-z 0-9 . _ -)",
            )
        found.append(Right("trader", match[2]) if match[2] else msgspec.convert({"kind": match[1]}, Right))
    return tuple(sorted(set(found)))


def require(identity: Identity, op: str, args: Struct) -> None:
    """Raises `RequestError` unauthorized unless one of the identity's rights lets this request through."""
    allowed = OPS[op].rights if op in OPS else ("operator",)
    kinds = identity.kinds()
    if MAY_CAUSE_FEES not in kinds and (
        getattr(args, "regulatory", False) or costs_a_fee(getattr(args, "topic", ""))
    ):
        raise RequestError(
            ErrorCode.UNAUTHORIZED,
            "a regulatory snapshot costs a fee: it needs trader or operator",
            field="regulatory",
        )
    if "operator" in kinds or any(kind in kinds for kind in allowed if kind != "trader"):
        return
    if "trader" in allowed and "trader" in kinds:
        if op in UNSCOPED:
            return
        touched = strategies_of(args)
        if touched and touched <= identity.strategies():
            return
        own = ", ".join(sorted(identity.strategies()))
        raise RequestError(
            ErrorCode.UNAUTHORIZED, f"this key may ask {op} for the strategy {own} only", field="strategy"
        )
    raise RequestError(ErrorCode.UNAUTHORIZED, f"this key may not ask {op}: it needs {' or '.join(allowed)}")


def strategies_of(args: Struct) -> frozenset[str]:
    """Every strategy a request names; empty where it names none, which is all of them."""
    strategy = getattr(args, "strategy", None)
    if isinstance(strategy, str):
        return frozenset((strategy,))
    order, orders = getattr(args, "order", None), getattr(args, "orders", ())
    parts = [order] if isinstance(order, Struct) else list(orders)
    found = [strategies_of(part) for part in parts]
    return frozenset[str]().union(*found) if found and all(found) else frozenset()


def shown(identity: Identity, result: Any) -> Any:
    """What an identity may see of a result that is about everybody, who may ask for it being settled."""
    if identity is EVERYBODY:
        return result
    kinds = identity.kinds()
    if isinstance(result, Metrics) and "accounts" not in kinds:
        return replace(result, metrics=_metrics(result.metrics, identity.strategies()))
    if isinstance(result, AlertList):
        return replace(result, alerts=[row for row in result.alerts if _alert_kind(row.name) in kinds])
    if isinstance(result, Preview) and "accounts" not in kinds:
        return replace(result, **dict.fromkeys(_OF_THE_ACCOUNT))
    if isinstance(result, RiskLayers) and "risk" not in kinds:
        own = identity.strategies()
        layers = [layer for layer in result.layers if layer.scope != "strategy" or layer.name in own]
        return replace(result, layers=layers)
    return result


_OF_THE_ACCOUNT = tuple(name for name in Preview.__struct_fields__ if name.endswith(("_before", "_after")))
"""Of a preview: what the account has and binds as a whole. What the order adds is its owner's to know."""


def _metrics(metrics: Iterable[MetricSamples], own: frozenset[str]) -> list[MetricSamples]:
    """Without what is an account's, or the orders of a strategy that is not `own`."""
    kept: list[MetricSamples] = []
    for one in metrics:
        labels = METRICS[one.name].labels if one.name in METRICS else ("account",)
        if "account" in labels:
            continue
        mine = [each for each in one.samples if "strategy" not in labels or each.labels["strategy"] in own]
        kept.append(replace(one, samples=mine))
    return kept


def _alert_kind(name: str) -> Kind:
    if name == TEST:
        return "reader"
    return ALERTS[name].right if name in ALERTS else "accounts"


def narrowed(identity: Identity, wish: str) -> tuple[str, ...]:
    """The prefixes that an identity which wishes for `wish` may have: itself, narrower ones, or none."""
    if costs_a_fee(wish) and MAY_CAUSE_FEES not in identity.kinds():
        return ()
    granted: list[str] = []
    for open_prefix in _open_to(identity):
        if wish.startswith(open_prefix):
            return (wish,)
        if open_prefix.startswith(wish):
            granted.append(open_prefix)
    return tuple(granted)


def costs_a_fee(topic: str) -> bool:
    """Whether to subscribe to exactly this topic does."""
    try:
        parsed = parse_stream_topic(topic) if ";" in topic else None
    except FieldError:  # whoever serves it says so
        return False
    return parsed is not None and dict(parsed.options).get("regulatory") == "1"


def _open_to(identity: Identity) -> list[str]:
    kinds = identity.kinds()
    if not kinds:
        return []
    if "operator" in kinds:
        return [""]
    levels = [f"{level}/" for level, kind in TOPIC_RIGHTS.items() if kind in kinds]
    if TOPIC_RIGHTS["alert"] not in kinds:
        levels += [f"alert/{name}/" for name in (*ALERTS, TEST) if _alert_kind(name) in kinds]
    if "risk" not in kinds:
        levels += [f"order/{strategy}/" for strategy in sorted(identity.strategies())]
    return [*levels, f"{DENIED}/{identity.name}/"]
