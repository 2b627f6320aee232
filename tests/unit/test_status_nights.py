"""Thirty nights of a desk on a clock of its own: everything that is normal at night calls nobody, and the one
night that is not calls once for each thing.

Scripted events go the whole way: what is known, the facts, the rules, the alerts.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest
from twsmq_nodes.status.alert_core import AlertCore
from twsmq_nodes.status.alert_rules import holding, watched
from twsmq_nodes.status.core import StatusCore
from twsmq_nodes.status.facts import facts
from twsmq_nodes.status.knowledge import Knowledge
from twsmq_protocol.config import Alerts, Config
from twsmq_protocol.metrics import METRICS, Metrics, MetricSamples, Sample
from twsmq_protocol.order_events import Fill, Order, OrderStatus
from twsmq_protocol.processes import ORDERS, node_names
from twsmq_protocol.system_events import AccountValue, Gateway, Heartbeat, LinkState, Process

NS = 1_000_000_000
MIDNIGHT = 1_795_755_600  # 2026-11-27 00:00 in New York, a Friday
RESTART = 23 * 3600 + 45 * 60
CONFIG = Config(alerts=Alerts(restart_at="23:45", restart_minutes=5.0))
NODES = node_names(CONFIG)
DAY = 86_400
ACCOUNT = "DU1234567"


class Desk:
    """A cluster as it tells of itself. Times in seconds since the first midnight."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.random = random.Random(seed)
        numbers = itertools.count(1)
        self.known = Knowledge(CONFIG, StatusCore(lambda: next(numbers)), {}, 0.0, self.ns)
        self.alerts = AlertCore()
        self.watched = watched({})
        self.announced: list[tuple[float, str, str, str]] = []
        self.held: set[str] = set()
        """Conditions that held at all."""
        self.pids = {name: 100 + number for number, name in enumerate(NODES)}
        self.restarts = dict.fromkeys(NODES, 0)
        self.dead: set[str] = set()
        self.state: LinkState = "up"
        self.upstream = True
        self.farm = "ok"
        self.silent = 0
        self.killed: list[str] = []
        self.orders = itertools.count(1)
        self.broker: dict[tuple[str, int], float] = {}
        for name in NODES:
            self.process(name)
        self.figures(0.4)
        self.gateway()

    @property
    def ns(self) -> int:
        return int((MIDNIGHT + self.now) * NS)

    # -- what is told

    def process(self, name: str, state: str = "ready") -> None:
        told = Process(name=name, state=state, pid=self.pids[name], restarts=self.restarts[name])  # pyright: ignore[reportArgumentType]
        self.known.received(told, self.now, self.ns)

    def gateway(self) -> None:
        upstream = "connected" if self.upstream else "lost"
        told = Gateway(
            state=self.state,
            host="127.0.0.1",
            port=4002,
            accounts=(ACCOUNT,),
            upstream=upstream if self.state != "disconnected" else "unknown",
            farms={"usfarm": self.farm, "ushmds": "ok"},
            ts=self.ns,
        )
        self.known.received(told, self.now, self.ns)

    def beats(self) -> None:
        for name in NODES:
            if name in self.dead:
                continue
            beat = Heartbeat(name=name, pid=self.pids[name], state="ready")
            if name == ORDERS:
                beat = Heartbeat(
                    name=name, pid=self.pids[name], state="ready", last_event_no=1, killed=self.killed
                )
            elif name.startswith("marketdata"):
                beat = Heartbeat(name=name, pid=self.pids[name], state="ready", silent_lines=self.silent)
            self.known.received(beat, self.now, self.ns)
        self.known.journal_complete(self.ns)

    def figures(self, cushion: float) -> None:
        value = AccountValue(account=ACCOUNT, tag="Cushion", value=str(cushion), currency=None)
        self.known.core.accounts.published["cushion"] = value
        self.known.gateway_spoke(self.ns, summary=True)

    def counts(self, wait: float, commit: float) -> None:
        """An answer to `metrics` with one more wait and commit as long as these."""
        samples: list[MetricSamples] = []
        for name, value in (("gateway_budget_wait_seconds", wait), ("journal_commit_seconds", commit)):
            bounds = METRICS[name].bounds
            before: list[int] = getattr(self, f"_{name}", [0] * (len(bounds) + 1))
            buckets = [n + (value <= bound) for n, bound in zip(before, (*bounds, float("inf")), strict=True)]
            setattr(self, f"_{name}", buckets)
            sample = Sample(value=0, buckets=buckets)
            samples.append(MetricSamples(name=name, kind="histogram", text="", bounds=[], samples=[sample]))
        self.known.processes.counted(Metrics(name=ORDERS, incarnation=1, metrics=samples), self.now)

    def lines(self, used: int) -> None:
        self.known.subscriptions(
            "marketdata-0",
            {"subscriptions": [], "lines": [{"kind": "market_data", "used": used, "allowed": 100}]},
            self.ns,
        )

    def order(self, status: OrderStatus, name: str) -> None:
        self.known.take(
            Order(
                client_order_id=name,
                strategy="alpha",
                instrument="STK:AAPL:SMART:USD",
                side="BUY",
                quantity=1,
                order_type="LMT",
                status=status,
                ts=self.ns,
            )
        )

    def fill(self, quantity: float) -> None:
        number = next(self.orders)
        self.known.take(
            Fill(
                client_order_id=f"f-{number}",
                strategy="alpha",
                exec_id=str(number),
                account=ACCOUNT,
                side="BUY",
                quantity=quantity,
                price=10.0,
                con_id=5,
                event_no=number,
                ts=self.ns,
            )
        )

    # -- what passes

    def pass_to(self, second: float, step: float = 1.0) -> None:
        """Everybody beats, and everything is looked at, once each `step`."""
        while self.now < second:
            self.now = min(second, self.now + step)
            self.beats()
            self.known.second(self.now, self.ns)
            self.known.count.compare(self.broker, self.now)
            if self.state == "up" and int(self.now) % 180 < step:
                self.figures(0.4)
            found = holding(facts(self.known, self.now, self.ns, 10**10), self.watched)
            self.held.update(each.rule.name for each in found)
            self.announced += [
                (self.now, each.event.name, each.event.about, each.event.state)
                for each in self.alerts.evaluate(found, self.now, self.ns)
            ]

    def link(self, state: LinkState) -> None:
        self.state = state
        self.gateway()

    def names(self) -> list[tuple[str, str]]:
        return [(name, state) for _, name, _, state in self.announced]


def nights(desk: Desk, first: int, last: int) -> Iterator[float]:
    """The moments of the restarts of some nights, with all that is normal before, in and after each."""
    for night in range(first, last):
        chance = desk.random
        at = night * DAY + RESTART
        desk.pass_to(at - 600, 120.0)
        desk.lines(used=90)
        desk.order("unknown", "o")  # a session is lost for a moment
        desk.pass_to(desk.now + chance.uniform(1, 25))
        desk.order("submitted", "o")
        desk.fill(3)
        desk.pass_to(desk.now + chance.uniform(1, 20))  # the position comes later than the fill
        desk.broker[ACCOUNT, 5] = desk.broker.get((ACCOUNT, 5), 0.0) + 3
        desk.counts(wait=0.9, commit=0.04)
        desk.pass_to(desk.now + 60)
        desk.counts(wait=0.01, commit=0.3)  # one slow commit
        desk.pass_to(desk.now + 2)
        desk.counts(wait=0.01, commit=0.01)
        one = chance.choice([name for name in NODES if name != "connection"])
        desk.dead.add(one)  # somebody is killed
        desk.pass_to(desk.now + chance.uniform(0.5, 8))
        desk.dead.remove(one)
        desk.pids[one] += 1000
        desk.restarts[one] += 1
        desk.process(one)
        desk.pass_to(at + chance.uniform(-20, 30))
        yield at
        weekly = night % 7 == 2
        desk.link("disconnected")
        desk.silent = chance.randrange(3)  # lines that were asked for in the dark
        desk.pass_to(desk.now + chance.uniform(1, 25))
        desk.silent = 0
        desk.pass_to(desk.now + chance.uniform(60, 200 if weekly else 90))
        desk.link("connecting")
        desk.pass_to(desk.now + 2)
        desk.farm = "broken"
        desk.link("up")
        desk.pass_to(desk.now + chance.uniform(1, 90))
        desk.farm = "ok"
        desk.gateway()
        for _ in range(chance.randrange(4)):  # the broker's own resets after midnight
            desk.pass_to(desk.now + chance.uniform(100, 1500), 5.0)
            desk.upstream = False
            desk.link("upstream_lost")
            desk.pass_to(desk.now + chance.uniform(5, 110))
            desk.upstream = True
            desk.link("up")


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_thirty_nights_call_nobody(seed: int) -> None:
    desk = Desk(seed)
    assert len(list(nights(desk, 0, 30))) == 30
    desk.pass_to(30 * DAY + 12 * 3600, 120.0)
    assert desk.announced == []
    assert desk.held >= {  # it was not for want of trouble
        *("UpstreamLost", "FarmBroken", "OrderUnknown", "SilentFeed", "PositionsDiffer", "JournalSlow"),
    }


def test_a_gateway_that_does_not_come_back_calls_once_and_is_over_once() -> None:
    desk = Desk(4)
    desk.pass_to(RESTART + 5)
    desk.link("disconnected")
    desk.pass_to(RESTART + 299)
    assert desk.announced == []
    desk.pass_to(RESTART + 600)
    assert desk.names() == [("RestartNotBack", "firing"), ("GatewayDown", "firing")]
    assert desk.announced[0][0] <= RESTART + 302
    desk.link("up")
    desk.figures(0.4)
    desk.pass_to(desk.now + 20)
    assert sorted(desk.names()[2:]) == [("GatewayDown", "resolved"), ("RestartNotBack", "resolved")]


def test_a_process_that_dies_again_and_again_calls_and_is_over_after_ten_minutes() -> None:
    desk = Desk(5)
    desk.pass_to(100)
    for _ in range(3):
        desk.restarts["history"] += 1
        desk.process("history")
        desk.pass_to(desk.now + 20)
    assert desk.names() == [("ProcessFlapping", "firing")]
    desk.pass_to(desk.now + 530, 5.0)
    assert desk.names() == [("ProcessFlapping", "firing")]
    desk.pass_to(desk.now + 80)
    assert desk.names() == [("ProcessFlapping", "firing"), ("ProcessFlapping", "resolved")]


def test_nothing_heard_of_anybody_else_calls_though_the_watcher_hears_itself() -> None:
    desk = Desk(7)
    desk.pass_to(100)
    desk.dead |= set(NODES) - {"status"}
    desk.pass_to(100 + 119)
    assert "NothingHeard" not in {name for name, _ in desk.names()}
    desk.pass_to(100 + 122)
    assert ("NothingHeard", "firing") in desk.names()
    desk.dead.clear()
    desk.pass_to(desk.now + 10)
    assert ("NothingHeard", "resolved") in desk.names()


def test_lines_that_stay_silent_call_and_are_over_when_they_tick() -> None:
    desk = Desk(8)
    desk.pass_to(100)
    desk.silent = 3
    desk.pass_to(129)
    assert desk.announced == []
    desk.pass_to(133)
    desk.silent = 0
    desk.pass_to(140)
    assert desk.names() == [("SilentFeed", "firing"), ("SilentFeed", "resolved")]


def test_positions_that_differ_call_and_are_over_when_they_agree() -> None:
    desk = Desk(6)
    desk.pass_to(100)
    desk.broker[ACCOUNT, 5] = 7.0
    desk.pass_to(155)
    assert desk.announced == []
    desk.pass_to(170)
    del desk.broker[ACCOUNT, 5]  # closed: the broker does not list it any more
    desk.pass_to(180)
    assert desk.names() == [("PositionsDiffer", "firing"), ("PositionsDiffer", "resolved")]
