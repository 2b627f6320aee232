"""What a process counts of itself: the one table of metrics, and the answer to `metrics`.

Theory: hot paths count in plain integers; whoever asks for `metrics` gets them gathered at that moment. `web`
puts the answers of all processes together under `/metrics`, with the label `process`.

Names follow Prometheus: base units, `_total` on counters and only there. Never a label: instrument, conId, an
order's id, a peer, the text of an error: their number has no bound. Strategies are at most `MOST_STRATEGIES`,
those beyond count as `other`; of accounts the first `MOST_ACCOUNTS` by name are here, and how many there are.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from .envelope import Finite

PREFIX = "twsmq_"
MOST_STRATEGIES = 50
MOST_ACCOUNTS = 100

SHORT = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Bounds in seconds of what takes micro- to milliseconds."""
LONG = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Bounds in seconds of what waits for others."""

Kind = Literal["counter", "gauge", "histogram"]


class Metric(Struct, frozen=True):
    """One metric: its kind, what it says, the names of its labels, a histogram's bounds."""

    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


METRICS: dict[str, Metric] = {
    # every process, of itself
    "build_info": Metric("gauge", "Always 1; the version is in the label.", ("version",)),
    "resident_memory_bytes": Metric("gauge", "Memory the process holds."),
    "cpu_seconds_total": Metric("counter", "Processor time used, user and system."),
    "loop_lag_seconds": Metric("histogram", "How late the loop's heartbeat timer rang.", (), SHORT),
    "requests_total": Metric("counter", "Requests answered, by outcome.", ("op", "code")),
    "request_seconds": Metric("histogram", "From a request's arrival to its reply.", ("op",), SHORT),
    "events_published_total": Metric("counter", "Events published, by first level of topic.", ("topic",)),
    # every node with a gateway session, of that session
    "gateway_session_up": Metric("gauge", "1 while this node's session with the gateway is up."),
    "gateway_messages_sent_total": Metric("counter", "Messages written to the gateway."),
    "gateway_queue_messages": Metric("gauge", "Messages that wait for the message budget."),
    "gateway_budget_messages_per_second": Metric(
        "gauge", "This node's share of the message budget; 0: none."
    ),
    "gateway_allowed_messages_per_second": Metric(
        "gauge", "What the budget lets out at present: the share, what is lent and borrowed, complaints."
    ),
    "gateway_budget_wait_seconds": Metric("histogram", "How long a message waited for the budget.", (), LONG),
    "histories_open": Metric("gauge", "Requests for history the gateway has not finished."),
    "histories_allowed": Metric("gauge", "How many of them may be open."),
    "histories_waiting": Metric("gauge", "Histories that are wanted and wait for their turn."),
    "gateway_disconnects_total": Metric("counter", "Sessions lost."),
    "gateway_errors_total": Metric("counter", "Error messages of the gateway.", ("class",)),
    # market data
    "lines_used": Metric("gauge", "Gateway lines in use.", ("kind",)),
    "lines_allowed": Metric("gauge", "Gateway lines that may be used.", ("kind",)),
    "lines_waiting": Metric("gauge", "Lines that are wanted and found no free one.", ("kind",)),
    "streams": Metric("gauge", "Streams somebody wants.", ("state",)),
    "silent_lines": Metric("gauge", "Lines of which nothing comes though others tick."),
    "last_tick_timestamp_seconds": Metric("gauge", "When data came last, seconds since the epoch."),
    "ticks_total": Metric("counter", "Ticks and other data received."),
    "gaps_total": Metric("counter", "Gaps announced to subscribers."),
    # orders
    "orders": Metric("gauge", "Orders that are not finished.", ("strategy", "state")),
    "orders_foreign": Metric("gauge", "Working orders that nobody placed here."),
    "orders_unknown_oldest_seconds": Metric("gauge", "Age of the oldest unknown order; 0: there is none."),
    "orders_refused_total": Metric("counter", "Orders refused by a risk rule.", ("rule",)),
    "order_ack_seconds": Metric("histogram", "From an order's first event to the gateway's.", (), LONG),
    "order_fill_seconds": Metric("histogram", "From an order's first event to its first fill.", (), LONG),
    "order_write_seconds": Metric(
        "histogram", "From an order's request to its bytes being written.", (), SHORT
    ),
    "journal_commit_seconds": Metric("histogram", "One commit of the journal.", (), SHORT),
    "journal_bytes": Metric("gauge", "Size of the journal's file."),
    "halts": Metric("gauge", "Halts in force.", ("scope",)),
    "kill_remaining": Metric("gauge", "Orders that a kill switch has left so far.", ("scope",)),
    "fills_total": Metric("counter", "Executions.", ("strategy",)),
    # the status node, of the whole cluster
    "process_state": Metric("gauge", "1 for the state a process is in.", ("process", "state")),
    "heartbeat_age_seconds": Metric("gauge", "Age of a process's last heartbeat.", ("process",)),
    "restarts_total": Metric("counter", "How often the supervisor started it again.", ("process",)),
    "gateway_state": Metric("gauge", "1 for the state the link is in.", ("state",)),
    "gateway_upstream_up": Metric("gauge", "1 while the gateway reaches IBKR."),
    "gateway_farms": Metric("gauge", "Data farms by state.", ("state",)),
    "gateway_down_seconds": Metric("gauge", "How long the link has not been up; 0: it is."),
    "gateway_restart_overdue_seconds": Metric(
        "gauge", "How long it should have been back from its planned restart; 0: it need not."
    ),
    "gateway_restart_planned": Metric("gauge", "1 while the link is down for its planned restart."),
    "accounts": Metric("gauge", f"Accounts of which figures are known; {MOST_ACCOUNTS} at most are here."),
    "net_liquidation": Metric("gauge", "Worth of the account.", ("account", "currency")),
    "daily_pnl": Metric("gauge", "Profit and loss of the day.", ("account", "currency")),
    "excess_liquidity": Metric("gauge", "Excess liquidity.", ("account", "currency")),
    "maintenance_margin": Metric("gauge", "Maintenance margin.", ("account", "currency")),
    "account_age_seconds": Metric("gauge", "Age of the account's newest figure.", ("account",)),
    "positions_differing": Metric("gauge", "Positions whose own count differs from the broker's."),
    "disk_free_bytes": Metric("gauge", "Free space where the data are kept."),
    "alerts_firing": Metric("gauge", "Alerts that fire.", ("severity",)),
    "alert_deliveries_total": Metric("counter", "Alerts handed to a sink.", ("sink", "result")),
    # web
    "auth_refused_total": Metric("counter", "Requests refused for want of a right.", ("reason",)),
    "web_streams": Metric("gauge", "Browsers that listen."),
    "scrape_seconds": Metric("gauge", "How long gathering this answer took."),
}
"""Every metric there is, without the prefix."""


class Sample(Struct, frozen=True, kw_only=True):
    """One series. `value`: of a histogram the sum; `buckets`: counts up to and including each bound of the
    metric and, last, all."""

    labels: dict[str, str] = {}
    value: Finite
    buckets: list[int] | None = None


class MetricSamples(Struct, frozen=True, kw_only=True):
    """`name` without prefix; kind, text and bounds are those of `METRICS`, repeated for other languages."""

    name: str
    kind: Kind
    text: str
    bounds: list[Finite]
    samples: list[Sample]


class Metrics(Struct, frozen=True, kw_only=True):
    """Result of `metrics`: what this process has counted since it started."""

    name: str
    incarnation: int
    metrics: list[MetricSamples]
