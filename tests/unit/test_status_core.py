"""The one timer of the status node, over both of its books."""

from __future__ import annotations

from itertools import count

from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.status.actions import Ready, Send
from twsmq_nodes.status.core import QUIET_S, StatusCore
from twsmq_nodes.status.positions import LISTING_S
from twsmq_nodes.tws.events import AccountSummary, PositionEnd
from twsmq_nodes.tws.requests import (
    CancelAccountSummary,
    CancelAccountUpdatesMulti,
    CancelPnL,
    ReqAccountSummary,
    ReqAccountUpdatesMulti,
    ReqPnL,
    ReqPositions,
)
from twsmq_nodes.tws.session_events import SessionLost, SessionUp

UP = SessionUp(200, ("DU1",), 1, upstream=True)


def test_a_session_asks_for_positions_and_values_and_minds_the_time() -> None:
    core = StatusCore(count(1).__next__)
    actions = core.handle(UP, 10.0)
    kinds = [type(action.request) for action in actions if isinstance(action, Send)]
    assert kinds == [ReqPositions, ReqAccountSummary, ReqPnL, ReqAccountUpdatesMulti]
    assert core.wake_at == 10.0 + LISTING_S


def test_the_timer_is_stopped_when_nothing_is_awaited_and_set_again_when_it_fired_early() -> None:
    core = StatusCore(count(1).__next__)
    core.handle(UP, 0.0)
    assert (core.handle(TimerFired(), 1.0), core.wake_at) == ([], LISTING_S)
    assert (core.handle(PositionEnd(), 2.0), core.wake_at) == ([Ready()], QUIET_S)
    assert core.handle(SessionLost("reset", 0.5), 3.0) == []
    assert core.wake_at is None


def test_figures_that_stay_away_are_asked_for_anew() -> None:
    """On a weekend nothing changes, and a gateway sends what changed: it is asked whether it still stands."""
    core = StatusCore(count(1).__next__)
    core.handle(UP, 0.0)
    core.handle(PositionEnd(), 1.0)
    core.handle(AccountSummary(1, "DU1", "Cushion", "0.5", ""), 100.0)
    assert core.handle(TimerFired(), QUIET_S) == []
    kinds = [
        type(each.request) for each in core.handle(TimerFired(), 100.0 + QUIET_S) if isinstance(each, Send)
    ]
    assert kinds == [
        *(CancelAccountSummary, CancelPnL, CancelAccountUpdatesMulti),
        *(ReqAccountSummary, ReqPnL, ReqAccountUpdatesMulti),
    ]
    assert core.wake_at == 100.0 + 2 * QUIET_S
