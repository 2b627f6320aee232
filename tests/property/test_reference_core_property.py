"""Whatever happens in whatever order: each call is answered exactly once and not after its deadline."""

from __future__ import annotations

from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twsmq_nodes.reference.core import (
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

KEYS = st.sampled_from(["A", "B", "C"])


def info(key: str) -> ContractInfo:
    return ContractInfo(Contract(ord(key), key, "STK"))


class Calls(RuleBasedStateMachine):
    """Clients who ask, a gateway that answers when it likes, and a clock that honours the timer."""

    def __init__(self) -> None:
        super().__init__()
        self.core = ReferenceCore(count(1).__next__, cache_s=20.0, cache_rows=2)
        self.now = 0.0
        self.timer: float | None = None
        self.calls = count(1)
        self.waiting: dict[int, tuple[str, float]] = {}
        self.sent: dict[int, str] = {}

    def feed(self, happened: object) -> None:
        actions: list[Action] = self.core.handle(happened, self.now)  # pyright: ignore[reportArgumentType]
        for action in actions:
            match action:
                case Send(req_id, contract):
                    self.sent[req_id] = contract.symbol
                case Answer(call, rows):
                    key, _ = self.waiting.pop(call)  # a second answer would find nobody
                    assert rows == (info(key),)
                case Fail(call):
                    del self.waiting[call]
        self.timer = self.core.wake_at

    @rule(key=KEYS, patience=st.floats(0.5, 30.0))
    def ask(self, key: str, patience: float) -> None:
        known = self.core.cached(key, self.now)
        if known is not None:
            assert known == (info(key),)
            return
        call = next(self.calls)
        self.waiting[call] = (key, self.now + patience)
        self.feed(Asked(call, key, Contract(symbol=key), self.now + patience))

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), how=st.sampled_from(["rows", "rows", "refused", "not sent"]))
    def gateway_answers(self, data: st.DataObject, how: str) -> None:
        req_id = data.draw(st.sampled_from(sorted(self.sent)))
        key = self.sent.pop(req_id)
        if how == "rows":
            self.feed(ContractDetailsReceived(req_id, info(key)))
            self.feed(ContractDetailsEnd(req_id))
        elif how == "refused":
            self.feed(GatewayError(req_id, 200, "No security definition"))
        else:
            self.feed(NotSent(req_id, RequestError(ErrorCode.NOT_READY, "lost")))

    @rule()
    def session_is_lost(self) -> None:
        self.sent.clear()
        self.feed(SessionDown())
        assert not self.waiting

    @rule(seconds=st.floats(0.0, 15.0))
    def time_passes(self, seconds: float) -> None:
        until = self.now + seconds
        while self.timer is not None and self.timer <= until:
            self.now = max(self.now, self.timer)
            self.timer = None
            self.feed(TimerFired())
        self.now = until

    @invariant()
    def nobody_waits_past_the_deadline(self) -> None:
        assert all(deadline > self.now for _, deadline in self.waiting.values())

    @invariant()
    def the_timer_is_set_for_whoever_is_due_first(self) -> None:
        assert self.timer == min((deadline for _, deadline in self.waiting.values()), default=None)


Calls.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestCalls = Calls.TestCase
