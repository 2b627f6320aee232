"""Arguments and results of every op. SPEC.md documents each for other languages."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from .adviser_requests import FaGroups, FaGroupsReplaced, GetFaGroups, ReplaceFaGroups
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
from .calendar_requests import GetWshEvents, WshEvents, WshMeta
from .client_id_requests import ClaimClientId, ClientIdList, ReleaseClientId
from .envelope import Args, Finite, NoArgs
from .fundamental_requests import Fundamentals, GetFundamentals
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
from .order_query_requests import (
    EventPage,
    ExecutionList,
    GetExecutions,
    GetOrders,
    OrderList,
    ReplayEvents,
)
from .order_requests import (
    CancelOrder,
    CancelOrders,
    ExerciseOption,
    ModifyOrder,
    OrderAccepted,
    OrdersAccepted,
    PlaceOrder,
    PlaceOrders,
    Preview,
    PreviewOrder,
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
from .right_kinds import Kind
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
    """A process as its heartbeats show it. `state` to `uptime_s` are from its last heartbeat, `heard_s`
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
    """Result of `health` (status). `ready`: every node of the configuration beats and is ready."""

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
    """Result of `status` (supervisor): a row per process, and the link as connection last reported it.
    `data_dir`: of which data folder it is, since two clusters may be meant for the same ports."""

    processes: list[ProcessRow]
    gateway: dict[str, Any] | None
    data_dir: str | None = None


class RestartProcess(Args, frozen=True, kw_only=True):
    """`restart` (supervisor): end this process in order and start it again."""

    name: str


class Restarting(Struct, frozen=True, kw_only=True):
    """Result of `restart`: it is being ended. `process/<name>/` shows the rest."""

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
    meant), what the op takes and gives, what it does in one line, and the kinds of right any of which lets it
    through (`trader` counts only for the key's own strategy).
    """

    process: str | None
    args: type[Args]
    result: type[Struct]
    summary: str
    rights: tuple[Kind, ...]


READER: tuple[Kind, ...] = ("reader",)
ACCOUNTS: tuple[Kind, ...] = ("accounts",)
TRADER: tuple[Kind, ...] = ("trader",)
RISK: tuple[Kind, ...] = ("risk",)
TRADER_OR_RISK: tuple[Kind, ...] = ("trader", "risk")
TRADER_OR_ACCOUNTS: tuple[Kind, ...] = ("trader", "accounts")
OPERATOR: tuple[Kind, ...] = ("operator",)

OPS: dict[str, Op] = {
    "describe": Op(None, NoArgs, Description, "What this process is and what it answers", READER),
    "metrics": Op(None, NoArgs, Metrics, "What this process has counted since it started", READER),
    "status": Op(SUPERVISOR, NoArgs, ClusterStatus, "Every process, and the link to the gateway", READER),
    "restart": Op(
        SUPERVISOR, RestartProcess, Restarting, "End one process in order and start it again", OPERATOR
    ),
    "explain": Op(SUPERVISOR, Explain, Stories, "What became of each process, and how long it took", READER),
    "reload": Op(
        SUPERVISOR, NoArgs, Reloaded, "What is other in the file, and whom to restart for it", OPERATOR
    ),
    "stop": Op(SUPERVISOR, NoArgs, Stopping, "End every process in order, then the supervisor", OPERATOR),
    "contract_details": Op(
        REFERENCE, ContractDetails, ContractList, "Every contract that matches an instrument", READER
    ),
    "qualify": Op(
        REFERENCE, Qualify, Qualified, "The one contract that is meant, or what tells several apart", READER
    ),
    "option_chain": Op(
        REFERENCE, GetOptionChain, OptionChain, "Expiries, and the options that are really listed", READER
    ),
    "search": Op(REFERENCE, Search, FoundSymbols, "Instruments by symbol or name", READER),
    "trading_hours": Op(
        REFERENCE, GetTradingHours, TradingHours, "Sessions of today and of the next days", READER
    ),
    "market_rule": Op(
        REFERENCE, GetMarketRule, MarketRules, "Steps of prices and sizes, by exchange", READER
    ),
    "news_providers": Op(REFERENCE, NoArgs, NewsProviders, "Whose news the user may read", READER),
    "news": Op(REFERENCE, GetNews, Headlines, "Headlines about an instrument", READER),
    "article": Op(REFERENCE, GetArticle, Article, "The text behind a headline", READER),
    "wsh_meta": Op(REFERENCE, NoArgs, WshMeta, "Kinds of companies' events, and filters of them", READER),
    "wsh_events": Op(REFERENCE, GetWshEvents, WshEvents, "What is due of companies: earnings …", READER),
    "fundamentals": Op(REFERENCE, GetFundamentals, Fundamentals, "A report about a company", READER),
    "fa_groups": Op(
        REFERENCE, GetFaGroups, FaGroups, "An adviser's groups, profiles or aliases of accounts", ACCOUNTS
    ),
    "replace_fa_groups": Op(
        REFERENCE, ReplaceFaGroups, FaGroupsReplaced, "Put others in place of all of them", OPERATOR
    ),
    "scanner": Op(REFERENCE, Scan, Scanned, "The best of a market by some measure", READER),
    "scanner_parameters": Op(
        REFERENCE, GetScannerParameters, ScannerParameterList, "What a scanner may be asked", READER
    ),
    "implied_volatility": Op(
        REFERENCE, GetImpliedVolatility, OptionValue, "The volatility that an option's price means", READER
    ),
    "option_price": Op(
        REFERENCE, GetOptionPrice, OptionValue, "What an option is worth at a volatility", READER
    ),
    "market_depth_exchanges": Op(
        REFERENCE, NoArgs, DepthExchanges, "Which exchanges show their order book", READER
    ),
    "smart_components": Op(
        REFERENCE, GetSmartComponents, SmartComponents, "What the letters of a quote's exchanges mean", READER
    ),
    "user_info": Op(REFERENCE, NoArgs, UserInfo, "What the gateway reports of its user", READER),
    "bars": Op(HISTORY, GetBars, BarPage, "Bars of the past, of any range", READER),
    "ticks": Op(HISTORY, GetTicks, TickPage, "Ticks of the past, whole seconds", READER),
    "head_timestamp": Op(HISTORY, GetHeadTimestamp, Head, "When the history of an instrument begins", READER),
    "schedule": Op(HISTORY, GetSchedule, Schedule, "The trading sessions of a range", READER),
    "histogram": Op(HISTORY, GetHistogram, Histogram, "How much was traded at which price", READER),
    "gateway_status": Op(CONNECTION, NoArgs, Gateway, "The state of the gateway link", READER),
    "client_ids": Op(CONNECTION, NoArgs, ClientIdList, "Who holds which client ID at the gateway", READER),
    "claim_client_id": Op(
        CONNECTION, ClaimClientId, ClientIdList, "A client ID for another program", OPERATOR
    ),
    "release_client_id": Op(
        CONNECTION, ReleaseClientId, ClientIdList, "A program needs its ID no longer", OPERATOR
    ),
    "claim_budget": Op(
        CONNECTION, ClaimBudget, BudgetLease, "Messages wait: what others leave unused", OPERATOR
    ),
    "yield_budget": Op(
        CONNECTION, YieldBudget, BudgetYielded, "Leave a part of one's share to others", OPERATOR
    ),
    "positions": Op(STATUS, NoArgs, PositionList, "All positions of all accounts", ACCOUNTS),
    "health": Op(STATUS, NoArgs, Health, "What every process last said of itself", READER),
    "board": Op(STATUS, GetBoard, Board, "Everything a desk looks at, in sections", ACCOUNTS),
    "account": Op(
        STATUS, NoArgs, AccountFigures, "Figures of every account, cash of every currency", ACCOUNTS
    ),
    "pnl": Op(STATUS, NoArgs, PnlFigures, "Profit and loss of accounts, strategies and positions", ACCOUNTS),
    "alerts": Op(STATUS, NoArgs, AlertList, "The alerts that fire, and those that did", READER),
    "acknowledge_alert": Op(STATUS, AcknowledgeAlert, AlertList, "Somebody takes care of an alert", RISK),
    "silence_alert": Op(STATUS, SilenceAlert, AlertList, "Keep an alert from the sinks for a while", RISK),
    "test_alerts": Op(STATUS, TryAlerts, AlertList, "Try every sink", OPERATOR),
    "place_order": Op(
        ORDERS, PlaceOrder, OrderAccepted, "Place one order; the same request again places nothing", TRADER
    ),
    "modify_order": Op(
        ORDERS, ModifyOrder, OrderAccepted, "Change quantity or prices of a working order", TRADER
    ),
    "cancel_order": Op(
        ORDERS, CancelOrder, OrderAccepted, "Cancel an order; the node owes it from then on", TRADER_OR_RISK
    ),
    "get_orders": Op(ORDERS, GetOrders, OrderList, "All orders", TRADER_OR_RISK),
    "place_orders": Op(
        ORDERS, PlaceOrders, OrdersAccepted, "Place all of a group or none: bracket, OCA", TRADER
    ),
    "cancel_orders": Op(ORDERS, CancelOrders, OrdersAccepted, "Cancel all orders that match", TRADER_OR_RISK),
    "preview_order": Op(ORDERS, PreviewOrder, Preview, "Margin and commission, without an order", TRADER),
    "get_executions": Op(
        ORDERS,
        GetExecutions,
        ExecutionList,
        "Executions and what they cost, after corrections",
        TRADER_OR_ACCOUNTS,
    ),
    "account_executions": Op(
        ORDERS,
        GetAccountExecutions,
        AccountExecutionList,
        "Executions in all accounts, whoever placed them",
        ACCOUNTS,
    ),
    "cancel_foreign_order": Op(
        ORDERS, CancelForeignOrder, ForeignCancel, "Cancel an order that was not placed here", OPERATOR
    ),
    "exercise_option": Op(
        ORDERS, ExerciseOption, OrderAccepted, "Exercise an option, or let it lapse", TRADER
    ),
    "replay_events": Op(
        ORDERS, ReplayEvents, EventPage, "Order events again, from a number, in pages", TRADER_OR_RISK
    ),
    "halt": Op(ORDERS, Halt, Halted, "No new orders, until resumed; lists what remains", TRADER_OR_RISK),
    "resume": Op(ORDERS, Resume, Halted, "Take a halt back", OPERATOR),
    "get_risk": Op(ORDERS, NoArgs, RiskLayers, "The limits that hold", TRADER_OR_RISK),
    "set_risk": Op(ORDERS, SetRisk, RiskLayers, "Other limits for a layer, from now on", RISK),
    "adopt_order": Op(
        ORDERS, AdoptOrder, OrderAccepted, "Take a foreign order over under a key of ours", OPERATOR
    ),
    "resolve_order": Op(ORDERS, ResolveOrder, OrderAccepted, "Say what became of an unknown order", OPERATOR),
    "subscriptions": Op(
        marketdata(0), NoArgs, SubscriptionList, "Live streams, and the lines they take", READER
    ),
    "snapshot": Op(marketdata(0), Snapshot, SnapshotQuote, "One quote, once", READER),
    "subscribe": Op(
        marketdata(0),
        Subscribe,
        SubscribePreview,
        "What subscribing to a topic would give; holds no line",
        READER,
    ),
    "retry": Op(marketdata(0), Retry, Retried, "Ask once more for a stream that was refused", READER),
    "reconnect": Op(marketdata(0), NoArgs, Reconnecting, "End the session and connect again", OPERATOR),
}
"""Every op there is. Adding one here is what makes it part of the protocol."""
