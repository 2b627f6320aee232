"""Subscribers come and go by the hundred while everything that can fail fails: in the end each has exactly
what it asked for, the gateway has exactly their lines, whatever was lost was told, and nobody holds a silent
line of which it was not told.
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
from support.patience import patient
from support.plain_client import PlainClient
from support.simulated_gateway import GatewayProcess
from twsmq_protocol.topics import parse_stream_topic
from twsmq_simulator.faults import HISTORY_TROUBLES
from twsmq_simulator.handlers.news import NEWS_PROVIDERS
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.market.listing import build

CATALOGUE = [each for each in build(date.today()) if each.sec_type in ("STK", "CASH", "OPT") and each.quoted]
CHOSEN = random.Random(5).sample(CATALOGUE, 40)
STOCKS = [each for each in CATALOGUE if each.sec_type == "STK"]
_PACED = [f"CONID:{each.con_id}:SMART" for each in STOCKS]
TOPICS = [
    *(f"quote/CONID:{each.con_id}/" for each in CHOSEN),
    *(f"tick/CONID:{each.con_id}:{each.valid_exchanges[0]}/" for each in CHOSEN[:20]),
    *(f"bars/1m/{spelled};back=1800S/" for spelled in _PACED[:14]),
    *(f"bars/5s/{spelled};back=600S/" for spelled in _PACED[:6]),
    *(f"bar5s/{spelled}/" for spelled in _PACED[:6]),
    *(f"{kind}/{spelled}/" for kind in ("trade", "bbo") for spelled in _PACED[:4]),
    *(f"depth/{spelled}/" for spelled in _PACED[:6]),
    *(f"quote/{spelled};generic=292/" for spelled in _PACED[:3]),
    *(f"news/{provider}/" for provider, _ in NEWS_PROVIDERS),
]
FLOWING = ("active", "resumed", "delayed")
ANNOUNCED = ("starting", "gap", "error")
SETTLE_S = 40.0
MOST_WANTED = 4
ON_ITS_WAY_S = 2.0
SLOW_MS = 700
"""Between the attempts of every fourth subscriber to connect anew: others have come and gone by then."""
BROKEN_RULES = (100, 322, 420, 10190)
"""What a gateway says to who asks too often or for too much."""
HISTORY_LEFT_ALONE = ("permissions",)
"""Refusals that are final, as they should be."""


def paced(topic: str) -> bool:
    """Whether the gateway's pacing, or its few lines of the kind, may keep it waiting for minutes."""
    return topic.partition("/")[0] not in ("quote", "tick")


def is_news(topic: str) -> bool:
    """A provider may be silent for a while: of its line only what is said of it shows that it is there."""
    return topic.startswith("news/")


class Subscriber:
    """One SUB socket and what it knows of its topics. Breaking the protocol's promises fails the test."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str, *, reconnect_ms: int = 50
    ) -> None:
        self.wanted: set[str] = set()
        self._dropped_at: dict[str, float] = {}
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
            (zmq.RECONNECT_IVL, reconnect_ms),
            (zmq.RECONNECT_IVL_MAX, 4 * reconnect_ms),
        ):
            self.socket.setsockopt(option, value)
        self.socket.connect(endpoint)

    def join(self, topic: str) -> None:
        """Not what was dropped a moment ago: what was on its way then would look like news, with a hole."""
        if topic not in self.wanted and time.monotonic() > self._dropped_at.get(topic, 0.0) + ON_ITS_WAY_S:
            self.wanted.add(topic)
            self.socket.subscribe(topic)

    def drop_one(self, other_than: str) -> None:
        topic = next((topic for topic in self.wanted if topic != other_than), None)
        if topic is not None:
            self.wanted.discard(topic)
            self._dropped_at[topic] = time.monotonic()
            self.socket.unsubscribe(topic)
            self.owed.discard(topic)
            for known in (self._state, self._inc, self._seq):
                known.pop(topic, None)

    def last(self, topic: str) -> str:
        """What was last said of a topic's state."""
        return f"{self._state.get(topic)} {self._why.get(topic)}"

    def unsettled(self) -> set[str]:
        """What neither flows nor, where pacing may keep it waiting, was announced to wait."""
        waiting = {topic for topic in self.wanted if paced(topic) and self._state.get(topic) in ANNOUNCED}
        news = {topic for topic in self.wanted if is_news(topic) and self._state.get(topic) in FLOWING}
        return (self.wanted - self.fresh - waiting - news) | self.owed

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
            self._state.pop(topic, None)  # as it was told by an earlier life
        self._inc[topic], self._seq[topic] = inc, event["seq"]
        if event["type"] == "stream":
            if event["state"] == "gap" or (paced(topic) and event["state"] in ANNOUNCED):
                self.owed.discard(topic)
            self._state[topic], self._why[topic] = event["state"], event["text"] or event["reason"]
            self.fresh.discard(topic)
            assert event["code"] not in BROKEN_RULES, f"{topic}: {event}"
        else:
            assert -1.0 not in event.values(), f"{topic}: {event}"
            assert 0.0 not in (event.get("bid"), event.get("ask")), f"{topic}: {event}"
        if event["type"] != "stream" and not event.get("snapshot"):
            state = self._state.get(topic)
            assert state in (None, "gap", *FLOWING), f"{topic}: data while it is {state}"
            if state in FLOWING:
                self.fresh.add(topic)


class Storm:
    """Faults of one gateway and one node, chosen by `chance`. Some last until `relieve`."""

    def __init__(
        self, gateway: GatewayProcess, node: NodeProcess, chance: random.Random, *, definitions: bool
    ) -> None:
        """`definitions`: also what makes contracts unknown for a while; a minute later it is believed."""
        self.gateway, self.node = gateway, node
        self._chance = chance
        self.told: list[str] = []
        self._faults = [
            self.drop, self.outage, self.broken_link, self.farm, self.farm_flap, self.silent_feed,
            self.no_quote, self.localised, self.slow_details, self.history_trouble, self.gateway_dies,
            self.node_dies, self.lost_lines, self.turned_delayed, self.disorder,
        ]  # fmt: skip
        if definitions:
            self._faults += [self.false_definitions, self.outage_without_end, self.refused_in_calm]
        self._due: list[Any] = []

    def strike(self) -> None:
        """Another fault: each kind comes once before any comes again."""
        if not self._due:
            self._due = self._chance.sample(self._faults, len(self._faults))
        fault = self._due.pop()
        self.told.append(fault.__name__)
        fault()

    def relieve(self) -> None:
        for each in STOCKS:
            self.gateway.command("silent_feed", symbol=each.symbol, on=False)
            self.gateway.command("no_quote", symbol=each.symbol, on=False)
            self.gateway.command("delayed", symbol=each.symbol, on=False)
        self.gateway.command("slow_details", rows_per_second=0.0)
        self.gateway.command("false_200", on=False)

    def one(self) -> Instrument:
        return self._chance.choice(STOCKS[:14])

    def drop(self) -> None:
        self.gateway.command("drop")

    def outage(self) -> None:
        self.gateway.command("connectivity_lost")
        lost = self._chance.choice(({}, {"data_lost": True}, {"bars_lost": True}))
        self.gateway.command("connectivity_restored", **lost)

    def outage_without_end(self) -> None:
        """A 1100 that only the farms, and then a probe, end."""
        self.gateway.command("connectivity_lost", false_200=True)
        self.gateway.command("connectivity_restored", quietly=True)

    def broken_link(self) -> None:
        self.gateway.command("broken_link", seconds=1.0)

    def farm(self) -> None:
        self.gateway.command("farm", code=2103, name="usfarm")
        self.gateway.command("farm", code=2104, name="usfarm")

    def farm_flap(self) -> None:
        kind = self._chance.choice(("market", "history"))
        bars_lost = self._chance.random() < 0.5
        self.gateway.command("farm_flap", kind=kind, seconds=1.0, bars_lost=bars_lost)

    def silent_feed(self) -> None:
        """Bars are dead while quotes live, or the other way round."""
        feed = self._chance.choice(("all", "quotes", "bars", "ticks", "depth"))
        self.gateway.command("silent_feed", symbol=self.one().symbol, feed=feed)

    def no_quote(self) -> None:
        price = self._chance.choice((-1.0, 0.0))
        self.gateway.command("no_quote", symbol=self.one().symbol, price=price)

    def localised(self) -> None:
        self.gateway.command("texts", language=self._chance.choice(("de", "zh", "en")))
        self.gateway.command("zones", style=self._chance.choice(("captured", "iana", "windows", "utc")))

    def slow_details(self) -> None:
        self.gateway.command("slow_details", rows_per_second=self._chance.choice((0.5, 5.0)))

    def history_trouble(self) -> None:
        kinds = sorted(set(HISTORY_TROUBLES) - set(HISTORY_LEFT_ALONE))
        for kind in self._chance.sample(kinds, 3):
            self.gateway.command("history_trouble", kind=kind)

    def false_definitions(self) -> None:
        self.gateway.command("farm_flap", kind="definitions", seconds=1.0)
        self.drop()  # whoever comes back looks up what it wants while it finds nothing

    def lost_lines(self) -> None:
        """The gateway no longer knows them, and says so by the way."""
        for code in (300, 310, 366):
            self.gateway.command("end_stream", symbol=self.one().symbol, code=code)

    def refused_in_calm(self) -> None:
        """What flowed is refused though nothing is broken: asked for again half a minute later."""
        code = self._chance.choice((200, 354))
        self.gateway.command("end_stream", symbol=self.one().symbol, code=code)

    def turned_delayed(self) -> None:
        self.gateway.command("delayed", symbol=self.one().symbol)

    def disorder(self) -> None:
        self.gateway.command("old_bars", symbol=self.one().symbol)

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
        "messages_per_second = 40\n[marketdata]\ngrace_s = 0.5\nquiet_repeat_s = 1\nsilent_s = 5\n"
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
        endpoint = f"tcp://127.0.0.1:{port_base + 21}"
        crowd += [
            Subscriber(context, endpoint, reconnect_ms=50 if number % 4 else SLOW_MS)
            for number in range(subscribers)
        ]
        storm = Storm(gateway, node, chance, definitions=seconds > 30)
        next_fault, end = time.monotonic() + 2, time.monotonic() + seconds
        while time.monotonic() < end:
            for _ in range(5):
                one, topic = chance.choice(crowd), chance.choice(TOPICS)
                (one.join if len(one.wanted) < MOST_WANTED and chance.random() < 0.7 else one.drop_one)(topic)
            listen(crowd, 0.02)
            if time.monotonic() > next_fault:
                storm.strike()
                next_fault = time.monotonic() + 2
        storm.relieve()
        settle(crowd, SETTLE_S if seconds < 30 else 4 * SETTLE_S)
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


def settle(crowd: list[Subscriber], within_s: float) -> None:
    """Until everyone has fresh data of every topic it wants, or was told why there are none."""
    for one in crowd:
        one.fresh.clear()
    deadline = time.monotonic() + patient(within_s)
    # A restarted node may send data to one whose subscription it has not read yet: the word follows.
    while missing := {(topic, one.last(topic)) for one in crowd for topic in one.unsettled()}:
        assert time.monotonic() < deadline, f"no fresh data within {within_s:.0f} s: {missing}"
        listen(crowd, 0.2)


def lines_match(gateway: GatewayProcess, port_base: int, crowd: list[Subscriber], wanted: set[str]) -> None:
    """The node's subscriptions and the gateway's lines are the union of what is wanted; of what is paced, the
    gateway may not have been asked yet.
    """
    con_ids = {topic: _con_id(topic) for topic in wanted if not is_news(topic)}
    news = sum(map(is_news, wanted))
    at_once = {con_id for topic, con_id in con_ids.items() if not paced(topic)}
    client = PlainClient(port_base)
    deadline = time.monotonic() + patient(SETTLE_S)
    try:
        while True:
            result = client.result("marketdata-0", "subscriptions")
            held = {row["topic"] for row in result["subscriptions"]}
            (of_news,) = (use["used"] for use in result["lines"] if use["kind"] == "news")
            followed = set(gateway.command("status")["followed"])
            if held == wanted and at_once <= followed <= set(con_ids.values()) and of_news == news:
                return
            assert time.monotonic() < deadline, (held ^ wanted, followed ^ at_once, of_news, news)
            listen(crowd, 0.2)
    finally:
        client.close()


def _con_id(topic: str) -> int:
    parsed = parse_stream_topic(topic)
    assert parsed is not None
    assert parsed.instrument is not None
    return parsed.instrument.con_id
