"""Profit and loss of positions: one stream for each that is held, asked for again when it may be gone."""

from __future__ import annotations

from itertools import count

import pytest
from twsmq_nodes.status.actions import Publish, Send, Warn
from twsmq_nodes.status.results import PositionResults
from twsmq_nodes.tws.events import GatewayError, PnLSingle
from twsmq_nodes.tws.requests import CancelPnLSingle, ReqPnLSingle
from twsmq_nodes.tws.session_events import DataLost, SessionLost, SessionUp
from twsmq_protocol.system_events import ProfitAndLoss

UP = SessionUp(200, ("DU1",), 1, upstream=True)
AAPL, MSFT = ("DU1", 265598), ("DU1", 272093)
NAMES = {AAPL: "STK:AAPL:SMART:USD", MSFT: "STK:MSFT:SMART:USD"}
TOPIC = "pnl/DU1/STK:AAPL:SMART:USD/"


@pytest.fixture
def results() -> PositionResults:
    return PositionResults(count(1).__next__)


def figures(req_id: int, daily: float | None) -> PnLSingle:
    return PnLSingle(req_id, 10.0, daily, 2.0, None, 1870.0)


def test_a_position_is_followed_once_the_session_is_up(results: PositionResults) -> None:
    assert results.follow({AAPL: NAMES[AAPL]}) == []
    assert results.on_session_event(UP) == [Send(ReqPnLSingle(1, "DU1", "", 265598))]
    assert results.follow({AAPL: NAMES[AAPL]}) == []
    assert results.follow(NAMES) == [Send(ReqPnLSingle(2, "DU1", "", 272093))]


def test_figures_are_published_when_they_change(results: PositionResults) -> None:
    results.on_session_event(UP)
    results.follow({AAPL: NAMES[AAPL]})
    req_id = 1
    (publish,) = results.event(figures(req_id, 1.5))
    assert publish == Publish(
        TOPIC,
        ProfitAndLoss(
            account="DU1",
            instrument=NAMES[AAPL],
            con_id=265598,
            daily=1.5,
            unrealized=2.0,
            realized=None,
            value=1870.0,
        ),
    )
    assert results.event(figures(req_id, 1.5)) == []
    assert len(results.event(figures(req_id, 1.6))) == 1
    assert results.event(figures(99, 1.5)) == []


def test_the_end_of_a_position_ends_its_stream_and_takes_its_figures_back(results: PositionResults) -> None:
    results.on_session_event(UP)
    results.follow({AAPL: NAMES[AAPL]})
    results.event(figures(1, 1.5))
    over = ProfitAndLoss(account="DU1", instrument=NAMES[AAPL], con_id=265598)
    assert results.follow({}) == [Send(CancelPnLSingle(1)), Publish(TOPIC, over, last=True)]
    assert results.event(figures(1, 9.0)) == []


def test_after_1101_and_after_a_reconnect_all_are_asked_for_again(results: PositionResults) -> None:
    results.on_session_event(UP)
    results.follow({AAPL: NAMES[AAPL]})
    results.event(figures(1, 1.5))
    assert results.on_session_event(DataLost()) == [
        Send(CancelPnLSingle(1)),
        Send(ReqPnLSingle(2, "DU1", "", 265598)),
    ]
    assert results.event(figures(2, 1.5)) == []  # as published before
    results.on_session_event(SessionLost("reset", 0.5))
    assert results.event(figures(2, 3.0)) == []
    assert results.on_session_event(UP) == [Send(ReqPnLSingle(3, "DU1", "", 265598))]


def test_a_position_that_is_spelled_anew_is_followed_under_its_new_name(results: PositionResults) -> None:
    results.on_session_event(UP)
    results.follow({AAPL: "CONID:265598"})
    results.event(figures(1, 1.5))
    actions = results.follow({AAPL: NAMES[AAPL]})
    assert Send(ReqPnLSingle(2, "DU1", "", 265598)) in actions
    gone = actions[1]
    assert isinstance(gone, Publish)
    assert gone.topic == "pnl/DU1/CONID:265598/"


def test_a_refusal_is_for_the_log(results: PositionResults) -> None:
    results.on_session_event(UP)
    results.follow({AAPL: NAMES[AAPL]})
    assert results.event(GatewayError(1, 2150, "Invalid position trade derived value")) == [
        Warn("profit and loss of STK:AAPL:SMART:USD: Invalid position trade derived value (2150)")
    ]
    assert results.event(GatewayError(5, 2150, "another's")) == []
