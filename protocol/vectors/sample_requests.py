"""A request of every op, a reply of every kind and error code, and requests that must be refused."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, structs
from sample_events import AAPL, BORN, LINK, NOW, WORKING
from twsmq_protocol.alerts import AlertList, AlertRow
from twsmq_protocol.board import (
    AccountFigures,
    Board,
    BoardSection,
    PnlFigures,
)
from twsmq_protocol.budget_requests import BudgetLease, BudgetYielded
from twsmq_protocol.client_id_requests import ClientIdList, ClientIdRow
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.history_requests import (
    BarPage,
    Head,
    Histogram,
    Schedule,
    SessionRow,
    TickPage,
    TickRow,
)
from twsmq_protocol.market_events import BarRow
from twsmq_protocol.market_requests import (
    LineUse,
    Reconnecting,
    Retried,
    SnapshotQuote,
    SubscribePreview,
    SubscriptionList,
    SubscriptionRow,
)
from twsmq_protocol.metrics import Metrics, MetricSamples, Sample
from twsmq_protocol.order_requests import (
    AccountExecutionList,
    AccountExecutionRow,
    EventPage,
    ExecutionList,
    ExecutionRow,
    ForeignCancel,
    ForeignOrder,
    Halted,
    OrdersAccepted,
    Preview,
    RiskLayer,
    RiskLayers,
)
from twsmq_protocol.reference_requests import (
    Article,
    DepthExchangeRow,
    DepthExchanges,
    ExchangeRule,
    FoundSymbol,
    FoundSymbols,
    Headline,
    Headlines,
    ListedContract,
    MarketRules,
    NewsProvider,
    NewsProviders,
    OptionChain,
    OptionValue,
    PriceIncrement,
    Qualified,
    Scanned,
    ScannerParameter,
    ScannerParameterList,
    ScannerRow,
    SmartComponent,
    SmartComponents,
    TradingHours,
    UserInfo,
)
from twsmq_protocol.requests import (
    ClusterStatus,
    ContractList,
    ContractRow,
    Description,
    Health,
    HealthRow,
    OpDescription,
    OrderAccepted,
    OrderList,
    PositionList,
    PositionRow,
    ProcessRow,
    Restarting,
    Stopping,
)
from twsmq_protocol.supervision import Change, ChangedKey, ProcessStory, Reloaded, Stories, Waited

KEY = {"strategy": "alpha", "client_order_id": "alpha-0001"}
LIMIT_ORDER = KEY | {
    "instrument": AAPL,
    "side": "BUY",
    "quantity": 100,
    "order_type": "LMT",
    "limit_price": 187.5,
}
REQUESTS: dict[str, tuple[str | int, str, dict[str, Any] | None, int | None]] = {
    "describe": (1, "describe", None, None),
    "status": ("s-1", "status", None, None),
    "contract details": (2, "contract_details", {"instrument": AAPL}, NOW),
    "contract details by ISIN, a page": (
        9,
        "contract_details",
        {"isin": "US0378331005", "currency": "USD", "limit": 100, "after": 265598},
        None,
    ),
    "qualify": (10, "qualify", {"instrument": "FUT:ES:CME:USD"}, NOW),
    "option chain": (11, "option_chain", {"instrument": AAPL, "expiry": "20261218"}, None),
    "search": (12, "search", {"pattern": "APPL"}, None),
    "trading hours": (13, "trading_hours", {"instrument": AAPL}, None),
    "market rule": (14, "market_rule", {"instrument": AAPL}, None),
    "news providers": (15, "news_providers", None, None),
    "news": (16, "news", {"instrument": AAPL, "providers": ["BRFG"], "limit": 20}, None),
    "article": (17, "article", {"provider": "BRFG", "article_id": "BRFG$12"}, None),
    "scanner": (18, "scanner", {"scan": "TOP_PERC_GAIN", "filters": {"priceAbove": "5"}}, None),
    "scanner parameters": (19, "scanner_parameters", {"search": "percent"}, None),
    "implied volatility": (
        20,
        "implied_volatility",
        {"instrument": "CONID:500000001:SMART", "option_price": 4.2, "under_price": 187.5},
        None,
    ),
    "option price": (
        21,
        "option_price",
        {"instrument": "CONID:500000001:SMART", "volatility": 0.25, "under_price": 187.5},
        None,
    ),
    "market depth exchanges": (22, "market_depth_exchanges", None, None),
    "smart components": (23, "smart_components", {"bbo_exchange": "9c0001"}, None),
    "user info": (24, "user_info", None, None),
    "bars of two days": (3, "bars", {"instrument": AAPL, "size": "1m", "duration": "2D"}, None),
    "bars of a range, every argument": (
        4,
        "bars",
        {
            "instrument": AAPL,
            "size": "1d",
            "from": 1_700_000_000_000_000_000,
            "to": 1_790_000_000_000_000_000,
            "what": "MIDPOINT",
            "rth": True,
            "limit": 500,
            "bulk": True,
        },
        NOW,
    ),
    "ticks of the past": (5, "ticks", {"instrument": AAPL, "from": 1_790_000_000_000_000_000}, None),
    "head timestamp": (6, "head_timestamp", {"instrument": AAPL}, None),
    "schedule": (7, "schedule", {"instrument": AAPL, "from": 1_790_000_000_000_000_000}, None),
    "histogram": (8, "histogram", {"instrument": AAPL, "period": "3D"}, None),
    "positions": (3, "positions", {}, NOW),
    "metrics": ("m", "metrics", None, None),
    "board": ("b-1", "board", {"sections": ["desk", "orders"], "after": 500}, NOW),
    "account": (31, "account", None, None),
    "pnl": (32, "pnl", None, None),
    "alerts": (33, "alerts", None, None),
    "acknowledge alert": (34, "acknowledge_alert", {"name": "OrderUnknown", "by": "ann"}, NOW),
    "silence alert": (35, "silence_alert", {"name": "*", "minutes": 30, "by": "ann"}, NOW),
    "test alerts": (36, "test_alerts", {"by": "ann"}, NOW),
    "client ids": (45, "client_ids", None, None),
    "claim client id": (46, "claim_client_id", {"program": "my-scanner", "hold_s": 3600.0}, NOW),
    "release client id": (47, "release_client_id", {"program": "my-scanner"}, NOW),
    "claim budget": (41, "claim_budget", {"name": "orders", "waiting": 80}, NOW),
    "yield budget": (
        42,
        "yield_budget",
        {"name": "status", "round": 17, "rate": 4.5, "until": 90_061_150_000_000},
        NOW,
    ),
    "gateway status": (21, "gateway_status", None, None),
    "health": (22, "health", {}, None),
    "subscriptions": (24, "subscriptions", {}, None),
    "snapshot": (25, "snapshot", {"instrument": AAPL}, NOW),
    "delayed snapshot": (261, "snapshot", {"instrument": AAPL, "data": "delayed"}, NOW),
    "retry": (262, "retry", {"topic": f"quote/{AAPL}/"}, NOW),
    "regulatory snapshot": (26, "snapshot", {"instrument": AAPL, "regulatory": True}, NOW),
    "what subscribing would give": (27, "subscribe", {"topic": f"depth/{AAPL};rows=10/"}, None),
    "reconnect": (28, "reconnect", {}, NOW),
    "restart": (23, "restart", {"name": "orders"}, None),
    "explain": (43, "explain", {"name": "orders"}, None),
    "reload": (44, "reload", None, None),
    "stop": (24, "stop", None, None),
    "place a limit order": ("a1", "place_order", LIMIT_ORDER, NOW + 5_000_000_000),
    "place a market order": (
        -1,
        "place_order",
        KEY | {"instrument": "CONID:265598:SMART", "side": "SELL", "quantity": 0.5, "order_type": "MKT"},
        None,
    ),
    "place a stop-limit order with every argument": (
        2**63 - 1,
        "place_order",
        LIMIT_ORDER
        | {
            "order_type": "STP LMT",
            "stop_price": 187.0,
            "tif": "GTC",
            "account": "DU1234567",
            "outside_rth": True,
        },
        None,
    ),
    "modify an order": (4, "modify_order", KEY | {"quantity": 50.0, "limit_price": 187.25}, None),
    "cancel an order": (5, "cancel_order", KEY, None),
    "place a trailing stop with conditions, an algo and an attribute of its own": (
        28,
        "place_order",
        KEY
        | {
            "instrument": AAPL,
            "side": "SELL",
            "quantity": 10.0,
            "order_type": "TRAIL",
            "trail_percent": 1.5,
            "tif": "GTD",
            "good_till": "20261218 22:00:00 US/Eastern",
            "conditions": [
                {"kind": "price", "value": 190.0, "con_id": 265598, "exchange": "SMART", "more": False}
            ],
            "algo": {"strategy": "Adaptive", "params": {"adaptivePriority": "Normal"}},
            "extra": {"usePriceMgmtAlgo": True},
        },
        None,
    ),
    "place a bracket": (
        29,
        "place_orders",
        {
            "orders": [LIMIT_ORDER, LIMIT_ORDER | {"client_order_id": "alpha-0002", "side": "SELL"}],
            "link": "bracket",
        },
        NOW,
    ),
    "cancel all of a strategy": (30, "cancel_orders", {"strategy": "alpha"}, None),
    "preview an order": (31, "preview_order", LIMIT_ORDER, NOW),
    "executions since": (32, "get_executions", {"strategy": "alpha", "since": NOW}, None),
    "executions of others": (41, "account_executions", {"account": "DU1234567", "foreign": True}, None),
    "cancel a foreign order": (42, "cancel_foreign_order", {"perm_id": 1426086045}, None),
    "exercise": (
        43,
        "exercise_option",
        KEY | {"instrument": "OPT:AAPL:SMART:USD:20270115:C:180", "quantity": 2},
        NOW,
    ),
    "replay": (33, "replay_events", {"after": 17, "limit": 100}, None),
    "halt everybody and cancel": (34, "halt", {"reason": "fat finger", "cancel": True}, None),
    "resume": (35, "resume", {}, None),
    "get the risk limits": (39, "get_risk", {}, None),
    "set risk limits": (
        40,
        "set_risk",
        {"scope": "strategy", "name": "alpha", "limits": {"max_order_quantity": 100.0}},
        None,
    ),
    "adopt": (36, "adopt_order", KEY | {"perm_id": 1426086045}, None),
    "resolve": (37, "resolve_order", KEY | {"status": "cancelled", "reason": "seen in TWS"}, None),
    "get every order": (6, "get_orders", {}, None),
    "get the orders of today": (38, "get_orders", {"since": NOW}, None),
    "get the active orders of a strategy": (7, "get_orders", {"strategy": "alpha", "active": True}, None),
}

REPLIES: dict[str, tuple[str | int | None, Struct | RequestError]] = {
    "describe": (
        1,
        Description(
            name="status",
            version="0.1.0",
            protocol=1,
            incarnation=BORN,
            ops=[OpDescription(op="positions", summary="Every position", args={"type": "object"})],
            topics=["node/status/", "position/"],
            requests="tcp://127.0.0.1:5540",
            events="tcp://127.0.0.1:5541",
        ),
    ),
    "status": (
        "s-1",
        ClusterStatus(
            processes=[
                ProcessRow(name="orders", state="ready", pid=4711, client_id=101, restarts=0, uptime_s=60.5)
            ],
            gateway=None,
        ),
    ),
    "bars": (
        3,
        BarPage(
            bars=[
                BarRow(
                    time=1_790_000_040_000_000_000,
                    open=187.4,
                    high=187.5,
                    low=187.3,
                    close=187.41,
                    volume=1200.0,
                    wap=187.42,
                    count=37,
                )
            ],
            con_id=None,
            what="TRADES",
            next=1_790_000_100_000_000_000,
        ),
    ),
    "ticks": (
        5,
        TickPage(
            ticks=[TickRow(time=1_790_000_001_000_000_000, price=187.4, size=100.0, exchange="ISLAND")],
            con_id=265598,
        ),
    ),
    "head timestamp": (6, Head(time=345_479_400_000_000_000, what="TRADES")),
    "schedule": (
        7,
        Schedule(
            sessions=[
                SessionRow(open=1_790_001_000_000_000_000, close=1_790_024_400_000_000_000, date="20260921")
            ],
            time_zone="US/Eastern",
        ),
    ),
    "histogram": (8, Histogram(prices=[(187.4, 1200.0), (187.41, 300.0)])),
    "qualify": (
        10,
        Qualified(
            contract=None,
            candidates=[
                ListedContract(
                    instrument="FUT:ES:CME:USD:20261218",
                    con_id=495512563,
                    sec_type="FUT",
                    symbol="ES",
                    exchange="CME",
                    expiry="20261218",
                    multiplier="50",
                )
            ],
            told_apart_by=["expiry"],
            matches=5,
        ),
    ),
    "option chain": (
        11,
        OptionChain(
            underlying=AAPL,
            con_id=265598,
            expiries=["20261218", "20270115"],
            contracts=[
                ListedContract(
                    instrument="OPT:AAPL:SMART:USD:20261218:C:190",
                    con_id=500000001,
                    sec_type="OPT",
                    symbol="AAPL",
                    exchange="SMART",
                    trading_class="AAPL",
                    expiry="20261218",
                    right="C",
                    strike=190.0,
                    multiplier="100",
                )
            ],
        ),
    ),
    "search": (
        12,
        FoundSymbols(
            contracts=[
                FoundSymbol(
                    instrument="STK:AAPL:NASDAQ:USD",
                    con_id=265598,
                    sec_type="STK",
                    symbol="AAPL",
                    primary_exchange="NASDAQ",
                    currency="USD",
                    long_name="APPLE INC",
                    derivatives=["OPT"],
                )
            ]
        ),
    ),
    "trading hours": (
        13,
        TradingHours(
            con_id=265598,
            time_zone="US/Eastern",
            time_zone_id="US/Eastern",
            trading=[
                SessionRow(open=1_790_001_000_000_000_000, close=1_790_024_400_000_000_000, date="20260921")
            ],
            liquid=[],
            closed=["20260920"],
        ),
    ),
    "market rule": (
        14,
        MarketRules(
            instrument=AAPL,
            con_id=265598,
            min_tick=0.01,
            min_size=0.0001,
            size_increment=0.0001,
            price_magnifier=1,
            rules=[
                ExchangeRule(exchange="SMART", rule=26, increments=[PriceIncrement(low=0.0, increment=0.01)])
            ],
        ),
    ),
    "news providers": (15, NewsProviders(providers=[NewsProvider(code="BRFG", name="Briefing.com")])),
    "news": (
        16,
        Headlines(
            headlines=[
                Headline(
                    time=1_774_272_315_000_000_000,
                    time_text="2026-03-23 13:25:15.0",
                    provider="BRFG",
                    article_id="BRFG$12",
                    headline="Apple: a headline",
                )
            ],
            more=True,
        ),
    ),
    "article": (17, Article(kind="text", text="An article.")),
    "scanner": (
        18,
        Scanned(rows=[ScannerRow(rank=0, instrument=AAPL, con_id=265598, symbol="AAPL", sec_type="STK")]),
    ),
    "scanner parameters": (
        19,
        ScannerParameterList(
            parameters=[ScannerParameter(kind="scan", code="TOP_PERC_GAIN", name="Top % Gainers")], total=1
        ),
    ),
    "option price": (
        21,
        OptionValue(
            con_id=500000001,
            option_price=4.2,
            implied_volatility=0.25,
            under_price=187.5,
            delta=0.45,
            gamma=0.02,
            vega=0.2,
            theta=-0.05,
            pv_dividend=None,
        ),
    ),
    "market depth exchanges": (
        22,
        DepthExchanges(exchanges=[DepthExchangeRow(exchange="ISLAND", sec_type="STK", kind="Deep2")]),
    ),
    "smart components": (
        23,
        SmartComponents(components=[SmartComponent(bit=0, exchange="NASDAQ", letter="Q")]),
    ),
    "user info": (24, UserInfo(white_branding_id=None)),
    "contract details": (
        2,
        ContractList(
            contracts=[
                ContractRow(
                    instrument="CONID:265598:SMART",
                    con_id=265598,
                    sec_type="STK",
                    symbol="AAPL",
                    exchange="SMART",
                    primary_exchange="NASDAQ",
                    currency="USD",
                    local_symbol="AAPL",
                    trading_class="NMS",
                    long_name="APPLE INC",
                    min_tick=0.01,
                    order_types="LMT,MKT,STP",
                    valid_exchanges="SMART,NASDAQ",
                    time_zone_id="US/Eastern",
                )
            ]
        ),
    ),
    "metrics": (
        "m",
        Metrics(
            name="orders",
            incarnation=BORN,
            metrics=[
                MetricSamples(
                    name="journal_commit_seconds",
                    kind="histogram",
                    text="One commit of the journal.",
                    bounds=[0.001, 0.01],
                    samples=[Sample(labels={}, value=0.5, buckets=[40, 44, 45])],
                )
            ],
        ),
    ),
    "board": (
        "b-1",
        Board(
            at=NOW,
            incarnation=BORN,
            sections=[
                BoardSection(name="desk", rev=3, as_of=NOW, total=1, rows=[{"key": "desk", "mode": "paper"}]),
                BoardSection(name="orders", rev=45, as_of=None, total=0, rows=[]),
            ],
        ),
    ),
    "account": (
        31,
        AccountFigures(
            as_of=NOW,
            accounts=[{"key": "DU1234567", "account": "DU1234567", "net_liquidation": 1000042.25}],
            currencies=[{"key": "DU1234567/EUR", "account": "DU1234567", "currency": "EUR", "cash": 1204.0}],
        ),
    ),
    "pnl": (32, PnlFigures(as_of=None, accounts=[], strategies=[], positions=[])),
    "alerts": (
        33,
        AlertList(
            alerts=[
                AlertRow(
                    name="OrderUnknown",
                    about="",
                    severity="page",
                    state="acknowledged",
                    text="1 orders unknown, the oldest for 31 s",
                    since=NOW,
                    acknowledged_by="ann",
                )
            ],
            silences={"*": NOW},
            sinks=["webhook", "log"],
        ),
    ),
    "positions": (
        3,
        PositionList(
            positions=[
                PositionRow(
                    account="DU1234567",
                    instrument="CONID:265598",
                    con_id=265598,
                    quantity=-40.0,
                    avg_cost=187.44,
                )
            ]
        ),
    ),
    "subscriptions": (
        24,
        SubscriptionList(
            subscriptions=[
                SubscriptionRow(
                    topic=f"quote/{AAPL}/",
                    state="active",
                    wanted=True,
                    since=NOW,
                    con_id=265598,
                    line=1,
                    last_data=NOW,
                    gaps=2,
                )
            ],
            lines=[LineUse(kind="market_data", used=1, allowed=100)],
        ),
    ),
    "snapshot": (25, SnapshotQuote(quote={"con_id": 265598, "bid": 187.41, "ask": 187.43})),
    "what subscribing would give": (
        27,
        SubscribePreview(
            topic=f"depth/{AAPL};rows=10/",
            con_id=265598,
            events="tcp://127.0.0.1:5521",
            line="new",
            state=None,
        ),
    ),
    "retried": (262, Retried(topic=f"quote/{AAPL}/", state="starting")),
    "reconnecting": (28, Reconnecting(name="marketdata-0")),
    "gateway status": (21, structs.replace(LINK, src="connection", inc=BORN, seq=2, ts=NOW)),
    "health": (
        22,
        Health(
            ready=False,
            processes=[
                HealthRow(
                    name="orders",
                    state="reconciling",
                    detail="waits for completed orders",
                    pid=4711,
                    client_id=101,
                    uptime_s=60.5,
                    heard_s=0.25,
                    supervised="reconciling",
                    restarts=1,
                ),
                HealthRow(name="reference", state="silent"),
            ],
        ),
    ),
    "client ids": (
        46,
        ClientIdList(
            client_ids=[
                ClientIdRow(client_id=101, holder="orders", kind="process"),
                ClientIdRow(client_id=120, holder="my-scanner", kind="program", until=NOW),
            ],
            free_from=120,
            free_to=199,
            claimed=120,
        ),
    ),
    "budget lease": (41, BudgetLease(rate=22.5, until=90_061_150_000_000)),
    "budget yielded": (42, BudgetYielded(round=17)),
    "stories": (
        43,
        Stories(
            processes=[
                ProcessStory(
                    name="orders",
                    state="backoff",
                    reason="killed by SIGKILL",
                    restarts=1,
                    retry_in_s=0.5,
                    ready_after_s=1.25,
                    waited=[Waited(state="reconciling", seconds=0.75, reason="waits for open orders")],
                    changes=[Change(at=NOW, state="backoff", reason="killed by SIGKILL")],
                )
            ]
        ),
    ),
    "reloaded": (
        44,
        Reloaded(
            file="/etc/twsmq.toml",
            changed=[
                ChangedKey(key="alerts.log", restart=["status"], cluster=False),
                ChangedKey(key="cluster.bind", restart=[], cluster=True),
            ],
        ),
    ),
    "restarting": (23, Restarting(name="orders")),
    "stopping": (24, Stopping(pid=4700, lock="/srv/twsmq/var/supervisor.lock")),
    "order accepted": (
        "a1",
        OrderAccepted(client_order_id="alpha-0001", order_id=1042, status="pending"),
    ),
    "orders accepted": (
        29,
        OrdersAccepted(
            orders=[
                OrderAccepted(client_order_id="alpha-0001", order_id=1042, status="pending"),
                OrderAccepted(client_order_id="alpha-0002", order_id=1043, status="pending"),
            ]
        ),
    ),
    "preview": (
        31,
        Preview(
            init_margin_before=1000.0,
            init_margin_after=1250.5,
            init_margin_change=250.5,
            commission=1.0,
            currency="USD",
        ),
    ),
    "executions in an account": (
        41,
        AccountExecutionList(
            executions=[
                AccountExecutionRow(
                    exec_id="0000e0d5.69dd7411.01.01",
                    account="DU1234567",
                    instrument=AAPL,
                    side="SELL",
                    quantity=40.0,
                    price=187.44,
                    time=NOW,
                    perm_id=1426086045,
                    commission=1.0,
                    currency="USD",
                )
            ],
            left_out=0,
        ),
    ),
    "a foreign order was cancelled": (42, ForeignCancel(perm_id=1426086045, status="Cancelled")),
    "executions": (
        32,
        ExecutionList(
            executions=[
                ExecutionRow(
                    strategy="alpha",
                    client_order_id="alpha-0001",
                    instrument=AAPL,
                    exec_id="0000e0d5.69dd7411.01.01",
                    account="DU1234567",
                    side="BUY",
                    quantity=40.0,
                    price=187.44,
                    time=NOW,
                    commission=1.0,
                    currency="USD",
                )
            ]
        ),
    ),
    "page of events": (33, EventPage(events=[msgspec.to_builtins(WORKING)], next=18, last=18)),
    "halted, and what remains": (
        34,
        Halted(halted={"": "fat finger"}, remaining=[msgspec.to_builtins(WORKING)]),
    ),
    "risk limits": (
        39,
        RiskLayers(layers=[RiskLayer(scope="strategy", name="alpha", limits={"max_order_quantity": 100.0})]),
    ),
    "orders and a foreign one": (
        38,
        OrderList(
            orders=[],
            foreign=[
                ForeignOrder(
                    perm_id=1426086045,
                    client_id=0,
                    order_id=0,
                    instrument=AAPL,
                    side="BUY",
                    quantity=1.0,
                    order_type="LMT",
                    account="DU1234567",
                    tif="GTC",
                    status="Submitted",
                    filled=0.0,
                    reference="",
                    limit_price=13.27,
                )
            ],
        ),
    ),
    "orders": (6, OrderList(orders=[msgspec.to_builtins(WORKING)])),
    "a request nobody could read": (None, RequestError(ErrorCode.MALFORMED, "not a msgpack map")),
    "another version": (8, RequestError(ErrorCode.UNSUPPORTED_VERSION, "this process speaks 1", field="v")),
    "unknown op": (9, RequestError(ErrorCode.UNKNOWN_OP, "no op 'plaice_order' here")),
    "invalid argument": (
        10,
        RequestError(ErrorCode.INVALID_ARGUMENT, "side must be one of BUY, SELL", field="side"),
    ),
    "unauthorized": (11, RequestError(ErrorCode.UNAUTHORIZED, "only paper accounts may trade")),
    "not ready": (12, RequestError(ErrorCode.NOT_READY, "orders is not ready: it is reconciling")),
    "halted": (13, RequestError(ErrorCode.HALTED, "no new orders until resume; cancels pass")),
    "risk rejected": (
        14,
        RequestError(ErrorCode.RISK_REJECTED, "max_order_size is 1000, this is 5000", field="quantity"),
    ),
    "gateway rejected": (
        15,
        RequestError(ErrorCode.GATEWAY_REJECTED, "No security definition has been found", tws_code=200),
    ),
    "unknown order": (16, RequestError(ErrorCode.UNKNOWN_ORDER, "alpha has no order alpha-0002")),
    "conflict": (17, RequestError(ErrorCode.CONFLICT, "alpha-0001 is another order", field="quantity")),
    "throttled": (18, RequestError(ErrorCode.THROTTLED, "the message budget is used up; try in 200 ms")),
    "timeout": (19, RequestError(ErrorCode.TIMEOUT, "valid_until had passed; it had no effect")),
    "internal": (20, RequestError(ErrorCode.INTERNAL, "KeyError; the node's log has the details")),
}


def _packed(**envelope: Any) -> bytes:
    return msgspec.msgpack.encode({"v": 1, "id": 7, "op": "place_order", "args": LIMIT_ORDER} | envelope)


TWICE = msgspec.msgpack.encode(LIMIT_ORDER | {"x": 1}).replace(b"\xa1x\x01", b"\xa4side\xa4SELL")
"""An order that is a BUY and a SELL."""
TIMESTAMP = msgspec.msgpack.Ext(-1, b"\0\0\0\0")
REFUSED_REQUESTS: dict[str, bytes] = {
    "an empty frame": b"",
    "text": b"hello",
    "a byte msgpack never uses": b"\xc1",
    "a list": b"\x93\x01\x02\x03",
    "keys that are no strings": b"\x81\x01\x02",
    "cut off": _packed()[:-1],
    "one byte too many": _packed() + b"\0",
    "a key that is not UTF-8": b"\x81\xa1\xff\x01",
    "a key twice": b"\x84\xa1v\x01\xa2id\x07\xa2id\x08\xa2op\xa8describe",
    "lists nested 2,000 deep": b"\x82\xa1v\x01\xa2id" + b"\x91" * 2000 + b"\xc0",
    "four billion pairs that never come": b"\xdf\xff\xff\xff\xff",
    "no version": b"\x82\xa2id\x07\xa2op\xa8describe",
    "the version as text": _packed(v="1"),
    "a later version": _packed(v=2),
    "no id": b"\x82\xa1v\x01\xa2op\xa8describe",
    "an id that is a list": _packed(id=[7]),
    "an id of 65 bits": _packed(id=2**63),
    "no op": b"\x82\xa1v\x01\xa2id\x07",
    "an unknown key of the envelope": _packed(deadline=NOW),
    "valid_until as a float": _packed(valid_until=1.5),
    "args that are a list": _packed(args=[]),
    "an argument twice": b"\x84\xa1v\x01\xa2id\x07\xa2op\xabplace_order\xa4args"
    b"\x82\xa4side\xa3BUY\xa4side\xa4SELL",
    "an argument twice, one map down": _packed(op="place_orders", args={"orders": []}).replace(
        b"\x81\xa6orders\x90", b"\x81\xa6orders\x91" + TWICE
    ),
    "a quantity that no market trades": _packed(args=LIMIT_ORDER | {"quantity": 1e-300}),
    "an event number of 65 bits": _packed(op="replay_events", args={"after": 2**63}),
    "a time before there was any": _packed(op="get_orders", args={"since": -1}),
    "valid_until of 65 bits": _packed(valid_until=2**63),
    "an unknown argument": _packed(args=LIMIT_ORDER | {"limitprice": 1.0}),
    "a quantity of NaN": _packed(args=LIMIT_ORDER | {"quantity": float("nan")}),
    "a quantity without end": _packed(args=LIMIT_ORDER | {"quantity": float("inf")}),
    "a quantity below zero": _packed(args=LIMIT_ORDER | {"quantity": -1}),
    "a price that is a timestamp": _packed(args=LIMIT_ORDER | {"limit_price": TIMESTAMP}),
    "a side in lower case": _packed(args=LIMIT_ORDER | {"side": "buy"}),
    "an instrument that is only a symbol": _packed(args=LIMIT_ORDER | {"instrument": "AAPL"}),
    "a strategy with a slash": _packed(args=LIMIT_ORDER | {"strategy": "a/b"}),
}
