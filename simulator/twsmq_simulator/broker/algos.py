"""The gateway's algos: what is checked of an order that names one, and how much of it may trade by when.

An algo spreads its order evenly: a tenth at once, another with every tenth of its time, in whole units. Its
time is from startTime to endTime; an adaptive order's follows from its priority, and one without times has a
minute, where a real one has the rest of the day (an assumption, see the README).
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from twsmq_simulator.broker.model import Order
from twsmq_simulator.broker.ticket import OrderTicket
from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.market.times import parse_time

SECOND: Final = 1_000_000_000
PARTS: Final = 10
USUAL_SECONDS: Final = 60
ADAPTIVE_SECONDS: Final = {"Urgent": 2, "Normal": 10, "Patient": 30}

_TIMES: Final = frozenset({"startTime", "endTime", "allowPastEndTime", "monetaryValue"})
_VOLUME: Final = _TIMES | {"pctVol", "noTakeLiq"}
_RISK: Final = _TIMES | {"maxPctVol", "riskAversion", "forceCompletion"}
# Strategies accepted by a Gateway of 2026 for a US stock, or documented and not refused there, and what each
# takes. Refused there: Inline, BalanceImpactRisk, MinImpact, JefAD, and Twap's documented strategyType.
STRATEGIES: Final = {
    "Adaptive": frozenset({"adaptivePriority"}),
    "Twap": _TIMES | {"catchUp"},
    "Vwap": _TIMES | {"maxPctVol", "noTakeLiq", "speedUp"},
    "ArrivalPx": _RISK,
    "ClosePx": _RISK,
    "DarkIce": _TIMES | {"displaySize"},
    "AD": _TIMES
    | {"componentSize", "timeBetweenOrders", "randomizeTime20", "randomizeSize55", "giveUp", "catchUp"}
    | {"waitForFill", "activeTimeStart", "activeTimeEnd"},
    "PctVol": _VOLUME,
    "PctVolPx": _VOLUME | {"deltaPctVol", "minPctVol4Px", "maxPctVol4Px"},
    "PctVolSz": _VOLUME | {"startPctVol", "endPctVol"},
    "PctVolTm": _VOLUME | {"startPctVol", "endPctVol"},
}


def check(ticket: OrderTicket) -> None:
    """Raises RequestRefused as captured at 225: an unknown algo is 439, an attribute it does not have 443."""
    if not ticket.algo_strategy:
        return
    known = STRATEGIES.get(ticket.algo_strategy)
    if known is None:
        raise RequestRefused(439, "Order processing failed. Algorithm definition not found")
    for name, _ in ticket.algo_params:
        if name not in known:
            raise RequestRefused(443, f"Order processing failed. Unknown algo attribute:{name}")
    if ticket.algo_strategy == "DarkIce" and ticket.display_size:
        text = "The 'Display Size' order attribute may not be specified for this order."
        raise RequestRefused(10255, text)


def wanted(order: Order, now: int) -> Decimal:
    """How much of an order may trade at a moment; all that is left of one without an algo."""
    if not order.ticket.algo_strategy:
        return order.remaining
    return min(order.remaining, max(Decimal(0), _due(order, now) - order.filled))


def _due(order: Order, now: int) -> Decimal:
    """What may have traded by a moment."""
    begin, end = _span(order)
    quantity = order.ticket.quantity
    if now < begin:
        return Decimal(0)
    part = PARTS if end <= begin else min(PARTS, (now - begin) * PARTS // (end - begin) + 1)
    return quantity if part == PARTS else quantity * part // PARTS


def _span(order: Order) -> tuple[int, int]:
    told = dict(order.ticket.algo_params)
    if order.ticket.algo_strategy == "Adaptive":
        seconds = ADAPTIVE_SECONDS.get(told.get("adaptivePriority", ""), ADAPTIVE_SECONDS["Normal"])
        return order.created, order.created + seconds * SECOND
    begin = _moment(told.get("startTime", ""), order.created) or order.created
    end = _moment(told.get("endTime", ""), order.created) or begin + USUAL_SECONDS * SECOND
    return max(begin, order.created), end


def _moment(text: str, today: int) -> int | None:
    """A time with or without its date: "20260415 16:00:00 US/Eastern", "16:00:00 US/Eastern"."""
    if text[2:3] == ":":
        local = datetime.fromtimestamp(today / 1e9, UTC).astimezone(ZoneInfo("America/New_York"))
        text = f"{local:%Y%m%d} {text}"
    return parse_time(text)
