"""The one timer of the status node, over both of its books."""

from __future__ import annotations

from itertools import count

from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.status.actions import Ready, Send
from twsmq_nodes.status.core import StatusCore
from twsmq_nodes.status.positions import LISTING_S
from twsmq_nodes.tws.events import PositionEnd
from twsmq_nodes.tws.requests import ReqAccountSummary, ReqAccountUpdatesMulti, ReqPnL, ReqPositions
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
    assert (core.handle(PositionEnd(), 2.0), core.wake_at) == ([Ready()], None)
    assert core.handle(SessionLost("reset", 0.5), 3.0) == []
