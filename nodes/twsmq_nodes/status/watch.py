"""Watches the whole cluster: hears what every process publishes, asks each what it does not publish, and
keeps the board and the alerts of it.

Invariants: nothing here waits for an answer; a process that is dead or hangs leaves its rows as they were,
and `as_of` says since when. The board goes out at once after a quiet moment and at most every `BOARD_S` in
a busy one. Decisions are those of pure parts; this room owns clock, sockets and disk.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from time import time_ns
from typing import Any

import msgspec
import structlog
from twsmq_protocol import codec, processes
from twsmq_protocol.board import SECTIONS
from twsmq_protocol.envelope import Event, Reply
from twsmq_protocol.metrics import Metrics
from twsmq_protocol.order_events import Fill, Order, OrderEvent
from twsmq_protocol.order_requests import ForeignOrder
from twsmq_protocol.system_events import Gateway, Heartbeat, Process
from twsmq_protocol.topics import board_topic, quote_topic
from twsmq_transport.metrics import Reading
from twsmq_transport.requester import Requester

from twsmq_nodes.runtime.node import Node

from .alert_rules import Facts
from .alerting import Alerting
from .board import BoardKeeper, Row
from .core import StatusCore
from .desk import Link, desk_row, readings
from .figures import account_rows, cash_rows, position_rows
from .follower import BETWEEN_PAGES_S, PAGE, JournalFollower
from .market_board import MarketBoard
from .order_monitor import DAY_NS, OrderMonitor
from .own_count import OwnCount
from .processes import ProcessBoard
from .records import EquityPoint, Records
from .restart_clock import RestartClock
from .sinks import Sinks

BOARD_S = 0.05
ASK_S, ASK_SLOWLY_S, VALID_S = 1.0, 5.0, 3.0
MIDS_AT_ONCE = 20
FRESH_NS = 2_000_000_000
NS = 1_000_000_000
_ALERT_RANKS = {"firing": 0, "acknowledged": 1, "resolved": 2}

log = structlog.stdlib.get_logger()


class ClusterWatch:
    """`core`: what the gateway sent of accounts and positions. `start` once the node's sockets turn."""

    def __init__(self, node: Node, core: StatusCore) -> None:
        config = node.config
        nodes = processes.node_names(config)
        names = (processes.SUPERVISOR, *nodes)
        self._node = node
        self._core = core
        self._loop = asyncio.get_running_loop()
        self._shards = [name for name in nodes if processes.shard_of(name) is not None]
        self._records = Records(node.data_dir / "status")
        self._sinks = Sinks(config.alerts, node.metrics)
        self._clock = RestartClock(
            config.alerts.restart_at, config.alerts.restart_time_zone, config.alerts.restart_minutes
        )
        self._processes = ProcessBoard(nodes, {name: processes.client_id(config, name) for name in names})
        self._monitor = OrderMonitor(time_ns() // DAY_NS)
        self._count = OwnCount(self._records.outside())
        self._follower = JournalFollower(self._take, self._forget)
        self._market = MarketBoard()
        self._link = Link(time_ns())
        self.board = BoardKeeper(node.incarnation)
        self.alerting = Alerting(self._facts, self._sinks, node.outbox)
        self._orders_as_of: int | None = None
        self._account_as_of: int | None = None
        self._summary_as_of: int | None = None
        self._silent_lines: dict[str, int] = {}
        self._killed: dict[str, float] = {}
        self._mids_asked = 0
        self._gaps: dict[str, int] = {}
        self._kept_fills: set[str] = set()
        self._began = self._loop.time()
        self._stopped = False
        self._dirty: set[str] = set(SECTIONS)
        self._board_due: asyncio.TimerHandle | None = None
        self._board_at = 0.0
        self._repeating: dict[Callable[[], None], asyncio.TimerHandle] = {}
        self._requesters: dict[str, Requester] = {name: node.requester(name) for name in names}
        node.topics += ["board/<section>/", "alert/<name>/"]
        node.listen(names, ("node/", "process/", "gateway/", "order/"), self._heard)
        node.metrics.collect(self._collect)

    def start(self) -> None:
        self._repeat(ASK_S, self._second)
        self._repeat(ASK_SLOWLY_S, self._ask_slowly)
        self._repeat(60.0, self._minute)
        if self._node.config.alerts.deadman_url:
            self._repeat(self._node.config.alerts.deadman_s, self._ping)

    async def stop(self) -> None:
        self._stopped = True
        for timer in (*self._repeating.values(), *filter(None, [self._board_due])):
            timer.cancel()
        self._repeating.clear()
        await self._sinks.close()
        await asyncio.to_thread(self._records.close)

    def _repeat(self, every: float, what: Callable[[], None]) -> None:
        self._repeating[what] = self._loop.call_later(every, self._repeat, every, what)
        what()

    # -- in: what others publish

    def _heard(self, _topic: str, event: Event) -> None:
        now, ns = self._loop.time(), time_ns()
        match event:
            case Heartbeat():
                self._processes.heard(event, now, ns)
                self._beat(event, now, ns)
                self._touch("processes")
            case Process():
                self._processes.heard(event, now, ns)
                self._touch("processes")
            case Gateway():
                self._link.heard(event, ns)
                self._touch("desk")
            case OrderEvent():
                self._follower.event(event)
                self._follow()
            case _:
                pass

    def _beat(self, beat: Heartbeat, now: float, ns: int) -> None:
        if beat.silent_lines is not None:
            self._silent_lines[beat.name] = beat.silent_lines
        if beat.name == processes.CONNECTION:
            self._link.confirmed(ns)
        if beat.last_event_no is None:
            return
        halted, killed = beat.halted or {}, beat.killed or []
        self._killed = {scope: self._killed.get(scope, now) for scope in killed}
        if halted != self._monitor.halts:
            self._monitor.halts = dict(halted)
            self._touch("desk")
        self._follower.head(beat.last_event_no)
        self._follow()
        if self._follower.complete:
            self._count.complete = True
            self._orders_as_of = ns
        self._touch("orders", "fills", "strategies", "foreign", "positions")

    def gateway_spoke(self, *, summary: bool) -> None:
        """The gateway sent something about an account; `summary`: the figures that come every few minutes."""
        self._account_as_of = time_ns()
        if summary:
            self._summary_as_of = self._account_as_of
        self._touch("accounts", "cash", "positions")

    # -- in: the journal

    def _take(self, event: OrderEvent) -> None:
        self._monitor.event(event)
        match event:
            case Fill():
                self._count.event(event)
                self._touch("positions")
            case Order(status="pending") if time_ns() - event.ts < FRESH_NS:
                self._ask_mid(event)
            case _:
                pass
        self._touch("orders", "fills", "strategies", "desk")

    def _forget(self) -> None:
        log.warning("the orders node has another journal; it is read anew")
        self._monitor.forget()
        self._count.forget()

    def _follow(self) -> None:
        after = None if self._stopped else self._follower.wants(self._loop.time())
        if after is not None:
            self._ask(processes.ORDERS, "replay_events", {"after": after, "limit": PAGE}, self._page)

    def _page(self, result: Mapping[str, Any]) -> None:
        kinds = ((codec.EVENT_TYPES.get(raw.get("type")), raw) for raw in result["events"])
        events = [
            msgspec.convert(raw, kind)
            for kind, raw in kinds
            if kind is not None and issubclass(kind, OrderEvent)
        ]
        self._follower.page(events, self._loop.time())
        if not self._follower.complete:
            self._loop.call_later(BETWEEN_PAGES_S, self._follow)

    def _ask_mid(self, order: Order) -> None:
        """The middle of the quote at placing, where a line already flows: nothing is asked of the gateway."""
        topic = quote_topic(order.instrument)
        row = next((each for each in self.board.rows("streams") if each["topic"] == topic), None)
        if row is None or row["state"] not in ("active", "resumed") or self._mids_asked >= MIDS_AT_ONCE:
            return
        key = (order.strategy, order.client_order_id)

        def answered(result: Mapping[str, Any]) -> None:
            quote = result["quote"]
            bid, ask = quote.get("bid"), quote.get("ask")
            if bid is not None and ask is not None:
                self._monitor.mid(key, (bid + ask) / 2)
                self._touch("fills")

        self._mids_asked += 1
        self._loop.call_later(VALID_S, self._mid_over)
        self._ask(row["shard"], "snapshot", {"instrument": order.instrument}, answered)

    def _mid_over(self) -> None:
        self._mids_asked -= 1

    # -- in: what others answer

    def _ask(
        self, process: str, op: str, args: dict[str, Any], answered: Callable[[Mapping[str, Any]], None]
    ) -> None:
        if self._stopped:
            return

        def replied(reply: Reply) -> None:
            if reply.ok:
                answered(reply.result)
            else:
                log.debug("not answered", process=process, op=op, problem=reply.error)

        self._requesters[process].ask(op, args, VALID_S, replied)

    def _second(self) -> None:
        now = self._loop.time()
        for name in self._requesters:
            if name == processes.SUPERVISOR or self._processes.beating(name, now):
                self._ask(name, "metrics", {}, self._counted)
        for shard in self._shards:
            if self._processes.beating(shard, now):
                self._ask(shard, "subscriptions", {}, partial(self._subscribed, shard))
        self._follow()
        self._monitor.new_day(time_ns() // DAY_NS)
        held = self._core.positions.rows()
        if held is not None:
            self._count.compare({(row.account, row.con_id): row.quantity for row in held}, now)
            if self._count.outside_changed:
                self._count.outside_changed = False
                self._records.keep_outside(self._count.outside)
        self.alerting.evaluate()
        self._touch("alerts", "desk", "processes")

    def _counted(self, result: Mapping[str, Any]) -> None:
        self._processes.counted(msgspec.convert(result, Metrics), self._loop.time())
        self._touch("processes", "budget")

    def _subscribed(self, shard: str, result: Mapping[str, Any]) -> None:
        self._market.answered(shard, result, time_ns())
        self._touch("streams", "lines")

    def _ask_slowly(self) -> None:
        if self._processes.beating(processes.ORDERS, self._loop.time()):
            self._ask(processes.ORDERS, "get_orders", {"active": True}, self._listed)

    def _listed(self, result: Mapping[str, Any]) -> None:
        self._monitor.foreign_listed(msgspec.convert(result["foreign"], list[ForeignOrder]))
        self._touch("foreign")

    # -- out: the board

    def _touch(self, *sections: str) -> None:
        """These may have changed."""
        self._dirty.update(sections)
        if self._board_due is None and not self._stopped:
            due = max(self._loop.time(), self._board_at + BOARD_S)
            self._board_due = self._loop.call_at(due, self._publish)

    def _publish(self) -> None:
        self._board_due = None
        self._board_at = self._loop.time()
        dirty, self._dirty = self._dirty, set[str]()
        if self._monitor.latencies:
            latencies, self._monitor.latencies = self._monitor.latencies, []
            for each in latencies:
                name = "order_fill_seconds" if each.fill else "order_ack_seconds"
                self._node.metrics.histogram(name).observe(each.seconds)
        for name in SECTIONS:
            if name in dirty:
                rows, as_of = self._section(name)
                change = self.board.update(name, rows, as_of)
                if change is not None:
                    self._node.outbox.publish(board_topic(name), change)

    def _section(self, name: str) -> tuple[Mapping[str, Row], int | None]:
        core, now, ns = self._core, self._loop.time(), time_ns()
        account, orders = self._account_as_of, self._orders_as_of
        match name:
            case "desk":
                return self._desk(ns), self._link.as_of
            case "orders":
                return self._monitor.orders(), orders
            case "foreign":
                return self._monitor.foreign(), orders
            case "strategies":
                return self._monitor.strategies(), orders
            case "fills":
                return self._monitor.fills(), orders
            case "positions":
                before = {row["key"]: row for row in self.board.rows("positions")}
                held, results = core.positions.rows(), core.results.published
                return position_rows(held, before, results, self._count, account), account
            case "accounts":
                return account_rows(
                    core.accounts.published, core.accounts.results, self._summary_as_of, account
                ), account
            case "cash":
                return cash_rows(core.accounts.published, self._summary_as_of), account
            case "streams":
                return self._market.streams(), self._market.as_of
            case "lines":
                return self._market.lines(), self._market.as_of
            case "processes":
                return self._processes.processes(now), ns
            case "budget":
                return self._processes.budget(), ns
            case _:
                return self._alert_rows(), ns

    def _desk(self, ns: int) -> dict[str, Row]:
        return desk_row(
            self._link,
            halts=self._monitor.halts,
            unknown=self._monitor.unknown(),
            working=self._monitor.working(),
            alerts=len(self.alerting.core.firing()),
            next_restart=self._clock.next(ns),
        )

    def _alert_rows(self) -> dict[str, Row]:
        rows = (msgspec.to_builtins(row) for row in self.alerting.core.rows())
        return {
            key: row | {"key": key} for row in rows if (key := f"{row['name']} {row['about']} {row['since']}")
        }

    # -- out: alerts, records, metrics

    def _facts(self) -> Facts:
        now, ns = self._loop.time(), time_ns()
        oldest, down = self._monitor.oldest_unknown(), self._link.down_since
        free = shutil.disk_usage(self._node.data_dir).free if self._node.data_dir.exists() else None
        newest = self._processes.newest
        accounts = self.board.rows("accounts")
        return Facts(
            gateway_state=self._link.state,
            gateway_down_s=None if down is None else (ns - down) / NS,
            gateway_reason=self._link.reason,
            in_restart_window=self._clock.in_window(ns),
            restart_overdue_s=None if down is None else self._clock.overdue_s(ns, down),
            weekly_login=self._clock.weekly(ns),
            upstream_lost=self._link.upstream_lost,
            farms_broken=self._link.farms("broken"),
            unknown_oldest_s=None if oldest is None else (ns - oldest) / NS,
            unknown=self._monitor.unknown(),
            halts=self._monitor.halts,
            kill_remaining={
                scope: (self._monitor.remaining(scope), now - since) for scope, since in self._killed.items()
            },
            silent_streams=[f"{n} of {shard}" for shard, n in self._silent_lines.items() if n],
            lines=self._market.line_use(),
            budget_wait_s=self._processes.budget_waits(),
            cushions={row["account"]: row["cushion"] for row in accounts if row.get("cushion") is not None},
            differing={
                f"{key[0]} conId {key[1]}": seconds
                for key, seconds in self._count.differing_since(now).items()
            },
            restarts=self._processes.restarts(now),
            failed=self._processes.failed(),
            journal_commit_s=self._processes.commit_s(),
            disk_free=free,
            auth_refused_per_minute=self._processes.refused_per_minute(now),
            silent_processes=self._processes.silent(now),
            heard_s=now - (self._began if newest is None else newest),
            account_age_s=None if self._account_as_of is None else (ns - self._account_as_of) / NS,
        )

    def _minute(self) -> None:
        minute = time_ns() // NS // 60 * 60
        self._records.keep_equity(
            EquityPoint(
                minute,
                row["account"],
                row.get("net_liquidation"),
                row.get("daily"),
                row.get("unrealized"),
                row.get("realized"),
            )
            for row in self.board.rows("accounts")
        )
        fills = [row for row in self.board.rows("fills") if row["key"] not in self._kept_fills]
        self._records.keep_fills(fills)
        self._kept_fills = {row["key"] for row in self.board.rows("fills")}
        self._keep_gaps(minute // 86_400)
        self._records.forget_old(minute)

    def _keep_gaps(self, day: int) -> None:
        gaps = {row["topic"]: row["gaps"] for row in self.board.rows("streams") if row["gaps"] is not None}
        more = {topic: count - self._gaps.get(topic, 0) for topic, count in gaps.items()}
        self._gaps = gaps
        self._records.keep_gaps(day, {topic: count for topic, count in more.items() if count > 0})

    def _ping(self) -> None:
        newest = self._processes.newest
        if newest is not None and self._loop.time() - newest < 30.0:
            self._sinks.ping()

    def equity(self, since_s: int) -> list[tuple[Any, ...]]:
        return self._records.equity(since_s)

    def _collect(self) -> Iterable[Reading]:
        now, ns = self._loop.time(), time_ns()
        yield from readings(self._link, self._processes, self._monitor, now, ns)
        for row in self.board.rows("accounts"):
            labels = (row["account"], row["currency"] or "")
            for metric, name in (
                ("net_liquidation", "net_liquidation"),
                ("daily_pnl", "daily"),
                ("excess_liquidity", "excess_liquidity"),
                ("maintenance_margin", "maintenance_margin"),
            ):
                if row.get(name) is not None:
                    yield metric, labels, row[name]
            if self._account_as_of is not None:
                yield "account_age_seconds", (row["account"],), (ns - self._account_as_of) / NS
        for scope in ("everybody", "strategy"):
            left = [
                self._monitor.remaining(name)
                for name in self._killed
                if (name == "") == (scope == "everybody")
            ]
            yield "kill_remaining", (scope,), max(left, default=0)
        down = self._link.down_since
        overdue = None if down is None else self._clock.overdue_s(ns, down)
        yield "gateway_restart_overdue_seconds", (), overdue or 0.0
        yield "positions_differing", (), len(self._count.differing_since(now))
        firing = self.alerting.core.firing()
        for severity in ("page", "warn"):
            yield "alerts_firing", (severity,), sum(row.severity == severity for row in firing)
        if self._node.data_dir.exists():
            yield "disk_free_bytes", (), shutil.disk_usage(self._node.data_dir).free
