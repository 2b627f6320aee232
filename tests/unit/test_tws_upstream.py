"""Whether the gateway reaches IBKR: what ends an outage that nobody announces the end of."""

from __future__ import annotations

import itertools
import time

import pytest
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.core import PROBE_PATTERN, SessionCore, State
from twsmq_nodes.tws.core_events import Action, Connected, HandshakeReceived, Notify, Open, Send
from twsmq_nodes.tws.events import CurrentTime, GatewayError, ManagedAccounts, NextValidId
from twsmq_nodes.tws.reference_events import MatchingSymbols, SymbolMatch
from twsmq_nodes.tws.reference_requests import ReqMatchingSymbols
from twsmq_nodes.tws.session_events import DataLost, DataMaintained, SessionEvent, UpstreamLost
from twsmq_nodes.tws.upstream import MOST_FARMS, PROBE_ID, PROBE_MOST_S, PROBE_S

HELLO = HandshakeReceived(b"200\x0020260105 09:30:00 US/Eastern\x00")
MARKET, HISTORICAL, DEFINITIONS = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2107, "HMDS data farm connection is inactive but should be available upon demand.ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefnj"),
)
PROBE = Send(ReqMatchingSymbols(PROBE_ID, PROBE_PATTERN))
IBM = MatchingSymbols(PROBE_ID, (SymbolMatch(Contract(8314, "IBM", "STK"), ()),))


@pytest.fixture
def core() -> SessionCore:
    core = SessionCore(101, 4002, range(157, 201), jitter=lambda: 0.0)
    for happened in (Open(), Connected(), HELLO, ManagedAccounts(("DU1",)), NextValidId(42)):
        core.handle(happened, 0.0)
    for farm in (MARKET, HISTORICAL, DEFINITIONS):
        say(core, *farm)
    assert core.state is State.UP
    return core


def say(core: SessionCore, code: int, text: str = "", now: float = 1.0) -> list[SessionEvent]:
    core.received(now)
    return announced(core.handle(GatewayError(-1, code, text), now))


def announced(actions: list[Action]) -> list[SessionEvent]:
    return [action.event for action in actions if isinstance(action, Notify)]


def run(core: SessionCore, until: float) -> list[float]:
    """When it probed, on a gateway that goes on answering for its time."""
    probed: list[float] = []
    while core.wake_at is not None and core.wake_at <= until:
        now = core.wake_at
        core.received(now)
        if PROBE in core.handle(TimerFired(), now):
            probed.append(now)
    return probed


def test_a_2110_ends_when_farms_of_each_kind_are_back_without_a_1101_or_1102(core: SessionCore) -> None:
    assert say(core, 2110, "broken") == [UpstreamLost(2110, "broken")]
    assert say(core, *MARKET) == []
    assert say(core, *HISTORICAL) == []
    assert not core.upstream
    assert say(core, *DEFINITIONS) == [DataMaintained("its data farms are connected again")]
    assert core.upstream
    assert run(core, 300.0) == []


def test_a_farm_that_is_still_broken_keeps_the_outage_up(core: SessionCore) -> None:
    say(core, 2110, "broken")
    say(core, 2103, "Market data farm connection is broken:eufarm")
    for farm in (MARKET, HISTORICAL, DEFINITIONS):
        say(core, *farm)
    assert not core.upstream
    back = say(core, 2104, "Market data farm connection is OK:eufarm")
    assert isinstance(back[-1], DataMaintained)


def test_farms_do_not_end_a_1100_nor_a_2110_that_became_one(core: SessionCore) -> None:
    say(core, 2110, "broken")
    assert say(core, 1100, "lost") == []
    for farm in (MARKET, HISTORICAL, DEFINITIONS):
        assert say(core, *farm) == []
    assert not core.upstream
    assert say(core, 1102) == [DataMaintained("1102")]


@pytest.mark.parametrize(
    ("code", "back"),
    [
        (2110, DataMaintained("it answers requests that need IBKR")),
        (1100, DataLost("it answers requests that need IBKR")),
    ],
)
def test_where_nothing_is_said_any_more_a_probe_decides(
    core: SessionCore, code: int, back: SessionEvent
) -> None:
    say(core, code, "lost")
    assert core.handle(CurrentTime(0), 2.0) == [], "the gateway knows the time without IBKR"
    assert run(core, 1.0 + PROBE_S) == [1.0 + PROBE_S]
    assert core.handle(MatchingSymbols(PROBE_ID, ()), 17.0) == [], "it may have answered for itself"
    assert not core.upstream
    assert announced(core.handle(IBM, 18.0)) == [back]
    assert core.upstream
    assert core.handle(IBM, 19.0) == []


def test_probes_are_ever_further_apart_and_start_anew_with_each_1100(core: SessionCore) -> None:
    say(core, 1100, "lost")
    probed = run(core, 600.0)
    assert [b - a for a, b in itertools.pairwise(probed)][:4] == [30.0, 60.0, 120.0, PROBE_MOST_S]
    say(core, 1100, "lost", 600.0)
    assert run(core, 600.0 + PROBE_S) == [600.0 + PROBE_S]


def test_an_answer_to_a_request_of_the_node_proves_nothing(core: SessionCore) -> None:
    say(core, 1100, "lost")
    assert core.handle(MatchingSymbols(7, IBM.matches), 2.0) == []
    assert not core.upstream


HOSTILE = [
    (2104, "a" * 60_000 + "!"),
    (2104, "." * 60_000 + " "),
    (1102, "farms are connected:" + " " * 60_000 + "x"),
    (1102, "farms are connected:" * 3_000),
    (1102, "farms are connected:" + ";".join(f"f{number}" for number in range(12_000))),
    (1102, "farms are not connected:" + ". " * 30_000),
]


@pytest.mark.parametrize(("code", "text"), HOSTILE)
def test_no_notice_of_farms_takes_long_or_brings_farms_without_end(
    core: SessionCore, code: int, text: str
) -> None:
    """Each of the events makes the connection node publish all farms it knows."""
    before = time.perf_counter()
    told = [action for _ in range(5) for action in core.handle(GatewayError(-1, code, text), 1.0)]
    assert time.perf_counter() - before < 1.0
    assert len(told) <= MOST_FARMS + 10


def test_farms_do_not_add_up_however_many_are_named(core: SessionCore) -> None:
    for number in range(2000):
        core.handle(GatewayError(-1, 2104, f"Market data farm connection is OK:farm{number}"), 1.0)
    (changed,) = core.handle(GatewayError(-1, 2103, "Market data farm connection is broken:farm7"), 2.0)
    assert isinstance(changed, Notify)
    assert core.handle(GatewayError(-1, 2103, "Market data farm connection is broken:farm1999"), 2.0) == []
