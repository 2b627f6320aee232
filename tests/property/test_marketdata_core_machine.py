"""The market data core against a model of the gateway: whatever happens in whatever order, in the end every
wanted topic has a line that flows, the gateway has no other, and every topic was told how it stands.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from marketdata_core import UP, info
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.marketdata.core import MarketdataCore
from twsmq_nodes.marketdata.invariants import validate
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as req
from twsmq_nodes.tws.notices import DataLost, DataMaintained, FarmState, FarmStatus, UpstreamLost
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived
from twsmq_protocol.config import Marketdata

SYMBOLS = ("AAPL", "MSFT", "NVDA")
TOPICS = [
    *(f"{kind}/STK:{symbol}:SMART:USD/" for symbol in SYMBOLS for kind in ("quote", "tick", "trade")),
    *(f"quote/CONID:{number}:SMART/" for number in range(1, 4)),
]
LIMITS = Marketdata(grace_s=5, lines=2, tick_by_tick_lines=2)
LINE_REQUESTS = (req.ReqMktData, req.ReqTickByTick)
CANCELS = (req.CancelMktData, req.CancelTickByTick)
topics = st.sampled_from(TOPICS)


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.core = MarketdataCore(config=LIMITS, listings={})
        self.now = 0.0
        self.timer: float | None = None
        self.wanted: set[str] = set()
        self.said: dict[str, str] = {}
        self.queue: dict[int, req.Request] = {}  # asked, not yet written
        self.lookups: dict[int, req.ReqContractDetails] = {}
        self.lines: dict[int, req.Request] = {}  # at the gateway
        self.armed: set[int] = set()
        self.ids: set[int] = set()

    def feed(self, happened: ev.Input) -> None:
        for action in self.core.handle(happened, self.now):
            match action:
                case ev.Ask(req_id, request):
                    assert req_id not in self.ids, "a request id is used once"
                    self.ids.add(req_id)
                    self.queue[req_id] = request
                case ev.Cancel(req_id, request):
                    self.queue.pop(req_id, None)
                    if request is not None:
                        assert isinstance(request, CANCELS)
                        assert self.lines.pop(req_id, None), "only a line that is there is cancelled"
                case ev.OpenFeed(req_id) | ev.Arm(req_id):
                    self.armed.add(req_id)
                case ev.CloseFeed(req_id):
                    self.armed.discard(req_id)
                case ev.Tell(topic, say):
                    self.said[topic] = say.state
                case ev.SetTimer(at):
                    self.timer = at
                case _:
                    pass
        validate(self.core)

    @rule(topic=topics)
    def subscribe(self, topic: str) -> None:
        self.wanted.add(topic)
        self.feed(ev.TopicWanted(topic))

    @rule(topic=topics)
    def unsubscribe(self, topic: str) -> None:
        self.wanted.discard(topic)
        self.feed(ev.TopicLeft(topic))

    @rule(seconds=st.floats(0, 20))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        if self.timer is not None and self.timer <= self.now:
            self.feed(ev.TimerFired())

    @precondition(lambda self: not self.core.up)
    @rule()
    def session_comes_up(self) -> None:
        self.lines.clear()
        self.feed(UP)

    @precondition(lambda self: self.core.up)
    @rule()
    def session_is_lost(self) -> None:
        self.feed(ev.Disconnected("cut", since=self.now))
        self.queue.clear()
        self.lookups.clear()
        self.lines.clear()

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def a_request_is_written(self, data: st.DataObject) -> None:
        req_id = data.draw(st.sampled_from(sorted(self.queue)))
        request = self.queue.pop(req_id)
        if isinstance(request, req.ReqContractDetails):
            self.lookups[req_id] = request
        else:
            assert isinstance(request, LINE_REQUESTS)
            self.lines[req_id] = request
        self.feed(ev.RequestWritten(req_id))

    @precondition(lambda self: self.lookups)
    @rule(data=st.data())
    def a_contract_is_found(self, data: st.DataObject) -> None:
        req_id = data.draw(st.sampled_from(sorted(self.lookups)))
        contract = self.lookups.pop(req_id).contract
        con_id = contract.con_id or SYMBOLS.index(contract.symbol) + 1
        self.feed(ContractDetailsReceived(req_id, info(con_id)))
        self.feed(ContractDetailsEnd(req_id))

    @precondition(lambda self: self.armed & self.lines.keys())
    @rule(data=st.data())
    def data_flow(self, data: st.DataObject) -> None:
        req_id = data.draw(st.sampled_from(sorted(self.armed & self.lines.keys())))
        self.armed.discard(req_id)
        self.feed(ev.DataFlowed(req_id))

    @precondition(lambda self: self.lines)
    @rule(data=st.data(), code=st.sampled_from([101, 10190, 10197, 322, 10225, 10182, 317, 2150]))
    def the_gateway_objects(self, data: st.DataObject, code: int) -> None:
        req_id = data.draw(st.sampled_from(sorted(self.lines)))
        if code not in (317, 2150):
            del self.lines[req_id]
        self.feed(tws.GatewayError(req_id, code, "words"))

    @precondition(lambda self: self.core.up)
    @rule(what=st.sampled_from(["lost", "maintained", "data lost", "farm broken", "farm ok"]))
    def the_link_suffers(self, what: str) -> None:
        if what == "data lost":
            self.lines.clear()
        farm = FarmState.BROKEN if what == "farm broken" else FarmState.OK
        self.feed(
            {
                "lost": UpstreamLost(1100, "lost"),
                "maintained": DataMaintained(),
                "data lost": DataLost(),
            }.get(what)
            or FarmStatus("market", "usfarm", farm)
        )

    @invariant()
    def the_gateway_has_no_line_that_the_core_does_not_know(self) -> None:
        assert self.lines.keys() <= self.core.lines.asked.keys()
        assert len(self.lines) <= LIMITS.lines + LIMITS.tick_by_tick_lines

    def teardown(self) -> None:
        """The storm is over: everything that can be served is, nothing else is left."""
        self.feed(DataMaintained())
        self.feed(FarmStatus("market", "usfarm", FarmState.OK))
        for _ in range(12):
            if not self.core.up:
                self.session_comes_up()
            self.now += 31
            self.feed(ev.TimerFired())
            while self.queue or self.lookups:
                for req_id in list(self.queue):
                    request = self.queue.pop(req_id, None)
                    if isinstance(request, req.ReqContractDetails):
                        self.lookups[req_id] = request
                    elif request is not None:
                        self.lines[req_id] = request
                    if request is not None:
                        self.feed(ev.RequestWritten(req_id))
                for req_id, request in list(self.lookups.items()):
                    del self.lookups[req_id]
                    con_id = request.contract.con_id or SYMBOLS.index(request.contract.symbol) + 1
                    self.feed(ContractDetailsReceived(req_id, info(con_id)))
                    self.feed(ContractDetailsEnd(req_id))
            for req_id in sorted(self.armed & self.lines.keys()):
                self.armed.discard(req_id)
                self.feed(ev.DataFlowed(req_id))
        assert self.core.subscriptions.keys() == self.wanted
        assert self.lines.keys() == self.core.lines.asked.keys()
        served = {topic for line in self.core.lines.asked.values() for topic in line.listeners}
        for topic in self.wanted:
            state = "active" if topic in served else "error"
            assert self.core.subscriptions[topic].present().state == state
            said = self.said[topic]
            assert said == state or (said == "resumed" and state == "active"), (topic, said, state)
        by_kind = {
            kind: len({line.feed for line in self.core.lines if line.feed.kind is kind})
            for kind in {line.feed.kind for line in self.core.lines}
        }
        for kind, number in by_kind.items():
            assert self.core.lines.used(kind) == min(number, 2), "no line stays empty while somebody waits"


Machine.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
test_the_core_survives_any_history = Machine.TestCase
