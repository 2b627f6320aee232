"""The reference node's outer room: its ops, one session, one timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from time import time_ns
from typing import Any

from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.topics import scanner_topic
from twsmq_transport.mailbox import Call

from twsmq_nodes.runtime.driver import Driver
from twsmq_nodes.runtime.link import GatewayLink, why_not_sent
from twsmq_nodes.runtime.node import Node, Shell
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws.adapter_values import NOT_IN_IBAPI
from twsmq_nodes.tws.calls import Answer, Cancel, Fail, Send, SessionDown
from twsmq_nodes.tws.errors import EncodeRefused, TwsError
from twsmq_nodes.tws.events import Event, GatewayError
from twsmq_nodes.tws.reference_events import ScannerRows
from twsmq_nodes.tws.session_events import SessionEvent, SessionLost

from .core import ReferenceCore
from .events import Action, Asked, Input
from .question import Question
from .questions import QUESTIONS
from .standing_scans import Action as ScanAction
from .standing_scans import Input as ScanInput
from .standing_scans import Publish, Ranked, StandingScans

PATIENCE_S = 600.0
"""How long a call waits at most while rows keep coming; its own `valid_until` may end it sooner."""
AHEAD = 2
"""Requests that wait for the message budget; all others still take turns."""


class ReferenceShell(Shell):
    """Ready while its session is up; what it remembers it answers in any state."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._link = GatewayLink(node, on_event=self._on_event, on_session_event=self._on_session_event)
        scans, next_req_id = node.config.reference.scans, self._link.session.next_req_id
        self._core = ReferenceCore(next_req_id, ahead=AHEAD, reserved={"scanner": len(scans)})
        self._scans = StandingScans(scans, next_req_id)
        self._scan_driver: Driver[ScanInput, ScanAction] = Driver(
            self._scans.handle, self._carry_out_scan, lambda: self._scans.wake_at, TimerFired()
        )
        self._calls: dict[int, Call] = {}
        self._call_ids = count(1)
        self._driver: Driver[Input, Action] = Driver(
            self._core.handle, self._carry_out, lambda: self._core.wake_at, TimerFired()
        )
        for op, question in QUESTIONS.items():
            node.mailbox.add(op, self._asks(question))

        node.topics += ["scanner/<name>/"]

    def start(self) -> None:
        for action in self._scans.begin():
            self._carry_out_scan(action)
        self._link.open()

    async def stop(self) -> None:
        self._driver.feed(SessionDown())
        self._scan_driver.close()
        self._link.close()
        self._driver.close()

    def presence(self, topic: str, wanted: bool) -> None:
        refusal = self._scans.stranger(topic) if wanted else None
        if refusal is not None:
            self._node.outbox.publish(topic, refusal)
            self._node.outbox.end(topic)  # clients invent topics

    def _asks(self, question: Callable[[Any], Question]) -> Callable[[Any, Call], None]:
        def asked(args: Any, call: Call) -> None:
            call_id = next(self._call_ids)
            self._calls[call_id] = call
            deadline = self._loop.time() + _patience(call)
            self._driver.feed(Asked(call_id, question(args), deadline, self._not_ready(), call.peer))

        return asked

    def _not_ready(self) -> RequestError | None:
        try:
            self._node.require_ready()
        except RequestError as error:
            return error
        return None

    def _on_session_event(self, event: SessionEvent) -> None:
        happened = SessionDown() if isinstance(event, SessionLost) else event
        self._driver.feed(happened)
        self._scan_driver.feed(happened)

    def _on_event(self, event: Event) -> None:
        self._driver.feed(event)
        if isinstance(event, ScannerRows):
            self._scan_driver.feed(Ranked(event, time_ns()))
        elif isinstance(event, GatewayError):
            self._scan_driver.feed(event)

    def _carry_out(self, action: Action) -> None:
        match action:
            case Send():
                self._link.ask(action, self._driver.feed, wanted=self._core.wanted, explained=_explained)
            case Cancel(request):
                self._link.cancel(request)
            case Answer(call, result):
                self._calls.pop(call).succeed(result)
            case Fail(call, error):
                self._calls.pop(call).fail(error)

    def _carry_out_scan(self, action: ScanAction) -> None:
        match action:
            case Send():
                self._link.ask(
                    action, self._scan_driver.feed, wanted=self._scans.wanted, explained=_scan_explained
                )
            case Cancel(request):
                self._link.cancel(request)
            case Publish(name, ranking):
                self._node.outbox.publish(scanner_topic(name), ranking, retain=True)


def _patience(call: Call) -> float:
    if call.valid_until is None:
        return PATIENCE_S
    return min(PATIENCE_S, (call.valid_until - time_ns()) / 1e9)


_OF_NO_CONTRACT = frozenset(
    kind.__name__ for kind in (ref.ReqUserInfo, ref.ReqWshMetaData, ref.ReqFaGroups, ref.ReplaceFaGroups)
)


def _explained(error: TwsError) -> RequestError:
    if isinstance(error, EncodeRefused) and (error.request in _OF_NO_CONTRACT or NOT_IN_IBAPI in error.text):
        return RequestError(ErrorCode.GATEWAY_REJECTED, error.text)
    return why_not_sent(error)


def _scan_explained(error: TwsError) -> RequestError:
    if isinstance(error, EncodeRefused):
        return RequestError(ErrorCode.INVALID_ARGUMENT, error.text)
    return why_not_sent(error)
