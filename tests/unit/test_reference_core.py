"""Look-ups shared by all who ask for the same: who gets which answer when what happens."""

from __future__ import annotations

from itertools import count

import pytest
from twsmq_nodes.reference.core import (
    MOST_LOOK_UPS,
    Action,
    Answer,
    Asked,
    Fail,
    NotSent,
    ReferenceCore,
    Send,
    SessionDown,
)
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.events import GatewayError
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived
from twsmq_protocol.errors import ErrorCode, RequestError

AAPL = Contract(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")
AAPL_INFO = ContractInfo(Contract(265598, "AAPL", "STK", exchange="SMART", currency="USD"))
MSFT_INFO = ContractInfo(Contract(272093, "MSFT", "STK", exchange="SMART", currency="USD"))


@pytest.fixture
def core() -> ReferenceCore:
    return ReferenceCore(count(1).__next__, cache_s=60.0, cache_rows=3)


def asked(call: int, key: str = "AAPL", deadline: float = 30.0) -> Asked:
    return Asked(call, key, AAPL, deadline)


def answers(actions: list[Action]) -> list[int]:
    return [action.call for action in actions if isinstance(action, Answer)]


def failures(actions: list[Action]) -> list[tuple[int, str, int | None]]:
    return [(a.call, str(a.error.code), a.error.tws_code) for a in actions if isinstance(a, Fail)]


def learn(core: ReferenceCore, call: int, key: str, *rows: ContractInfo, now: float = 0.0) -> None:
    """Ask and be answered."""
    sent = next(a for a in core.handle(asked(call, key, now + 30), now) if isinstance(a, Send))
    for row in rows:
        core.handle(ContractDetailsReceived(sent.req_id, row), now)
    assert answers(core.handle(ContractDetailsEnd(sent.req_id), now)) == [call]


def test_identical_calls_share_one_request_and_all_are_answered(core: ReferenceCore) -> None:
    assert core.handle(asked(1), 0.0) == [Send(1, AAPL)]
    assert core.wake_at == 30.0
    assert core.handle(asked(2), 1.0) == []
    core.handle(ContractDetailsReceived(1, AAPL_INFO), 2.0)
    assert core.handle(ContractDetailsEnd(1), 2.0) == [
        Answer(1, (AAPL_INFO,)),
        Answer(2, (AAPL_INFO,)),
    ]
    assert core.wake_at is None


def test_distinct_instruments_are_asked_side_by_side_and_not_mixed_up(core: ReferenceCore) -> None:
    core.handle(asked(1, "AAPL"), 0.0)
    core.handle(asked(2, "MSFT"), 0.0)
    core.handle(ContractDetailsReceived(2, MSFT_INFO), 1.0)
    core.handle(ContractDetailsReceived(1, AAPL_INFO), 1.0)
    assert Answer(2, (MSFT_INFO,)) in core.handle(ContractDetailsEnd(2), 1.0)
    assert Answer(1, (AAPL_INFO,)) in core.handle(ContractDetailsEnd(1), 1.0)


def test_an_unknown_contract_is_the_gateways_own_refusal_for_each_and_is_not_cached(
    core: ReferenceCore,
) -> None:
    core.handle(asked(1), 0.0)
    core.handle(asked(2), 0.0)
    refusal = GatewayError(1, 200, "No security definition has been found for the request")
    refused = core.handle(refusal, 1.0)
    assert failures(refused) == [(1, "gateway_rejected", 200), (2, "gateway_rejected", 200)]
    assert core.cached("AAPL", 1.0) is None
    assert Send(2, AAPL) in core.handle(asked(3), 2.0)


def test_an_end_without_rows_is_an_unknown_contract_too(core: ReferenceCore) -> None:
    core.handle(asked(1), 0.0)
    assert failures(core.handle(ContractDetailsEnd(1), 1.0)) == [(1, "gateway_rejected", 200)]


@pytest.mark.parametrize("stray", [GatewayError(-1, 2104, "farm"), GatewayError(1, 2174, "time zone")])
def test_a_notice_does_not_end_a_look_up(core: ReferenceCore, stray: GatewayError) -> None:
    core.handle(asked(1), 0.0)
    assert core.handle(stray, 0.5) == []
    core.handle(ContractDetailsReceived(1, AAPL_INFO), 1.0)
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


def test_a_request_that_cannot_be_encoded_is_answered_with_why(core: ReferenceCore) -> None:
    core.handle(asked(1), 0.0)
    refused = core.handle(NotSent(1, RequestError(ErrorCode.INVALID_ARGUMENT, "not ASCII")), 0.0)
    assert failures(refused) == [(1, "invalid_argument", None)]


def test_a_call_times_out_alone_while_others_go_on_waiting(core: ReferenceCore) -> None:
    core.handle(asked(1, deadline=30.0), 0.0)
    assert core.handle(asked(2, deadline=5.0), 0.0) == []
    assert core.wake_at == 5.0
    late = core.handle(TimerFired(), 5.0)
    assert failures(late) == [(2, "timeout", None)]
    assert core.wake_at == 30.0
    assert core.wanted(1)
    core.handle(ContractDetailsReceived(1, AAPL_INFO), 6.0)
    assert answers(core.handle(ContractDetailsEnd(1), 6.0)) == [1]


def test_what_nobody_waits_for_is_not_sent_and_its_late_answer_ignored(core: ReferenceCore) -> None:
    core.handle(asked(1, deadline=5.0), 0.0)
    core.handle(TimerFired(), 5.0)
    assert not core.wanted(1)
    assert core.handle(ContractDetailsReceived(1, AAPL_INFO), 6.0) == []
    assert core.handle(ContractDetailsEnd(1), 6.0) == []


def test_a_timer_that_fires_early_fails_nobody_and_is_set_again(core: ReferenceCore) -> None:
    core.handle(asked(1, deadline=5.0), 0.0)
    assert core.handle(TimerFired(), 4.9) == []
    assert core.wake_at == 5.0


def test_rows_are_remembered_until_they_are_too_old(core: ReferenceCore) -> None:
    learn(core, 1, "AAPL", AAPL_INFO, now=0.0)
    assert core.cached("AAPL", 59.9) == (AAPL_INFO,)
    assert core.cached("AAPL", 60.0) is None


def test_what_was_used_longest_ago_makes_room(core: ReferenceCore) -> None:
    for call, key in enumerate(("A", "B", "C")):
        learn(core, call, key, AAPL_INFO)
    assert core.cached("A", 1.0) is not None  # used: now B is the oldest
    learn(core, 9, "D", AAPL_INFO)
    assert [key for key in "ABCD" if core.cached(key, 1.0)] == ["A", "C", "D"]


def test_more_rows_than_the_cache_holds_are_answered_but_not_kept(core: ReferenceCore) -> None:
    learn(core, 1, "small", AAPL_INFO)
    learn(core, 2, "chain", *[AAPL_INFO] * 4)
    assert core.cached("chain", 0.0) is None
    assert core.cached("small", 0.0) is not None


def test_a_flood_of_distinct_instruments_is_throttled(core: ReferenceCore) -> None:
    for call in range(MOST_LOOK_UPS):
        core.handle(asked(call, f"S{call}"), 0.0)
    assert failures(core.handle(asked(-1, "one more"), 0.0)) == [(-1, "throttled", None)]
    assert core.handle(asked(-2, "S0"), 0.0) == []  # already on its way: costs nothing
