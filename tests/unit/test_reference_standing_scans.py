"""Scans that stand: asked for in each session, every ranking published, what the gateway refuses said."""

from __future__ import annotations

from itertools import count

import msgspec
import pytest
from twsmq.cli.watch import line
from twsmq_nodes.reference import market_questions
from twsmq_nodes.reference.core import ReferenceCore
from twsmq_nodes.reference.events import Asked
from twsmq_nodes.reference.standing_scans import (
    AGAIN_S,
    REFUSED_S,
    SILENT_S,
    Action,
    Input,
    Publish,
    Ranked,
    StandingScans,
)
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws.calls import Cancel, NotSent, Send, SessionDown, Written
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import GatewayError
from twsmq_nodes.tws.reference_events import ScannerRow, ScannerRows
from twsmq_nodes.tws.session_events import DataLost, DataMaintained, SessionEvent, SessionUp, UpstreamLost
from twsmq_protocol.config import MOST_SCANS, parse_config
from twsmq_protocol.errors import ConfigError, ErrorCode, RequestError
from twsmq_protocol.scanner_requests import Scan
from twsmq_protocol.supervision import readers

UP = SessionUp(200, ("DU1",), 1, upstream=True)
GAINERS = {"gainers": Scan(scan="TOP_PERC_GAIN", rows=2)}


class World:
    """The core, and what it has done so far."""

    def __init__(self, scans: dict[str, Scan] = GAINERS) -> None:
        self.core = StandingScans(scans, count(1).__next__)
        self.states = [str(one.ranking.state) for one in self.core.begin() if isinstance(one, Publish)]

    def __call__(self, happened: Input, now: float) -> list[Action]:
        actions = list(self.core.handle(happened, now))
        self.core.validate()
        self.states += [one.ranking.state for one in actions if isinstance(one, Publish)]
        return actions

    def rank(self, req_id: int, *symbols: str, now: float = 1.0) -> list[Action]:
        rows = tuple(
            ScannerRow(rank, Contract(rank + 1, symbol), "", "", "", "", "")
            for rank, symbol in enumerate(symbols)
        )
        return self(Ranked(ScannerRows(req_id, rows), int(now * 1e9)), now)


def published(actions: list[Action]) -> Publish:
    (one,) = (action for action in actions if isinstance(action, Publish))
    return one


def sent(actions: list[Action]) -> list[int]:
    return [one.req_id for one in actions if isinstance(one, Send)]


def test_each_ranking_is_published_with_the_time_it_came() -> None:
    world = World()
    (send,) = (one for one in world(UP, 0.0) if isinstance(one, Send))
    assert isinstance(send.request, ref.ReqScanner)
    assert (send.request.scan_code, send.request.number_of_rows) == ("TOP_PERC_GAIN", 2)
    world(Written(1), 0.5)
    first = published(world.rank(1, "A", "B", "C", now=2.0))
    assert (first.name, [row.symbol for row in first.ranking.rows]) == ("gainers", ["A", "B"])
    assert first.ranking.time == 2_000_000_000
    assert [row.symbol for row in published(world.rank(1, "B", now=32.0)).ranking.rows] == ["B"]
    assert world.states == ["starting", "starting", "active", "active"]
    assert world.core.wake_at is None


def test_a_session_that_ends_interrupts_and_the_next_one_asks_again() -> None:
    world = World()
    world(UP, 0.0)
    world.rank(1, "A", now=1.0)
    lost = published(world(SessionDown(), 5.0)).ranking
    assert (lost.state, lost.time, len(lost.rows)) == ("interrupted", 1_000_000_000, 1), "the last one stays"
    assert world.core.wake_at is None
    assert not world.core.wanted(1)
    assert sent(world(UP, 9.0)) == [2]
    assert world.rank(1, "OLD") == [], "of the session before"
    assert published(world.rank(2, "A")).ranking.state == "active"


@pytest.mark.parametrize("back", [DataLost(), DataMaintained()])
def test_once_ibkr_is_reached_again_a_scan_is_given_back_and_asked_for_anew(back: SessionEvent) -> None:
    world = World()
    world(UP, 0.0)
    world.rank(1, "A")
    assert published(world(UpstreamLost(1100, "lost"), 5.0)).ranking.code == 1100
    assert world(UpstreamLost(1100, "lost"), 6.0) == [], "said once"
    assert world.rank(1, "STALE") == [], "nothing is active while IBKR is not reached"
    actions = world(back, 20.0)
    assert actions[0] == Cancel(ref.CancelScanner(1)), "first, so that there are never two"
    assert sent(actions) == [2]


def test_a_gateway_that_does_not_reach_ibkr_is_not_asked() -> None:
    world = World()
    assert world(SessionUp(200, ("DU1",), 1, upstream=False), 0.0) == []
    assert sent(world(DataLost(), 5.0)) == [1]


def test_what_is_refused_says_why_and_is_tried_again_ten_minutes_later() -> None:
    world = World()
    world(UP, 0.0)
    refused = published(world(GatewayError(1, 162, "Invalid scanner code"), 1.0)).ranking
    assert (refused.state, refused.code, refused.text) == ("refused", 162, "Invalid scanner code")
    assert world.core.wake_at == 1.0 + REFUSED_S
    assert world(TimerFired(), REFUSED_S) == []
    again = world(TimerFired(), 1.0 + REFUSED_S)
    assert sent(again) == [2]
    assert not any(isinstance(one, Cancel) for one in again), "the gateway has it no more"


@pytest.mark.parametrize(
    ("code", "text", "given_back"),
    [(162, "API scanner subscription cancelled: 1", []), (165, "no items", [Cancel(ref.CancelScanner(1))])],
)
def test_a_scan_that_the_gateway_ended_is_asked_for_again(
    code: int, text: str, given_back: list[Cancel]
) -> None:
    world = World()
    world(UP, 0.0)
    world.rank(1, "A")
    actions = world(GatewayError(1, code, text), 5.0)
    assert [one for one in actions if isinstance(one, Cancel)] == given_back
    assert published(actions).ranking.state == "interrupted"
    assert sent(world(TimerFired(), 5.0 + AGAIN_S)) == [2]


def test_a_refusal_in_an_outage_or_just_after_it_is_not_believed() -> None:
    world = World()
    world(UP, 0.0)
    world(UpstreamLost(1100, "lost"), 5.0)
    assert published(world(GatewayError(1, 162, "no"), 6.0)).ranking.state == "interrupted"
    assert sent(world(DataLost(), 10.0)) == [2]
    assert published(world(GatewayError(2, 162, "no"), 11.0)).ranking.state == "interrupted"
    assert world.core.wake_at == 11.0 + AGAIN_S


def test_a_gateway_that_is_silent_is_asked_again_a_minute_after_it_has_the_request() -> None:
    world = World()
    world(UP, 0.0)
    assert world.core.wake_at is None, "it waits for the message budget"
    world(Written(1), 100.0)
    actions = world(TimerFired(), 100.0 + SILENT_S)
    assert actions[0] == Cancel(ref.CancelScanner(1))
    assert sent(actions) == [2]
    assert published(actions).ranking.text is not None


def test_missing_rights_are_told_beside_the_rows() -> None:
    world = World()
    world(UP, 0.0)
    world(GatewayError(1, 492, "additional permissions"), 1.0)
    assert [published(world.rank(1, "A")).ranking.code for _ in range(2)] == [492, 492]
    assert published(world.rank(1, "A")).ranking.state == "active"


@pytest.mark.parametrize(
    ("code", "state"), [(ErrorCode.NOT_READY, "interrupted"), (ErrorCode.INVALID_ARGUMENT, "refused")]
)
def test_what_could_not_be_sent(code: ErrorCode, state: str) -> None:
    world = World()
    world(UP, 0.0)
    assert published(world(NotSent(1, RequestError(code, "why")), 1.0)).ranking.state == state


def test_what_is_nobodys_is_ignored() -> None:
    world = World()
    world(UP, 0.0)
    assert world.rank(77, "A") == []
    assert world(GatewayError(77, 162, "no"), 1.0) == []


@pytest.mark.parametrize("topic", ["scanner/", "scanner/gainers/", "scanner/x", "node/x/", "scanner/a/b/"])
def test_a_prefix_and_a_scan_of_ours_are_not_refused(topic: str) -> None:
    assert World().core.stranger(topic) is None


def test_who_subscribes_to_a_scan_that_is_not_configured_is_told_so() -> None:
    refusal = World().core.stranger("scanner/losers/")
    assert refusal is not None
    assert (refusal.state, refusal.text) == (
        "refused",
        "no scan of [reference.scans] is called that; there are gainers",
    )


def test_a_changed_scan_concerns_reference_only() -> None:
    assert set(readers("reference.scans")) == {"reference"}


def test_a_ranking_reads_as_a_list_of_instruments() -> None:
    world = World()
    world(UP, 0.0)
    ranking = msgspec.to_builtins(published(world.rank(1, "A", "B")).ranking)
    assert '["CONID:1","CONID:2"]' in line("scanner/gainers/", ranking)
    assert "con_id" not in line("scanner/gainers/", ranking)


def test_the_op_has_the_scans_that_are_left_of_ten() -> None:
    core = ReferenceCore(count(1).__next__, reserved={"scanner": 9})
    for call in (1, 2):
        asked = Asked(call, market_questions.scanner(Scan(scan=f"SCAN_{call}")), 60.0)
        assert len([one for one in core.handle(asked, 0.0) if isinstance(one, Send)]) == (call == 1)
    done = core.handle(ScannerRows(1, ()), 1.0)
    assert Cancel(ref.CancelScanner(1)) in done
    assert sent([one for one in done if isinstance(one, Send)]) == [2]


def scans(*names: str) -> str:
    return "".join(f'[reference.scans."{name}"]\nscan = "TOP_PERC_GAIN"\n' for name in names)


def test_scans_are_read_from_the_configuration() -> None:
    config = parse_config(scans("gainers", *"bcdefghi") + "rows = 5\n")
    assert len(config.reference.scans) == MOST_SCANS
    assert config.reference.scans["i"] == msgspec.structs.replace(GAINERS["gainers"], rows=5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (scans(*"abcdefghij"), "at most 9"),
        (scans("a/b"), "a scan's name"),
        ("[reference.scans.a]\nrows = 5\n", "scan"),
        (scans("a") + "row = 5\n", "row"),
        (scans("a") + "rows = 51\n", "rows"),
    ],
)
def test_a_scan_that_cannot_be_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_config(text)
