"""The market data core against a model of the gateway: whatever happens in whatever order, in the end every
wanted topic has a line that flows, the gateway has no other, and every topic was told how it stands.

Each history begins with a session that is up and lines that flow, and comes back to that now and then: what
goes wrong goes wrong there.
"""

from __future__ import annotations

from collections import Counter
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from support.core_machine import CoreMachine
from support.marketdata_core import UP, info
from support.marketdata_world import (
    CANCELS,
    FLOWING,
    FULL,
    LIMIT,
    LIMITS,
    OBJECTIONS,
    POOLS,
    STANDING,
    SYMBOLS,
    topics,
)
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.marketdata.core import MarketdataCore
from twsmq_nodes.marketdata.feeds import FeedKind
from twsmq_nodes.marketdata.gateway_errors import VERDICTS, Meaning, Verdict
from twsmq_nodes.marketdata.invariants import validate
from twsmq_nodes.marketdata.pending_calls import DEADLINE_S, LOOK_UP_S
from twsmq_nodes.marketdata.subscription import RETURN_S
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import requests as req
from twsmq_nodes.tws import stream_requests as streams
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived
from twsmq_nodes.tws.session_events import DataLost, DataMaintained, FarmState, FarmStatus, UpstreamLost
from twsmq_protocol.instruments import parse_instrument
from twsmq_protocol.topics import parse_stream_topic


class Machine(CoreMachine):
    def __init__(self) -> None:
        super().__init__()
        self.core = MarketdataCore(config=LIMITS, listings={})
        self.wanted: set[str] = set()
        self.remembered: dict[str, float | None] = {}
        self.said: dict[str, str] = {}
        self.gaps: set[str] = set()  # topics that were told of a gap and not yet of its end
        self.queue: dict[int, req.Request] = {}  # asked, not yet written
        self.lookups: dict[int, ref.ReqContractDetails] = {}
        self.lines: dict[int, req.Request] = {}  # at the gateway
        self.left: set[int] = set()  # of these, refused in words that leave them there
        self.asked_at: dict[tuple[object, ...], float] = {}  # what pacing rules are about
        self.collected: set[int] = set()  # ids of snapshots
        self.snapshots: set[int] = set()  # of these, at the gateway
        self.grants = dict(LIMIT)  # what the gateway gives; other programs may hold the rest
        self.armed: set[int] = set()
        self.ids: set[int] = set()
        self.calls = count(1)
        self.open: dict[int, float] = {}  # calls not answered yet, and when they came
        self.asked = 0

    # -- the shell and the gateway

    def feed(self, happened: ev.Input) -> None:
        for action in self.core.handle(happened, self.now):
            self.carry_out(action)
        self.timer = self.core.wake_at
        validate(self.core)

    def carry_out(self, action: ev.Action) -> None:
        match action:
            case ev.Ask(req_id, request):
                assert self.core.up, "nothing is asked for without a session"
                assert req_id not in self.ids, "a request id is used once"
                self.ids.add(req_id)
                self.queue[req_id] = request
                self.asked += type(request) in POOLS
            case ev.Cancel(req_id, request):
                self.queue.pop(req_id, None)
                if request is not None and req_id in self.collected:
                    self.snapshots.discard(req_id)
                elif request is not None:
                    assert isinstance(request, CANCELS)
                    self.left.discard(req_id)
                    self.lines.pop(req_id, None)
            case ev.OpenFeed(req_id) | ev.Arm(req_id):
                self.armed.add(req_id)
            case ev.CloseFeed(req_id):
                self.armed.discard(req_id)
            case ev.Collect(req_id):
                self.collected.add(req_id)
            case ev.PublishStatus(topic, status):
                self.published(topic, status.state)
            case ev.RememberTopic(topic, wanted, since):
                self.remembered.pop(topic, None)
                if wanted:
                    self.remembered[topic] = since
            case ev.AnswerQuote(call, feed):
                line = self.core.lines.get(feed)
                assert line is not None
                assert line.live, "a quote that may be old is no answer"
                self.answered(call)
            case ev.AnswerCollected(call) | ev.AnswerPreview(call) | ev.AnswerRetry(call) | ev.Fail(call):
                self.answered(call)
            case _:
                pass

    def answered(self, call: int) -> None:
        assert self.now <= self.open.pop(call) + LOOK_UP_S + DEADLINE_S, "answered once and in time"

    def published(self, topic: str, state: str) -> None:
        assert state != "resumed" or topic in self.gaps, "what resumes has had a gap"
        if state == "gap":
            self.gaps.add(topic)
        elif state in ("resumed", "closed"):
            self.gaps.discard(topic)
        self.said[topic] = state

    def write(self, req_id: int) -> None:
        request = self.queue.pop(req_id)
        if isinstance(request, ref.ReqContractDetails):
            self.lookups[req_id] = request
            self.feed(ev.RequestWritten(req_id))
            return
        self.check_pacing(request)
        self.feed(ev.RequestWritten(req_id))
        kind = POOLS[type(request)]
        if req_id in self.collected:
            self.snapshots.add(req_id)
        else:
            held = sum(POOLS[type(line)] is kind for line in self.lines.values())
            if held >= self.grants.get(kind, 50):
                self.feed(tws.GatewayError(req_id, FULL[kind], "no more"))
            else:
                self.lines[req_id] = request

    def check_pacing(self, request: req.Request) -> None:
        """What IBKR's documentation forbids, told once more and in other words than the node's own."""
        if isinstance(request, streams.ReqTickByTick):
            key: tuple[object, ...] = ("ticks", request.contract.con_id)
        elif isinstance(request, ref.ReqHistoricalData):
            key = (
                request.contract,
                request.bar_size,
                request.what_to_show,
                request.duration,
                request.use_rth,
            )
        else:
            return
        last = self.asked_at.get(key)
        assert last is None or self.now >= last + 15 - 1e-6, (
            f"{request} again after {self.now - (last or 0)} s"
        )
        self.asked_at[key] = self.now

    def find(self, req_id: int) -> None:
        contract = self.lookups.pop(req_id).contract
        con_id = contract.con_id or SYMBOLS.index(contract.symbol) + 1
        self.feed(ContractDetailsReceived(req_id, info(con_id)))
        self.feed(ContractDetailsEnd(req_id))

    def settle(self) -> None:
        """Everything under way arrives; it must come to an end."""
        for _ in range(40):
            ticking = sorted(self.armed & self.lines.keys() - self.left)
            if not (self.queue or self.lookups or self.snapshots or ticking):
                return
            for req_id in list(self.queue):
                if req_id in self.queue:
                    self.write(req_id)
            for req_id in list(self.lookups):
                self.find(req_id)
            for req_id in sorted(self.snapshots):
                self.snapshots.discard(req_id)
                self.feed(tws.TickSnapshotEnd(req_id))
            for req_id in ticking:
                if req_id in self.armed & self.lines.keys() - self.left:
                    self.armed.discard(req_id)
                    self.feed(ev.DataFlowed(req_id))
            self.now += 0.5
        raise AssertionError("it goes in circles")

    # -- what may happen

    @initialize(wanted=st.sets(topics, max_size=8), connected=st.sampled_from([True, True, True, False]))
    def some_topics_flow(self, wanted: set[str], connected: bool) -> None:
        if connected:
            self.feed(UP)
        for topic in sorted(wanted):
            self.subscribe(topic)
        self.settle()

    @rule(topic=topics)
    def subscribe(self, topic: str) -> None:
        self.wanted.add(topic)
        self.feed(ev.TopicWanted(topic))

    @rule(topic=topics)
    def unsubscribe(self, topic: str) -> None:
        self.wanted.discard(topic)
        self.feed(ev.TopicLeft(topic))

    @rule(seconds=st.one_of(st.floats(0, 3), st.sampled_from([5.0, 16.0, 31.0])))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule()
    def all_is_calm_again(self) -> None:
        if not self.core.up:
            self.feed(UP)
        self.settle()

    @precondition(lambda self: not self.core.up)
    @rule()
    def session_comes_up(self) -> None:
        self.feed(UP)

    @precondition(lambda self: self.core.up)
    @rule()
    def session_is_lost(self) -> None:
        self.queue.clear()
        self.lookups.clear()
        self.lines.clear()
        self.left.clear()
        self.snapshots.clear()
        self.feed(ev.Disconnected("cut", since=self.now))

    @rule()
    def the_node_is_killed_and_started_again(self) -> None:
        for group in (self.queue, self.lookups, self.lines, self.said, self.open):
            group.clear()
        for gone in (self.collected, self.snapshots, self.armed, self.ids, self.gaps, self.left):
            gone.clear()
        self.asked_at.clear()  # a new process does not know; the gateway may object, which passes
        self.timer = None
        missed = {topic: self.now if since is None else since for topic, since in self.remembered.items()}
        self.remembered = dict(missed)
        self.core = MarketdataCore(config=LIMITS, listings={}, missed=missed)
        for topic in sorted(self.wanted):
            self.feed(ev.TopicWanted(topic))

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def a_request_is_written(self, data: st.DataObject) -> None:
        self.write(data.draw(st.sampled_from(sorted(self.queue))))

    @precondition(lambda self: self.lookups)
    @rule(data=st.data())
    def a_contract_is_found(self, data: st.DataObject) -> None:
        self.find(data.draw(st.sampled_from(sorted(self.lookups))))

    @precondition(lambda self: self.armed & self.lines.keys() - self.left)
    @rule(data=st.data())
    def data_flow(self, data: st.DataObject) -> None:
        req_id = data.draw(st.sampled_from(sorted(self.armed & self.lines.keys() - self.left)))
        self.armed.discard(req_id)
        self.feed(ev.DataFlowed(req_id))

    @precondition(lambda self: self.lines)
    @rule(data=st.data(), kind=st.sampled_from([1, 2, 3, 4]))
    def the_gateway_says_which_kind_of_data(self, data: st.DataObject, kind: int) -> None:
        req_id = data.draw(st.sampled_from(sorted(self.lines)))
        self.feed(tws.MarketDataType(req_id, kind))

    @precondition(lambda self: self.lines)
    @rule(data=st.data(), code=st.sampled_from([*OBJECTIONS, *STANDING]), stays=st.booleans())
    def the_gateway_objects(self, data: st.DataObject, code: int, stays: bool) -> None:
        """Whether the gateway keeps a line that it refused is known of some codes only."""
        req_id = data.draw(st.sampled_from(sorted(self.lines)))
        if code not in STANDING:
            if stays and VERDICTS.get(code, Verdict(Meaning.LATER)).leaves_line:
                self.left.add(req_id)
            else:
                del self.lines[req_id]
        self.feed(tws.GatewayError(req_id, code, "expected AGGTRADES instead of TRADES"))

    @rule(topic=topics)
    def somebody_has_it_tried_again(self, topic: str) -> None:
        call = next(self.calls)
        self.open[call] = self.now
        self.feed(ev.RetryWanted(call, topic))
        assert call not in self.open

    @rule(kind=st.sampled_from(list(LIMIT)), number=st.integers(0, 3))
    def other_programs_take_or_leave_lines(self, kind: FeedKind, number: int) -> None:
        self.grants[kind] = number

    @rule(what=st.sampled_from(["lost", "maintained", "data lost", "farm broken", "farm ok"]))
    def the_link_suffers(self, what: str) -> None:
        """Also while the session is being made."""
        if what == "data lost":
            self.lines.clear()
            self.left.clear()
        farm = FarmState.BROKEN if what == "farm broken" else FarmState.OK
        self.feed(
            {
                "lost": UpstreamLost(1100, "lost"),
                "maintained": DataMaintained(),
                "data lost": DataLost(),
            }.get(what)
            or FarmStatus("market", "usfarm", farm)
        )

    @precondition(lambda self: self.lines)
    @rule(data=st.data())
    def some_lines_are_silent(self, data: st.DataObject) -> None:
        silent = data.draw(st.sets(st.sampled_from(sorted(self.lines))))
        heard = {req_id: self.now - (50_000 if req_id in silent else 0) for req_id in self.core.lines.asked}
        self.feed(ev.LinesChecked(heard, 0.0))

    @precondition(lambda self: self.core.up)
    @rule(topic=topics, preview=st.booleans())
    def somebody_calls(self, topic: str, preview: bool) -> None:
        parsed = parse_stream_topic(topic)
        assert parsed is not None
        preview = preview or parsed.instrument is None
        call = next(self.calls)
        self.open[call] = self.now
        if preview:
            self.feed(ev.PreviewWanted(call, parsed))
        else:
            instrument = parse_instrument(str(parsed.instrument))
            self.feed(ev.SnapshotWanted(call, instrument, regulatory=False))

    # -- what must hold

    @invariant()
    def the_gateway_has_no_line_that_the_core_does_not_know(self) -> None:
        assert self.lines.keys() <= self.core.lines.asked.keys() | self.left
        assert self.left <= self.core.lines.asked.keys(), "what is given up is cancelled"
        held = Counter(POOLS[type(line)] for line in self.lines.values())
        assert all(held[kind] <= LIMIT.get(kind, 50) for kind in held)

    @invariant()
    def nobody_is_told_that_data_flow_where_they_do_not(self) -> None:
        for topic in self.wanted:
            line = self.core.subscriptions[topic].line
            assert (self.said[topic] in FLOWING) == (line is not None and line.live), topic

    @invariant()
    def every_call_is_answered_in_time(self) -> None:
        assert all(self.now <= came + LOOK_UP_S + DEADLINE_S for came in self.open.values())

    def teardown(self) -> None:
        """The storm is over: everything that can be served is, nothing else is left."""
        self.feed(DataMaintained())
        self.feed(FarmStatus("market", "usfarm", FarmState.OK))
        self.pass_time(61)
        for topic in sorted(self.wanted):
            self.somebody_has_it_tried_again(topic)
        for _ in range(12):
            self.all_is_calm_again()
            self.pass_time(RETURN_S + 1)
        self.settle()
        assert not self.open
        assert self.core.subscriptions.keys() == self.wanted == self.remembered.keys()
        assert self.lines.keys() == self.core.lines.asked.keys()
        served = {topic for line in self.core.lines.asked.values() for topic in line.listeners}
        for topic in self.wanted:
            assert (self.said[topic] in FLOWING) == (topic in served)
            assert (self.said[topic] == "error") == (topic not in served)
        wished = Counter((line.spec.pool or line.feed.kind) for line in self.core.lines)
        for kind, number in wished.items():
            room = min(number, LIMIT.get(kind, 3), self.grants.get(kind, 50))
            used = Counter((line.spec.pool or line.feed.kind) for line in self.core.lines.asked.values())
            assert used[kind] >= room, "no line stays empty while somebody waits"
        before = self.asked
        for _ in range(5):
            self.pass_time(30)
            self.settle()
        assert self.asked - before <= len(FULL) * 5, "of what is refused little is asked again"


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_the_core_survives_any_history = Machine.TestCase
