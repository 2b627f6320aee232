"""What a modification sends of an order, attribute by attribute: one table of all that an openOrder shows.

A modification is the whole order once more, so an attribute that a person or a preset has changed at the
gateway is put back unless it is sent as it stands. Most of what an openOrder shows are defaults that nobody
set, and a default does not change by itself. So each attribute is believed in one of these ways:

- `VALUE`: `modify_order` changes it; `wire.values_shown` says when it is believed.
- `SET`: where it is set though it was not asked for, and where it differs from what was shown before.
- `CHANGED`: where it differs from what was shown before.
- `ASKED`: likewise, if the order was placed with it; else a gateway shows it or not, as it likes.
- a reason: it is never taken over.

`Standing` is what is kept of the last openOrder, in the journal: what has changed while this process or the
session was down is a difference like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, Final

from msgspec import UNSET, Struct
from msgspec.structs import fields, replace
from twsmq_protocol.order_types import ORDER_TYPES

from twsmq_nodes.tws.contracts import Scalar
from twsmq_nodes.tws.gateway_times import execution_time_ns
from twsmq_nodes.tws.orders import Condition, OrderFields, OrderView

VALUE: Final = "value"
SET: Final = "set"
CHANGED: Final = "changed"
ASKED: Final = "asked"

_TIE = "ties are the node's: parents and attached orders are its own"
_ID = "identifies the order"
_WHO = "says whose order it is or who clears it, which no gateway lets one change"
_MOVES = "moves by itself as the market does or as the order fills"
_ADDED = "is the gateway's own addition"
_OBJECT = "is shown as a text that cannot be sent"
_PLACING = "matters when the order is placed only"

ATTRIBUTES: dict[str, str] = {
    "order_id": _ID,
    "client_id": _ID,
    "perm_id": _ID,
    "parent_id": _TIE,
    "parent_perm_id": _TIE,
    "action": CHANGED,
    "total_quantity": VALUE,
    "filled_quantity": "follows from the executions",
    "order_type": VALUE,
    "limit_price": VALUE,
    "aux_price": VALUE,
    "tif": VALUE,
    "account": "no gateway moves an order to another account",
    "order_ref": "it names the order where ids cannot; that it was edited is a notice",
    "oca_group": SET,
    "oca_type": CHANGED,
    "outside_rth": VALUE,
    "hidden": SET,
    "what_if": "a what-if is no order",
    "all_or_none": SET,
    "sweep_to_fill": SET,
    "display_size": VALUE,
    "min_qty": SET,
    "trigger_method": SET,
    "good_after_time": SET,
    "good_till_date": VALUE,
    "auto_cancel_date": _ADDED,
    "trail_stop_price": VALUE,
    "trailing_percent": VALUE,
    "percent_offset": CHANGED,
    "cash_qty": CHANGED,
    "algo_strategy": SET,
    "algo_params": CHANGED,
    "smart_combo_routing_params": CHANGED,
    "combo_leg_prices": CHANGED,
    "conditions": SET,
    "conditions_cancel_order": CHANGED,
    "conditions_ignore_rth": CHANGED,
    "model_code": _WHO,
    "clearing_intent": _WHO,
    "submitter": _WHO,
    "extra": "attribute by attribute: see EXTRA",
}
"""Of `OrderView`, all of them."""

EXTRA: dict[str, str] = {
    "lmtPriceOffset": VALUE,
    **dict.fromkeys(("softDollarTier", "orderMiscOptions"), _OBJECT),
    **dict.fromkeys(
        (
            "bondAccruedInterest", "clearingAccount", "customerAccount", "deltaNeutralClearingAccount",
            "deltaNeutralClearingIntent", "deltaNeutralDesignatedLocation", "deltaNeutralOpenClose",
            "deltaNeutralSettlingFirm", "deltaNeutralShortSale", "deltaNeutralShortSaleSlot",
            "designatedLocation", "exemptCode", "extOperator", "isOmsContainer", "manualOrderIndicator",
            "manualOrderTime", "mifid2DecisionAlgo", "mifid2DecisionMaker", "mifid2ExecutionAlgo",
            "mifid2ExecutionTrader", "openClose", "origin", "professionalCustomer", "settlingFirm",
            "shareholder", "shortSaleSlot", "solicited",
        ),
        _WHO,
    ),
    **dict.fromkeys(("delta", "stockRefPrice", "scaleInitFillQty", "scaleInitPosition"), _MOVES),
    # Of a limit order 100 and 0.02 in one report, nothing in the next (captured); 1 of LMT, 0 of others.
    **dict.fromkeys(
        ("competeAgainstBestOffset", "dontUseAutoPriceForHedge", "minCompeteSize", "usePriceMgmtAlgo"), ASKED
    ),
    **dict.fromkeys(
        (
            "advancedErrorOverride", "deactivate", "overridePercentageConstraints", "ptOrderId",
            "ptOrderType", "slOrderId", "slOrderType", "transmit", "whatIfType",
        ),
        _PLACING,
    ),
}  # fmt: skip
"""Of what travels under ibapi's own names; what is not here is `CHANGED`."""

_NEVER_TAKEN = frozenset(name for name, belief in EXTRA.items() if belief not in (VALUE, SET, CHANGED, ASKED))
_KEPT = tuple(name for name, belief in ATTRIBUTES.items() if belief in (SET, CHANGED))
_SET = tuple(name for name, belief in ATTRIBUTES.items() if belief == SET)
_kept = attrgetter(*_KEPT)
_set = attrgetter(*_SET)
_DEFAULTS = {field.name: field.default for field in fields(OrderView) if field.default is not UNSET}
_NOT_SHOWN: dict[str, Any] = {
    name: _DEFAULTS[name]
    for name, belief in ATTRIBUTES.items()
    if belief not in (VALUE, SET, CHANGED) and name != "extra"
} | {"total_quantity": None, "trail_stop_price": None}
_TOGETHER = (("algo_strategy", "algo_params"), ("oca_group", "oca_type"))
_EXTRA = "extra."

_SENT = frozenset(_KEPT) - {"action"}

PLACED_AS = {
    "min_qty": "min_quantity", "good_after_time": "good_after", "cash_qty": "cash_quantity",
    "algo_strategy": "algo", "action": "side", "conditions_cancel_order": "conditions_cancel",
    "smart_combo_routing_params": "routing", "combo_leg_prices": "leg_prices",
}  # fmt: skip
"""Under which names clients know them."""


class Standing(Struct, frozen=True, tag=True, omit_defaults=True):
    """An order as its last openOrder has shown it. `taken`: what of it is not as it was placed, and stands as
    shown; `extra.` before ibapi's own names."""

    view: OrderView
    taken: tuple[str, ...] = ()

    def shows(self, name: str) -> Any:
        if name.startswith(_EXTRA):
            return self.view.extra.get(name.removeprefix(_EXTRA))
        return getattr(self.view, name)

    @property
    def fields(self) -> dict[str, Any]:
        """Of `OrderFields`, what takes the place of what was placed."""
        taken = {name: self.shows(name) for name in self.taken if name in _SENT}
        if "conditions" in taken:
            taken["conditions"] = tuple(map(_as_set, self.view.conditions))
        if not taken.get("oca_group", "."):
            taken["oca_type"] = 0
        return taken

    def with_extra(self, placed: Mapping[str, Scalar]) -> dict[str, Any]:
        """What was placed under ibapi's own names, as it stands now."""
        extra: dict[str, Any] = dict(placed)
        for name in self.taken:
            if name.startswith(_EXTRA):
                extra.pop(name.removeprefix(_EXTRA), None)
                value = self.shows(name)
                if value is not None:
                    extra[name.removeprefix(_EXTRA)] = value
        return extra


def stands(
    view: OrderView, before: Standing | None, placed: Callable[[], OrderFields] | None
) -> tuple[Standing, dict[str, Any]]:
    """An order as shown now, and what somebody has changed of it since `before` (None: nothing was shown
    before), under the table's names. `placed`: what was sent, if it is known."""
    changed: dict[str, Any] = {}
    if before is None:
        if placed is not None and any(_set(view)):
            sent = placed()
            changed = {
                name: getattr(view, name)
                for name in _SET
                if getattr(view, name)
                and not getattr(sent, name)
                and not (name == "oca_group" and _groups_by_itself(view, OrderView()))
            }
        taken: tuple[str, ...] = ()
    else:
        taken, then = before.taken, before.view
        if _kept(view) != _kept(then):
            changed = dict(_differences(view, then))
        if view.extra != then.extra:
            differs = _extra_differences(view.extra, then.extra)
            asked = placed().extra if differs and placed is not None else {}
            changed |= {
                f"{_EXTRA}{name}": now
                for name, now in differs.items()
                if name in asked
                or f"{_EXTRA}{name}" in taken
                or (now is not None and EXTRA.get(name, CHANGED) == CHANGED)
            }
        if view.order_type != then.order_type:
            types = [None if one.order_type in ORDER_TYPES else one.order_type for one in (then, view)]
            if types[0] != types[1]:
                changed["order_type"] = types[1]
    for one, other in _TOGETHER:
        if one in changed or other in changed:
            changed |= {name: changed.get(name, getattr(view, name)) for name in (one, other)}
    if changed and before is not None and placed is not None:
        changed = _unlike(placed(), changed, taken)
    if changed:
        taken = tuple(dict.fromkeys((*taken, *changed)))
    if changed.get("order_type", "") is None:  # it is again what can be placed here
        taken = tuple(name for name in taken if name != "order_type")
    extra = {name: value for name, value in view.extra.items() if name not in _NEVER_TAKEN}
    return Standing(replace(view, extra=extra, **_NOT_SHOWN), taken), changed


def _differences(view: OrderView, then: OrderView) -> Iterable[tuple[str, Any]]:
    for name in _KEPT:
        now, was = getattr(view, name), getattr(then, name)
        if (now or None) == (was or None):
            continue
        if name == "combo_leg_prices" and not any(now) and not any(was):
            continue  # as many as there are legs, or none at all
        if name == "good_after_time" and same_moment(now, was):
            continue
        if name in ("oca_group", "oca_type") and _groups_by_itself(view, then):
            continue
        yield name, now


def _unlike(sent: OrderFields, changed: dict[str, Any], taken: tuple[str, ...]) -> dict[str, Any]:
    """Without what has come to be shown as it was placed: a gateway may show that late (ib_insync issue 606).
    One goes with the other of those that belong together."""
    alike = {
        name
        for name, value in changed.items()
        if name not in taken
        and name != "order_type"
        and (sent.extra.get(name.removeprefix(_EXTRA)) if name.startswith(_EXTRA) else getattr(sent, name))
        == value
    }
    for together in _TOGETHER:
        if not alike.issuperset(together):
            alike.difference_update(together)
    return {name: value for name, value in changed.items() if name not in alike}


def _groups_by_itself(view: OrderView, then: OrderView) -> bool:
    """Attached orders are grouped by the gateway, under their parent's permanent id (captured); the type of
    a group that there is not is a default."""
    group = view.oca_group or then.oca_group
    return not group or (group.isdigit() and then.oca_group in ("", group))


def _extra_differences(now: dict[str, Scalar], was: dict[str, Scalar]) -> dict[str, Any]:
    return {
        name: now.get(name)
        for name in dict.fromkeys((*now, *was))
        if EXTRA.get(name, CHANGED) in (CHANGED, ASKED) and (now.get(name) or None) != (was.get(name) or None)
    }


def _as_set(condition: Condition) -> Condition:
    """Without what the gateway left open."""
    return replace(
        condition, fields={name: value for name, value in condition.fields.items() if value is not None}
    )


def same_moment(one: str, other: str) -> bool:
    """Times as clients and gateways write them: one moment in whatever zones, or the same digits, as a
    gateway may show what was asked in UTC with a zone of its own."""
    if one == other:
        return True
    moment = execution_time_ns(one)
    return _digits(one) == _digits(other) or (moment is not None and moment == execution_time_ns(other))


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))[:12]
