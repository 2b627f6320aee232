"""Subscribers come and go by the hundred while everything that can fail fails: in the end each has exactly
what it asked for, the gateway has exactly their lines, and whatever was lost was told.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from conftest import GATEWAY_OFFSET, orphans_refused
from support.node_process import NodeProcess
from support.plain_client import PlainClient
from support.simulated_gateway import GatewayProcess
from twsmq_protocol.topics import parse_stream_topic
from twsmq_simulator.market.listing import build

CATALOGUE = [each for each in build(date.today()) if each.sec_type in ("STK", "CASH", "OPT") and each.quoted]
CHOSEN = random.Random(5).sample(CATALOGUE, 60)
TOPICS = [f"quote/CONID:{each.con_id}/" for each in CHOSEN] + [
    f"tick/CONID:{each.con_id}:{each.valid_exchanges[0]}/" for each in CHOSEN[:40]
]
FLOWING = ("active", "resumed", "delayed")
SETTLE_S = 40.0
MOST_WANTED = 4


class Subscriber:
    """One SUB socket and what it knows of its topics. Breaking the protocol's promises fails the test."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str) -> None:
        self.wanted: set[str] = set()
        self.fresh: set[str] = set()
        self._state: dict[str, str] = {}
        self._why: dict[str, str | None] = {}
        self._inc: dict[str, int] = {}
        self._seq: dict[str, int] = {}
        self.owed: set[str] = set()  # the node was restarted and has not told of the gap yet
        self.socket = context.socket(zmq.SUB)
        for option, value in (
            (zmq.RCVHWM, 0),
            (zmq.LINGER, 0),
            (zmq.RECONNECT_IVL, 50),
            (zmq.RECONNECT_IVL_MAX, 200),
        ):
            self.socket.setsockopt(option, value)
        self.socket.connect(endpoint)

    def join(self, topic: str) -> None:
        if topic not in self.wanted:
            self.wanted.add(topic)
            self.socket.subscribe(topic)

    def drop_one(self, other_than: str) -> None:
        topic = next((topic for topic in self.wanted if topic != other_than), None)
        if topic is not None:
            self.wanted.discard(topic)
            self.socket.unsubscribe(topic)
            self.owed.discard(topic)
            for known in (self._state, self._inc, self._seq):
                known.pop(topic, None)

    def last(self, topic: str) -> str:
        """What was last said of a topic's state."""
        return f"{self._state.get(topic)} {self._why.get(topic)}"

    def drain(self) -> None:
        while True:
            try:
                frame = self.socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            topic, _, body = frame.partition(b"\0")
            event: Any = msgpack.unpackb(body)
            if topic.decode() in self.wanted:
                self.hear(topic.decode(), event)

    def hear(self, topic: str, event: dict[str, Any]) -> None:
        before, inc = self._inc.get(topic), event["inc"]
        if before == inc:
            assert event["seq"] == self._seq[topic] + 1, f"{topic}: an event was lost and nobody said so"
        elif before is not None:
            self.owed.add(topic)
        self._inc[topic], self._seq[topic] = inc, event["seq"]
        if event["type"] == "stream":
            if event["state"] == "gap":
                self.owed.discard(topic)
            self._state[topic], self._why[topic] = event["state"], event["text"] or event["reason"]
            self.fresh.discard(topic)
        elif not event["snapshot"]:
            state = self._state.get(topic)
            assert state in (None, "gap", *FLOWING), f"{topic}: data while it is {state}"
            if state in FLOWING:
                self.fresh.add(topic)


class Storm:
    """Faults of one gateway and one node, chosen by `chance`."""

    def __init__(self, gateway: GatewayProcess, node: NodeProcess, chance: random.Random) -> None:
        self.gateway, self.node = gateway, node
        self._chance = chance
        self.told: list[str] = []

    def strike(self) -> None:
        fault = self._chance.choice(
            [self.drop, self.outage, self.farm, self.silence, self.gateway_dies, self.node_dies]
        )
        self.told.append(fault.__name__)
        fault()

    def drop(self) -> None:
        self.gateway.command("drop")

    def outage(self) -> None:
        self.gateway.command("connectivity_lost")
        self.gateway.command("connectivity_restored", data_lost=self._chance.random() < 0.5)

    def farm(self) -> None:
        self.gateway.command("farm", code=2103, name="usfarm")
        self.gateway.command("farm", code=2104, name="usfarm")

    def silence(self) -> None:
        for on in (True, False):
            self.gateway.command("silent_feed", symbol="AAPL", on=on)

    def gateway_dies(self) -> None:
        self.gateway.kill()
        self.gateway.start()

    def node_dies(self) -> None:
        os.kill(self.node.pid, signal.SIGKILL)
        self.node.wait()
        self.node.start()


@pytest.fixture(autouse=True)
def no_orphans() -> Iterator[None]:
    with orphans_refused():
        yield


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("subscribers", "seconds"), [(40, 10), pytest.param(200, 60, marks=pytest.mark.slow)]
)
def test_churning_subscribers_end_with_exactly_what_they_asked_for(
    tmp_path: Path, port_base: int, subscribers: int, seconds: int
) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    config = tmp_path / "twsmq.toml"
    config.write_text(
        f"[cluster]\nport_base = {port_base}\n[gateway]\nport = {port_base + GATEWAY_OFFSET}\n"
        "messages_per_second = 150\n[marketdata]\ngrace_s = 0.5\nquiet_repeat_s = 1\nlines = 1000\n"
    )
    options = ("--tick-rate", "5", "--control-port", "0")
    gateway = GatewayProcess(tmp_path / "sim", *options, port=port_base + GATEWAY_OFFSET)
    node = NodeProcess("marketdata", config)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    context.set(zmq.MAX_SOCKETS, 2000)
    crowd: list[Subscriber] = []
    try:
        gateway.start()
        node.start()
        crowd += [Subscriber(context, f"tcp://127.0.0.1:{port_base + 21}") for _ in range(subscribers)]
        storm = Storm(gateway, node, chance)
        next_fault, end = time.monotonic() + 2, time.monotonic() + seconds
        while time.monotonic() < end:
            for _ in range(5):
                one, topic = chance.choice(crowd), chance.choice(TOPICS)
                (one.join if len(one.wanted) < MOST_WANTED and chance.random() < 0.7 else one.drop_one)(topic)
            listen(crowd, 0.02)
            if time.monotonic() > next_fault:
                storm.strike()
                next_fault = time.monotonic() + 2
        settle(crowd)
        wanted = {topic for one in crowd for topic in one.wanted}
        lines_match(gateway, port_base, crowd, wanted)
        print(f"seed {seed}: {storm.told}, {len(wanted)} topics wanted")
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}") from error
    finally:
        node.kill()
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.stop()
        context.destroy(0)


def listen(crowd: list[Subscriber], timeout: float) -> None:
    poller = zmq.Poller()
    by_socket = {one.socket: one for one in crowd}
    for socket in by_socket:
        poller.register(socket, zmq.POLLIN)
    for socket, _ in poller.poll(int(timeout * 1000)):
        by_socket[socket].drain()


def settle(crowd: list[Subscriber]) -> None:
    """Until fresh data have come on every topic to everyone who wants it."""
    for one in crowd:
        one.fresh.clear()
    deadline = time.monotonic() + SETTLE_S
    # A restarted node may send data to one whose subscription it has not read yet: the word follows.
    while missing := {
        (topic, one.last(topic)) for one in crowd for topic in one.wanted - one.fresh | one.owed
    }:
        assert time.monotonic() < deadline, f"no fresh data within {SETTLE_S:.0f} s: {missing}"
        listen(crowd, 0.2)


def lines_match(gateway: GatewayProcess, port_base: int, crowd: list[Subscriber], wanted: set[str]) -> None:
    """The node's subscriptions and the gateway's lines are the union of what is wanted."""
    instruments = {topic: parse_stream_topic(topic) for topic in wanted}
    con_ids = {each.instrument.con_id for each in instruments.values() if each and each.instrument}
    client = PlainClient(port_base)
    deadline = time.monotonic() + SETTLE_S
    try:
        while True:
            rows = client.result("marketdata-0", "subscriptions")["subscriptions"]
            held = {row["topic"] for row in rows}
            followed = set(gateway.command("status")["followed"])
            if held == wanted and followed == con_ids:
                return
            assert time.monotonic() < deadline, (held ^ wanted, followed ^ con_ids)
            listen(crowd, 0.2)
    finally:
        client.close()
