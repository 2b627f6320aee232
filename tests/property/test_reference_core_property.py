"""Whatever happens in whatever order: each call is answered exactly once and not after its deadline."""

from __future__ import annotations

from itertools import count
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from support.core_machine import CoreMachine
from twsmq_nodes.reference import contract_questions, market_questions
from twsmq_nodes.reference.core import ReferenceCore
from twsmq_nodes.reference.events import Action, Asked
from twsmq_nodes.reference.question import Question
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws import reference_events as ev
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import requests as rq
from twsmq_nodes.tws.calls import Answer, Cancel, Fail, NotSent, Send, SessionDown, Written
from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.events import Event, GatewayError
from twsmq_nodes.tws.session_events import DataMaintained, FarmState, FarmStatus, UpstreamLost
from twsmq_protocol import reference_requests as ops
from twsmq_protocol import scanner_requests
from twsmq_protocol.errors import ErrorCode, RequestError

EXPIRIES = ("20261218", "20270115", "20270219")
SYMBOLS = ("A", "B", "C")
RULE = ((0.0, 0.01),)


def instrument(symbol: str) -> str:
    return f"STK:{symbol}:SMART:USD"


def con_id(symbol: str) -> int:
    return ord(symbol)


QUESTIONS: dict[str, Any] = {
    "details": lambda s: contract_questions.contract_details(ops.ContractDetails(instrument=instrument(s))),
    "qualify": lambda s: contract_questions.qualify(ops.Qualify(instrument=instrument(s))),
    "chain": lambda s: contract_questions.option_chain(ops.GetOptionChain(instrument=instrument(s))),
    "search": lambda s: contract_questions.search(ops.Search(pattern=s)),
    "rule": lambda s: contract_questions.market_rule(ops.GetMarketRule(instrument=instrument(s))),
    "scanner": lambda s: market_questions.scanner(scanner_requests.Scan(scan=s)),
}


def answer_to(request: rq.Request, req_id: int) -> list[Event]:
    """What the gateway says of it in full."""
    match request:
        case ref.ReqContractDetails(contract=Contract(sec_type="OPT") as asked):
            rows = [
                Contract(int(asked.expiry) + n, asked.symbol, "OPT", asked.expiry, float(n), "C")
                for n in (1, 2)
            ]
            under = con_id(asked.symbol)
            infos = [ContractInfo(row, under_con_id=under) for row in rows]
            return [
                *(ev.ContractDetailsReceived(req_id, one) for one in infos),
                ev.ContractDetailsEnd(req_id),
            ]
        case ref.ReqContractDetails(contract=asked):
            named = Contract(con_id(asked.symbol), asked.symbol, "STK", exchange="SMART", currency="USD")
            one = ContractInfo(named, valid_exchanges="SMART,NYSE", market_rule_ids="26,32")
            return [ev.ContractDetailsReceived(req_id, one), ev.ContractDetailsEnd(req_id)]
        case ref.ReqSecDefOptParams(underlying_symbol=symbol, underlying_con_id=under):
            chain = ev.OptionChain(req_id, "SMART", under, symbol, "100", EXPIRIES, (1.0, 2.0))
            return [chain, ev.OptionChainEnd(req_id)]
        case ref.ReqMatchingSymbols(pattern=pattern):
            return [ev.MatchingSymbols(req_id, (ev.SymbolMatch(Contract(con_id(pattern), pattern), ()),))]
        case ref.ReqMarketRule(market_rule_id=number):
            return [ev.MarketRule(number, RULE)]
        case ref.ReqScanner(scan_code=code):
            row = ev.ScannerRow(0, Contract(con_id(code), code), "", "", "", "", "")
            return [ev.ScannerRows(req_id, (row,))]
        case _:
            raise AssertionError(f"nobody asked for {request}")


def is_right(kind: str, symbol: str, result: Any) -> bool:
    match kind:
        case "details":
            return [row.con_id for row in result.contracts] == [con_id(symbol)]
        case "qualify":
            return result.contract.con_id == con_id(symbol)
        case "chain":
            ids = [int(expiry) + n for expiry in EXPIRIES for n in (1, 2)]
            known = {row.con_id for row in result.contracts}
            return result.expiries == list(EXPIRIES) and known <= set(ids) and len(known) % 2 == 0
        case "search":
            return [row.con_id for row in result.contracts] == [con_id(symbol)]
        case "rule":
            return [rule.rule for rule in result.rules] == [26, 32]
        case _:
            return [row.symbol for row in result.rows] == [symbol]


class Calls(CoreMachine):
    """Clients who ask, a gateway that answers when it likes, and a clock that honours the timer."""

    def __init__(self) -> None:
        super().__init__()
        self.core = ReferenceCore(count(1).__next__, cache_rows=6, ahead=2)
        self.unwritten: list[int] = []
        self.calls = count(1)
        self.waiting: dict[int, tuple[str, str, float]] = {}
        self.sent: dict[int, rq.Request] = {}
        self.cancelled: set[int] = set()
        self.search_at: float | None = None

    def feed(self, happened: object) -> None:
        actions: list[Action] = self.core.handle(happened, self.now)  # pyright: ignore[reportArgumentType]
        for action in actions:
            match action:
                case Send(req_id, request):
                    assert request not in self.sent.values() or isinstance(happened, TimerFired | Asked)
                    self.sent[req_id] = request
                    self.unwritten.append(req_id)
                    if isinstance(request, ref.ReqMatchingSymbols):
                        assert self.search_at is None or self.now >= self.search_at + 1.0
                        self.search_at = self.now
                case Cancel(request):
                    assert isinstance(request, ref.CancelScanner)
                    assert request.req_id not in self.cancelled
                    self.cancelled.add(request.req_id)
                case Answer(call, result):
                    kind, symbol, _ = self.waiting.pop(call)  # a second answer would find nobody
                    assert is_right(kind, symbol, result)
                case Fail(call):
                    del self.waiting[call]
        self.timer = self.core.wake_at
        self.core.validate()

    @rule(
        kind=st.sampled_from(sorted(QUESTIONS)), symbol=st.sampled_from(SYMBOLS), patience=st.floats(0.5, 90)
    )
    def ask(self, kind: str, symbol: str, patience: float) -> None:
        call = next(self.calls)
        self.waiting[call] = (kind, symbol, self.now + patience)
        question: Question = QUESTIONS[kind](symbol)
        self.feed(Asked(call, question, self.now + patience))

    @precondition(lambda self: self.unwritten)
    @rule()
    def the_budget_lets_one_out(self) -> None:
        self.feed(Written(self.unwritten.pop(0)))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def gateway_answers(self, data: st.DataObject) -> None:
        req_id = data.draw(st.sampled_from(sorted(self.sent)))
        for event in answer_to(self.sent.pop(req_id), req_id):
            self.feed(event)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def gateway_says_half(self, data: st.DataObject) -> None:
        req_id = data.draw(st.sampled_from(sorted(self.sent)))
        for event in answer_to(self.sent[req_id], req_id)[:-1]:
            self.feed(event)
        self.feed(GatewayError(self.sent.pop(req_id) and req_id, 321, "Error validating request"))

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), code=st.sampled_from([200, 321, 2174, 162]))
    def gateway_refuses(self, data: st.DataObject, code: int) -> None:
        req_id = data.draw(st.sampled_from(sorted(self.sent)))
        if code != 2174:
            del self.sent[req_id]
        self.feed(GatewayError(req_id, code, "no"))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def request_is_not_written(self, data: st.DataObject) -> None:
        req_id = data.draw(st.sampled_from(sorted(self.sent)))
        del self.sent[req_id]
        self.feed(NotSent(req_id, RequestError(ErrorCode.NOT_READY, "lost")))

    @rule()
    def session_is_lost(self) -> None:
        self.sent.clear()
        self.feed(SessionDown())
        assert not self.waiting

    @rule(up=st.booleans())
    def upstream(self, up: bool) -> None:
        self.feed(DataMaintained() if up else UpstreamLost(1100, "lost"))

    @rule(state=st.sampled_from(FarmState))
    def farm(self, state: FarmState) -> None:
        self.feed(FarmStatus("security_definition", "secdefil", state))

    @rule(seconds=st.floats(0.0, 40.0))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    @invariant()
    def nobody_waits_past_the_deadline(self) -> None:
        assert all(deadline > self.now for *_, deadline in self.waiting.values())

    @invariant()
    def the_timer_is_set_while_anybody_waits(self) -> None:
        first = min((deadline for *_, deadline in self.waiting.values()), default=None)
        assert (self.timer is None) == (first is None)
        assert first is None or self.timer is None or self.timer <= first

    def teardown(self) -> None:
        """Once nothing more comes, everybody has had an answer."""
        self.pass_time(1000.0)
        assert not self.waiting


Calls.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestCalls = Calls.TestCase
