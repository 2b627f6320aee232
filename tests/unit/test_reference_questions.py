"""Each kind of question: pages, searches, chains, rules, scanners, values."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from support.reference_core import (
    AAPL_ID,
    NONE_FOUND,
    answers,
    asked,
    failures,
    info,
    learn,
    new_core,
    requests,
    results,
    spelled,
)
from twsmq_nodes.reference import contract_questions, market_questions, news_questions
from twsmq_nodes.reference.core import ReferenceCore
from twsmq_nodes.reference.events import Action, Asked
from twsmq_nodes.reference.look_ups import KINDS
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws.calls import Cancel, Fail, Send
from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.events import GatewayError, TickOptionComputation
from twsmq_nodes.tws.reference_events import (
    ContractDetailsEnd,
    ContractDetailsReceived,
    MarketRule,
    MatchingSymbols,
    NewsProviders,
    OptionChain,
    OptionChainEnd,
    ScannerParameters,
    ScannerRows,
    SymbolMatch,
)
from twsmq_protocol import reference_requests as ops
from twsmq_protocol import scanner_requests
from twsmq_protocol.envelope import NoArgs


@pytest.fixture
def core() -> ReferenceCore:
    return new_core()


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
        return core.handle(Asked(call, contract_questions.search(ops.Search(pattern=pattern)), 60.0), now)

    assert requests(search(1, "APP", 0.0)) == [ref.ReqMatchingSymbols(1, "APP")]
    assert search(2, "APP", 0.1) == []
    assert search(3, "MSF", 0.2) == []
    assert core.wake_at == 1.0
    found = SymbolMatch(Contract(AAPL_ID, "AAPL", "STK", primary_exchange="NASDAQ", currency="USD"), ("OPT",))
    answered = core.handle(MatchingSymbols(1, (found,)), 0.5)
    assert answers(answered) == [1, 2]
    assert results(answered)[0].contracts[0].derivatives == ["OPT"]
    assert requests(core.handle(TimerFired(), 1.0)) == [ref.ReqMatchingSymbols(2, "MSF")]


def test_several_contracts_are_candidates_with_what_tells_them_apart() -> None:
    core = ReferenceCore(count(1).__next__)

    def option(con_id: int, strike: float, trading_class: str) -> ContractInfo:
        named = Contract(
            con_id, "SPX", "OPT", "20261218", strike, "C", "100", "SMART", trading_class=trading_class
        )
        return ContractInfo(named)

    ask = Asked(1, contract_questions.qualify(ops.Qualify(instrument="OPT:SPX:SMART:USD:20261218:C")), 60.0)
    core.handle(ask, 0.0)
    for row in (option(1, 5000.0, "SPX"), option(2, 5000.0, "SPXW"), option(3, 5100.0, "SPX")):
        core.handle(ContractDetailsReceived(1, row), 0.0)
    (found,) = results(core.handle(ContractDetailsEnd(1), 0.0))
    assert found.contract is None
    assert found.told_apart_by == ["strike", "trading_class"]
    assert ([one.con_id for one in found.candidates], found.matches) == ([1, 2, 3], 3)


def test_one_contract_is_qualified(core: ReferenceCore) -> None:
    core.handle(
        Asked(1, contract_questions.qualify(ops.Qualify(isin="US0378331005", currency="USD")), 60.0), 0.0
    )
    core.handle(ContractDetailsReceived(1, info(market_rule_ids="26,26")), 0.0)
    (found,) = results(core.handle(ContractDetailsEnd(1), 0.0))
    assert (found.contract.con_id, found.contract.market_rule_ids, found.candidates) == (AAPL_ID, "26,26", [])


def chain_of(core: ReferenceCore, **args: Any) -> list[Action]:
    ask = contract_questions.option_chain(ops.GetOptionChain(instrument=spelled("AAPL"), **args))
    core.handle(Asked(1, ask, 600.0), 0.0)
    core.handle(ContractDetailsReceived(1, info()), 0.0)
    assert requests(core.handle(ContractDetailsEnd(1), 0.0)) == [
        ref.ReqSecDefOptParams(2, "AAPL", "", "STK", AAPL_ID)
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
        (r.contract.expiry, r.contract.strike) for r in asked_for if isinstance(r, ref.ReqContractDetails)
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
        ask = contract_questions.option_chain(ops.GetOptionChain(instrument=spelled("AAPL"), after=after))
        todo = core.handle(Asked(call, ask, 600.0), now)
        while not results(todo):
            (first, *rest) = [action for action in todo if isinstance(action, Send)]
            if isinstance(first.request, ref.ReqSecDefOptParams):
                core.handle(OptionChain(first.req_id, "SMART", AAPL_ID, "AAPL", "100", expiries, ()), now)
                todo = core.handle(OptionChainEnd(first.req_id), now)
                continue
            todo = []
            for each in (first, *rest):
                assert isinstance(each.request, ref.ReqContractDetails)
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
    core.handle(
        Asked(1, contract_questions.market_rule(ops.GetMarketRule(instrument=spelled("AAPL"))), 60.0), 0.0
    )
    core.handle(ContractDetailsReceived(1, info(market_rule_ids="26,32")), 0.0)
    asked_for = requests(core.handle(ContractDetailsEnd(1), 0.0))
    assert asked_for == [ref.ReqMarketRule(26), ref.ReqMarketRule(32)]
    assert core.handle(MarketRule(99, ((0.0, 1.0),)), 0.0) == []
    core.handle(MarketRule(32, ((0.0, 0.01), (3.0, 0.05))), 0.0)
    (found,) = results(core.handle(MarketRule(26, ((0.0, 0.01),)), 0.0))
    rules = {rule.exchange: [(step.low, step.increment) for step in rule.increments] for rule in found.rules}
    assert rules == {"SMART": [(0.0, 0.01)], "NASDAQ": [(0.0, 0.01), (3.0, 0.05)]}


@pytest.mark.parametrize("xml", ["", "no xml", "<a>", "<!DOCTYPE a><a/>", "<a>\ud83d</a>", "<a>\0</a>"])
def test_scanner_parameters_that_cannot_be_read_are_the_gateways_fault_and_asked_for_again(
    core: ReferenceCore, xml: str
) -> None:
    """For a day each answer was `internal`, "a bug", whatever the gateway would have said."""
    asked = scanner_requests.GetScannerParameters()
    core.handle(Asked(1, market_questions.scanner_parameters(asked), 60.0), 0.0)
    assert failures(core.handle(ScannerParameters(xml), 0.0)) == [(1, "gateway_rejected", None)]
    assert requests(core.handle(Asked(2, market_questions.scanner_parameters(asked), 60.0), 1.0))
    good = "<a><ScanType><scanCode>TOP</scanCode><displayName>Top</displayName></ScanType></a>"
    (found,) = results(core.handle(ScannerParameters(good), 1.0))
    assert [one.code for one in found.parameters] == ["TOP"]
    assert requests(core.handle(Asked(3, market_questions.scanner_parameters(asked), 60.0), 2.0)) == []


def test_a_scanner_is_cancelled_once_it_has_answered_or_nobody_waits(core: ReferenceCore) -> None:
    scan = scanner_requests.Scan(scan="TOP_PERC_GAIN")
    core.handle(Asked(1, market_questions.scanner(scan), 60.0), 0.0)
    done = core.handle(ScannerRows(1, ()), 1.0)
    assert done[0] == Cancel(ref.CancelScanner(1))
    assert answers(done) == [1]
    core.handle(Asked(2, market_questions.scanner(scan), 5.0), 2.0)
    late = core.handle(TimerFired(), 5.0)
    assert Cancel(ref.CancelScanner(2)) in late
    assert failures(late) == [(2, "timeout", None)]


def test_no_more_scanners_are_open_than_the_gateway_answers_and_the_rest_wait(core: ReferenceCore) -> None:
    """The eleventh was refused: "Only 10 simultaneous API scanner subscriptions are allowed" (ibsync #2)."""
    sent: list[int] = []
    for call in range(1, 26):
        asked = Asked(call, market_questions.scanner(scanner_requests.Scan(scan=f"SCAN_{call}")), 600.0)
        sent += [act.req_id for act in core.handle(asked, 0.0) if isinstance(act, Send)]
    assert len(sent) == 10
    assert core.wake_at is not None
    assert core.wake_at > 1, "nothing is to be done before"
    assert requests(core.handle(Asked(99, market_questions.user_info(NoArgs()), 60.0), 0.0)), "others go on"
    answered: list[int] = []
    while sent:
        req_id = sent.pop(0)
        how = len(answered) % 3
        ended = ScannerRows(req_id, ()) if how else GatewayError(req_id, 162, "Invalid scanner code")
        actions = core.handle(ended, 1.0)
        core.validate()
        assert actions.index(Cancel(ref.CancelScanner(req_id))) == 0, "it is given back first"
        answered += answers(actions) + [failed[0] for failed in failures(actions)]
        sent += [act.req_id for act in actions if isinstance(act, Send)]
        assert len(sent) <= 10
    assert sorted(answered) == list(range(1, 26))


def test_a_scanner_that_finds_nothing_is_an_empty_answer(core: ReferenceCore) -> None:
    core.handle(Asked(1, market_questions.scanner(scanner_requests.Scan(scan="TOP_PERC_GAIN")), 60.0), 0.0)
    assert core.handle(GatewayError(1, 492, "additional permissions"), 0.0) == []
    (found,) = results(core.handle(GatewayError(1, 165, "no items retrieved"), 0.0))
    assert found.rows == []


def test_an_options_value_is_asked_once_and_cancelled(core: ReferenceCore) -> None:
    spelling = "OPT:AAPL:SMART:USD:20261218:C:100"
    args = ops.GetOptionPrice(instrument=spelling, volatility=0.2, under_price=101.0)
    core.handle(Asked(1, contract_questions.option_price(args), 60.0), 0.0)
    core.handle(ContractDetailsReceived(1, option(31, "20261218", 100.0)), 0.0)
    (request,) = requests(core.handle(ContractDetailsEnd(1), 0.0))
    assert isinstance(request, ref.CalculateOptionPrice)
    assert (request.contract.con_id, request.volatility, request.under_price) == (31, 0.2, 101.0)
    computed = TickOptionComputation(2, 53, 0, 0.2, 0.55, 4.2, 0.0, 0.02, 0.1, -0.05, 101.0)
    done = core.handle(computed, 0.0)
    assert Cancel(ref.CancelOptionPrice(2)) in done
    assert results(done)[0].option_price == 4.2


def test_what_carries_no_request_id_is_not_answered_before_it_was_asked(core: ReferenceCore) -> None:
    assert core.handle(NewsProviders((("BRFG", "Briefing"),)), 0.0) == []
    core.handle(Asked(1, news_questions.news_providers(NoArgs()), 60.0), 0.0)
    (found,) = results(core.handle(NewsProviders((("DJNL", "Dow Jones"),)), 0.0))
    assert [one.code for one in found.providers] == ["DJNL"]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_ends_by_an_event_it_takes(name: str) -> None:
    kind = KINDS[name]
    assert kind.ends
    assert kind.numbered == all("req_id" in event.__struct_fields__ for event in kind.ends | kind.rows.keys())
