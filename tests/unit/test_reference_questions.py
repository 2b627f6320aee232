"""Each kind of question: pages, searches, chains, rules, scanners, values."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from msgspec.structs import replace
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
from twsmq_nodes.tws.calls import Cancel, Send, SessionDown, Written
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
from twsmq_nodes.tws.session_events import SessionUp
from twsmq_protocol import reference_requests as ops
from twsmq_protocol import scanner_requests
from twsmq_protocol.envelope import NoArgs


@pytest.fixture
def core() -> ReferenceCore:
    return new_core()


def test_a_large_answer_comes_in_pages_that_follow_each_other() -> None:
    """In the order of the conIds: a client takes a `next` that is not later for a fault, and a chain comes in
    any order."""
    core = ReferenceCore(count(1).__next__)
    everything = [info(con_id=number) for number in (4, 2, 7, 1, 6, 3, 5)]
    learn(core, 0, "AAPL", *everything)
    seen: list[int] = []
    after: int | None = None
    for call in range(1, 10):
        (page,) = results(core.handle(asked(call, limit=3, after=after), 1.0))
        seen += [row.con_id for row in page.contracts]
        assert page.next is None or after is None or page.next > after
        after = page.next
        if after is None:
            break
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    (page,) = results(core.handle(asked(20, after=99), 1.0))
    assert (page.contracts, page.next) == ([], None)


def on(exchange: str, con_id: int = AAPL_ID, **more: Any) -> ContractInfo:
    row = info(con_id=con_id, **more)
    return replace(row, contract=replace(row.contract, exchange=exchange))


def test_a_contract_that_is_described_for_each_exchange_is_one_contract() -> None:
    """Of an option that names no exchange there are as many rows as exchanges (ib_insync #564)."""
    core = ReferenceCore(count(1).__next__)
    rows = [on("AMEX"), on("SMART", time_zone_id="US/Eastern"), on("OVERNIGHT"), on("X", 0)]
    learn(core, 0, "AAPL", *rows)
    (page,) = results(core.handle(asked(1, limit=1), 1.0))
    assert ([(row.con_id, row.exchange) for row in page.contracts], page.next) == ([(AAPL_ID, "SMART")], None)
    spelling = spelled("AAPL")
    questions = {
        2: contract_questions.qualify(ops.Qualify(instrument=spelling)),
        3: contract_questions.trading_hours(ops.GetTradingHours(instrument=spelling)),
    }
    found = [results(core.handle(Asked(call, ask, 60.0), 1.0))[0] for call, ask in questions.items()]
    assert (found[0].contract.exchange, found[0].matches) == ("SMART", 1)
    assert found[1].time_zone == "US/Eastern"


def test_what_has_no_conid_is_no_contract() -> None:
    core = ReferenceCore(count(1).__next__)
    assert failures(learn(core, 0, "AAPL", on("SMART", 0))) == [(0, "gateway_rejected", 200)]


def test_what_was_known_is_asked_for_anew_of_the_next_session(core: ReferenceCore) -> None:
    """The gateway gets its contracts anew when it starts: after a split the symbol is another conId."""
    learn(core, 1, "AAPL", info())
    core.handle(SessionDown(), 1.0)
    assert answers(core.handle(asked(2), 2.0)) == [2], "it is all there is"
    core.handle(SessionUp(200, ("DU1",), 1, True), 3.0)
    assert requests(core.handle(asked(3), 3.0))


def test_a_bond_without_a_coupon_says_so() -> None:
    core = ReferenceCore(count(1).__next__)
    bill = Contract(7, "US-B", "BOND", "20270121", exchange="SMART", currency="USD")
    (page,) = results(learn(core, 0, "AAPL", ContractInfo(bill, coupon=0.0), info()))
    assert [row.coupon for row in page.contracts] == [0.0, None]


def test_searches_are_a_second_apart_and_the_same_one_is_made_once(core: ReferenceCore) -> None:
    def search(call: int, pattern: str, now: float) -> list[Action]:
        return core.handle(Asked(call, contract_questions.search(ops.Search(pattern=pattern)), 60.0), now)

    assert requests(search(1, "APP", 0.0)) == [ref.ReqMatchingSymbols(1, "APP")]
    assert search(2, "APP", 0.1) == []
    assert search(3, "MSF", 2.9) == [], "a second after the first was written, not since it waits to be"
    assert core.handle(Written(1), 3.0) == []
    assert core.wake_at == 4.0
    found = SymbolMatch(Contract(AAPL_ID, "AAPL", "STK", primary_exchange="NASDAQ", currency="USD"), ("OPT",))
    answered = core.handle(MatchingSymbols(1, (found,)), 3.5)
    assert answers(answered) == [1, 2]
    assert results(answered)[0].contracts[0].derivatives == ["OPT"]
    assert requests(core.handle(TimerFired(), 4.0)) == [ref.ReqMatchingSymbols(2, "MSF")]


def test_several_contracts_are_candidates_with_what_tells_them_apart() -> None:
    core = ReferenceCore(count(1).__next__)

    def option(con_id: int, strike: float, trading_class: str) -> ContractInfo:
        named = Contract(
            con_id, "SPX", "OPT", "20261218", strike, "C", "100", "SMART", trading_class=trading_class,
            local_symbol=f"{trading_class} 261218C{strike:08.0f}",
        )  # fmt: skip
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


@pytest.mark.parametrize(
    ("listings", "asked_at"),
    [
        ([("SMART", "AAPL"), ("AMEX", "AAPL")], ["SMART"]),
        ([("EUREX", "ODAX")], ["EUREX"]),
        ([("EUREX", "ODAX"), ("EUREX", "ODX1"), ("CEDX", "ODAX"), ("CEDX", "C")], ["CEDX", "EUREX"]),
        ([("SMART", "SAP"), ("EUREX", "SAP"), ("EUREX", "SAP1")], ["EUREX", "SMART"]),
        ([], ["SMART"]),
    ],
)
def test_a_chain_is_asked_for_where_its_classes_are_listed(
    listings: list[tuple[str, str]], asked_at: list[str]
) -> None:
    """Of what is not routed SMART there were no options at all (nautilus_trader #2622)."""
    core = ReferenceCore(count(1).__next__)
    ask = ops.GetOptionChain(instrument="IND:DAX:EUREX:EUR", expiry="20261218")
    core.handle(Asked(1, contract_questions.option_chain(ask), 600.0), 0.0)
    core.handle(ContractDetailsReceived(1, info("DAX")), 0.0)
    core.handle(ContractDetailsEnd(1), 0.0)
    for exchange, name in listings:
        core.handle(OptionChain(2, exchange, AAPL_ID, name, "5", ("20261218",), ()), 0.0)
    sent = [one for one in core.handle(OptionChainEnd(2), 0.0) if isinstance(one, Send)]
    asked_for = [one.request for one in sent if isinstance(one.request, ref.ReqContractDetails)]
    assert [request.contract.exchange for request in asked_for] == asked_at
    sent_back: list[Action] = []
    for one in sent:  # the same option on each: it is one contract
        core.handle(ContractDetailsReceived(one.req_id, option(31, "20261218", 100.0)), 0.0)
        sent_back = core.handle(ContractDetailsEnd(one.req_id), 0.0)
    assert [row.con_id for row in results(sent_back)[0].contracts] == [31]


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
