"""Thirty nights of a desk on a clock of its own: everything that is normal at night calls nobody, and the one
night that is not calls once for each thing.

Scripted events go the whole way: what is known, the facts, the rules, the alerts.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.status.actions import Send
from twsmq_nodes.status.alert_core import AlertCore
from twsmq_nodes.status.alert_rules import holding, watched
from twsmq_nodes.status.core import QUIET_S, StatusCore
from twsmq_nodes.status.facts import facts
from twsmq_nodes.status.knowledge import Knowledge
from twsmq_nodes.status.processes import START_S
from twsmq_nodes.tws.events import AccountSummary
from twsmq_nodes.tws.requests import ReqAccountSummary
from twsmq_nodes.tws.session_events import SessionUp
from twsmq_protocol.config import Config, GatewayTable
from twsmq_protocol.gateway_life import GatewayLife
from twsmq_protocol.metrics import METRICS, Metrics, MetricSamples, Sample
from twsmq_protocol.order_events import Fill, Order, OrderEvent, OrderStatus
from twsmq_protocol.processes import ORDERS, node_names
from twsmq_protocol.system_events import Gateway, Heartbeat, LinkState, Process

NS = 1_000_000_000
MIDNIGHT = 1_795_755_600  # 2026-11-27 00:00 in New York, a Friday
RESTART = 23 * 3600 + 45 * 60
CONFIG = Config(gateway=GatewayTable(life=GatewayLife(restart_at=("23:45",), restart_minutes=5.0)))
NODES = node_names(CONFIG)
DAY = 86_400
ACCOUNT = "DU1234567"


class Desk:
    """A cluster as it tells of itself. Times in seconds since the first midnight."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.random = random.Random(seed)
        self.alerts = AlertCore()
        self.watched = watched({})
        self.journal: list[OrderEvent] = []
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
        self.start_status()
        self.figures(0.4)

    @property
    def ns(self) -> int:
        return int((MIDNIGHT + self.now) * NS)

    def start_status(self) -> None:
        """Begins, maybe anew: of the alerts with what was written down, of all else with what others say."""
        numbers = itertools.count(1)
        core = StatusCore(lambda: next(numbers))
        asked = core.handle(SessionUp(200, (ACCOUNT,), 1, upstream=True), self.now)
        (self.summary,) = (
            action.request.req_id
            for action in asked
            if isinstance(action, Send) and isinstance(action.request, ReqAccountSummary)
        )
        self.known = Knowledge(CONFIG, core, {}, self.now, self.ns)
        kept, self.alerts = self.alerts.kept(), AlertCore()
        self.alerts.restore(kept, {each.rule.name: each.rule for each in self.watched}, self.now, self.ns)
        for name in NODES:
            self.process(name)
        self.gateway()
        for event in self.journal:
            self.known.take(event)

    # -- what is told

    def happen(self, event: OrderEvent) -> None:
        self.journal.append(event)
        self.known.take(event)

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
        row = AccountSummary(self.summary, ACCOUNT, "Cushion", str(cushion), "")
        self.known.core.handle(row, self.now)
        self.known.gateway_reported(row, self.now, self.ns)

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
        refused = Sample(labels={"reason": "key"}, value=500)  # once upon a time
        samples.append(
            MetricSamples(name="auth_refused_total", kind="counter", text="", bounds=[], samples=[refused])
        )
        self.known.processes.counted(Metrics(name=ORDERS, incarnation=1, metrics=samples), self.now)

    def lines(self, used: int) -> None:
        self.known.subscriptions(
            "marketdata-0",
            {"subscriptions": [], "lines": [{"kind": "market_data", "used": used, "allowed": 100}]},
            self.ns,
        )

    def order(self, status: OrderStatus, name: str) -> None:
        self.happen(
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
        self.happen(
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
            known = facts(self.known, self.now, self.ns, 10**10)
            found = holding(known, self.watched)
            self.held.update(each.rule.name for each in found)
            self.announced += [
                (self.now, each.event.name, each.event.about, each.event.state)
                for each in self.alerts.evaluate(found, self.now, self.ns, known.undecided)
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
        desk.start_status()
        desk.pass_to(desk.now + 2)
        desk.counts(wait=0.01, commit=0.01)
        desk.pass_to(at + chance.uniform(-20, 30))
        yield at
        weekly = night % 7 == 2
        desk.link("disconnected")
        desk.silent = chance.randrange(3)  # lines that were asked for in the dark
        desk.pass_to(desk.now + chance.uniform(1, 25))
        desk.silent = 0
        if chance.random() < 0.5:
            desk.start_status()  # it dies as well, and nobody else knows more than it did
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


def test_an_outage_that_began_before_the_restart_is_not_over_when_its_window_begins() -> None:
    desk = Desk(9)
    desk.pass_to(RESTART - 600)
    desk.link("disconnected")
    desk.pass_to(RESTART + 1000)
    of_link = [state for name, state in desk.names() if name != "AccountOld"]
    assert of_link == ["firing", "firing"]  # GatewayDown and its repetition
    desk.link("up")
    desk.pass_to(desk.now + 10)
    assert desk.names()[-1] == ("GatewayDown", "resolved")


def test_a_weekend_without_a_changed_figure_calls_nobody_once_they_are_asked_for_anew() -> None:
    desk = Desk(10)
    desk.pass_to(100)
    desk.state = "connecting"  # no figures from the harness; the link itself is as it was
    for _ in range(20):
        desk.pass_to(desk.now + QUIET_S, 20.0)
        asked = desk.known.core.handle(TimerFired(), desk.now)
        new = [each.request for each in asked if isinstance(each, Send)]
        (desk.summary,) = (each.req_id for each in new if isinstance(each, ReqAccountSummary))
        desk.figures(0.4)
    assert desk.announced == []
    desk.pass_to(desk.now + 700, 5.0)  # asked, and no answer
    assert desk.names() == [("AccountOld", "firing")]


def test_a_process_that_never_beat_calls_too() -> None:
    """Died while status was down: nobody ever misses what was never there."""
    desk = Desk(11)
    desk.dead.add("history")
    desk.pass_to(START_S + 28)
    assert desk.announced == []
    desk.pass_to(START_S + 40)
    assert [(name, about) for _, name, about, _ in desk.announced] == [("ProcessSilent", "history")]


def test_what_fires_when_the_watcher_is_restarted_fires_once_and_is_over_once() -> None:
    desk = Desk(12)
    desk.pass_to(100)
    desk.order("unknown", "o")
    desk.link("disconnected")
    desk.killed, desk.dead = [""], {"history"}
    desk.pass_to(200)
    fired = [("KillIncomplete", "firing"), ("OrderUnknown", "firing"), ("ProcessSilent", "firing")]
    assert sorted(desk.names()) == sorted([("GatewayDown", "firing"), *fired])
    for _ in range(3):
        desk.start_status()
        desk.pass_to(desk.now + 50)
    assert len(desk.names()) == 4
    desk.order("cancelled", "o")
    desk.link("up")
    desk.killed, desk.dead = [], set()
    desk.pass_to(desk.now + 100)
    assert sorted(desk.names()[4:]) == sorted(
        (name, "resolved") for name in ("GatewayDown", "KillIncomplete", "OrderUnknown", "ProcessSilent")
    )
