"""An event of every type and state, as it could come from a paper account."""

from __future__ import annotations

from typing import Any

from msgspec import structs
from sample_market_events import MARKET
from sample_values import AAPL, NOW
from twsmq_protocol import topics
from twsmq_protocol.alerts import Alert
from twsmq_protocol.board import BoardChange
from twsmq_protocol.envelope import Event
from twsmq_protocol.order_events import (
    AccountExecution,
    AccountNotice,
    Change,
    Commission,
    ExecutionCost,
    Fill,
    ForeignOrderChanged,
    Notice,
    Order,
    OrderStatus,
)
from twsmq_protocol.scanner_requests import Ranking, ScannerRow
from twsmq_protocol.system_events import (
    AccountValue,
    BudgetRound,
    Denied,
    Gateway,
    Heartbeat,
    Position,
    Process,
    ProfitAndLoss,
)

ALPHA_1 = topics.order_topic("alpha", "alpha-0001")
WORKING = Order(
    strategy="alpha",
    client_order_id="alpha-0001",
    event_no=41,
    strategy_no=7,
    instrument=AAPL,
    side="BUY",
    quantity=100.0,
    order_type="LMT",
    status="submitted",
    order_id=1042,
    perm_id=1_384_221_771,
    account="DU1234567",
    limit_price=187.5,
    remaining=100.0,
    gateway_status="Submitted",
)

LINK = Gateway(
    state="up",
    host="127.0.0.1",
    port=4002,
    server_version=187,
    accounts=("DU1234567",),
    upstream="connected",
    farms={"usfarm": "ok", "ushmds": "inactive"},
)


def order(status: OrderStatus, **changed: Any) -> Order:
    return structs.replace(WORKING, status=status, **changed)


DESK: dict[str, tuple[str, str, Event]] = {
    "order pending": (
        "orders",
        ALPHA_1,
        order("pending", order_id=None, perm_id=None, gateway_status=None, event_no=40, strategy_no=6),
    ),
    "order submitted": ("orders", ALPHA_1, WORKING),
    "order partially filled": (
        "orders",
        ALPHA_1,
        order("partially_filled", filled=40.0, remaining=60.0, avg_price=187.45),
    ),
    "order filled": (
        "orders",
        ALPHA_1,
        order("filled", filled=100.0, remaining=0.0, avg_price=187.44, gateway_status="Filled"),
    ),
    "order pending cancel": ("orders", ALPHA_1, order("pending_cancel", gateway_status="PendingCancel")),
    "order cancelled": (
        "orders",
        ALPHA_1,
        order("cancelled", tws_code=202, reason="Order Canceled - reason:", gateway_status="Cancelled"),
    ),
    "order rejected": (
        "orders",
        ALPHA_1,
        order("rejected", tws_code=201, reason="Order rejected - reason: insufficient margin", perm_id=None),
    ),
    "order inactive": ("orders", ALPHA_1, order("inactive", gateway_status="Inactive")),
    "order unknown": (
        "orders",
        ALPHA_1,
        order("unknown", reason="the connection broke after the order was written", perm_id=None),
    ),
    "order not sent": (
        "orders",
        ALPHA_1,
        order("not_sent", reason="absent from the gateway's complete snapshot", perm_id=None),
    ),
    "order snapshot": ("orders", ALPHA_1, order("submitted", snapshot=True)),
    "fill": (
        "orders",
        ALPHA_1,
        Fill(
            strategy="alpha",
            client_order_id="alpha-0001",
            event_no=42,
            strategy_no=8,
            exec_id="0000e0d5.6571a1b2.01.01",
            account="DU1234567",
            side="BUY",
            quantity=40.0,
            price=187.45,
            time=NOW,
        ),
    ),
    "fill that corrects another, learnt of afterwards": (
        "orders",
        ALPHA_1,
        Fill(
            strategy="alpha",
            client_order_id="alpha-0001",
            event_no=43,
            strategy_no=9,
            exec_id="0000e0d5.6571a1b2.01.02",
            account="DU1234567",
            side="BUY",
            quantity=40.0,
            price=187.44,
            corrects="0000e0d5.6571a1b2.01.01",
            recovered=True,
        ),
    ),
    "commission": (
        "orders",
        ALPHA_1,
        Commission(
            strategy="alpha",
            client_order_id="alpha-0001",
            event_no=44,
            strategy_no=10,
            exec_id="0000e0d5.6571a1b2.01.02",
            commission=1.0,
            currency="USD",
        ),
    ),
    "notice": (
        "orders",
        ALPHA_1,
        Notice(
            strategy="alpha",
            client_order_id="alpha-0001",
            event_no=45,
            strategy_no=11,
            tws_code=399,
            text="Order Message: your order will not be placed at the exchange until the open",
        ),
    ),
    "change sent": (
        "orders",
        ALPHA_1,
        Change(
            strategy="alpha",
            client_order_id="alpha-0001",
            event_no=46,
            strategy_no=12,
            change_no=1,
            outcome="sent",
            asked={"limit_price": 101.5, "quantity": 20.0},
            stands={"limit_price": 101.0, "quantity": 10.0},
        ),
    ),
    "change refused": (
        "orders",
        ALPHA_1,
        Change(
            strategy="alpha",
            client_order_id="alpha-0001",
            event_no=47,
            strategy_no=13,
            change_no=1,
            outcome="refused",
            asked={"tif": "GTC"},
            stands={"tif": "DAY"},
            text="Cannot change to the new Time in Force",
            tws_code=462,
        ),
    ),
    "account notice": (
        "orders",
        topics.ACCOUNT_NOTICE,
        AccountNotice(tws_code=2148, text="Margin cushion is low: positions may be liquidated"),
    ),
    "execution of another's order": (
        "orders",
        topics.execution_topic("DU1234567"),
        AccountExecution(
            exec_id="0000e0d5.69dd7411.01.01",
            account="DU1234567",
            instrument=AAPL,
            side="SELL",
            quantity=40.0,
            price=187.44,
            time=NOW,
            con_id=265598,
            exchange="ISLAND",
            perm_id=1426086045,
            liquidation=True,
            liquidity=2,
            recovered=True,
        ),
    ),
    "cost of an execution": (
        "orders",
        topics.execution_topic("DU1234567"),
        ExecutionCost(exec_id="0000e0d5.69dd7411.01.01", account="DU1234567", commission=1.0, currency="USD"),
    ),
    "foreign order that has ended": (
        "orders",
        topics.foreign_topic("DU1234567", 1426086045),
        ForeignOrderChanged(
            perm_id=1426086045,
            client_id=0,
            order_id=0,
            instrument=AAPL,
            side="SELL",
            quantity=40.0,
            order_type="MKT",
            account="DU1234567",
            tif="DAY",
            status="Filled",
            filled=40.0,
            reference="",
            working=False,
        ),
    ),
    "heartbeat of the orders node": (
        "orders",
        topics.node_topic("orders"),
        Heartbeat(
            name="orders",
            pid=4711,
            state="ready",
            client_id=101,
            uptime_s=60.5,
            last_event_no=45,
            strategy_nos={"alpha": 11},
            halted={"beta": "loss limit"},
            killed=[],
        ),
    ),
    "heartbeat of a market-data shard": (
        "marketdata-0",
        topics.node_topic("marketdata-0"),
        Heartbeat(
            name="marketdata-0",
            pid=4713,
            state="ready",
            client_id=110,
            uptime_s=60.5,
            silent_lines=2,
            flowing_lines=14,
            competing=False,
        ),
    ),
    "heartbeat of a node that waits": (
        "status",
        topics.node_topic("status"),
        Heartbeat(name="status", pid=4712, state="waiting_client_id", client_id=102, detail="326: in use"),
    ),
    "process": (
        "supervisor",
        topics.process_topic("orders"),
        Process(name="orders", state="backoff", client_id=101, restarts=3, reason="exit status 1"),
    ),
    "gateway": (
        "connection",
        topics.GATEWAY,
        LINK,
    ),
    "who leaves what of the message budget": (
        "connection",
        topics.BUDGET,
        BudgetRound(round=17, until=90_061_150_000_000),
    ),
    "slow down: the gateway complains": (
        "connection",
        topics.BUDGET,
        BudgetRound(round=18, until=90_061_200_000_000, slow_to=0.5, breaches=1),
    ),
    "denied: a subscription narrowed to what a key opens": (
        "denied/alpha/",
        "orders",
        Denied(wish="order/", granted=("order/alpha/",)),
    ),
    "position": (
        "status",
        topics.position_topic("DU1234567", "CONID:265598"),
        Position(
            account="DU1234567",
            instrument="CONID:265598",
            con_id=265598,
            quantity=-40.0,
            avg_cost=187.44,
            snapshot=True,
        ),
    ),
    "account value": (
        "status",
        topics.account_value_topic("DU1234567", "NetLiquidation", "USD"),
        AccountValue(account="DU1234567", tag="NetLiquidation", value="1000042.17", currency="USD"),
    ),
    "cash of one currency": (
        "status",
        topics.account_value_topic("DU1234567", "CashBalance", "EUR"),
        AccountValue(account="DU1234567", tag="CashBalance", value="1204.00", currency="EUR"),
    ),
    "profit and loss of an account": (
        "status",
        topics.pnl_topic("DU1234567"),
        ProfitAndLoss(account="DU1234567", daily=-12.5, unrealized=30.25, realized=0.0),
    ),
    "profit and loss of a position": (
        "status",
        topics.pnl_topic("DU1234567", AAPL),
        ProfitAndLoss(
            account="DU1234567",
            instrument=AAPL,
            con_id=265598,
            daily=3.5,
            unrealized=30.25,
            realized=None,
            value=18730.5,
        ),
    ),
    "change of the board": (
        "status",
        topics.board_topic("strategies"),
        BoardChange(
            section="strategies",
            rev=7,
            as_of=NOW,
            rows={
                "alpha": {"key": "alpha", "strategy": "alpha", "working": 2, "realized": None},
                "beta": None,
            },
        ),
    ),
    "ranking": (
        "reference",
        topics.scanner_topic("gainers"),
        Ranking(
            state="active",
            time=NOW,
            rows=[
                ScannerRow(
                    rank=0, instrument="STK:AAPL:SMART:USD", con_id=265598, symbol="AAPL", sec_type="STK"
                )
            ],
        ),
    ),
    "alert": (
        "status",
        topics.alert_topic("OrderUnknown"),
        Alert(
            name="OrderUnknown",
            severity="page",
            state="firing",
            text="1 orders unknown, the oldest for 31 s",
            since=NOW,
            runbook="docs/runbook/OrderUnknown.md",
        ),
    ),
}
EVENTS = MARKET | DESK
