"""A handle of an order asks the node for what it may have missed: when a wait begins, and when events are
lost while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from msgspec.structs import replace
from twsmq._sync.handles import SyncOrderHandle
from twsmq.errors import OutcomeUnknown
from twsmq.inbox import BEATS, Received
from twsmq.mirrors import Mirrors, StrategyMirror
from twsmq_protocol.order_events import Order
from twsmq_protocol.requests import OrderAccepted
from twsmq_protocol.system_events import Heartbeat

ORDER: Any = {
    "strategy": "alpha",
    "client_order_id": "a-1",
    "instrument": "STK:AAPL:SMART:USD",
    "side": "BUY",
    "quantity": 10.0,
    "order_type": "LMT",
}
BEAT = Heartbeat(name="orders", pid=1, state="ready", uptime_s=1.0)


def an_order(event_no: int, status: Any) -> Order:
    return Order(**ORDER, status=status, event_no=event_no, strategy_no=event_no, gateway_status="x")


OTHER = replace(an_order(6, "pending"), client_order_id="b-9")


class Owner:
    """The node's orders, and what comes on the socket: a step for each time somebody waits."""

    def __init__(self, *steps: Callable[[], None]) -> None:
        self.mirrors = Mirrors()
        self.mirror = self.mirrors.strategies["alpha"] = StrategyMirror("alpha")
        self.at_node = an_order(2, "submitted")
        self.asked = 0
        self.down = 0
        self.steps = list(steps)

    def place_order(self, **_: Any) -> OrderAccepted:
        return OrderAccepted(client_order_id="a-1", order_id=7, status="pending")

    def get_orders(self, **_: Any) -> list[Order]:
        self.asked += 1
        if self.down:
            self.down -= 1
            raise OutcomeUnknown("orders", "get_orders", 5.0)
        return [self.at_node]

    def wait_until(self, look: Callable[[], Any], timeout: float | None) -> Any:
        while (found := look()) in (None, False):
            if not self.steps:
                raise TimeoutError
            self.steps.pop(0)()
        return found

    def handle(self) -> SyncOrderHandle:
        return SyncOrderHandle(cast("Any", self), self.mirror, ORDER, 5.0)

    def fills_unseen(self) -> None:
        """Its last event was lost; what comes next shows it."""
        self.at_node = an_order(5, "filled")


def test_an_end_whose_event_was_lost_is_asked_for() -> None:
    owner = Owner()
    owner.steps = [
        owner.fills_unseen,
        lambda: owner.mirrors.take(Received("order/alpha/b-9/", OTHER, 1)),
    ]
    assert owner.handle().done(timeout=60).status == "filled"
    assert owner.asked == 2


def test_a_heartbeat_that_shows_the_loss_is_enough_and_a_node_that_is_down_is_asked_again() -> None:
    owner = Owner()

    def lose() -> None:
        owner.fills_unseen()
        owner.down = 2
        owner.mirrors.take(Received(BEATS, BEAT, 3))

    owner.steps = [lose]
    assert owner.handle().done(timeout=60).status == "filled"
    assert owner.asked == 4


def test_nothing_is_asked_while_nothing_is_lost() -> None:
    owner = Owner()
    quiet = [lambda: owner.mirrors.take(Received(BEATS, BEAT, 0)) for _ in range(5)]
    owner.steps = [*quiet, lambda: owner.mirror.take(an_order(9, "cancelled"))]
    assert owner.handle().done(timeout=60).status == "cancelled"
    assert owner.asked == 1


def test_an_older_state_never_stands_above_a_newer() -> None:
    owner = Owner()
    owner.mirror.take(an_order(9, "filled"))
    assert owner.handle().done(timeout=60).status == "filled"
    owner.mirror.learn(an_order(3, "submitted"))
    assert owner.mirror["a-1"].status == "filled"


def test_the_first_question_s_outcome_is_the_caller_s_business() -> None:
    owner = Owner()
    owner.down = 1
    with pytest.raises(OutcomeUnknown):
        owner.handle().done(timeout=60)
