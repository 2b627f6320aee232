"""A node's link to the gateway: which states it shows, and what it does with what it cannot read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from structlog.testing import capture_logs
from twsmq_nodes.runtime.link import GatewayLink
from twsmq_nodes.runtime.node import Node
from twsmq_nodes.tws.events import FrameRejected
from twsmq_nodes.tws.session_events import SessionEvent, SessionLost, SessionUp, WaitingClientId
from twsmq_protocol.config import Config
from twsmq_transport.metrics import Registry


class BareNode:
    """As much of a node as the link looks at."""

    name = "orders"
    client_id = 101

    def __init__(self) -> None:
        self.config = Config()
        self.metrics = Registry()
        self.state = "starting"
        self.states: list[str] = []

    def requester(self, process: str) -> BareNode:
        """Of the message budget, which nobody lends here."""
        assert process == "connection"
        return self

    def ask(self, op: str, *_: object) -> None:
        assert op == "claim_budget"

    def listen(self, processes: tuple[str, ...], topics: tuple[str, ...], _: object) -> None:
        assert processes
        assert topics

    def enter(self, state: str, detail: str | None = None) -> None:
        self.state = state
        self.states.append(state)


def linked(story: Callable[[GatewayLink, BareNode], None], **options: Any) -> None:
    async def on_loop() -> None:
        node = BareNode()
        story(GatewayLink(cast("Node", node), **options), node)

    asyncio.run(on_loop())


UP = SessionUp(200, ("DU1",), 1, upstream=True)


@pytest.mark.parametrize(
    ("options", "states"),
    [
        ({}, ["ready", "connecting", "waiting_client_id"]),
        ({"reconciles": "asking"}, ["reconciling", "connecting", "waiting_client_id"]),
        ({"shows_state": False}, ["waiting_client_id"]),
    ],
)
def test_it_shows_the_sessions_state_unless_the_nodes_core_does(
    options: dict[str, Any], states: list[str]
) -> None:
    received: list[SessionEvent] = []

    def story(link: GatewayLink, node: BareNode) -> None:
        for notice in (UP, SessionLost("reset", 0.1), WaitingClientId(101, 1.0)):
            link.on_session_event(notice)
        assert node.states == states

    linked(story, on_session_event=received.append, **options)
    assert received == [UP, SessionLost("reset", 0.1), WaitingClientId(101, 1.0)]


def test_a_message_that_cannot_be_read_is_logged_once_for_its_kind_and_handed_on() -> None:
    events: list[object] = []

    def story(link: GatewayLink, _: BareNode) -> None:
        for message_id in (5, 5, 11, 5):
            link.on_event(FrameRejected(message_id, "no number", b""))

    with capture_logs() as logs:
        linked(story, on_event=events.append)
    assert [entry["message_id"] for entry in logs] == [5, 11]
    assert len(events) == 4
