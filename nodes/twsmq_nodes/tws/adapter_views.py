"""Which of ibapi's objects becomes which of our structs, and under which names."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAny=false, reportExplicitAny=false
# ibapi is untyped.

from __future__ import annotations

from typing import Any

from ibapi.contract import Contract as IbContract
from ibapi.contract import ContractDetails as IbContractDetails
from ibapi.execution import Execution as IbExecution
from ibapi.order import Order as IbOrder
from ibapi.order_state import OrderState as IbOrderState

from twsmq_nodes.tws.absence import cleaned
from twsmq_nodes.tws.adapter_values import View, integer, number, plain, tag_values
from twsmq_nodes.tws.contracts import ComboLeg, Contract, ContractInfo, DeltaNeutralContract
from twsmq_nodes.tws.orders import Condition, ExecutionView, OrderStateView, OrderView
from twsmq_nodes.tws.reference_events import Bar

CONTRACT_NAMES: dict[str, tuple[str, ...]] = {"expiry": ("lastTradeDateOrContractMonth",)}
ORDER_NAMES: dict[str, tuple[str, ...]] = {
    "limit_price": ("lmtPrice",),
    "combo_leg_prices": ("orderComboLegs",),
}
_STATE_NAMES: dict[str, tuple[str, ...]] = {
    "commission": ("commissionAndFees", "commission"),
    "min_commission": ("minCommissionAndFees", "minCommission"),
    "max_commission": ("maxCommissionAndFees", "maxCommission"),
    "commission_currency": ("commissionAndFeesCurrency", "commissionCurrency"),
}
# Retired by the gateway (10268-10270); 9.81 still reads them, with defaults of its own.
_RETIRED = frozenset({"eTradeOnly", "firmQuoteOnly", "nbboPriceCap", "mdSizeMultiplier"})

_contracts = View(Contract, IbContract(), CONTRACT_NAMES)
_details = View(ContractInfo, IbContractDetails(), {}, _RETIRED)
_orders = View(OrderView, IbOrder(), ORDER_NAMES, _RETIRED)
_states = View(OrderStateView, IbOrderState(), _STATE_NAMES)
_executions = View(ExecutionView, IbExecution(), {})


def contract_of(source: Any) -> Contract:
    legs = tuple(
        ComboLeg(
            con_id=leg.conId, ratio=leg.ratio, action=leg.action, exchange=leg.exchange,
            open_close=leg.openClose, short_sale_slot=leg.shortSaleSlot,
            designated_location=leg.designatedLocation, exempt_code=leg.exemptCode,
        )
        for leg in source.comboLegs or ()
    )  # fmt: skip
    hedge = source.deltaNeutralContract
    return _contracts.read(
        source,
        con_id=max(0, integer(source.conId) or 0),  # C -1 of an issuer of bonds (ib_insync #571)
        strike=number(source.strike) or None,
        combo_legs=legs,
        delta_neutral_contract=hedge
        and DeltaNeutralContract(hedge.conId, number(hedge.delta), number(hedge.price)),
    )


def order_of(source: Any) -> OrderView:
    conditions = tuple(
        Condition(
            kind=item.condType,
            conjunction=item.isConjunctionConnection,
            fields={
                k: plain(v) for k, v in vars(item).items() if k not in ("condType", "isConjunctionConnection")
            },
        )
        for item in source.conditions or ()
    )
    return _orders.read(
        source,
        algo_params=tag_values(source.algoParams),
        smart_combo_routing_params=tag_values(source.smartComboRoutingParams),
        combo_leg_prices=tuple(number(leg.price) for leg in source.orderComboLegs or ()),
        conditions=conditions,
        extra=_orders.rest(source),
    )


def bar_of(source: Any) -> Bar:
    bar = Bar(
        date=source.date, open=number(source.open), high=number(source.high), low=number(source.low),
        close=number(source.close), volume=number(source.volume),
        wap=number(getattr(source, "wap", None) if hasattr(source, "wap") else source.average),
        count=integer(source.barCount),
    )  # fmt: skip
    return cleaned(bar)


def last_attribs(attrib: Any) -> int:
    return int(attrib.pastLimit) | int(attrib.unreported) << 1


def quote_attribs(attrib: Any) -> int:
    return int(attrib.bidPastLow) | int(attrib.askPastHigh) << 1


def components_of(source: Any) -> tuple[tuple[int, str, str], ...]:
    """Text has them in a list, protobuf by their bit."""
    if isinstance(source, dict):
        return tuple((bit, *names) for bit, names in source.items())
    return tuple((each.bitNumber, each.exchange, each.exchangeLetter) for each in source)


def details_of(source: Any) -> ContractInfo:
    details = _details.read(
        source,
        contract=contract_of(source.contract),
        sec_id_list=tag_values(source.secIdList),
        extra=_details.rest(source),
    )
    return cleaned(details)


def order_state_of(source: Any) -> OrderStateView:
    return _states.read(source)


def execution_of(source: Any) -> ExecutionView:
    return _executions.read(source)
