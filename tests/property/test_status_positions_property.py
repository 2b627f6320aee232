"""Whatever a gateway and its link do, positions told and positions answered agree with the gateway's own."""

from __future__ import annotations

from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twsmq_nodes.status.actions import Action, Publish, Send
from twsmq_nodes.status.positions import LOOK_UP_S, Phase, PositionBook
from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.events import GatewayError, Position, PositionEnd
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived
from twsmq_nodes.tws.reference_requests import ReqContractDetails
from twsmq_nodes.tws.requests import ReqPositions, Request
from twsmq_nodes.tws.session_events import DataLost, SessionLost, SessionUp
from twsmq_protocol.system_events import Position as Told

KEYS = st.tuples(st.sampled_from(["DU1", "DU2"]), st.integers(1, 6))


class Gateway(RuleBasedStateMachine):
    """A gateway with positions, which answers when it likes, and a subscriber who believes what is told."""

    def __init__(self) -> None:
        super().__init__()
        self.book = PositionBook(count(1).__next__)
        self.now = 0.0
        self.up = False
        self.subscribed = False
        self.truth: dict[tuple[str, int], float] = {}
        self.asked: list[Request] = []
        self.believed: dict[str, Told] = {}

    def carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                assert self.up
                self.asked.append(action.request)
            elif isinstance(action, Publish):
                self.believe(action)

    def believe(self, publish: Publish) -> None:
        event = publish.event
        assert isinstance(event, Told)
        assert publish.last == (event.quantity == 0)
        if publish.last:
            del self.believed[publish.topic]  # told as gone: it must have been there
        else:
            assert self.believed.get(publish.topic) != event, "told twice"
            self.believed[publish.topic] = event

    def row(self, key: tuple[str, int]) -> Position:
        contract = Contract(key[1], f"S{key[1]}", "STK", exchange="NASDAQ")
        return Position(key[0], contract, self.truth.get(key, 0.0), 1.0)

    @precondition(lambda self: not self.up)
    @rule()
    def session_comes_up(self) -> None:
        self.up = True
        self.carry_out(self.book.on_session_event(SessionUp(200, ("DU1", "DU2"), 1, upstream=True), self.now))

    @precondition(lambda self: self.up)
    @rule()
    def session_is_lost(self) -> None:
        self.up = self.subscribed = False
        self.asked.clear()
        self.carry_out(self.book.on_session_event(SessionLost("reset", 0.1), self.now))

    @precondition(lambda self: self.subscribed)
    @rule()
    def data_is_lost(self) -> None:
        self.subscribed = False
        self.carry_out(self.book.on_session_event(DataLost(), self.now))

    @rule(key=KEYS, quantity=st.sampled_from([0.0, 1.0, -2.0, 3.0]))
    def position_changes(self, key: tuple[str, int], quantity: float) -> None:
        before = self.truth.pop(key, 0.0)
        if quantity:
            self.truth[key] = quantity
        if self.subscribed and before != quantity:
            self.carry_out(self.book.event(self.row(key), self.now))

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), outcome=st.sampled_from(["known", "known", "unknown"]))
    def gateway_answers(self, data: st.DataObject, outcome: str) -> None:
        request = self.asked.pop(data.draw(st.integers(0, len(self.asked) - 1)))
        if isinstance(request, ReqPositions):
            self.subscribed = True
            for key in list(self.truth):
                self.carry_out(self.book.event(self.row(key), self.now))
            self.carry_out(self.book.event(PositionEnd(), self.now))
        elif isinstance(request, ReqContractDetails):
            self.name(request, outcome)

    def name(self, request: ReqContractDetails, outcome: str) -> None:
        if outcome == "unknown":
            refusal = GatewayError(request.req_id, 200, "No security definition")
            self.carry_out(self.book.event(refusal, self.now))
            return
        con_id = request.contract.con_id
        contract = Contract(con_id, f"S{con_id}", "STK", exchange="NASDAQ", currency="USD")
        details = ContractInfo(contract, valid_exchanges="SMART,NASDAQ")
        self.carry_out(self.book.event(ContractDetailsReceived(request.req_id, details), self.now))
        self.carry_out(self.book.event(ContractDetailsEnd(request.req_id), self.now))

    @rule()
    def time_passes(self) -> None:
        self.now += LOOK_UP_S
        if self.book.deadline is not None and self.book.deadline <= self.now:
            self.carry_out(self.book.expire(self.now))

    @invariant()
    def answers_are_the_gateways_own_or_none(self) -> None:
        rows = self.book.rows()
        assert (rows is None) == (self.book.phase is not Phase.COMPLETE)
        if rows is not None and self.subscribed:
            assert {(r.account, r.con_id): r.quantity for r in rows} == self.truth

    @invariant()
    def a_position_is_told_under_one_topic_only(self) -> None:
        keys = [(event.account, event.con_id) for event in self.believed.values()]
        assert len(keys) == len(set(keys))

    @invariant()
    def when_nothing_is_awaited_subscribers_believe_the_truth(self) -> None:
        if self.book.phase is Phase.COMPLETE and self.subscribed and self.book.deadline is None:
            believed = {(e.account, e.con_id): e.quantity for e in self.believed.values()}
            assert believed == self.truth


Gateway.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestGateway = Gateway.TestCase
