"""Look-ups shared by all who ask for the same: who gets which answer when what happens."""

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
    query,
    results,
    sent,
)
from twsmq_nodes.reference import core as reference_core
from twsmq_nodes.reference.core import ReferenceCore
from twsmq_nodes.reference.events import Action, Asked
from twsmq_nodes.reference.look_ups import DETAILS_IDLE_S, HOUR
from twsmq_nodes.reference.pending import AGAIN_S, MOST_LOOK_UPS
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.calls import NotSent, Send, SessionDown, Written
from twsmq_nodes.tws.events import GatewayError
from twsmq_nodes.tws.outages import SETTLE_S
from twsmq_nodes.tws.reference_events import (
    ContractDetailsEnd,
    ContractDetailsReceived,
)
from twsmq_nodes.tws.session_events import DataMaintained, FarmState, FarmStatus, SessionUp, UpstreamLost
from twsmq_protocol.errors import ErrorCode, RequestError


@pytest.fixture
def core() -> ReferenceCore:
    return new_core()


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
    assert core.memory.find(query("AAPL"), 1.0) is None
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


@pytest.mark.parametrize(
    ("began", "over"),
    [
        (UpstreamLost(1100, "lost"), DataMaintained()),
        (FARM_DOWN, FARM_UP),
        (SessionDown(), SessionUp(200, ("DU1",), 1, upstream=True)),  # it may have been started anew
    ],
)
def test_a_200_is_not_believed_within_a_minute_of_an_outage(
    core: ReferenceCore, began: Any, over: Any
) -> None:
    core.handle(began, 0.0)
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
    assert core.memory.find(query("AAPL"), now) is None


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
    assert core.memory.find(query("AAPL"), 211.0) is None  # half an answer is none


def test_what_nobody_waits_for_is_not_sent_and_its_late_answer_ignored(core: ReferenceCore) -> None:
    core.handle(asked(1, deadline=5.0), 0.0)
    core.handle(TimerFired(), 5.0)
    assert not core.wanted(1)
    assert core.handle(ContractDetailsReceived(1, info()), 6.0) == []
    assert core.handle(ContractDetailsEnd(1), 6.0) == []


def test_rows_are_remembered_until_they_are_too_old(core: ReferenceCore) -> None:
    learn(core, 1, "AAPL", info(), now=0.0)
    assert core.memory.find(query("AAPL"), HOUR - 0.1) == (info(),)
    assert core.memory.find(query("AAPL"), HOUR) is None


def test_what_was_used_longest_ago_makes_room(core: ReferenceCore) -> None:
    for call, symbol in enumerate(("A", "B", "C")):
        learn(core, call, symbol, info(symbol))
    assert core.memory.find(query("A"), 1.0) is not None  # used: now B is the oldest
    learn(core, 9, "D", info("D"))
    assert [symbol for symbol in "ABCD" if core.memory.find(query(symbol), 1.0)] == ["A", "C", "D"]


def test_more_rows_than_fit_are_answered_but_not_remembered(core: ReferenceCore) -> None:
    learn(core, 1, "small", info())
    (whole,) = results(learn(core, 2, "chain", *(info(con_id=number) for number in range(1, 5))))
    assert len(whole.contracts) == 4
    assert core.memory.find(query("chain"), 0.0) is None
    assert core.memory.find(query("small"), 0.0) is not None


def test_a_flood_of_distinct_instruments_is_throttled(core: ReferenceCore) -> None:
    for call in range(MOST_LOOK_UPS):
        core.handle(asked(call, f"S{call}"), 0.0)
    assert failures(core.handle(asked(-1, "one more"), 0.0)) == [(-1, "throttled", None)]
    assert core.handle(asked(-2, "S0"), 0.0) == []  # already on its way: costs nothing
    core.validate()


def test_a_flood_of_one_peer_shuts_no_other_out(core: ReferenceCore) -> None:
    for call in range(MOST_LOOK_UPS):
        core.handle(asked(call, f"S{call}"), 0.0)
    other = replace(asked(-1, "another"), peer=b"another")
    assert failures(core.handle(other, 0.0)) == []
    assert failures(core.handle(asked(-2, "one more"), 0.0)) == [(-2, "throttled", None)]
    for call in range(60):
        core.handle(replace(asked(10_000 + call, f"T{call}"), peer=b"%d" % call), 0.0)
    assert len(failures(core.handle(SessionDown(), 0.0))) == MOST_LOOK_UPS + 1 + 60


def test_peers_take_turns_at_the_message_budget() -> None:
    """A flood that came before holds a newcomer's look-ups up by what waits to be written, and no more."""
    core = ReferenceCore(count(1).__next__, ahead=2)
    whose: dict[int, bytes] = {}

    def ask(call: int, peer: bytes) -> list[int]:
        return send(core.handle(replace(asked(call, f"S{call}"), peer=peer), 0.0))

    def send(actions: list[Action]) -> list[int]:
        for action in actions:
            if isinstance(action, Send):
                symbol = action.request.contract.symbol  # pyright: ignore[reportAttributeAccessIssue]
                whose[action.req_id] = b"flood" if int(symbol[1:]) < 500 else b"other"
        core.validate()
        return sent(actions)

    left = [req_id for call in range(500) for req_id in ask(call, b"flood")]
    assert len(left) == 2
    for call in range(500, 510):
        assert ask(call, b"other") == []
    order: list[int] = []
    for _ in range(40):
        order.append(left.pop(0))
        left += send(core.handle(Written(order[-1]), 0.0))
        assert len(left) == 2
    assert sum(whose[req_id] == b"other" for req_id in order[:24]) == 10
    assert [whose[req_id] for req_id in order[:2]] == [b"flood", b"flood"]


def test_what_waits_for_the_budget_is_not_silent_yet() -> None:
    core = ReferenceCore(count(1).__next__, ahead=1)
    (req_id,) = sent(core.handle(asked(1), 0.0))
    core.handle(Written(req_id), 50.0)
    assert failures(core.handle(TimerFired(), 109.0)) == []
    assert failures(core.handle(TimerFired(), 110.0)) == [(1, "timeout", None)]


def test_rows_without_end_end_the_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference_core, "MOST_ROWS", 10)
    core = ReferenceCore(count(1).__next__)
    (req_id,) = sent(core.handle(asked(1), 0.0))
    told = [action for _ in range(50) for action in core.handle(ContractDetailsReceived(req_id, info()), 1.0)]
    assert failures(told) == [(1, "gateway_rejected", None)]
    core.validate()
