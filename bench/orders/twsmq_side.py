"""Strategies that trade through the orders node: a plain DEALER for each, and one SUB for all events.

    python twsmq_side.py PORT_BASE RATE COUNT [STRATEGIES WINDOW]

At a RATE one strategy sends as the other sides do. With rate 0 STRATEGIES send COUNT orders in all as fast as
the node takes them: each keeps WINDOW requests unanswered. Every order must be accepted and, at the end, be
`submitted` by an event.
"""

from __future__ import annotations

import sys
import time
from typing import Any, cast

import zmq
from side import (
    ACCOUNT,
    CURRENCY,
    EXCHANGE,
    LIMIT,
    QUANTITY,
    SYMBOL,
    arguments,
    begin,
    pace,
    reference,
    tell,
)
from twsmq_protocol import codec
from twsmq_protocol.order_events import Order
from twsmq_protocol.order_requests import PlaceOrder
from twsmq_protocol.system_events import Heartbeat

INSTRUMENT = f"STK:{SYMBOL}:{EXCHANGE}:{CURRENCY}"
NODE = b"node/orders/"
TIMEOUT_MS = 30_000


class Strategy:
    """One DEALER. `sent`: when each order was asked for, by its reference (monotonic ns)."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], port: int, number: int) -> None:
        self.socket = context.socket(zmq.DEALER)
        self.socket.connect(f"tcp://127.0.0.1:{port}")
        self.number = number
        self.sent: dict[str, int] = {}
        self.unanswered = 0

    def place(self, number: int) -> None:
        ref = reference(self.number, number)
        strategy, _, client_order_id = ref.partition("/")
        order = PlaceOrder(
            strategy=strategy,
            client_order_id=client_order_id,
            instrument=INSTRUMENT,
            side="BUY",
            quantity=QUANTITY,
            order_type="LMT",
            limit_price=LIMIT,
            tif="DAY",
            account=ACCOUNT,
        )
        self.sent[ref] = time.monotonic_ns()
        self.socket.send(codec.encode_request(number, "place_order", order), zmq.NOBLOCK)
        self.unanswered += 1

    def hear(self) -> None:
        """Take in every reply that is there."""
        while cast("int", self.socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            reply = codec.decode_reply(self.socket.recv())
            assert reply.ok, reply.error
            self.unanswered -= 1


class Ear:
    """Hears the events of all orders, once it has heard that the node is ready."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], port_base: int) -> None:
        self.socket = context.socket(zmq.SUB)
        self.socket.setsockopt(zmq.RCVHWM, 0)
        self.socket.subscribe(b"order/")
        self.socket.subscribe(NODE)
        self.socket.connect(f"tcp://127.0.0.1:{port_base + 31}")
        self.submitted = 0
        while not self._ready():
            pass
        self.socket.unsubscribe(NODE)

    def _ready(self) -> bool:
        assert self.socket.poll(TIMEOUT_MS), "the orders node does not beat"
        _, event = codec.decode_event(self.socket.recv())
        return isinstance(event, Heartbeat) and event.state == "ready"

    def hear(self) -> None:
        while cast("int", self.socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            _, event = codec.decode_event(self.socket.recv())
            self.submitted += isinstance(event, Order) and event.status == "submitted"


def as_fast_as_taken(strategies: list[Strategy], ear: Ear, each: int, window: int) -> None:
    poller = zmq.Poller()
    for heard in (*strategies, ear):
        poller.register(heard.socket, zmq.POLLIN)
    while any(len(strategy.sent) < each for strategy in strategies):
        for strategy in strategies:
            while strategy.unanswered < window and len(strategy.sent) < each:
                strategy.place(len(strategy.sent))
        assert poller.poll(TIMEOUT_MS), "no reply"
        for heard in (*strategies, ear):
            heard.hear()


def finish(strategies: list[Strategy], ear: Ear, count: int) -> None:
    waiting: list[Any] = [*strategies, ear]
    while any(strategy.unanswered for strategy in strategies) or ear.submitted < count:
        poller = zmq.Poller()
        for heard in waiting:
            poller.register(heard.socket, zmq.POLLIN)
        assert poller.poll(TIMEOUT_MS), f"{ear.submitted} of {count} orders were submitted, then silence"
        for heard in waiting:
            heard.hear()


def main() -> None:
    port_base, rate, count = arguments()
    desk, window = (int(argument) for argument in sys.argv[4:6]) if rate == 0 else (1, 0)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    ear = Ear(context, port_base)
    strategies = [Strategy(context, port_base + 30, number) for number in range(1, desk + 1)]
    begin()
    if rate:
        (strategy,) = strategies

        def hear() -> None:
            strategy.hear()
            ear.hear()

        pace(rate, count, strategy.place, hear)
    else:
        as_fast_as_taken(strategies, ear, count // desk, window)
    finish(strategies, ear, count)
    tell(sent={ref: at for strategy in strategies for ref, at in strategy.sent.items()})
    context.destroy(linger=0)


if __name__ == "__main__":
    main()
