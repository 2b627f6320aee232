"""The connection node's outer room: one session, an ear for the shards, the `gateway` event and op."""

from __future__ import annotations

import asyncio
from itertools import count
from time import monotonic

import structlog
from twsmq_protocol.budget_requests import BudgetLease, BudgetYielded, ClaimBudget, YieldBudget
from twsmq_protocol.endpoints import HISTORY, node_names, shard_of
from twsmq_protocol.envelope import Event, NoArgs
from twsmq_protocol.processes import message_share
from twsmq_protocol.system_events import BudgetRound, Gateway, Heartbeat
from twsmq_protocol.topics import BUDGET, GATEWAY, node_topic
from twsmq_transport.mailbox import Call

from twsmq_nodes.runtime.driver import Driver
from twsmq_nodes.runtime.link import GatewayLink
from twsmq_nodes.runtime.node import Node, Shell
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws import events
from twsmq_nodes.tws.events import CurrentTime
from twsmq_nodes.tws.session_events import SessionEvent

from .budget import Action as BudgetAction
from .budget import Ask, Claimed, Grant, LeaseBook, Yielded, from_ns, to_ns
from .budget import Input as BudgetInput
from .client_id_desk import ClientIdDesk
from .core import Action, AlarmRaised, ConnectionCore, Input, Maintenance, PublishGateway
from .escalation import Probe, Reconnect, ShardReport
from .life_events import Trouble
from .life_keeper import LifeKeeper, meaning_of

RECONNECT_VALID_S = 5.0

log = structlog.stdlib.get_logger()


class ConnectionShell(Shell):
    """Ready while its session is up; what the gateway's own connection does is published, not waited for."""

    def __init__(self, node: Node) -> None:
        gateway = node.config.gateway
        self._node = node
        self._core = ConnectionCore(gateway.host, gateway.port)
        self._told: Event = self._core.gateway
        self._driver: Driver[Input, Action] = Driver(self._core.handle, self._carry_out)
        self._link = GatewayLink(node, on_session_event=self._on_session_event, on_event=self._on_event)
        self._keeper = LifeKeeper(node, self._announce, self._alarm)
        shards = [name for name in node_names(node.config) if shard_of(name) is not None]
        self._requesters = {name: node.requester(name) for name in shards}
        beating = [*shards, HISTORY]
        node.listen(beating, [node_topic(name) for name in beating], self._reported)
        self._competing: set[str] = set()
        self._failed = Trouble.ABSENT
        node.topics += [GATEWAY, BUDGET]
        names = [name for name in node_names(node.config) if message_share(node.config, name) > 0]
        self._book = LeaseBook({name: message_share(node.config, name) for name in names})
        # The book counts by the machine's clock: the loop's stands still while a callback runs.
        self._budget: Driver[BudgetInput, BudgetAction] = Driver(
            lambda happened, _: self._book.handle(happened, monotonic()),
            self._carry_out_budget,
            self._book_wakes_at,
            TimerFired(),
        )
        self._claims: dict[int, Call] = {}
        self._claim_ids = count(1)
        node.mailbox.add("claim_budget", self._claim)
        node.mailbox.add("yield_budget", self._yield)
        node.mailbox.add("gateway_status", self._answer_status)
        self._client_ids = ClientIdDesk(node)

    def start(self) -> None:
        self._publish(self._core.gateway)
        self._link.open()

    async def stop(self) -> None:
        self._keeper.close()
        self._link.close()

    def _on_session_event(self, event: SessionEvent) -> None:
        self._driver.feed(event)
        self._failed = meaning_of(event)
        self._observe()

    def _observe(self) -> None:
        self._keeper.observe(self._core.gateway, self._failed, competing=bool(self._competing))

    def _announce(self, text: str | None) -> None:
        self._driver.feed(Maintenance(text))

    def _alarm(self, text: str | None) -> None:
        self._driver.feed(AlarmRaised(text))

    def _on_event(self, event: events.Event) -> None:
        if isinstance(event, CurrentTime):
            self._driver.feed(event)

    def _reported(self, _topic: str, event: Event) -> None:
        if not isinstance(event, Heartbeat):
            return
        if event.competing is not None and event.competing != (event.name in self._competing):
            self._competing ^= {event.name}
            self._observe()
        if event.silent_lines is not None:
            flowing: int | None = getattr(event, "flowing_lines", None)
            up = event.state == "ready"
            self._driver.feed(ShardReport(event.name, up, event.silent_lines, flowing or 0))

    def _carry_out(self, action: Action) -> None:
        match action:
            case PublishGateway(event):
                self._publish(event)
            case Probe():
                self._link.session.probe()
            case Reconnect(name):
                log.warning("shard asked to connect anew", shard=name)
                self._requesters[name].send("reconnect", RECONNECT_VALID_S)

    def _publish(self, event: Gateway) -> None:
        self._told = self._node.outbox.publish(GATEWAY, event, retain=True)

    # -- the message budget

    def _claim(self, args: ClaimBudget, call: Call) -> None:
        number = next(self._claim_ids)
        self._claims[number] = call
        self._budget.feed(Claimed(number, args.name, args.waiting, args.factor, args.breaches))

    def _yield(self, args: YieldBudget, call: Call) -> None:
        self._budget.feed(Yielded(args.name, args.round, args.rate, from_ns(args.until)))
        call.succeed(BudgetYielded(round=args.round))

    def _carry_out_budget(self, action: BudgetAction) -> None:
        match action:
            case Ask(round_no, until, slow_to, breaches):
                event = BudgetRound(round=round_no, until=to_ns(until), slow_to=slow_to, breaches=breaches)
                self._node.outbox.publish(BUDGET, event, retain=False)
            case Grant(number, rate, until):
                lease = BudgetLease(rate=rate, until=to_ns(until))
                self._claims.pop(number).succeed(lease)

    def _book_wakes_at(self) -> float | None:
        at = self._book.wake_at
        return None if at is None else asyncio.get_running_loop().time() + at - monotonic()

    def _answer_status(self, _: NoArgs, call: Call) -> None:
        """Answered in every state, with the newest event as it was published."""
        call.succeed(self._told)
