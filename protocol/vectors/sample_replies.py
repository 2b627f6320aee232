"""Replies to the sample requests, with and without errors."""

from __future__ import annotations

import msgspec
from msgspec import Struct, structs
from sample_events import LINK, WORKING
from sample_facts import FACTS
from sample_values import AAPL, BORN, NOW
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
from twsmq_protocol.order_control_requests import (
    AccountExecutionList,
    AccountExecutionRow,
    ForeignCancel,
    Halted,
    RiskLayer,
    RiskLayers,
)
from twsmq_protocol.order_query_requests import (
    EventPage,
    ExecutionList,
    ExecutionRow,
    ForeignOrder,
)
from twsmq_protocol.order_requests import OrdersAccepted, Preview
from twsmq_protocol.requests import (
    ClusterStatus,
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

ORDERS: dict[str, tuple[str | int | None, Struct | RequestError]] = {
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
}

OTHERS: dict[str, tuple[str | int | None, Struct | RequestError]] = {
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
            data_dir="/srv/twsmq/var",
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
REPLIES = FACTS | ORDERS | OTHERS
