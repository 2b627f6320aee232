"""Arguments and results of every op. SPEC.md documents each for other languages."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from .alerts import (
    AcknowledgeAlert,
    AlertList,
    SilenceAlert,
    TryAlerts,
)
from .board import (
    AccountFigures,
    Board,
    GetBoard,
    PnlFigures,
)
from .budget_requests import BudgetLease, BudgetYielded, ClaimBudget, YieldBudget
from .client_id_requests import ClaimClientId, ClientIdList, ReleaseClientId
from .envelope import Args, Finite, NoArgs
from .history_requests import (
    BarPage,
    GetBars,
    GetHeadTimestamp,
    GetHistogram,
    GetSchedule,
    GetTicks,
    Head,
    Histogram,
    Schedule,
    TickPage,
)
from .market_requests import (
    Reconnecting,
    Retried,
    Retry,
    Snapshot,
    SnapshotQuote,
    Subscribe,
    SubscribePreview,
    SubscriptionList,
)
from .metrics import Metrics
from .news_requests import Article, GetArticle, GetNews, Headlines, NewsProviders
from .order_control_requests import (
    AccountExecutionList,
    AdoptOrder,
    CancelForeignOrder,
    ForeignCancel,
    GetAccountExecutions,
    Halt,
    Halted,
    ResolveOrder,
    Resume,
    RiskLayers,
    SetRisk,
)
from .order_requests import (
    CancelOrder,
    CancelOrders,
    EventPage,
    ExecutionList,
    ExerciseOption,
    GetExecutions,
    GetOrders,
    ModifyOrder,
    OrderAccepted,
    OrderList,
    OrdersAccepted,
    PlaceOrder,
    PlaceOrders,
    Preview,
    PreviewOrder,
    ReplayEvents,
)
from .order_requests import OrderKey as OrderKey
from .order_types import PRICES_NEEDED as PRICES_NEEDED
from .order_types import TIFS as TIFS
from .processes import CONNECTION, HISTORY, ORDERS, REFERENCE, STATUS, SUPERVISOR, marketdata
from .reference_requests import (
    ContractDetails,
    ContractList,
    DepthExchanges,
    FoundSymbols,
    GetImpliedVolatility,
    GetMarketRule,
    GetOptionChain,
    GetOptionPrice,
    GetSmartComponents,
    GetTradingHours,
    MarketRules,
    OptionChain,
    OptionValue,
    Qualified,
    Qualify,
    Search,
    SmartComponents,
    TradingHours,
    UserInfo,
)
from .reference_requests import ContractRow as ContractRow
from .scanner_requests import GetScannerParameters, Scan, Scanned, ScannerParameterList
from .supervision import Explain, Reloaded, Stories
from .system_events import Gateway, NodeState, ProcessState


class PositionRow(Struct, frozen=True, kw_only=True):
    account: str
    instrument: str
    con_id: int
    quantity: Finite
    avg_cost: Finite | None = None


class PositionList(Struct, frozen=True, kw_only=True):
    """Result of `positions` (status)."""

    positions: list[PositionRow]


class HealthRow(Struct, frozen=True, kw_only=True):
    """A process as the status node hears it. `state` to `uptime_s` are from its last heartbeat, `heard_s`
    seconds ago (nil: never); `silent` after two seconds without one, nil for a process that does not beat.
    `supervised` and `restarts` are the supervisor's word, nil without a supervisor.
    """

    name: str
    state: NodeState | Literal["silent"] | None
    detail: str | None = None
    pid: int | None = None
    client_id: int | None = None
    uptime_s: Finite | None = None
    heard_s: Finite | None = None
    supervised: ProcessState | None = None
    restarts: int | None = None


class Health(Struct, frozen=True, kw_only=True):
    """Result of `health` (status). `ready`: every node of the configuration is heard and ready."""

    ready: bool
    processes: list[HealthRow]


class ProcessRow(Struct, frozen=True, kw_only=True):
    name: str
    state: ProcessState
    pid: int | None
    client_id: int | None
    restarts: int
    uptime_s: Finite
    reason: str | None = None


class ClusterStatus(Struct, frozen=True, kw_only=True):
    """Result of `status` (supervisor): a row per process, and the link as the connection node last told."""

    processes: list[ProcessRow]
    gateway: dict[str, Any] | None


class RestartProcess(Args, frozen=True, kw_only=True):
    """`restart` (supervisor): end this process in order and start it again."""

    name: str


class Restarting(Struct, frozen=True, kw_only=True):
    """Result of `restart`: it has been told to end. `process/<name>/` tells the rest."""

    name: str


class Stopping(Struct, frozen=True, kw_only=True):
    """Result of `stop` (supervisor): everything is gone once `lock`, a file, is no longer locked (flock)."""

    pid: int
    lock: str


class OpDescription(Struct, frozen=True, kw_only=True):
    op: str
    summary: str
    args: dict[str, Any]


class Description(Struct, frozen=True, kw_only=True):
    """Result of `describe`, which every process answers. `args` are JSON Schemas."""

    name: str
    version: str
    protocol: int
    incarnation: int
    ops: list[OpDescription]
    topics: list[str]
    requests: str
    events: str


class Op(Struct, frozen=True):
    """The process that answers an op (None: every one; a shard: each of its kind, this one unless another is
    meant), what the op takes and gives, and what it does in one line.
    """

    process: str | None
    args: type[Args]
    result: type[Struct]
    summary: str


OPS: dict[str, Op] = {
    "describe": Op(None, NoArgs, Description, "What this process is and what it answers"),
    "metrics": Op(None, NoArgs, Metrics, "What this process has counted since it started"),
    "status": Op(SUPERVISOR, NoArgs, ClusterStatus, "Every process, and the link to the gateway"),
    "restart": Op(SUPERVISOR, RestartProcess, Restarting, "End one process in order and start it again"),
    "explain": Op(SUPERVISOR, Explain, Stories, "What became of each process, and how long it took"),
    "reload": Op(SUPERVISOR, NoArgs, Reloaded, "What is other in the file, and whom to restart for it"),
    "stop": Op(SUPERVISOR, NoArgs, Stopping, "End every process in order, then the supervisor"),
    "contract_details": Op(
        REFERENCE, ContractDetails, ContractList, "Every contract that matches an instrument"
    ),
    "qualify": Op(
        REFERENCE, Qualify, Qualified, "The one contract that is meant, or what tells several apart"
    ),
    "option_chain": Op(
        REFERENCE, GetOptionChain, OptionChain, "Expiries, and the options that are really listed"
    ),
    "search": Op(REFERENCE, Search, FoundSymbols, "Instruments by symbol or name"),
    "trading_hours": Op(REFERENCE, GetTradingHours, TradingHours, "Sessions of today and of the next days"),
    "market_rule": Op(REFERENCE, GetMarketRule, MarketRules, "Steps of prices and sizes, by exchange"),
    "news_providers": Op(REFERENCE, NoArgs, NewsProviders, "Whose news the user may read"),
    "news": Op(REFERENCE, GetNews, Headlines, "Headlines about an instrument"),
    "article": Op(REFERENCE, GetArticle, Article, "The text behind a headline"),
    "scanner": Op(REFERENCE, Scan, Scanned, "The best of a market by some measure"),
    "scanner_parameters": Op(
        REFERENCE, GetScannerParameters, ScannerParameterList, "What a scanner may be asked"
    ),
    "implied_volatility": Op(
        REFERENCE, GetImpliedVolatility, OptionValue, "The volatility that an option's price means"
    ),
    "option_price": Op(REFERENCE, GetOptionPrice, OptionValue, "What an option is worth at a volatility"),
    "market_depth_exchanges": Op(REFERENCE, NoArgs, DepthExchanges, "Which exchanges show their order book"),
    "smart_components": Op(
        REFERENCE, GetSmartComponents, SmartComponents, "What the letters of a quote's exchanges mean"
    ),
    "user_info": Op(REFERENCE, NoArgs, UserInfo, "What the gateway tells of its user"),
    "bars": Op(HISTORY, GetBars, BarPage, "Bars of the past, of any range"),
    "ticks": Op(HISTORY, GetTicks, TickPage, "Ticks of the past, whole seconds"),
    "head_timestamp": Op(HISTORY, GetHeadTimestamp, Head, "When the history of an instrument begins"),
    "schedule": Op(HISTORY, GetSchedule, Schedule, "The trading sessions of a range"),
    "histogram": Op(HISTORY, GetHistogram, Histogram, "How much was traded at which price"),
    "gateway_status": Op(CONNECTION, NoArgs, Gateway, "The state of the gateway link"),
    "client_ids": Op(CONNECTION, NoArgs, ClientIdList, "Who holds which client ID at the gateway"),
    "claim_client_id": Op(CONNECTION, ClaimClientId, ClientIdList, "A client ID for another program"),
    "release_client_id": Op(CONNECTION, ReleaseClientId, ClientIdList, "A program needs its ID no longer"),
    "claim_budget": Op(CONNECTION, ClaimBudget, BudgetLease, "Messages wait: what others leave unused"),
    "yield_budget": Op(CONNECTION, YieldBudget, BudgetYielded, "Leave a part of one's share to others"),
    "positions": Op(STATUS, NoArgs, PositionList, "All positions of all accounts"),
    "health": Op(STATUS, NoArgs, Health, "What every process last said of itself"),
    "board": Op(STATUS, GetBoard, Board, "Everything a desk looks at, in sections"),
    "account": Op(STATUS, NoArgs, AccountFigures, "Figures of every account, cash of every currency"),
    "pnl": Op(STATUS, NoArgs, PnlFigures, "Profit and loss of accounts, strategies and positions"),
    "alerts": Op(STATUS, NoArgs, AlertList, "The alerts that fire, and those that did"),
    "acknowledge_alert": Op(STATUS, AcknowledgeAlert, AlertList, "Somebody takes care of an alert"),
    "silence_alert": Op(STATUS, SilenceAlert, AlertList, "Keep an alert from the sinks for a while"),
    "test_alerts": Op(STATUS, TryAlerts, AlertList, "Try every sink"),
    "place_order": Op(
        ORDERS, PlaceOrder, OrderAccepted, "Place one order; the same request again places nothing"
    ),
    "modify_order": Op(ORDERS, ModifyOrder, OrderAccepted, "Change quantity or prices of a working order"),
    "cancel_order": Op(ORDERS, CancelOrder, OrderAccepted, "Cancel an order; the node owes it from then on"),
    "get_orders": Op(ORDERS, GetOrders, OrderList, "All orders"),
    "place_orders": Op(ORDERS, PlaceOrders, OrdersAccepted, "Place all of a group or none: bracket, OCA"),
    "cancel_orders": Op(ORDERS, CancelOrders, OrdersAccepted, "Cancel all orders that match"),
    "preview_order": Op(ORDERS, PreviewOrder, Preview, "Margin and commission, without an order"),
    "get_executions": Op(
        ORDERS, GetExecutions, ExecutionList, "Executions and what they cost, after corrections"
    ),
    "account_executions": Op(
        ORDERS, GetAccountExecutions, AccountExecutionList, "Executions in all accounts, whoever placed them"
    ),
    "cancel_foreign_order": Op(
        ORDERS, CancelForeignOrder, ForeignCancel, "Cancel an order that was not placed here"
    ),
    "exercise_option": Op(ORDERS, ExerciseOption, OrderAccepted, "Exercise an option, or let it lapse"),
    "replay_events": Op(ORDERS, ReplayEvents, EventPage, "Order events again, from a number, in pages"),
    "halt": Op(ORDERS, Halt, Halted, "No new orders, until resumed; tells what remains"),
    "resume": Op(ORDERS, Resume, Halted, "Take a halt back"),
    "get_risk": Op(ORDERS, NoArgs, RiskLayers, "The limits that hold"),
    "set_risk": Op(ORDERS, SetRisk, RiskLayers, "Other limits for a layer, from now on"),
    "adopt_order": Op(ORDERS, AdoptOrder, OrderAccepted, "Take a foreign order over under a key of ours"),
    "resolve_order": Op(ORDERS, ResolveOrder, OrderAccepted, "Say what became of an unknown order"),
    "subscriptions": Op(marketdata(0), NoArgs, SubscriptionList, "Live streams, and the lines they take"),
    "snapshot": Op(marketdata(0), Snapshot, SnapshotQuote, "One quote, once"),
    "subscribe": Op(
        marketdata(0), Subscribe, SubscribePreview, "What subscribing to a topic would give; holds no line"
    ),
    "retry": Op(marketdata(0), Retry, Retried, "Ask once more for a stream that was refused"),
    "reconnect": Op(marketdata(0), NoArgs, Reconnecting, "End the session and connect again"),
}
"""Every op there is. Adding one here is what makes it part of the protocol."""
