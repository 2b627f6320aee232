"""A week of 100 instruments over all kinds of streams, on a clock of its own, against a model of the gateway.

It has a weekend, a change to summer time (Europe, 29 March 2026), a holiday (Good Friday), a restart every
night with its false "no definition", resets with 1101 and 1102, farms that flap and lines that die without a
word. Held throughout: what is interrupted is announced at once, what dies silently within the hour; no
request breaks a pacing rule; no line is asked for by a contract that was looked up more than a day before.

TWSMQ_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
from collections import Counter, deque
from datetime import UTC, datetime

import pytest
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.marketdata.core import MarketdataCore
from twsmq_nodes.marketdata.invariants import validate
from twsmq_nodes.marketdata.line import Line
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import requests as req
from twsmq_nodes.tws import stream_requests as streams
from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived
from twsmq_nodes.tws.session_events import (
    DataLost,
    DataMaintained,
    FarmState,
    FarmStatus,
    SessionUp,
    UpstreamLost,
)
from twsmq_protocol.config import Marketdata
from twsmq_simulator.market import hours

BEGIN = datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp()
WEEK_S, STEP_S = 7 * 86_400.0, 15.0
PER_SECOND = 13.5  # the shard's share of the message budget
HOUR = 3600.0
UP = SessionUp(server_version=200, accounts=("DU1",), next_order_id=1, upstream=True)
MARKETS = ("us_equity", "us_equity", "xetra", "forex", "always")
ZONES = {"us_equity": "US/Eastern", "xetra": "MET", "forex": "America/New_York", "always": "UTC"}
FLOWING = frozenset(("active", "delayed", "frozen", "resumed"))
FARMS = {"market": "usfarm", "historical": "ushmds", "security_definition": "secdefil"}
LINES = (
    streams.ReqMktData
    | streams.ReqTickByTick
    | streams.ReqDepth
    | streams.ReqRealTimeBars
    | ref.ReqHistoricalData
)


def topics() -> list[str]:
    names = [f"STK:S{number}:SMART:USD" for number in range(100)]
    return [
        *(f"quote/{name}/" for name in names),
        *(f"tick/{name}/" for name in names[:10]),
        *(f"greeks/{name};data=any/" for name in names[10:20]),
        *(f"trade/{name}/" for name in names[:15]),
        *(f"bbo/{name}/" for name in names[5:15]),
        *(f"midpoint/{name}/" for name in names[10:15]),
        *(f"depth/{name}/" for name in names[20:30]),
        *(f"bar5s/{name}/" for name in names[30:50]),
        *(f"bars/1m/{name}/" for name in names[50:65]),
        *(f"bars/5s/{name}/" for name in names[65:75]),
        *(f"bars/1h/{name}/" for name in names[75:80]),
        "news/BRFG/",
    ]


class Week:
    """The core, its shell and a gateway. `now` runs from 0; `BEGIN` is added for the wall clock."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        config = Marketdata(lines=300, depth_lines=20, tick_by_tick_lines=40)
        self.core = MarketdataCore(config=config, listings={}, wall_s=BEGIN)
        self.now = 0.0
        self.queue: deque[ev.Ask] = deque()
        self.lines: dict[int, Contract] = {}  # at the gateway
        self.kinds: dict[int, type[req.Request]] = {}
        self.dead: set[int] = set()  # of these, lines of which nothing comes any more
        self.armed: set[int] = set()
        self.data_at: dict[int, float] = {}
        self.answers: list[tuple[float, int, Contract]] = []
        self.looked_up: dict[int, float] = {}
        self.status: dict[str, str] = {}
        self.upstream = True
        self.broken: set[str] = set()
        self.reset_until = 0.0
        self.silent_since: dict[str, float] = {}
        self.worst = 0.0
        self.asked: Counter[str] = Counter()
        self.ticks: dict[int, float] = {}  # by instrument: when tick-by-tick data were last asked for
        self.histories: dict[tuple[object, ...], float] = {}
        self.small: deque[float] = deque()
        self.small_of: dict[int, deque[float]] = {}
        self.did: Counter[str] = Counter()
        self.pace = {number: self.random.choice([0, 0, 0, 0, 120, 600]) for number in range(1, 101)}
        self.spans = {kind: self.open_spans(kind) for kind in set(MARKETS)}
        self.open_at, self.open = -1.0, frozenset[str]()
        self.future = self.faults()

    # -- the calendar

    def open_spans(self, kind: str) -> list[tuple[float, float]]:
        days = [datetime.fromtimestamp(BEGIN + n * 86_400, UTC).date() for n in range(-1, 9)]
        spans = [hours.session_span(kind, day, regular=False) for day in days]
        return [(span[0].timestamp() - BEGIN, span[1].timestamp() - BEGIN) for span in spans if span]

    def is_open(self, con_id: int) -> bool:
        if con_id == 0:
            return True  # news
        if self.open_at != self.now:
            self.open_at = self.now
            self.open = frozenset(
                kind
                for kind, spans in self.spans.items()
                if any(start <= self.now < end for start, end in spans)
            )
        return market_of(con_id) in self.open

    def faults(self) -> deque[tuple[float, str]]:
        events: list[tuple[float, str]] = []
        for day in range(8):
            night = day * 86_400.0 + 16.75 * HOUR  # 23:45 in New York
            events += [(night, "restart"), (night + 240, "up"), (night + 400, "reset over")]
        for _ in range(25):
            at = self.random.uniform(0, WEEK_S)
            length = self.random.choice([20.0, 120.0, 1200.0])
            what = self.random.choice(
                ["1101", "1102", "market", "market", "historical", "security_definition"]
            )
            events += [(at, f"-{what}"), (at + length, f"+{what}")]
        events += [(self.random.uniform(0, WEEK_S), "a line dies") for _ in range(40)]
        return deque(sorted(events))

    # -- the shell

    def feed(self, happened: ev.Input) -> None:
        for action in self.core.handle(happened, self.now):
            match action:
                case ev.Ask():
                    self.queue.append(action)
                case ev.Cancel(req_id):
                    self.queue = deque(ask for ask in self.queue if ask.req_id != req_id)
                    self.forget(req_id)
                case ev.OpenFeed(req_id):
                    self.armed.add(req_id)
                    self.data_at[req_id] = self.now
                case ev.Arm(req_id):
                    self.armed.add(req_id)
                case ev.CloseFeed(req_id):
                    self.armed.discard(req_id)
                    self.data_at.pop(req_id, None)
                case ev.PublishStatus(topic, status):
                    self.status[topic] = status.state
                    self.did[status.state] += 1
                case _:
                    pass

    def forget(self, req_id: int) -> None:
        self.lines.pop(req_id, None)
        self.kinds.pop(req_id, None)
        self.dead.discard(req_id)

    def wake(self) -> None:
        until = self.now
        while (at := self.core.wake_at) is not None and at <= until:
            self.now = max(at, until - STEP_S)
            self.feed(ev.TimerFired())
        self.now = until

    def write(self) -> None:
        begin = self.now
        for number in range(int(STEP_S * PER_SECOND)):
            if not self.queue or not self.core.up:
                break
            ask = self.queue.popleft()
            self.now = begin + number / PER_SECOND
            self.check_pacing(ask.request)
            self.feed(ev.RequestWritten(ask.req_id))
            self.arrive(ask)
        self.now = max(begin, self.now)

    # -- the gateway

    def arrive(self, ask: ev.Ask) -> None:
        request = ask.request
        if isinstance(request, ref.ReqContractDetails):
            self.answers.append((self.now + self.random.uniform(0.1, 3), ask.req_id, request.contract))
        elif isinstance(request, LINES):
            con_id = request.contract.con_id
            self.asked[f"{type(request).__name__} {con_id}"] += 1
            if con_id:
                age = self.now - self.looked_up[con_id]
                assert age <= 86_400, f"conId {con_id} was looked up {age / HOUR:.1f} h ago"
            self.lines[ask.req_id] = request.contract
            self.kinds[ask.req_id] = type(request)
            answered = isinstance(request, streams.ReqMktData | ref.ReqHistoricalData | streams.ReqDepth)
            if answered and self.serves(ask.req_id):
                self.tick(ask.req_id)

    def check_pacing(self, request: req.Request) -> None:
        now = self.now + 1e-6
        if isinstance(request, streams.ReqTickByTick):
            assert now >= self.ticks.get(request.contract.con_id, -1e9) + 15
            self.ticks[request.contract.con_id] = self.now
        elif isinstance(request, ref.ReqHistoricalData):
            key = (request.contract, request.bar_size, request.what_to_show, request.duration)
            assert now >= self.histories.get(key, -1e9) + 15, "identical within 15 s"
            self.histories[key] = self.now
            if request.bar_size == "5 secs":
                one = self.small_of.setdefault(request.contract.con_id, deque(maxlen=6))
                one.append(self.now)
                assert len(one) < 6 or one[-1] - one[0] >= 2
                self.small.append(self.now)
                while self.small[0] <= self.now - 600:
                    self.small.popleft()
                assert len(self.small) <= 60, "60 small bars in 10 minutes"

    def serves(self, req_id: int) -> bool:
        """Whether data can come on a line at present."""
        if not self.upstream or req_id in self.dead:
            return False
        history = self.kinds[req_id] is ref.ReqHistoricalData
        return not self.broken & ({"market", "historical"} if history else {"market"})

    def tick(self, req_id: int) -> None:
        self.data_at[req_id] = self.now
        if req_id in self.armed:
            self.armed.discard(req_id)
            self.feed(ev.DataFlowed(req_id))

    def answer(self) -> None:
        due = [each for each in self.answers if each[0] <= self.now]
        self.answers = [each for each in self.answers if each[0] > self.now]
        for _, req_id, contract in due:
            number = contract.con_id or int(contract.symbol[1:]) + 1
            if self.now < self.reset_until or "security_definition" in self.broken or not self.upstream:
                self.did["false 200"] += 1
                self.feed(tws.GatewayError(req_id, 200, "No security definition has been found"))
                continue
            kind = market_of(number)
            text, _ = hours.describe(kind, int((BEGIN + self.now) * 1e9), ZONES[kind])
            found = Contract(number, f"S{number}", "STK", primary_exchange="NASDAQ", currency="USD")
            info = ContractInfo(found, valid_exchanges="SMART", time_zone_id=ZONES[kind], trading_hours=text)
            self.looked_up[number] = self.now
            self.feed(ContractDetailsReceived(req_id, info))
            self.feed(ContractDetailsEnd(req_id))

    def flow(self) -> None:
        for req_id, contract in list(self.lines.items()):
            pace = self.pace.get(contract.con_id, 7200)
            if pace and self.random.random() > STEP_S / pace:
                continue
            if req_id in self.lines and self.is_open(contract.con_id) and self.serves(req_id):
                self.tick(req_id)

    def suffer(self, what: str) -> None:
        self.did[what] += 1
        if what in ("restart", "up", "reset over"):
            self.restart(what)
        elif what == "a line dies":
            alive = sorted(self.lines.keys() - self.dead)
            if alive:
                self.dead.add(self.random.choice(alive))
        elif what[1:] in FARMS:
            kind, down = what[1:], what[0] == "-"
            (self.broken.add if down else self.broken.discard)(kind)
            state = FarmState.BROKEN if down else FarmState.OK
            if self.core.up:
                self.feed(FarmStatus(kind, FARMS[kind], state))
        elif what[0] == "-":
            self.upstream = False
            self.feed(UpstreamLost(1100, "Connectivity between IBKR and Trader Workstation has been lost."))
        else:
            self.upstream = True
            if what == "+1101":
                self.lines.clear()
                self.kinds.clear()
                self.dead.clear()
            else:  # histories do not survive it, whatever it says
                self.dead |= {each for each in self.lines if self.kinds[each] is ref.ReqHistoricalData}
            self.feed(DataLost() if what == "+1101" else DataMaintained())

    def restart(self, what: str) -> None:
        if what == "restart":
            for group in (self.queue, self.lines, self.kinds, self.dead, self.answers):
                group.clear()
            self.feed(ev.Disconnected("the nightly restart", since=self.now))
        elif what == "up":
            self.upstream, self.reset_until = True, self.now + 60
            self.broken = {"market", "historical", "security_definition"}
            self.feed(UP)
            for kind, name in FARMS.items():
                self.feed(FarmStatus(kind, name, FarmState.BROKEN))
        else:
            self.broken.clear()
            for kind, name in FARMS.items():
                self.feed(FarmStatus(kind, name, FarmState.OK))

    # -- what must hold

    def check(self) -> None:
        for topic, subscription in self.core.subscriptions.items():
            line = subscription.line
            told = self.status[topic] in FLOWING
            if not self.core.up or not self.upstream:
                assert not told, f"{topic} is {self.status[topic]} while nothing can come"
            if line is None or not told or not self.is_open(line.feed.contract.con_id) or self.flows(line):
                self.silent_since.pop(topic, None)
                continue
            since = self.silent_since.setdefault(topic, self.now)
            self.worst = max(self.worst, self.now - since)
            bound = 86_400 if topic.startswith("news/") else HOUR + 2 * STEP_S
            assert self.now - since <= bound, f"{topic} is {self.status[topic]}, silent since {since}"

    def flows(self, line: Line) -> bool:
        """Data can come, whether or not any did just now."""
        return line.req_id in self.lines and self.serves(line.req_id)

    def run(self) -> None:
        self.feed(UP)
        for topic in topics():
            self.feed(ev.TopicWanted(topic))
        steps = int(WEEK_S / STEP_S)
        for step in range(steps):
            self.now = max(self.now, step * STEP_S)
            while self.future and self.future[0][0] <= self.now:
                self.suffer(self.future.popleft()[1])
            self.wake()
            self.write()
            self.answer()
            self.flow()
            self.feed(ev.LinesChecked(dict(self.data_at), BEGIN + self.now))
            self.check()
            if step % 100 == 0:
                validate(self.core)


def market_of(con_id: int) -> str:
    return MARKETS[con_id % len(MARKETS)]


@pytest.mark.timeout(900)
def test_a_week_in_which_every_stretch_without_data_is_announced_and_no_rule_is_broken() -> None:
    seed = int(os.environ.get("TWSMQ_SEED", random.randrange(10**6)))
    print(f"TWSMQ_SEED={seed}")
    week = Week(seed)
    week.run()
    print(
        f"worst unannounced silence {week.worst:.0f} s; {sum(week.asked.values())} requests; {dict(week.did)}"
    )
    assert week.did["restart"] >= 6
    assert week.did["false 200"] > 10
    assert week.did["a line dies"] == 40
    assert week.did["gap"] > 1000
    assert max(week.asked.values()) < 400, "a line that is only slow or dead is left alone soon"
