"""Look-ups shared by all who ask for the same: who gets which answer when what happens."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from twsmq_nodes.reference import questions
from twsmq_nodes.reference.core import (
    AGAIN_S,
    MOST_LOOK_UPS,
    SETTLE_S,
    Action,
    Answer,
    Asked,
    Cancel,
    Fail,
    NotSent,
    ReferenceCore,
    Send,
    SessionDown,
)
from twsmq_nodes.reference.look_ups import DETAILS_IDLE_S, HOUR, KINDS, Query
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws import requests as rq
from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.events import GatewayError, TickOptionComputation
from twsmq_nodes.tws.notices import DataMaintained, FarmState, FarmStatus, SessionUp, UpstreamLost
from twsmq_nodes.tws.reference_events import (
    ContractDetailsEnd,
    ContractDetailsReceived,
    MarketRule,
    MatchingSymbols,
    NewsProviders,
    OptionChain,
    OptionChainEnd,
    ScannerRows,
    SymbolMatch,
)
from twsmq_protocol import reference_requests as ops
from twsmq_protocol.envelope import NoArgs
from twsmq_protocol.errors import ErrorCode, RequestError

NONE_FOUND = "No security definition has been found for the request"
AAPL_ID = 265598


@pytest.fixture
def core() -> ReferenceCore:
    return ReferenceCore(count(1).__next__, cache_rows=3)


def spelled(symbol: str) -> str:
    return f"STK:{symbol}:SMART:USD"


def query(symbol: str) -> Query:
    return Query("details", (Contract(symbol=symbol, sec_type="STK", exchange="SMART", currency="USD"),))


def info(symbol: str = "AAPL", con_id: int = AAPL_ID, **more: Any) -> ContractInfo:
    contract = Contract(con_id, symbol, "STK", exchange="SMART", currency="USD")
    return ContractInfo(contract, valid_exchanges="SMART,NASDAQ", **more)


def asked(call: int, symbol: str = "AAPL", deadline: float = 600.0, **more: Any) -> Asked:
    args = ops.ContractDetails(instrument=spelled(symbol), **more)
    return Asked(call, questions.contract_details(args), deadline)


def sent(actions: list[Action]) -> list[int]:
    return [action.req_id for action in actions if isinstance(action, Send)]


def requests(actions: list[Action]) -> list[rq.Request]:
    return [action.request for action in actions if isinstance(action, Send)]


def answers(actions: list[Action]) -> list[int]:
    return [action.call for action in actions if isinstance(action, Answer)]


def results(actions: list[Action]) -> list[Any]:
    return [action.result for action in actions if isinstance(action, Answer)]


def failures(actions: list[Action]) -> list[tuple[int, str, int | None]]:
    return [(a.call, str(a.error.code), a.error.tws_code) for a in actions if isinstance(a, Fail)]


def learn(core: ReferenceCore, call: int, symbol: str, *rows: ContractInfo, now: float = 0.0) -> list[Action]:
    """Ask and be answered."""
    (req_id,) = sent(core.handle(asked(call, symbol, now + 30), now))
    for row in rows:
        core.handle(ContractDetailsReceived(req_id, row), now)
    answered = core.handle(ContractDetailsEnd(req_id), now)
    core.validate()
    return answered


def test_identical_calls_share_one_request_and_all_are_answered(core: ReferenceCore) -> None:
    assert sent(core.handle(asked(1), 0.0)) == [1]
    assert core.wake_at == DETAILS_IDLE_S
    assert core.handle(asked(2), 1.0) == []
    core.handle(ContractDetailsReceived(1, info()), 2.0)
    answered = core.handle(ContractDetailsEnd(1), 2.0)
    assert answers(answered) == [1, 2]
    assert [[row.con_id for row in one.contracts] for one in results(answered)] == [[AAPL_ID], [AAPL_ID]]
    assert core.wake_at is None


def test_distinct_instruments_are_asked_side_by_side_and_not_mixed_up(core: ReferenceCore) -> None:
    core.handle(asked(1, "AAPL"), 0.0)
    core.handle(asked(2, "MSFT"), 0.0)
    core.handle(ContractDetailsReceived(2, info("MSFT", 272093)), 1.0)
    core.handle(ContractDetailsReceived(1, info()), 1.0)
    (microsoft,) = results(core.handle(ContractDetailsEnd(2), 1.0))
    (apple,) = results(core.handle(ContractDetailsEnd(1), 1.0))
    assert (microsoft.contracts[0].symbol, apple.contracts[0].symbol) == ("MSFT", "AAPL")


def test_an_unknown_contract_is_the_gateways_own_refusal_for_each_and_is_not_remembered(
    core: ReferenceCore,
) -> None:
    core.handle(asked(1), 0.0)
    core.handle(asked(2), 0.0)
    refused = core.handle(GatewayError(1, 200, NONE_FOUND), 1.0)
    assert failures(refused) == [(1, "gateway_rejected", 200), (2, "gateway_rejected", 200)]
    assert core.cached(query("AAPL"), 1.0) is None
    assert sent(core.handle(asked(3), 2.0)) == [2]


def test_an_end_without_rows_is_an_unknown_contract_too(core: ReferenceCore) -> None:
    core.handle(asked(1), 0.0)
    assert failures(core.handle(ContractDetailsEnd(1), 1.0)) == [(1, "gateway_rejected", 200)]


FARM_DOWN = FarmStatus("security_definition", "secdefil", FarmState.BROKEN)
FARM_UP = FarmStatus("security_definition", "secdefil", FarmState.OK)


def test_a_200_while_a_farm_is_down_is_asked_again_until_it_can_be_believed(core: ReferenceCore) -> None:
    core.handle(FARM_DOWN, 0.0)
    core.handle(asked(1), 0.0)
    assert core.handle(GatewayError(1, 200, NONE_FOUND), 1.0) == []
    assert core.wake_at == 1.0 + AGAIN_S
    assert sent(core.handle(TimerFired(), 6.0)) == [2]
    core.handle(ContractDetailsReceived(2, info()), 7.0)
    assert answers(core.handle(ContractDetailsEnd(2), 7.0)) == [1]


@pytest.mark.parametrize("over", [DataMaintained(), FARM_UP])
def test_a_200_is_not_believed_within_a_minute_of_an_outage(core: ReferenceCore, over: Any) -> None:
    core.handle(FARM_DOWN if over is FARM_UP else UpstreamLost(1100, "lost"), 0.0)
    core.handle(over, 10.0)
    core.handle(asked(1), 11.0)
    assert core.handle(GatewayError(1, 200, NONE_FOUND), 12.0) == []
    core.handle(TimerFired(), 17.0)
    believed_at = 10.0 + SETTLE_S
    assert failures(core.handle(GatewayError(2, 200, NONE_FOUND), believed_at)) == [
        (1, "gateway_rejected", 200)
    ]


def test_what_is_never_believed_ends_as_not_ready_with_the_gateways_code(core: ReferenceCore) -> None:
    core.handle(SessionUp(200, ("DU1",), 1, upstream=False), 0.0)
    core.handle(asked(1), 0.0)
    core.handle(GatewayError(1, 200, NONE_FOUND), 1.0)
    now, req_id = 6.0, 2
    while now < DETAILS_IDLE_S:
        assert sent(core.handle(TimerFired(), now)) == [req_id]
        core.handle(GatewayError(req_id, 200, NONE_FOUND), now)
        now, req_id = now + AGAIN_S, req_id + 1
    assert failures(core.handle(TimerFired(), DETAILS_IDLE_S)) == [(1, "not_ready", 200)]
    assert core.cached(query("AAPL"), now) is None


@pytest.mark.parametrize("stray", [GatewayError(-1, 2104, "farm"), GatewayError(1, 2174, "time zone")])
def test_a_notice_does_not_end_a_look_up(core: ReferenceCore, stray: GatewayError) -> None:
    core.handle(asked(1), 0.0)
    assert core.handle(stray, 0.5) == []
    core.handle(ContractDetailsReceived(1, info()), 1.0)
    assert answers(core.handle(ContractDetailsEnd(1), 1.0)) == [1]


def test_the_session_is_lost_while_asked_and_each_call_hears_so_once(core: ReferenceCore) -> None:
    core.handle(asked(1, "AAPL"), 0.0)
    core.handle(asked(2, "AAPL"), 0.0)
    core.handle(asked(3, "MSFT"), 0.0)
    lost = core.handle(SessionDown(), 1.0)
    assert sorted(failures(lost)) == [(1, "not_ready", None), (2, "not_ready", None), (3, "not_ready", None)]
    unwritten = NotSent(1, RequestError(ErrorCode.NOT_READY, "never written"))
    assert core.handle(unwritten, 1.0) == []
    assert core.handle(ContractDetailsEnd(1), 1.0) == []


def test_without_a_session_only_what_is_remembered_is_answered(core: ReferenceCore) -> None:
    learn(core, 1, "AAPL", info())
    down = RequestError(ErrorCode.NOT_READY, "connecting")
    known = Asked(2, asked(2).question, 60.0, down)
    assert answers(core.handle(known, 1.0)) == [2]
    unknown = Asked(3, asked(3, "MSFT").question, 60.0, down)
    assert failures(core.handle(unknown, 1.0)) == [(3, "not_ready", None)]


def test_a_request_that_cannot_be_encoded_is_answered_with_why(core: ReferenceCore) -> None:
    core.handle(asked(1), 0.0)
    refused = core.handle(NotSent(1, RequestError(ErrorCode.INVALID_ARGUMENT, "not ASCII")), 0.0)
    assert failures(refused) == [(1, "invalid_argument", None)]


def test_a_call_times_out_alone_while_others_go_on_waiting(core: ReferenceCore) -> None:
    core.handle(asked(1), 0.0)
    assert core.handle(asked(2, deadline=5.0), 0.0) == []
    assert core.wake_at == 5.0
    assert failures(core.handle(TimerFired(), 5.0)) == [(2, "timeout", None)]
    assert core.wake_at == DETAILS_IDLE_S
    assert core.wanted(1)
    core.handle(ContractDetailsReceived(1, info()), 6.0)
    assert answers(core.handle(ContractDetailsEnd(1), 6.0)) == [1]


def test_silence_ends_a_look_up_but_each_row_gives_it_more_time(core: ReferenceCore) -> None:
    core.handle(asked(1), 0.0)
    for now in (50.0, 100.0, 150.0):
        assert core.handle(ContractDetailsReceived(1, info()), now) == []
        assert core.handle(TimerFired(), now + 9.0) == []
    assert failures(core.handle(TimerFired(), 150.0 + DETAILS_IDLE_S)) == [(1, "timeout", None)]
    assert core.cached(query("AAPL"), 211.0) is None  # half an answer is none


def test_what_nobody_waits_for_is_not_sent_and_its_late_answer_ignored(core: ReferenceCore) -> None:
    core.handle(asked(1, deadline=5.0), 0.0)
    core.handle(TimerFired(), 5.0)
    assert not core.wanted(1)
    assert core.handle(ContractDetailsReceived(1, info()), 6.0) == []
    assert core.handle(ContractDetailsEnd(1), 6.0) == []


def test_rows_are_remembered_until_they_are_too_old(core: ReferenceCore) -> None:
    learn(core, 1, "AAPL", info(), now=0.0)
    assert core.cached(query("AAPL"), HOUR - 0.1) == (info(),)
    assert core.cached(query("AAPL"), HOUR) is None


def test_what_was_used_longest_ago_makes_room(core: ReferenceCore) -> None:
    for call, symbol in enumerate(("A", "B", "C")):
        learn(core, call, symbol, info(symbol))
    assert core.cached(query("A"), 1.0) is not None  # used: now B is the oldest
    learn(core, 9, "D", info("D"))
    assert [symbol for symbol in "ABCD" if core.cached(query(symbol), 1.0)] == ["A", "C", "D"]


def test_more_rows_than_fit_are_answered_but_not_remembered(core: ReferenceCore) -> None:
    learn(core, 1, "small", info())
    (whole,) = results(learn(core, 2, "chain", *(info(con_id=number) for number in range(1, 5))))
    assert len(whole.contracts) == 4
    assert core.cached(query("chain"), 0.0) is None
    assert core.cached(query("small"), 0.0) is not None


def test_a_flood_of_distinct_instruments_is_throttled(core: ReferenceCore) -> None:
    for call in range(MOST_LOOK_UPS):
        core.handle(asked(call, f"S{call}"), 0.0)
    assert failures(core.handle(asked(-1, "one more"), 0.0)) == [(-1, "throttled", None)]
    assert core.handle(asked(-2, "S0"), 0.0) == []  # already on its way: costs nothing
    core.validate()


def test_a_large_answer_comes_in_pages_that_follow_each_other() -> None:
    core = ReferenceCore(count(1).__next__)
    everything = [info(con_id=number) for number in range(1, 8)]
    learn(core, 0, "AAPL", *everything)
    seen: list[int] = []
    after: int | None = None
    for call in range(1, 10):
        (page,) = results(core.handle(asked(call, limit=3, after=after), 1.0))
        seen += [row.con_id for row in page.contracts]
        after = page.next
        if after is None:
            break
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    (refused,) = core.handle(asked(20, after=99), 1.0)
    assert isinstance(refused, Fail)
    assert (refused.error.code, refused.error.field) == ("invalid_argument", "after")


def test_searches_are_a_second_apart_and_the_same_one_is_made_once(core: ReferenceCore) -> None:
    def search(call: int, pattern: str, now: float) -> list[Action]:
        return core.handle(Asked(call, questions.search(ops.Search(pattern=pattern)), 60.0), now)

    assert requests(search(1, "APP", 0.0)) == [rq.ReqMatchingSymbols(1, "APP")]
    assert search(2, "APP", 0.1) == []
    assert search(3, "MSF", 0.2) == []
    assert core.wake_at == 1.0
    found = SymbolMatch(Contract(AAPL_ID, "AAPL", "STK", primary_exchange="NASDAQ", currency="USD"), ("OPT",))
    answered = core.handle(MatchingSymbols(1, (found,)), 0.5)
    assert answers(answered) == [1, 2]
    assert results(answered)[0].contracts[0].derivatives == ["OPT"]
    assert requests(core.handle(TimerFired(), 1.0)) == [rq.ReqMatchingSymbols(2, "MSF")]


def test_several_contracts_are_candidates_with_what_tells_them_apart() -> None:
    core = ReferenceCore(count(1).__next__)

    def option(con_id: int, strike: float, trading_class: str) -> ContractInfo:
        named = Contract(
            con_id, "SPX", "OPT", "20261218", strike, "C", "100", "SMART", trading_class=trading_class
        )
        return ContractInfo(named)

    ask = Asked(1, questions.qualify(ops.Qualify(instrument="OPT:SPX:SMART:USD:20261218:C")), 60.0)
    core.handle(ask, 0.0)
    for row in (option(1, 5000.0, "SPX"), option(2, 5000.0, "SPXW"), option(3, 5100.0, "SPX")):
        core.handle(ContractDetailsReceived(1, row), 0.0)
    (found,) = results(core.handle(ContractDetailsEnd(1), 0.0))
    assert found.contract is None
    assert found.told_apart_by == ["strike", "trading_class"]
    assert ([one.con_id for one in found.candidates], found.matches) == ([1, 2, 3], 3)


def test_one_contract_is_qualified(core: ReferenceCore) -> None:
    core.handle(Asked(1, questions.qualify(ops.Qualify(isin="US0378331005", currency="USD")), 60.0), 0.0)
    core.handle(ContractDetailsReceived(1, info(market_rule_ids="26,26")), 0.0)
    (found,) = results(core.handle(ContractDetailsEnd(1), 0.0))
    assert (found.contract.con_id, found.contract.market_rule_ids, found.candidates) == (AAPL_ID, "26,26", [])


def chain_of(core: ReferenceCore, **args: Any) -> list[Action]:
    ask = questions.option_chain(ops.GetOptionChain(instrument=spelled("AAPL"), **args))
    core.handle(Asked(1, ask, 600.0), 0.0)
    core.handle(ContractDetailsReceived(1, info()), 0.0)
    assert requests(core.handle(ContractDetailsEnd(1), 0.0)) == [
        rq.ReqSecDefOptParams(2, "AAPL", "", "STK", AAPL_ID)
    ]
    both = ("20261218", "20270115 15:00:00 US/Central")
    core.handle(OptionChain(2, "SMART", AAPL_ID, "AAPL", "100", both, (100.0, 110.0)), 0.0)
    return core.handle(OptionChainEnd(2), 0.0)


def option(con_id: int, expiry: str, strike: float, under: int = AAPL_ID) -> ContractInfo:
    contract = Contract(con_id, "AAPL", "OPT", expiry, strike, "C", "100", "SMART", currency="USD")
    return ContractInfo(contract, valid_exchanges="SMART", under_con_id=under)


def test_a_chain_is_one_query_per_expiry_and_lists_what_is_really_there() -> None:
    core = ReferenceCore(count(1).__next__)
    asked_for = requests(chain_of(core))
    assert [
        (r.contract.expiry, r.contract.strike) for r in asked_for if isinstance(r, rq.ReqContractDetails)
    ] == [
        ("20261218", None),
        ("20270115", None),
    ]
    core.handle(ContractDetailsReceived(3, option(31, "20261218", 110.0)), 0.0)
    core.handle(ContractDetailsReceived(3, option(30, "20261218", 100.0)), 0.0)
    core.handle(ContractDetailsReceived(3, option(39, "20261218", 100.0, under=7)), 0.0)  # of another AAPL
    assert core.handle(ContractDetailsEnd(3), 0.0) == []
    (chain,) = results(core.handle(GatewayError(4, 200, NONE_FOUND), 0.0))  # none listed after all
    assert chain.expiries == ["20261218", "20270115"]
    assert [(one.con_id, one.strike) for one in chain.contracts] == [(30, 100.0), (31, 110.0)]
    assert chain.next is None


def test_a_refusal_that_is_not_about_the_contract_fails_the_chain() -> None:
    core = ReferenceCore(count(1).__next__)
    chain_of(core)
    core.handle(GatewayError(3, 321, "Error validating request"), 0.0)
    assert failures(core.handle(GatewayError(4, 200, NONE_FOUND), 0.0)) == [(1, "gateway_rejected", 321)]
    core.validate()


def test_a_chain_of_thousands_comes_in_whole_expiries() -> None:
    core = ReferenceCore(count(1).__next__, cache_rows=100_000)
    expiries = tuple(f"2027{month:02d}15" for month in range(1, 7))
    seen: list[int] = []
    after: str | None = None
    details: dict[int, str] = {}
    now = 0.0
    for call in range(1, 5):
        ask = questions.option_chain(ops.GetOptionChain(instrument=spelled("AAPL"), after=after))
        todo = core.handle(Asked(call, ask, 600.0), now)
        while not results(todo):
            (first, *rest) = [action for action in todo if isinstance(action, Send)]
            if isinstance(first.request, rq.ReqSecDefOptParams):
                core.handle(OptionChain(first.req_id, "SMART", AAPL_ID, "AAPL", "100", expiries, ()), now)
                todo = core.handle(OptionChainEnd(first.req_id), now)
                continue
            todo = []
            for each in (first, *rest):
                assert isinstance(each.request, rq.ReqContractDetails)
                expiry = each.request.contract.expiry
                rows = [info()] if not expiry else [option(int(expiry) + n, expiry, n) for n in range(1, 601)]
                details[each.req_id] = expiry
                for row in rows:
                    core.handle(ContractDetailsReceived(each.req_id, row), now)
                todo += core.handle(ContractDetailsEnd(each.req_id), now)
        (page,) = results(todo)
        seen += [one.con_id for one in page.contracts]
        after = page.next
        if after is None:
            break
    assert seen == [int(expiry) + n for expiry in expiries for n in range(1, 601)]
    assert sorted(details.values()) == ["", *expiries]  # nothing twice


def test_a_rule_is_found_by_its_number_and_shared_by_exchanges(core: ReferenceCore) -> None:
    core.handle(Asked(1, questions.market_rule(ops.GetMarketRule(instrument=spelled("AAPL"))), 60.0), 0.0)
    core.handle(ContractDetailsReceived(1, info(market_rule_ids="26,32")), 0.0)
    asked_for = requests(core.handle(ContractDetailsEnd(1), 0.0))
    assert asked_for == [rq.ReqMarketRule(26), rq.ReqMarketRule(32)]
    assert core.handle(MarketRule(99, ((0.0, 1.0),)), 0.0) == []
    core.handle(MarketRule(32, ((0.0, 0.01), (3.0, 0.05))), 0.0)
    (found,) = results(core.handle(MarketRule(26, ((0.0, 0.01),)), 0.0))
    rules = {rule.exchange: [(step.low, step.increment) for step in rule.increments] for rule in found.rules}
    assert rules == {"SMART": [(0.0, 0.01)], "NASDAQ": [(0.0, 0.01), (3.0, 0.05)]}


def test_a_scanner_is_cancelled_once_it_has_answered_or_nobody_waits(core: ReferenceCore) -> None:
    scan = ops.Scan(scan="TOP_PERC_GAIN")
    core.handle(Asked(1, questions.scanner(scan), 60.0), 0.0)
    done = core.handle(ScannerRows(1, ()), 1.0)
    assert done[0] == Cancel(rq.CancelScanner(1))
    assert answers(done) == [1]
    core.handle(Asked(2, questions.scanner(scan), 5.0), 2.0)
    late = core.handle(TimerFired(), 5.0)
    assert Cancel(rq.CancelScanner(2)) in late
    assert failures(late) == [(2, "timeout", None)]


def test_a_scanner_that_finds_nothing_is_an_empty_answer(core: ReferenceCore) -> None:
    core.handle(Asked(1, questions.scanner(ops.Scan(scan="TOP_PERC_GAIN")), 60.0), 0.0)
    assert core.handle(GatewayError(1, 492, "additional permissions"), 0.0) == []
    (found,) = results(core.handle(GatewayError(1, 165, "no items retrieved"), 0.0))
    assert found.rows == []


def test_an_options_value_is_asked_once_and_cancelled(core: ReferenceCore) -> None:
    spelling = "OPT:AAPL:SMART:USD:20261218:C:100"
    args = ops.GetOptionPrice(instrument=spelling, volatility=0.2, under_price=101.0)
    core.handle(Asked(1, questions.option_price(args), 60.0), 0.0)
    core.handle(ContractDetailsReceived(1, option(31, "20261218", 100.0)), 0.0)
    (request,) = requests(core.handle(ContractDetailsEnd(1), 0.0))
    assert isinstance(request, rq.CalculateOptionPrice)
    assert (request.contract.con_id, request.volatility, request.under_price) == (31, 0.2, 101.0)
    computed = TickOptionComputation(2, 53, 0, 0.2, 0.55, 4.2, 0.0, 0.02, 0.1, -0.05, 101.0)
    done = core.handle(computed, 0.0)
    assert Cancel(rq.CancelOptionPrice(2)) in done
    assert results(done)[0].option_price == 4.2


def test_what_carries_no_request_id_is_not_answered_before_it_was_asked(core: ReferenceCore) -> None:
    assert core.handle(NewsProviders((("BRFG", "Briefing"),)), 0.0) == []
    core.handle(Asked(1, questions.news_providers(NoArgs()), 60.0), 0.0)
    (found,) = results(core.handle(NewsProviders((("DJNL", "Dow Jones"),)), 0.0))
    assert [one.code for one in found.providers] == ["DJNL"]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_ends_by_an_event_it_takes(name: str) -> None:
    kind = KINDS[name]
    assert kind.ends
    assert kind.numbered == all("req_id" in event.__struct_fields__ for event in kind.ends | kind.rows.keys())
