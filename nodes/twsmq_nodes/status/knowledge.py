"""What is known of the cluster: every book of the status node, fed by what is received.

Pure: events and answers in, each with the moment at which it came (`now` in seconds, monotonic; `ns` since
the epoch); `sections`, `facts` and `readings` make of it what is shown, alerted and counted. A process that
is dead or hangs leaves what it said as it was, and `as_of` of each part says since when.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from twsmq_protocol import processes
from twsmq_protocol.config import Config
from twsmq_protocol.metrics import Metrics
from twsmq_protocol.order_events import Fill, OrderEvent
from twsmq_protocol.order_requests import ForeignOrder
from twsmq_protocol.system_events import Gateway, Heartbeat, Process

from .core import StatusCore
from .desk import Link
from .market_board import MarketBoard
from .order_monitor import DAY_NS, OrderMonitor
from .own_count import OwnCount
from .processes import ProcessBoard
from .restart_clock import RestartClock

Key = tuple[str, int]


class Knowledge:
    """`core`: what the gateway sent of accounts and positions. `outside`: positions that were known to come
    from outside, None if that was never found out.
    """

    def __init__(
        self, config: Config, core: StatusCore, outside: dict[Key, float] | None, now: float, ns: int
    ) -> None:
        nodes = processes.node_names(config)
        names = (processes.SUPERVISOR, *nodes)
        alerts = config.alerts
        self.core = core
        self.clock = RestartClock(alerts.restart_at, alerts.restart_time_zone, alerts.restart_minutes)
        self.processes = ProcessBoard(nodes, {name: processes.client_id(config, name) for name in names})
        self.monitor = OrderMonitor(ns // DAY_NS)
        self.count = OwnCount(outside)
        self.market = MarketBoard()
        self.link = Link(ns)
        self.silent_lines: dict[str, int] = {}
        """By shard."""
        self.killed: dict[str, float] = {}
        """Scopes of kill switches that are in force, and since when."""
        self.orders_as_of: int | None = None
        self.account_as_of: int | None = None
        self.summary_as_of: int | None = None
        self.began = now

    def received(self, event: Heartbeat | Process | Gateway, now: float, ns: int) -> None:
        """Published by a process, about itself or another."""
        if isinstance(event, Gateway):
            self.link.received(event, ns)
            return
        self.processes.received(event, now, ns)
        if isinstance(event, Heartbeat):
            self._beat(event, now, ns)

    def _beat(self, beat: Heartbeat, now: float, ns: int) -> None:
        if beat.silent_lines is not None:
            self.silent_lines[beat.name] = beat.silent_lines
        if beat.name == processes.CONNECTION:
            self.link.confirmed(ns)
        if beat.last_event_no is not None:
            self.killed = {scope: self.killed.get(scope, now) for scope in beat.killed or []}
            self.monitor.halts = dict(beat.halted or {})

    def journal_complete(self, ns: int) -> None:
        """Every order event there is has been taken."""
        self.count.complete = True
        self.orders_as_of = ns

    def take(self, event: OrderEvent) -> None:
        """An event of the journal, each once and in its order."""
        self.monitor.event(event)
        if isinstance(event, Fill):
            self.count.event(event)

    def forget_journal(self) -> None:
        """The journal is another one."""
        self.monitor.forget()
        self.count.forget()

    def gateway_spoke(self, ns: int, *, summary: bool) -> None:
        """The gateway sent something about an account; `summary`: the figures that come every few minutes."""
        self.account_as_of = ns
        if summary:
            self.summary_as_of = ns

    def counted(self, result: Mapping[str, Any], now: float) -> None:
        """An answer to `metrics`."""
        self.processes.counted(msgspec.convert(result, Metrics), now)

    def subscriptions(self, shard: str, result: Mapping[str, Any], ns: int) -> None:
        """A shard's answer to `subscriptions`."""
        self.market.answered(shard, result, ns)

    def foreign(self, result: Mapping[str, Any]) -> None:
        """The orders node's answer to `get_orders`."""
        self.monitor.foreign_listed(msgspec.convert(result["foreign"], list[ForeignOrder]))

    def second(self, now: float, ns: int) -> None:
        """What time itself changes."""
        self.monitor.new_day(ns // DAY_NS)
        held = self.core.positions.rows()
        if held is not None:
            self.count.compare({(row.account, row.con_id): row.quantity for row in held}, now)
