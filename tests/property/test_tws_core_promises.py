"""Whatever happens in whatever order, the session core keeps its promises."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws import core_events as c
from twsmq_nodes.tws.core import PROBE_SPACING, SessionCore, State
from twsmq_nodes.tws.events import CurrentTime, GatewayError, ManagedAccounts, NextValidId
from twsmq_nodes.tws.requests import ReqCurrentTime
from twsmq_nodes.tws.session_events import SessionLost, SessionUp

inputs = st.one_of(
    st.just(c.Open()),
    st.sampled_from([c.Shut(), c.LinkLost("gone"), c.ProbeWanted()]),
    st.just(c.Connected()),
    st.sampled_from([b"200\0now\0", b"157\0now\0", b"99\0now\0", b"", b"\0\0"]).map(c.HandshakeReceived),
    st.builds(NextValidId, st.integers(0, 100)),
    st.just(ManagedAccounts(("DU1",))),
    st.just(CurrentTime(1)),
    st.builds(
        GatewayError,
        st.sampled_from([-1, 7]),
        st.sampled_from([326, 1100, 1101, 1102, 1300, 2103, 2104, 2107, 2110, 2158, 200]),
        st.text(max_size=20) | st.just("the new port -7497"),
    ),
    st.just(TimerFired()),
    st.just(TimerFired()),
)
COMES_UP: list[c.Input] = [
    c.Open(),
    TimerFired(),
    c.Connected(),
    c.HandshakeReceived(b"200\0now\0"),
    ManagedAccounts(("DU1",)),
    NextValidId(1),
]
"""What brings a session up from most states; a random walk alone hardly ever gets there."""
anything = st.lists(st.tuples(inputs, st.floats(0, 20)), max_size=12)
coming_up = st.integers(3, len(COMES_UP)).map(lambda end: [(happened, 0.1) for happened in COMES_UP[:end]])
steps = st.lists(coming_up | anything, max_size=12).map(
    lambda parts: [step for part in parts for step in part]
)


@settings(max_examples=200, deadline=None)
@given(steps, st.floats(0, 1, exclude_max=True))
def test_promises(happenings: list[tuple[c.Input, float]], jitter: float) -> None:
    core = SessionCore(101, 4002, range(157, 201), lambda: jitter)
    now, timer, up = 0.0, None, False
    probes: list[float] = []
    for happened, later in happenings:
        now += later
        if isinstance(happened, TimerFired):
            if timer is None:
                continue  # a timer that is not set does not fire
            now, timer = max(now, timer), None
        for action in core.handle(happened, now):
            match action:
                case c.Notify(SessionUp()):
                    assert not up
                    up = True
                case c.Notify(SessionLost()):
                    assert up
                    up = False
                case c.Connect():
                    assert core.state is State.CONNECTING
                case c.Close(_, flush=True):
                    up = False
                case c.Send(ReqCurrentTime()):
                    assert up
                    probes.append(now)
                case _:
                    pass
        timer = core.wake_at
        assert up == (core.state is State.UP) or isinstance(happened, GatewayError)
        up = core.state is State.UP
        # somebody always comes back to it, unless nobody wants it
        assert (timer is None) == (core.state is State.DISCONNECTED)
        assert timer is None or timer <= now + 20
    assert all(b - a >= PROBE_SPACING for a, b in itertools.pairwise(probes))
