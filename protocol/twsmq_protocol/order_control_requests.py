"""What operators ask of the orders node: halts, foreign and unknown orders, limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from .envelope import Args, Finite, Nanoseconds
from .errors import FieldError
from .order_events import Side
from .order_requests import MAX_ACCOUNT, MAX_STRATEGY, OrderKey, require_name
from .risk_limits import RiskLimits, require_meant


class Halt(Args, frozen=True, kw_only=True):
    """`halt`: no new orders of `strategy`, or of anybody; `cancel` also ends what works."""

    reason: Annotated[str, Meta(min_length=1, max_length=200)]
    strategy: str | None = None
    cancel: bool = False

    def __post_init__(self) -> None:
        if self.strategy is not None:
            require_name("strategy", self.strategy, MAX_STRATEGY)


class Resume(Args, frozen=True, kw_only=True):
    """`resume`: takes back the halt of `strategy`, or the general one."""

    strategy: str | None = None

    def __post_init__(self) -> None:
        if self.strategy is not None:
            require_name("strategy", self.strategy, MAX_STRATEGY)


class AdoptOrder(OrderKey, frozen=True, kw_only=True):
    """`adopt_order`: take a foreign order over under a key of one's own."""

    perm_id: Annotated[int, Meta(ge=1, le=2**63 - 1)]


class GetAccountExecutions(Args, frozen=True, kw_only=True):
    """`account_executions`: executions in all accounts, whoever placed the order, as the gateway has reported
    them; oldest first. `foreign`: only those of orders that were not placed here."""

    account: str | None = None
    since: Nanoseconds | None = None
    foreign: bool = False


class CancelForeignOrder(Args, frozen=True, kw_only=True):
    """`cancel_foreign_order`: an operator ends an order that was not placed here."""

    perm_id: Annotated[int, Meta(ge=1, le=2**63 - 1)]


class ResolveOrder(OrderKey, frozen=True, kw_only=True):
    """`resolve_order`: an operator knows what became of an `unknown` order."""

    status: Literal["cancelled", "rejected", "not_sent", "filled"]
    reason: Annotated[str, Meta(min_length=1, max_length=200)]


class SetRisk(Args, frozen=True, kw_only=True):
    """`set_risk`: the limits of a layer from now on, in place of those it had; `limits` empty: none.

    `scope` default has no `name`; strategy and account name theirs.
    """

    scope: Literal["default", "strategy", "account"]
    limits: RiskLimits
    name: str = ""

    def __post_init__(self) -> None:
        if (self.scope == "default") != (self.name == ""):
            raise FieldError("name", "scopes strategy and account need a name, default has none")
        if self.scope != "default":
            require_name("name", self.name, MAX_STRATEGY if self.scope == "strategy" else MAX_ACCOUNT)
        require_meant(self.limits, "limits.")


class AccountExecutionRow(Struct, frozen=True, kw_only=True):
    exec_id: str
    account: str
    instrument: str
    side: Side
    quantity: Finite
    price: Finite
    time: int | None = None
    con_id: int | None = None
    exchange: str = ""
    perm_id: int = 0
    client_id: int = 0
    order_id: int = 0
    reference: str = ""
    order: str | None = None
    liquidation: bool = False
    liquidity: int = 0
    leg: bool = False
    commission: Finite | None = None
    currency: str | None = None
    realized_pnl: Finite | None = None


class AccountExecutionList(Struct, frozen=True, kw_only=True):
    """Result of `account_executions`. `left_out`: how many older ones match and did not fit."""

    executions: list[AccountExecutionRow]
    left_out: int


class ForeignCancel(Struct, frozen=True, kw_only=True):
    """Result of `cancel_foreign_order`. `status`: the gateway's own word, "" if it has said none yet: then
    the order's end comes on its topic."""

    perm_id: int
    status: str
    text: str | None = None


class Halted(Struct, frozen=True, kw_only=True):
    """Result of `halt` and `resume`: what is halted now, by whom none ("" is everybody), and why.

    `remaining`: the orders that still work or are unknown, after cancels had some seconds. `durable`: false
    if the disk stalls: it holds, cancels go out, but it would not survive the end of the node yet.
    """

    halted: dict[str, str]
    remaining: list[dict[str, Any]]
    durable: bool = True


class RiskLayer(Struct, frozen=True, kw_only=True):
    scope: str
    name: str
    limits: dict[str, Any]


class RiskLayers(Struct, frozen=True, kw_only=True):
    """Result of `get_risk` and `set_risk`: every layer that holds, with the limits it sets."""

    layers: list[RiskLayer]
