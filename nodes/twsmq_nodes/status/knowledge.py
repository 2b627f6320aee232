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
from twsmq_protocol.order_events import Fill, Order, OrderEvent
from twsmq_protocol.order_query_requests import ForeignOrder
from twsmq_protocol.system_events import Gateway, Heartbeat, Process

from twsmq_nodes.runtime.life_clock import LifeClock
from twsmq_nodes.tws.events import (
    AccountSummary,
    AccountUpdateMulti,
    Event,
    PnL,
    PnLSingle,
    Position,
    PositionEnd,
)

from .core import StatusCore
from .desk import Link
from .figures import Stamps
from .market_board import MarketBoard
from .order_monitor import DAY_NS, OrderMonitor
from .own_count import OwnCount
from .processes import ProcessBoard
from .restart_clock import RestartClock

Key = tuple[str, int]
FIGURES = (AccountSummary, AccountUpdateMulti, PnL, PnLSingle, Position, PositionEnd)
"""What a gateway sends about accounts."""


class Knowledge:
    """`core`: what the gateway sent of accounts and positions. `outside`: positions that were known to come
    from outside, None if that was never found out.
    """

    def __init__(
        self, config: Config, core: StatusCore, outside: dict[Key, float] | None, now: float, ns: int
    ) -> None:
        nodes = processes.node_names(config)
        names = (processes.SUPERVISOR, *nodes)
        life = config.gateway.life
        self.core = core
        self.clock = RestartClock(config.alerts.restarts(life), LifeClock(life))
        self.processes = ProcessBoard(nodes, {name: processes.client_id(config, name) for name in names})
        self.monitor = OrderMonitor(ns // DAY_NS)
        self.count = OwnCount(outside)
        self.market = MarketBoard(name for name in nodes if processes.shard_of(name) is not None)
        self.link = Link(ns)
        self.silent_lines: dict[str, int] = {}
        """By shard."""
        self.killed: dict[str, float] = {}
        """Scopes of kill switches that are in force, and since when."""
        self.orders_as_of: int | None = None
        self.halts_as_of: int | None = None
        self.foreign_as_of: int | None = None
        self.account_as_of: int | None = None
        self.figures_as_of: dict[str, Stamps] = {}
        """By account: of one whose figures stay away nobody may think that they came with another's."""
        self.began = now
        self._combos: set[tuple[str, str]] = set()

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
            self.halts_as_of = ns

    def journal_complete(self, ns: int) -> None:
        """Every order event there is has been taken."""
        self.count.complete = True
        self.orders_as_of = ns

    def take(self, event: OrderEvent) -> None:
        """An event of the journal, each once and in its order."""
        self.monitor.event(event)
        key = (event.strategy, event.client_order_id)
        if isinstance(event, Order) and event.instrument.startswith("BAG:"):
            self._combos.add(key)
        # A combo is held as its legs, and its own execution is of nothing that is held.
        if isinstance(event, Fill) and (event.leg or key not in self._combos):
            self.count.event(event)

    def forget_journal(self) -> None:
        """The journal is another one."""
        self.monitor.forget()
        self.count.forget()
        self._combos.clear()
        self.orders_as_of = None

    def gateway_reported(self, event: Event, now: float, ns: int) -> None:
        """The gateway sent something; what is about no account is of no interest here."""
        if not isinstance(event, FIGURES):
            return
        self.account_as_of = ns
        account = self.core.account_of(event)
        if account is not None:
            stamps = self.figures_as_of.setdefault(account, Stamps())
            stamps.at = now
            if isinstance(event, AccountSummary | AccountUpdateMulti):
                stamps.summary = ns
            else:
                stamps.results = ns

    def account_ages_s(self, now: float) -> dict[str, float]:
        """How old the newest figure of each account is."""
        accounts = self.core.accounts.known()
        return {account: now - each.at for account, each in self.figures_as_of.items() if account in accounts}

    def counted(self, result: Mapping[str, Any], now: float) -> None:
        """An answer to `metrics`."""
        self.processes.counted(msgspec.convert(result, Metrics), now)

    def subscriptions(self, shard: str, result: Mapping[str, Any], ns: int) -> None:
        """A shard's answer to `subscriptions`."""
        self.market.answered(shard, result, ns)

    def foreign(self, result: Mapping[str, Any], ns: int) -> None:
        """The orders node's answer to `get_orders`."""
        self.monitor.foreign_listed(msgspec.convert(result["foreign"], list[ForeignOrder]))
        self.foreign_as_of = ns

    def new_day(self, ns: int) -> bool:
        """A day has begun, and `second` does not know of it yet."""
        return self.monitor.today != ns // DAY_NS

    def second(self, now: float, ns: int) -> None:
        """What time itself changes."""
        self.monitor.new_day(ns // DAY_NS)
        held = self.core.positions.rows()
        if held is not None:
            self.count.compare({(row.account, row.con_id): row.quantity for row in held}, now)
