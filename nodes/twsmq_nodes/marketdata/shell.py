"""The market data node's outer room: presence, session and timers in, the core's actions out."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from functools import partial
from time import monotonic_ns, time, time_ns

import structlog
from msgspec import structs
from twsmq_protocol import endpoints
from twsmq_protocol.envelope import NoArgs
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.market_events import Stream
from twsmq_protocol.market_requests import Reconnecting
from twsmq_protocol.system_events import Heartbeat
from twsmq_protocol.topics import STREAM_KINDS
from twsmq_transport.mailbox import Call

from twsmq_nodes.runtime.driver import Driver
from twsmq_nodes.runtime.link import GatewayLink
from twsmq_nodes.runtime.node import Node, Shell
from twsmq_nodes.runtime.pacing_record import PacingRecord
from twsmq_nodes.tws.errors import EncodeRefused, NotConnected, TwsError
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.ledger import PacingLedger
from twsmq_nodes.tws.pacing import Priority
from twsmq_nodes.tws.requests import Request
from twsmq_nodes.tws.session_events import SessionEvent, SessionLost, SessionUp

from . import events as ev
from .calls import Calls
from .core import MarketdataCore
from .counts import readings
from .data.publisher import Publisher
from .data.quotes import NS, UNIT_VOLUMES_FROM
from .data.router import Router, is_data
from .lines_record import LinesRecord
from .silence import all_are_closed, are_refused_for_another_session, flowing_lines, unanswered_lines
from .store import Store

CLOCK_SET_NS = 50_000_000
RECONNECT_S = 30.0
"""How far apart this node may be asked to connect anew: each time interrupts every stream."""

log = structlog.stdlib.get_logger()


class MarketdataShell(Shell):
    """Ready while its session is up. Topics may come at any time: their streams say what they wait for."""

    def __init__(self, node: Node) -> None:
        config = node.config.marketdata
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._quiet_s = config.quiet_repeat_s
        self._silent_s = max(config.silent_s, 1.0)
        self._epoch = time_ns() - monotonic_ns()
        self._store = Store(node.data_dir / "marketdata", node.name, time())
        ledger = PacingLedger(owner=f"{node.name}-{time_ns()}")
        self._pacing = PacingRecord(node.data_dir, ledger, self._loop.time)
        self._core = MarketdataCore(
            config=config,
            listings=self._store.listings,
            missed={topic: self._monotonic(at) for topic, at in self._store.missed.items()},
            shard=endpoints.shard_of(node.name) or 0,
            wall_s=time(),
            ledger=ledger,
        )
        shard = endpoints.shard_of(node.name) or 0
        self._held = LinesRecord(node.data_dir, self._core.lines.shared, shard, config.instances)
        self._driver: Driver[ev.Input, ev.Action] = Driver(
            self._handle, self._carry_out, lambda: self._core.wake_at, ev.TimerFired()
        )
        self._feed = self._driver.feed
        self._publisher = Publisher(
            node.outbox,
            self._loop.time,
            quote_interval_s=config.quote_interval_s,
            call_later=self._loop.call_later,
        )
        self._router = Router(
            self._publisher,
            lambda req_id: self._feed(ev.DataFlowed(req_id)),
            batch_interval_s=config.batch_interval_s,
            call_later=self._loop.call_later,
        )
        self._link = GatewayLink(
            node,
            on_event=self._on_event,
            on_session_event=self._on_session_event,
            on_ticks=self._router.on_ticks,
            on_read_end=self._router.read_end,
        )
        self._calls = Calls(node, self._core, self._router, self._feed, self._wall, self._publisher.gaps_of)
        node.metrics.collect(lambda: readings(self._core, self._router, self._publisher, self._wall))
        self._queued: set[int] = set()
        self._reconnected_at = -math.inf
        self._watching: asyncio.TimerHandle | None = None
        self._silent = 0
        node.topics += [f"{kind}/" for kind in sorted(STREAM_KINDS)]
        node.mailbox.add("reconnect", self._reconnect)

    def start(self) -> None:
        self._watch()
        self._link.open()
        self._publish_unconnected()

    async def stop(self) -> None:
        self._driver.close()
        if self._watching is not None:
            self._watching.cancel()
        self._link.close()
        self._pacing.close()
        self._held.close()
        self._store.remember_alive()

    def _handle(self, happened: ev.Input, now: float) -> list[ev.Action]:
        with self._pacing.shared() as locked:
            self._held.read(now, locked=locked)
            actions = self._core.handle(happened, now)
            self._held.write(self._core.lines.statement, locked=locked)
            return actions

    # -- in

    def presence(self, topic: str, wanted: bool) -> None:
        self._feed(ev.TopicWanted(topic) if wanted else ev.TopicLeft(topic))

    def _on_event(self, event: Event) -> None:
        if is_data(event):
            self._router.on_event(event)
        else:
            self._router.flush()  # what came before it goes out before it
            self._feed(event)

    def _on_session_event(self, event: SessionEvent) -> None:
        self._router.flush()
        if isinstance(event, SessionLost):
            self._feed(ev.Disconnected(event.reason, self._link.session.last_received))
        else:
            if isinstance(event, SessionUp):
                self._publisher.unit_volumes = event.server_version >= UNIT_VOLUMES_FROM
            self._feed(event)
        self._publish_unconnected()

    def _publish_unconnected(self) -> None:
        """The node's own state says what the link waits for."""
        if self._node.state in ("connecting", "waiting_client_id"):
            self._feed(ev.Unconnected(self._node.detail or ""))

    def _watch(self) -> None:
        """Once a second: repeat what is quiet, look for lines that are silent, note that we live."""
        self._router.repeat_quiet(self._quiet_s)
        self._feed(ev.LinesChecked(dict(self._router.data_times()), time()))
        self._store.remember_alive()
        self._watching = self._loop.call_later(min(1.0, self._quiet_s / 4), self._watch)

    # -- out

    def _carry_out(self, action: ev.Action) -> None:  # noqa: C901  a table of actions
        router = self._router
        match action:
            case ev.PublishStatus():
                self._publish_status(action)
            case ev.Greet(topic):
                router.greet(topic)
            case ev.Ask(req_id, request):
                self._ask(req_id, request)
            case ev.Send(request):
                with suppress(NotConnected):  # the core learns of the lost session
                    self._link.session.send(request, priority=Priority.DATA)
            case ev.Cancel(req_id, request):
                self._cancel(req_id, request)
            case ev.OpenFeed(req_id, feed):
                router.open(req_id, feed)
            case ev.CloseFeed(req_id):
                router.close(req_id)
            case ev.Arm(req_id):
                router.arm(req_id)
            case ev.Reset(req_id):
                router.reset(req_id)
            case ev.UseDataType(req_id, delayed):
                router.use_data_type(req_id, delayed=delayed)
            case ev.UseListing(feed, listing):
                router.use_listing(feed, listing)
            case ev.Join(feed, listing, topic):
                router.join(feed, listing, topic)
            case ev.Part(feed, topic):
                router.part(feed, topic)
            case ev.ForgetTopic(topic):
                self._publisher.forget(topic)
                self._node.outbox.end(topic)
            case ev.RememberListing(spelling, listing):
                self._store.remember_listing(spelling, listing, time())
            case ev.RememberTopic(topic, wanted, missed_since):
                self._store.remember_topic(topic, wanted, self._wall(missed_since))
            case ev.Collect(req_id, listing):
                router.collect(req_id, listing)
            case _:
                self._calls.answer(action)

    def _publish_status(self, publish: ev.PublishStatus) -> None:
        status = publish.status
        self._publisher.publish_status(
            publish.topic,
            Stream(
                state=status.state,
                code=status.code,
                text=status.text,
                reason=status.reason,
                from_=self._wall(status.since),
                to=self._wall(status.until),
                con_id=publish.con_id,
                repeated=publish.repeated,
            ),
        )

    def _wall(self, at: float | None) -> int | None:
        """A moment of the loop's clock in ns since the epoch: always the same, unless the wall clock is
        set.
        """
        epoch = time_ns() - monotonic_ns()  # the loop's clock, but not as it stood when this turn began
        if abs(epoch - self._epoch) > CLOCK_SET_NS:
            self._epoch = epoch
        return None if at is None else self._epoch + int(at * NS)

    def _monotonic(self, at: int | None) -> float | None:
        """A moment in ns since the epoch on the loop's clock."""
        return None if at is None else (at - self._epoch) / NS

    def _ask(self, req_id: int, request: Request) -> None:
        self._queued.add(req_id)
        try:
            self._link.session.send(
                lambda: request if req_id in self._queued else None,
                priority=Priority.DATA,
                on_written=partial(self._written, req_id),
                on_refused=partial(self._refused, req_id),
            )
        except NotConnected:
            self._queued.discard(req_id)  # the core learns of the lost session and asks again

    def _cancel(self, req_id: int, request: Request | None) -> None:
        was_written = req_id not in self._queued
        self._queued.discard(req_id)
        if request is not None and was_written:
            with suppress(NotConnected):  # then the request went with the session
                self._link.session.send(request, priority=Priority.CONTROL)

    def _written(self, req_id: int, _: object) -> None:
        self._queued.discard(req_id)
        self._feed(ev.RequestWritten(req_id))

    def _refused(self, req_id: int, error: TwsError) -> None:
        self._queued.discard(req_id)
        if isinstance(error, EncodeRefused):
            self._feed(ev.RequestRefused(req_id, str(error)))

    # -- what the connection node learns and asks for

    def complete_heartbeat(self, beat: Heartbeat) -> Heartbeat:
        lines, now = self._core.lines, self._loop.time()
        flowing = flowing_lines(lines, now, self._silent_s)
        silent = unanswered_lines(lines) if flowing or not all_are_closed(lines, time()) else 0
        if silent > self._silent:
            log.warning("lines stay silent though asked for again", lines=silent)
        self._silent = silent
        return structs.replace(
            beat,
            silent_lines=silent,
            flowing_lines=flowing,
            competing=are_refused_for_another_session(lines, now),
        )

    def _reconnect(self, _: NoArgs, call: Call) -> None:
        self._node.require_ready()
        now = self._loop.time()
        free_at = self._reconnected_at + RECONNECT_S
        if now < free_at:
            raise RequestError(
                ErrorCode.THROTTLED,
                f"{self._node.name} was asked to connect anew a moment ago; again in {free_at - now:.0f} s",
            )
        self._reconnected_at = now
        call.succeed(Reconnecting(name=self._node.name))
        self._link.reconnect("this node was asked to connect anew")
