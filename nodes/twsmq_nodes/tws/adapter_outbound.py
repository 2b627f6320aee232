"""Our requests as calls on ibapi's EClient, whatever its release calls them and in whatever form.

A request passes by position (see `requests`) unless it has an entry of its own below. What the installed
release cannot say is refused by name of the field, never left out silently.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportAny=false, reportExplicitAny=false
# ibapi is untyped and its argument lists differ between releases.

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ibapi import order_condition
from ibapi.client import EClient
from ibapi.contract import ComboLeg as IbComboLeg
from ibapi.contract import Contract as IbContract
from ibapi.contract import DeltaNeutralContract as IbDeltaNeutralContract
from ibapi.execution import ExecutionFilter as IbExecutionFilter
from ibapi.order import Order as IbOrder
from ibapi.order import OrderComboLeg as IbOrderComboLeg
from ibapi.scanner import ScannerSubscription as IbScannerSubscription

from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import requests as rq
from twsmq_nodes.tws.adapter_values import (
    NOT_IN_IBAPI,
    BadField,
    decimal_or_number,
    fill,
    fill_extra,
    sendable,
    sendable_text,
)
from twsmq_nodes.tws.adapter_views import CONTRACT_NAMES, ORDER_NAMES
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.orders import Condition, OrderFields

try:
    from ibapi.order_cancel import OrderCancel as IbOrderCancel
except ImportError:  # before 10.30
    IbOrderCancel = None

try:
    from ibapi.common import WshEventData as IbWshEventData
except ImportError:  # before 10.19
    IbWshEventData = None


def ib_contract(contract: Contract) -> Any:
    target: Any = IbContract()
    fill(target, contract, CONTRACT_NAMES, skip=frozenset({"combo_legs", "delta_neutral_contract"}))
    if contract.combo_legs:
        target.comboLegs = []
        for leg in contract.combo_legs:
            target.comboLegs.append(IbComboLeg())
            fill(target.comboLegs[-1], leg, {})
    if contract.delta_neutral_contract:
        target.deltaNeutralContract = IbDeltaNeutralContract()
        fill(target.deltaNeutralContract, contract.delta_neutral_contract, {})
    return target


def _ib_condition(condition: Condition) -> Any:
    kinds = range(1, 8)
    target = order_condition.Create(condition.kind) if condition.kind in kinds else None
    if target is None:
        raise BadField("conditions", f"there is no condition of kind {condition.kind}")
    target.isConjunctionConnection = condition.conjunction
    for name, value in condition.fields.items():
        if name not in vars(target):
            raise BadField(
                f"conditions.{name}", f"a condition of kind {condition.kind} has no such attribute"
            )
        setattr(target, name, sendable(value, f"conditions.{name}"))
    return target


_ORDER_SPECIAL = frozenset({"total_quantity", "combo_leg_prices", "conditions", "extra", "hidden"})


def ib_order(order: OrderFields) -> Any:
    target: Any = IbOrder()
    # 9.81 defaults them to True, and the gateway refuses an order that has them (10268, 10269).
    for retired in ("eTradeOnly", "firmQuoteOnly"):
        if hasattr(target, retired):
            setattr(target, retired, False)
    fill(target, order, ORDER_NAMES, skip=_ORDER_SPECIAL)
    target.hidden = order.hidden
    quantity = sendable(order.total_quantity, "total_quantity")
    target.totalQuantity = decimal_or_number(quantity, like=target.totalQuantity)
    target.conditions = [_ib_condition(condition) for condition in order.conditions]
    if order.combo_leg_prices:
        target.orderComboLegs = []
        for price in order.combo_leg_prices:
            target.orderComboLegs.append(IbOrderComboLeg())
            if price is not None:
                target.orderComboLegs[-1].price = sendable(price, "combo_leg_prices")
    fill_extra(target, dict(order.extra))
    return target


def _start_api(client: Any, request: rq.StartApi) -> None:
    client.clientId = request.client_id
    client.optCapab = sendable_text(request.optional_capabilities, "optional_capabilities")
    client.startApi()


def _place_order(client: Any, request: rq.PlaceOrder) -> None:
    client.placeOrder(request.order_id, ib_contract(request.contract), ib_order(request.order))


def _takes(method: Callable[..., Any]) -> int:
    return len(inspect.signature(method).parameters) - 1  # without self


_CANCEL_ARGUMENTS = _takes(EClient.cancelOrder)
_GLOBAL_CANCEL_ARGUMENTS = _takes(EClient.reqGlobalCancel)
_EXERCISE_ARGUMENTS = _takes(EClient.exerciseOptions)


def _cancel_order(client: Any, request: rq.CancelOrder) -> None:
    time = sendable_text(request.manual_time, "manual_time")
    if _CANCEL_ARGUMENTS == 1:
        if time:
            raise BadField("manual_time", NOT_IN_IBAPI)
        client.cancelOrder(request.order_id)
    elif IbOrderCancel is None:
        client.cancelOrder(request.order_id, time)
    else:
        cancel = IbOrderCancel()
        cancel.manualOrderCancelTime = time
        client.cancelOrder(request.order_id, cancel)


def _global_cancel(client: Any, _: rq.GlobalCancel) -> None:
    client.reqGlobalCancel(*([IbOrderCancel()] if _GLOBAL_CANCEL_ARGUMENTS and IbOrderCancel else []))


def _exercise_options(client: Any, request: rq.ExerciseOptions) -> None:
    later = ("", "", False)[: _EXERCISE_ARGUMENTS - 6]  # manual time, customer account, professional customer
    account = sendable_text(request.account, "account")
    contract = ib_contract(request.contract)
    client.exerciseOptions(
        request.req_id, contract, request.action, request.quantity, account, request.override, *later
    )


def _executions(client: Any, request: rq.ReqExecutions) -> None:
    wanted = IbExecutionFilter()
    known = hasattr(wanted, "lastNDays")  # from 10.35 on
    fill(wanted, request.filter, {}, frozenset() if known else frozenset(("last_n_days",)))
    client.reqExecutions(request.req_id, wanted)


def _scanner(client: Any, request: ref.ReqScanner) -> None:
    subscription = IbScannerSubscription()
    fill(subscription, request, {}, skip=frozenset({"req_id", "options", "filters"}))
    options, filters = sendable(request.options, "options"), sendable(request.filters, "filters")
    client.reqScannerSubscription(request.req_id, subscription, options, filters)


def _wsh_events(client: Any, request: ref.ReqWshEvents) -> None:
    if IbWshEventData is None:
        raise BadField("wsh_events", NOT_IN_IBAPI)
    wanted = IbWshEventData()
    fill(wanted, request, {}, skip=frozenset({"req_id"}))
    client.reqWshEventData(request.req_id, wanted)


_OWN: dict[type[rq.Request], Callable[[Any, Any], None]] = {
    rq.StartApi: _start_api,
    rq.PlaceOrder: _place_order,
    rq.CancelOrder: _cancel_order,
    rq.GlobalCancel: _global_cancel,
    rq.ExerciseOptions: _exercise_options,
    rq.ReqExecutions: _executions,
    ref.ReqScanner: _scanner,
    ref.ReqWshEvents: _wsh_events,
}


def call(client: Any, request: rq.Request) -> None:
    """Has `client` send `request`. Raises BadField for what must not or cannot be sent."""
    own = _OWN.get(type(request))
    if own is not None:
        own(client, request)
        return
    method = getattr(client, request.METHOD, None)
    if method is None:  # of a later release, or an earlier one
        raise BadField(request.METHOD, NOT_IN_IBAPI)
    arguments: list[Any] = []
    for name in request.__struct_fields__:
        value = getattr(request, name)
        arguments.append(ib_contract(value) if isinstance(value, Contract) else sendable(value, name))
    method(*arguments)
