"""A node's link to the gateway: its TWS session, built from the configuration, shown as the node's state.

    session connecting, lost, failing   -> connecting (and why)
    326, another connection has our ID  -> waiting_client_id
    session up                          -> ready, or reconciling for a node that has to catch up first

Invariants: the node's state is set before the node gets the event, so that what it does about it may set
another one; a node that is stopping stays so. A node that reconciles calls `node.enter("ready")` itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import structlog
from msgspec import Struct
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.hosts import address
from twsmq_protocol.processes import message_share
from twsmq_transport.metrics import Reading

from twsmq_nodes.tws import session_events
from twsmq_nodes.tws.calls import NotSent, Send, Written
from twsmq_nodes.tws.codes import is_warning
from twsmq_nodes.tws.errors import EncodeRefused, NotConnected, TwsError
from twsmq_nodes.tws.events import Event, FrameRejected, GatewayError
from twsmq_nodes.tws.learned_rate import LearnedRate
from twsmq_nodes.tws.pacing import Pacer, Priority
from twsmq_nodes.tws.requests import Request
from twsmq_nodes.tws.session import TwsSession
from twsmq_nodes.tws.session_events import SessionEvent
from twsmq_nodes.tws.ticks import Tick

from .budget import SharedBudget
from .node import Node

TAKEN = (
    "another connection holds client ID {}; waiting for it: another program uses it, or the gateway has not "
    "noticed the end of our last one, which can take minutes"
)
MOST_KINDS = 200
"""Of messages that cannot be read and were logged; more than the gateway has."""

log = structlog.stdlib.get_logger()


def why_not_sent(error: TwsError) -> RequestError:
    """The answer to a look-up whose request was not written. Its instrument is the only text of a client in
    it that need not be plain ASCII."""
    if isinstance(error, EncodeRefused):
        return RequestError(ErrorCode.INVALID_ARGUMENT, f"instrument: {error.text}", field="instrument")
    return RequestError(ErrorCode.NOT_READY, "the gateway session was lost before it was asked; ask again")


def _ignore(_: Any) -> None:
    """For nodes that take no interest."""


class OwnGate(Struct, frozen=True):
    """Of a node that keeps the message budget itself."""

    pacer: Pacer[Any]
    waiting: Callable[[], int]
    poke: Callable[[], None]


class GatewayLink:
    """Owns the node's `session`. Callbacks as in `TwsSession`; they must not raise.

    `reconciles`: what the node has to find out after each SessionUp before it is ready, in a few words; None
    for a node that is ready as soon as the session is up. `own_gate`: for a node that keeps the budget
    itself, its pacer, how many messages wait for it, and what to call when it lets more out; the session
    lets all pass then. `shows_state=False`: the node's core decides when it is ready; the link shows only
    what keeps the session from being up.
    """

    def __init__(
        self,
        node: Node,
        *,
        on_event: Callable[[Event], None] = _ignore,
        on_session_event: Callable[[SessionEvent], None] = _ignore,
        on_ticks: Callable[[list[Tick]], None] = _ignore,
        on_read_end: Callable[[], None] | None = None,
        reconciles: str | None = None,
        own_gate: OwnGate | None = None,
        shows_state: bool = True,
    ) -> None:
        if node.client_id is None:
            raise ValueError(f"{node.name} has no gateway client ID")
        self._node = node
        self._reconciles = reconciles
        self._shows_state = shows_state
        self._hand_on = on_event
        self._announce = on_session_event
        self._undecodable: set[int | None] = set()
        self._complained = ""  # of why there is no connection
        gateway, share = node.config.gateway, message_share(node.config, node.name)
        self._address = address(gateway.host, gateway.port)
        self.session = TwsSession(
            gateway.host,
            gateway.port,
            node.client_id,
            on_event=self.on_event,
            on_session_event=self.on_session_event,
            on_ticks=on_ticks,
            on_read_end=on_read_end,
            max_server_version=gateway.max_server_version,
            rate=share if own_gate is None else 0.0,
            on_short=self.short,
        )
        self._share = share
        session = self.session
        self._gate = own_gate
        if own_gate is None:
            self._pacer, self._learned = session.pacer, session.learned
            waits, poke = (lambda: session.queued), session.budget_changed
        else:
            self._pacer, waits, poke = own_gate.pacer, own_gate.waiting, own_gate.poke
            self._learned = LearnedRate(share)
        self._budget = SharedBudget(node, self._pacer, self._learned, waits, poke)
        self._waits = waits
        self._lost = node.metrics.counter("gateway_disconnects_total")
        self._up = False
        node.metrics.adopt("gateway_budget_wait_seconds", self.session.waits)
        node.metrics.collect(self._collect)

    def _collect(self) -> Iterable[Reading]:
        yield "gateway_session_up", (), int(self._up)
        yield "gateway_messages_sent_total", (), self.session.sent
        yield "gateway_queue_messages", (), self._waits()
        yield "gateway_budget_messages_per_second", (), self._share
        yield (
            "gateway_allowed_messages_per_second",
            (),
            self._pacer.allowed(asyncio.get_running_loop().time()),
        )

    def short(self) -> None:
        """Something waits for the message budget."""
        now = asyncio.get_running_loop().time()
        if self._gate is not None and self._learned.recovered(now):
            self._pacer.set_rate(self._learned.rate, now)
        self._budget.short()

    def _learn_rate(self, error: GatewayError) -> None:
        """Of a node with a gate of its own, as its session would."""
        now = asyncio.get_running_loop().time()
        if self._learned.complained(error, now):
            self._pacer.set_rate(self._learned.rate, now)
            self._pacer.charge(now, int(self._learned.rate) + 1)  # a second of silence

    def open(self) -> None:
        """Start connecting and keep at it."""
        self._node.enter("connecting", f"connecting to the gateway at {self._address}")
        self.session.open()

    def close(self) -> None:
        self.session.close()

    def ask(
        self,
        send: Send,
        feed: Callable[[NotSent | Written], None],
        *,
        wanted: Callable[[int], bool] = lambda _: True,
        explained: Callable[[TwsError], RequestError] = why_not_sent,
    ) -> None:
        """Put a call's request to the gateway, if it is still `wanted` when its turn comes; the core is fed
        what becomes of it."""

        def refused(error: TwsError) -> None:
            feed(NotSent(send.req_id, explained(error)))

        try:
            self.session.send(
                lambda: send.request if wanted(send.req_id) else None,
                priority=Priority.DATA,
                on_written=lambda _: feed(Written(send.req_id)),
                on_refused=refused,
            )
        except NotConnected as error:
            refused(error)

    def cancel(self, request: Request) -> None:
        """End what a call's request has begun; without a session it went with that."""
        with suppress(NotConnected):
            self.session.send(request)

    def reconnect(self, reason: str) -> None:
        """End a session that is up, which counts as lost, and connect again."""
        self.session.close()
        self.on_session_event(session_events.SessionLost(reason, retry_in=0.0))
        self.session.open()

    def on_event(self, event: Event) -> None:
        if isinstance(event, GatewayError):
            kind = "information" if is_warning(event.code) else "error"
            self._node.metrics.counter("gateway_errors_total", kind).n += 1
            if self._gate is not None:
                self._learn_rate(event)
            self._budget.learned()
        if isinstance(event, FrameRejected) and self._is_new(event.message_id):
            log.warning("gateway message not understood", message_id=event.message_id, problem=event.reason)
        self._hand_on(event)

    def _is_new(self, message_id: int | None) -> bool:
        """Logged once for its kind: the gateway may send thousands; kinds themselves are bounded."""
        if message_id in self._undecodable or len(self._undecodable) >= MOST_KINDS:
            return False
        self._undecodable.add(message_id)
        return True

    def on_session_event(self, event: SessionEvent) -> None:
        if isinstance(event, session_events.SessionLost):
            self._up = False
            self._lost.n += 1
        elif isinstance(event, session_events.SessionUp):
            self._up = True
            if self._gate is not None:
                self._learned.began()
                self._pacer.set_rate(self._learned.rate, asyncio.get_running_loop().time())
        if self._node.state != "stopping":
            self._show(event)
        self._announce(event)

    def _show(self, event: SessionEvent) -> None:
        enter = self._node.enter
        match event:
            case session_events.SessionUp(server_version=version):
                self._complained = ""
                log.info("session up", server_version=version, client_id=self._node.client_id)
                if not self._shows_state:
                    pass
                elif self._reconciles is None:
                    enter("ready")
                else:
                    enter("reconciling", self._reconciles)
            case session_events.SessionLost(reason=reason):
                log.warning("session lost", reason=reason)
                if self._shows_state:
                    enter(
                        "connecting", f"the session was lost: {reason}; connecting to {self._address} again"
                    )
            case session_events.ConnectFailed(reason=reason, ours=ours):
                if ours and reason != self._complained:
                    log.error("no connection can be opened", problem=reason)
                self._complained = reason
                enter("connecting", f"no session with the gateway at {self._address} yet: {reason}")
            case session_events.WaitingClientId(client_id=client_id):
                enter("waiting_client_id", TAKEN.format(client_id))
            case _:
                pass
