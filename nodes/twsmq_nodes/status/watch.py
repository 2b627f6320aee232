"""Watches the whole cluster: receives what every process publishes, asks each what it does not publish, and
keeps the board and the alerts of it.

Invariants: nothing here waits for an answer; a process that is dead or hangs leaves its rows as they were,
and `as_of` says since when. The board goes out at once after a quiet moment and at most every `BOARD_S` in
a busy one. What is known is `knowledge`'s, what is made of it is pure; this room owns clock, sockets and
disk.
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
from twsmq_protocol.data_files import STATUS_RECORDS
from twsmq_protocol.envelope import Event, Reply
from twsmq_protocol.order_events import Fill, ForeignOrderChanged, Order, OrderEvent
from twsmq_protocol.system_events import Gateway, Heartbeat, Process
from twsmq_protocol.topics import board_topic, quote_topic
from twsmq_transport.metrics import Reading
from twsmq_transport.requester import Requester

from twsmq_nodes.runtime.node import Node
from twsmq_nodes.tws.events import Event as TwsEvent

from .alerting import Alerting
from .board import BoardKeeper
from .core import StatusCore
from .facts import facts
from .follower import BETWEEN_PAGES_S, PAGE, JournalFollower
from .knowledge import Knowledge
from .readings import readings
from .recorder import Recorder
from .records import Records
from .sections import Moment, section
from .sinks import Sinks

BOARD_S = 0.03
ASK_S, ASK_SLOWLY_S, VALID_S = 1.0, 2.0, 3.0
NO_ORDERS_SINCE = 2**62
"""ns since the epoch, long from now: an answer that holds the foreign orders alone."""
MIDS_AT_ONCE = 20
FRESH_NS = 2_000_000_000
PING_WHILE_S = 30.0
SHARE = 4
"""With thousands of orders the board itself takes a while: this process has other things to do for so many
times as long."""

log = structlog.stdlib.get_logger()


class ClusterWatch:
    """`core`: what the gateway sent of accounts and positions. `start` once the node's sockets turn."""

    def __init__(self, node: Node, core: StatusCore) -> None:
        config = node.config
        nodes = processes.node_names(config)
        names = (processes.SUPERVISOR, *nodes)
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._shards = [name for name in nodes if processes.shard_of(name) is not None]
        self._records = Records(node.data_dir / STATUS_RECORDS.parent)
        self._known = Knowledge(config, core, self._records.outside(), self._loop.time(), time_ns())
        self._known.monitor.costs = self._records.costs(time_ns())
        self._sinks = Sinks(config.alerts, node.metrics)
        self._follower = JournalFollower(self._take, self._forget)
        self.board = BoardKeeper(node.incarnation)
        self._recorder = Recorder(self._records, self.board.rows)
        self.alerting = Alerting(
            lambda: facts(self._known, self._loop.time(), time_ns(), self._disk_free()),
            config.alerts.rules,
            self._sinks,
            node.outbox,
            self._records.setting("alerts"),
            partial(self._records.keep_setting, "alerts"),
        )
        self._mids_asked = 0
        self._stopped = False
        self._dirty: set[str] = set(SECTIONS)
        self._board_due: asyncio.TimerHandle | None = None
        self._board_at = self._board_took = 0.0
        self._repeating: dict[Callable[[], None], asyncio.TimerHandle] = {}
        self._requesters: dict[str, Requester] = {name: node.requester(name) for name in names}
        node.topics += ["board/<section>/", "alert/<name>/"]
        node.listen(names, ("node/", "process/", "gateway/", "order/", "foreign/"), self._on_event)
        node.metrics.collect(self._collect)

    def start(self) -> None:
        self._repeat(ASK_S, self._second)
        self._repeat(ASK_SLOWLY_S, self._ask_slowly)
        self._repeat(60.0, lambda: self._recorder.minute(time_ns()))
        if self._node.config.alerts.deadman_url:
            self._repeat(self._node.config.alerts.deadman_s, self._ping)

    async def stop(self) -> None:
        self._stopped = True
        for timer in (*self._repeating.values(), *filter(None, [self._board_due])):
            timer.cancel()
        self._repeating.clear()
        await self._sinks.close()
        self._recorder.latest(time_ns())
        await asyncio.to_thread(self._records.close)

    def _repeat(self, every: float, what: Callable[[], None]) -> None:
        self._repeating[what] = self._loop.call_later(every, self._repeat, every, what)
        what()

    # -- in: what others publish

    def _on_event(self, _topic: str, event: Event) -> None:
        known, now, ns = self._known, self._loop.time(), time_ns()
        match event:
            case Heartbeat():
                halts = known.monitor.halts
                known.received(event, now, ns)
                self._touch("processes", *(["desk"] if halts != known.monitor.halts else []))
                if event.last_event_no is not None:
                    self._follow_to(event.last_event_no, ns)
            case Process():
                known.received(event, now, ns)
                self._touch("processes")
            case Gateway():
                known.received(event, now, ns)
                self._touch("desk")
            case OrderEvent():
                self._follower.event(event)
                self._follow()
            case ForeignOrderChanged():
                known.monitor.foreign_changed(event)
                self._touch("foreign")
            case _:
                pass

    def _follow_to(self, head: int, ns: int) -> None:
        """The orders node lives, and its newest event has this number."""
        self._follower.head(head)
        self._follow()
        if self._follower.complete:
            self._known.journal_complete(ns)
        self._touch("orders", "fills", "strategies", "foreign", "positions")

    def gateway_reported(self, event: TwsEvent) -> None:
        """The gateway sent something about an account."""
        self._known.gateway_reported(event, self._loop.time(), time_ns())
        self._touch("accounts", "cash", "positions")

    # -- in: the journal

    def _take(self, event: OrderEvent) -> None:
        self._known.take(event)
        if isinstance(event, Fill):
            self._touch("positions")
        elif isinstance(event, Order) and event.status == "pending" and time_ns() - event.ts < FRESH_NS:
            self._ask_mid(event)
        self._touch("orders", "fills", "strategies", "desk")

    def _forget(self) -> None:
        log.warning("the orders node has another journal; it is read anew")
        self._known.forget_journal()

    def _follow(self) -> None:
        after = None if self._stopped else self._follower.wants(self._loop.time())
        if after is not None:
            args = {"after": after, "limit": PAGE}
            self._ask(processes.ORDERS, "replay_events", args, partial(self._page, after))

    def _page(self, after: int, result: Mapping[str, Any]) -> None:
        kinds = ((codec.EVENT_TYPES.get(raw.get("type")), raw) for raw in result["events"])
        events = [
            msgspec.convert(raw, kind)
            for kind, raw in kinds
            if kind is not None and issubclass(kind, OrderEvent)
        ]
        self._follower.page(events, after, result["next"], self._loop.time())
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
                self._known.monitor.mid(key, (bid + ask) / 2)
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
        known, now = self._known, self._loop.time()
        for name in self._requesters:
            if name == processes.SUPERVISOR or known.processes.beating(name, now):
                self._ask(name, "metrics", {}, self._counted)
        for shard in self._shards:
            if known.processes.beating(shard, now):
                self._ask(shard, "subscriptions", {}, partial(self._subscribed, shard))
        self._follow()
        if known.new_day(time_ns()):
            self._recorder.latest(time_ns())  # what finished leaves the board with the day
        known.second(now, time_ns())
        if known.count.outside_changed:
            known.count.outside_changed = False
            self._records.keep_outside(known.count.outside)
        self.alerting.evaluate()
        self._touch("alerts", "desk", "processes")

    def _counted(self, result: Mapping[str, Any]) -> None:
        self._known.counted(result, self._loop.time())
        self._touch("processes", "budget")

    def _subscribed(self, shard: str, result: Mapping[str, Any]) -> None:
        self._known.subscriptions(shard, result, time_ns())
        self._touch("streams", "lines")

    def _ask_slowly(self) -> None:
        if self._known.processes.beating(processes.ORDERS, self._loop.time()):
            args = {"active": True, "since": NO_ORDERS_SINCE}
            self._ask(processes.ORDERS, "get_orders", args, self._listed)

    def _listed(self, result: Mapping[str, Any]) -> None:
        self._known.foreign(result, time_ns())
        self._touch("foreign")

    # -- out: the board

    def _touch(self, *sections: str) -> None:
        """These may have changed."""
        self._dirty.update(sections)
        if self._board_due is None and not self._stopped:
            due = max(self._loop.time(), self._board_at + max(BOARD_S, SHARE * self._board_took))
            self._board_due = self._loop.call_at(due, self._publish)

    def _publish(self) -> None:
        self._board_due = None
        self._board_at = self._loop.time()
        dirty, self._dirty = self._dirty, set[str]()
        self._observe_latencies()
        at = Moment(
            self._loop.time(), time_ns(), tuple(self.alerting.core.rows()), self.board.rows("positions")
        )
        for name in SECTIONS:
            if name in dirty:
                change = self.board.update(name, *section(name, self._known, at))
                for part in () if change is None else self.board.parts(change):
                    self._node.outbox.publish(board_topic(name), part)
        self._board_took = self._loop.time() - self._board_at

    def _observe_latencies(self) -> None:
        monitor = self._known.monitor
        latencies, monitor.latencies = monitor.latencies, []
        for each in latencies:
            name = "order_fill_seconds" if each.fill else "order_ack_seconds"
            self._node.metrics.histogram(name).observe(each.seconds)

    # -- out: the rest

    def _ping(self) -> None:
        newest = self._known.processes.newest
        if newest is not None and self._loop.time() - newest < PING_WHILE_S:
            self._sinks.ping()

    def _disk_free(self) -> int | None:
        folder = self._node.data_dir
        return shutil.disk_usage(folder).free if folder.exists() else None

    def _collect(self) -> Iterable[Reading]:
        firing = self.alerting.core.firing()
        return readings(self._known, firing, self._disk_free(), self._loop.time(), time_ns())
