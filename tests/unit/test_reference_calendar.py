"""What is due of companies: the metadata once in a session, one question at a time, JSON as it came."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from support.reference_core import AAPL_ID, failures, info, requests, results
from twsmq_nodes.reference import calendar_questions
from twsmq_nodes.reference.core import ReferenceCore
from twsmq_nodes.reference.events import Asked
from twsmq_nodes.tws import reference_events as ev
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws.calls import Cancel, SessionDown
from twsmq_nodes.tws.events import GatewayError
from twsmq_nodes.tws.session_events import SessionUp
from twsmq_protocol.calendar_requests import GetWshEvents
from twsmq_protocol.codec import decode_args, decode_request, encode_request
from twsmq_protocol.envelope import NoArgs
from twsmq_protocol.errors import RequestError

FILTER = '{"country": "All"}'


@pytest.fixture
def core() -> ReferenceCore:
    return ReferenceCore(count(1).__next__)


def events(call: int, **args: Any) -> Asked:
    return Asked(call, calendar_questions.wsh_events(GetWshEvents(**args)), 60.0)


def test_the_metadata_are_asked_for_first_and_once_in_a_session(core: ReferenceCore) -> None:
    """10282 without."""
    assert requests(core.handle(events(1, filter=FILTER, limit=5), 0.0)) == [ref.ReqWshMetaData(1)]
    then = core.handle(ev.WshMetaData(1, '{"a": 1}'), 0.0)
    assert requests(then) == [ref.ReqWshEvents(2, None, FILTER, total_limit=5)]
    (found,) = results(core.handle(ev.WshEvents(2, '[{"b": 2}]'), 0.0))
    assert found.events == [{"b": 2}]
    (found,) = results(core.handle(Asked(2, calendar_questions.wsh_meta(NoArgs()), 60.0), 1.0))
    assert found.meta == {"a": 1}
    core.handle(SessionDown(), 2.0)
    core.handle(SessionUp(200, ("DU1",), 1, True), 3.0)
    assert requests(core.handle(events(3, filter=FILTER), 3.0)) == [ref.ReqWshMetaData(3)]


def test_events_of_an_instrument_are_those_of_its_conid(core: ReferenceCore) -> None:
    core.handle(events(1, instrument="STK:AAPL:SMART:USD", from_="20261201", to="20261231"), 0.0)
    core.handle(ev.ContractDetailsReceived(1, info()), 0.0)
    core.handle(ev.ContractDetailsEnd(1), 0.0)
    (request,) = requests(core.handle(ev.WshMetaData(2, "{}"), 0.0))
    assert request == ref.ReqWshEvents(3, AAPL_ID, start_date="20261201", end_date="20261231")


def test_one_question_is_out_at_a_time(core: ReferenceCore) -> None:
    """10281: another is a duplicate."""
    core.handle(events(1, filter=FILTER), 0.0)
    core.handle(ev.WshMetaData(1, "{}"), 0.0)
    assert requests(core.handle(events(2, filter="{}"), 0.0)) == []
    answered = core.handle(ev.WshEvents(2, "[]"), 0.0)
    assert Cancel(ref.CancelWshEvents(2)) in answered
    assert requests(answered) == [ref.ReqWshEvents(3, None, "{}")]


def test_who_has_not_subscribed_is_told_so(core: ReferenceCore) -> None:
    core.handle(events(1, filter=FILTER), 0.0)
    refused = core.handle(GatewayError(1, 10276, "News feed is not allowed."), 0.0)
    assert failures(refused) == [(1, "gateway_rejected", 10276)]


@pytest.mark.parametrize("text", ["", "no json", "[" * 100_000])
def test_what_is_no_json_is_the_gateways_fault(core: ReferenceCore, text: str) -> None:
    core.handle(Asked(1, calendar_questions.wsh_meta(NoArgs()), 60.0), 0.0)
    assert failures(core.handle(ev.WshMetaData(1, text), 0.0)) == [(1, "gateway_rejected", None)]


@pytest.mark.parametrize(
    ("args", "field"),
    [
        ({}, "instrument"),
        ({"instrument": "STK:AAPL:SMART:USD", "filter": "{}"}, "instrument"),
        ({"instrument": "AAPL"}, "instrument"),
        ({"instrument": "STK:AAPL:SMART:USD", "portfolio": True}, "portfolio"),
        ({"filter": ""}, "filter"),
        ({"filter": "{}", "from": "tomorrow"}, "from"),
        ({"filter": "{}", "from": "20261202", "to": "20261201"}, "to"),
        ({"filter": "{}", "limit": 101}, "limit"),
    ],
)
def test_what_is_wrong_is_named(args: dict[str, Any], field: str) -> None:
    request = decode_request(encode_request(1, "wsh_events", args))
    with pytest.raises(RequestError) as wrong:
        decode_args(request, GetWshEvents)
    assert wrong.value.field == field
