"""What scenarios judge with: the instruments and orders they speak of, and the rules for every order.

Expectations are about observations, in the words of the API and no language's; each rule says how it is
known.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from .conversation import Conversation, Deviation, Observation

AAPL = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
MSFT = AAPL | {"symbol": "MSFT"}
KO = AAPL | {"symbol": "KO"}
UNKNOWN = AAPL | {"symbol": "NOSUCH"}
AAPL_CON_ID, MSFT_CON_ID = 265598, 272093
FAR_BELOW, FAR_ABOVE = 1.0, 10_000.0  # prices at which a stock never trades, and always


def market(action: str = "BUY", quantity: int = 10, **more: Any) -> dict[str, Any]:
    return {"action": action, "totalQuantity": quantity, "orderType": "MKT", **more}


def limit(price: float, action: str = "BUY", quantity: int = 10, **more: Any) -> dict[str, Any]:
    return market(action, quantity, orderType="LMT", lmtPrice=price, **more)


def require(holds: object, what: str) -> None:
    if not holds:
        raise Deviation(what)


def require_equal(found: object, wanted: object, what: str) -> None:
    require(found == wanted, f"{what}: {found!r} instead of {wanted!r}")


def require_order(*observations: Observation) -> None:
    """The observations came in this order."""
    for earlier, later in pairwise(observations):
        require(earlier["n"] < later["n"], f"{_brief(later)} came before {_brief(earlier)}")


def require_pairs(c: Conversation, ref: str) -> None:
    """Every openOrder of an order is followed at once by an orderStatus with the same state (captured from
    Gateway 10.40.1). Only where the client hands on every message."""
    if not c.raw:
        return
    reports = [o for o in c.seen("openOrder", ref=ref) if not o["whatIf"]]
    require(reports, f"no openOrder of {ref}")
    for report in reports:
        status = c.following(report)
        pair = (status["event"], status.get("ref"), status.get("status"))
        require_equal(pair, ("orderStatus", ref, report["status"]), f"what follows openOrder of {ref}")


def require_cancelled(c: Conversation, ref: str, quantity: float = 10) -> None:
    """orderStatus Cancelled with the full quantity remaining and without an openOrder of its own, then 202
    (captured from Gateways of server versions 164 to 225)."""
    cancelled = c.status(ref, "Cancelled")
    told = c.error(ref, 202)
    require(told["text"].startswith("Order Canceled - reason:"), f"the text of 202: {told['text']}")
    require_equal(
        (cancelled["filled"], cancelled["remaining"]), (0, quantity), f"filled and remaining of {ref}"
    )
    require_order(cancelled, told)
    if c.raw:
        before = c.seen(after=cancelled["n"] - 1)[0]
        is_report = (
            before["event"] == "openOrder" and before["ref"] == ref and before["status"] == "Cancelled"
        )
        require(not is_report, "Cancelled came with an openOrder")


def _brief(observation: Observation) -> str:
    names = ("event", "ref", "status", "code", "execId")
    return " ".join(str(observation[name]) for name in names if observation.get(name))
