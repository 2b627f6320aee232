"""An adviser's groups: read anew each time, replaced once and never twice; and a report about a company."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from support.reference_core import AAPL_ID, failures, info, requests, results
from twsmq_nodes.reference import adviser_questions, news_questions
from twsmq_nodes.reference.core import ReferenceCore
from twsmq_nodes.reference.events import Action, Asked
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws import adapter_outbound
from twsmq_nodes.tws import reference_events as ev
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws.adapter_values import BadField
from twsmq_nodes.tws.calls import Fail, SessionDown, Written
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import GatewayError
from twsmq_protocol import adviser_requests as ops
from twsmq_protocol.codec import decode_args, decode_request, encode_request
from twsmq_protocol.errors import RequestError
from twsmq_protocol.fundamental_requests import GetFundamentals
from twsmq_protocol.requests import OPS

GROUPS = "<ListOfGroups><Group><name>All</name></Group></ListOfGroups>"
NO_ADVISER = "Error validating request.-'bN' : cause - FA data operations ignored for non FA customers."


@pytest.fixture
def core() -> ReferenceCore:
    return ReferenceCore(count(1).__next__)


def reading(call: int, which: ops.AdviserList = "groups") -> Asked:
    return Asked(call, adviser_questions.fa_groups(ops.GetFaGroups(list=which)), 60.0)


def replacing(call: int, xml: str = GROUPS, deadline: float = 60.0) -> Asked:
    args = ops.ReplaceFaGroups(list="groups", xml=xml)
    return Asked(call, adviser_questions.replace_fa_groups(args), deadline)


def told(actions: list[Action]) -> list[tuple[int, str, str]]:
    return [(a.call, str(a.error.code), a.error.message) for a in actions if isinstance(a, Fail)]


def test_each_list_is_matched_by_its_kind_and_read_anew(core: ReferenceCore) -> None:
    assert requests(core.handle(reading(1), 0.0)) == [ref.ReqFaGroups(1)]
    assert requests(core.handle(reading(2, "aliases"), 0.0)) == [ref.ReqFaGroups(3)]
    (found,) = results(core.handle(ev.FaGroups(3, "<ListOfAccountAliases/>"), 0.0))
    assert (found.list, found.xml) == ("aliases", "<ListOfAccountAliases/>")
    (found,) = results(core.handle(ev.FaGroups(1, GROUPS), 0.0))
    assert (found.list, found.xml) == ("groups", GROUPS)
    assert requests(core.handle(reading(3), 1.0)) == [ref.ReqFaGroups(1)], "nothing is remembered"


def test_who_is_no_adviser_is_told_so_though_the_refusal_has_no_id(core: ReferenceCore) -> None:
    core.handle(reading(1), 0.0)
    core.handle(replacing(2), 0.0)
    assert failures(core.handle(GatewayError(-1, 2104, "Market data farm connection is OK"), 0.0)) == []
    refused = core.handle(GatewayError(-1, 321, NO_ADVISER), 0.0)
    assert sorted(failures(refused)) == [(1, "gateway_rejected", 321), (2, "gateway_rejected", 321)]
    core.validate()


def test_replaced_once_it_is_said(core: ReferenceCore) -> None:
    assert requests(core.handle(replacing(1), 0.0)) == [ref.ReplaceFaGroups(1, 1, GROUPS)]
    core.handle(Written(1), 0.0)
    assert requests(core.handle(replacing(2, "<ListOfGroups/>"), 0.0)) == [], "one after the other"
    answered = core.handle(ev.FaGroupsReplaced(1, "OK"), 0.0)
    assert [found.message for found in results(answered)] == ["OK"]
    assert requests(answered) == [ref.ReplaceFaGroups(2, 1, "<ListOfGroups/>")]


@pytest.mark.parametrize("way", ["silence", "deadline", "session lost"])
def test_without_an_answer_nobody_knows_and_it_is_not_sent_again(core: ReferenceCore, way: str) -> None:
    core.handle(replacing(1, deadline=5.0 if way == "deadline" else 600.0), 0.0)
    core.handle(Written(1), 0.0)
    happened, now = (SessionDown(), 1.0) if way == "session lost" else (TimerFired(), 40.0)
    over = core.handle(happened, now)
    ((call, code, text),) = told(over)
    assert (call, code) == (1, "timeout")
    assert "not known" in text
    assert "fa_groups" in text
    assert requests(over + core.handle(TimerFired(), 500.0)) == []


def test_what_was_not_sent_is_no_timeout(core: ReferenceCore) -> None:
    core.handle(replacing(1), 0.0)
    core.handle(Written(1), 0.0)
    core.handle(replacing(2, "<ListOfGroups/>"), 0.0)  # waits for the first
    assert [(call, code) for call, code, _ in told(core.handle(SessionDown(), 1.0))] == [
        (1, "timeout"),
        (2, "not_ready"),
    ]


def test_no_refusal_makes_it_be_sent_again(core: ReferenceCore) -> None:
    """A 200 in an outage is not believed of look-ups."""
    core.handle(SessionDown(), 0.0)
    core.handle(replacing(1), 0.0)
    refused = core.handle(GatewayError(1, 200, "?"), 0.0)
    assert failures(refused) == [(1, "gateway_rejected", 200)]
    assert requests(refused + core.handle(TimerFired(), 30.0)) == []


@pytest.mark.parametrize(
    ("op", "args", "field"),
    [
        ("fa_groups", {"list": "all"}, "list"),
        ("replace_fa_groups", {"xml": GROUPS}, "list"),
        ("replace_fa_groups", {"list": "groups"}, "xml"),
        ("replace_fa_groups", {"list": "groups", "xml": ""}, "xml"),
        ("replace_fa_groups", {"list": "groups", "xml": "<a>"}, "xml"),
        ("replace_fa_groups", {"list": "groups", "xml": "<a/><b/>"}, "xml"),
        ("replace_fa_groups", {"list": "groups", "xml": "<a>\u00e9</a>"}, "xml"),
        ("replace_fa_groups", {"list": "groups", "xml": "<a>\x00</a>"}, "xml"),
        ("replace_fa_groups", {"list": "groups", "xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}, "xml"),
        ("replace_fa_groups", {"list": "groups", "xml": f"<a>{'b' * 200_000}</a>"}, "xml"),
        ("replace_fa_groups", {"list": "aliases", "xml": GROUPS}, "xml"),
        ("fundamentals", {}, "instrument"),
        ("fundamentals", {"instrument": "AAPL"}, "instrument"),
        ("fundamentals", {"instrument": "STK:AAPL:SMART:USD", "report": "x"}, "report"),
    ],
)
def test_what_is_wrong_is_named(op: str, args: dict[str, Any], field: str) -> None:
    request = decode_request(encode_request(1, op, args))
    with pytest.raises(RequestError) as wrong:
        decode_args(request, OPS[op].args)
    assert wrong.value.field == field


def test_only_an_operator_replaces() -> None:
    assert OPS["replace_fa_groups"].rights == ("operator",)


def test_a_report_is_that_of_the_contract_and_remembered(core: ReferenceCore) -> None:
    def asked(call: int) -> Asked:
        args = GetFundamentals(instrument="STK:AAPL:SMART:USD", report="RESC")
        return Asked(call, news_questions.fundamentals(args), 60.0)

    core.handle(asked(1), 0.0)
    core.handle(ev.ContractDetailsReceived(1, info()), 0.0)
    (request,) = requests(core.handle(ev.ContractDetailsEnd(1), 0.0))
    assert isinstance(request, ref.ReqFundamentals)
    assert (request.contract.con_id, request.report) == (AAPL_ID, "RESC")
    (found,) = results(core.handle(ev.Fundamentals(2, "<RESC/>"), 0.0))
    assert (found.report, found.xml) == ("RESC", "<RESC/>")
    assert [one.xml for one in results(core.handle(asked(2), 1.0))] == ["<RESC/>"]


def test_a_company_without_is_refused(core: ReferenceCore) -> None:
    args = GetFundamentals(instrument="STK:AAPL:SMART:USD")
    core.handle(Asked(1, news_questions.fundamentals(args), 60.0), 0.0)
    core.handle(ev.ContractDetailsReceived(1, info()), 0.0)
    core.handle(ev.ContractDetailsEnd(1), 0.0)
    assert failures(core.handle(GatewayError(2, 430, "not available"), 0.0)) == [(1, "gateway_rejected", 430)]


def test_a_release_that_lacks_it_is_named() -> None:
    """10.50 has no reqFundamentalData."""
    with pytest.raises(BadField, match="does not know it"):
        adapter_outbound.call(object(), ref.ReqFundamentals(1, Contract(1), "RESC"))
