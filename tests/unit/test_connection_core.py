"""The link to the gateway as everybody else is told of it."""

from __future__ import annotations

import itertools

import pytest
from twsmq_nodes.connection.core import ConnectionCore, PublishGateway
from twsmq_nodes.connection.escalation import APART_S, PATIENCE_S, Probe, Reconnect, ShardReport
from twsmq_nodes.tws.events import CurrentTime
from twsmq_nodes.tws.session_events import (
    ConnectFailed,
    DataLost,
    DataMaintained,
    FarmState,
    FarmStatus,
    PortMoved,
    SessionEvent,
    SessionLost,
    SessionUp,
    UpstreamLost,
    WaitingClientId,
)

UP = SessionUp(server_version=200, accounts=("DU1", "DU2"), next_order_id=1, upstream=True)


@pytest.fixture
def core() -> ConnectionCore:
    return ConnectionCore("127.0.0.1", 4002)


def tell(core: ConnectionCore, *notices: SessionEvent) -> None:
    """Every change is published as the state that the node then holds."""
    for notice in notices:
        before = core.gateway
        actions = core.handle(notice, 0.0)
        expected = [PublishGateway(core.gateway)] if core.gateway != before else []
        assert actions == expected


def test_at_first_it_is_connecting(core: ConnectionCore) -> None:
    link = core.gateway
    assert (link.state, link.host, link.port, link.upstream) == ("connecting", "127.0.0.1", 4002, "unknown")


def test_a_session_tells_its_version_and_accounts(core: ConnectionCore) -> None:
    tell(core, UP)
    link = core.gateway
    assert (link.state, link.server_version, link.accounts) == ("up", 200, ("DU1", "DU2"))
    assert (link.upstream, link.reason) == ("connected", None)


def test_farms_are_told_one_by_one_even_before_the_session_is_up(core: ConnectionCore) -> None:
    tell(core, FarmStatus("market", "usfarm", FarmState.OK), UP)
    tell(core, FarmStatus("historical", "ushmds", FarmState.INACTIVE))
    tell(core, FarmStatus("market", "usfarm", FarmState.BROKEN))
    assert core.gateway.farms == {"usfarm": "broken", "ushmds": "inactive"}


def test_a_lost_session_takes_what_only_it_knew_along_but_not_the_accounts(core: ConnectionCore) -> None:
    tell(core, UP, FarmStatus("market", "usfarm", FarmState.OK), SessionLost("connection reset", 0.5))
    link = core.gateway
    assert (link.state, link.reason) == ("disconnected", "connection reset")
    assert (link.server_version, link.upstream, link.farms) == (None, "unknown", {})
    assert link.accounts == ("DU1", "DU2")


def test_attempts_that_fail_alike_are_told_once(core: ConnectionCore) -> None:
    tell(core, ConnectFailed("connection refused", 1, 0.3))
    assert core.handle(ConnectFailed("connection refused", 2, 0.6), 0.0) == []
    assert core.gateway.state == "disconnected"


def test_waiting_for_the_client_id_says_which(core: ConnectionCore) -> None:
    tell(core, WaitingClientId(100, 1.0))
    assert core.gateway.state == "waiting_client_id"
    assert "100" in (core.gateway.reason or "")


@pytest.mark.parametrize(("back", "code"), [(DataLost(), "1101"), (DataMaintained(), "1102")])
def test_the_gateway_loses_ibkr_and_comes_back(core: ConnectionCore, back: SessionEvent, code: str) -> None:
    tell(core, UP, UpstreamLost(1100, "Connectivity has been lost."))
    assert (core.gateway.state, core.gateway.upstream) == ("upstream_lost", "lost")
    assert "1100" in (core.gateway.reason or "")
    tell(core, back)
    assert (core.gateway.state, core.gateway.upstream) == ("up", "connected")
    assert code in (core.gateway.reason or "")


def test_a_session_may_come_up_while_ibkr_is_out_of_reach(core: ConnectionCore) -> None:
    tell(core, UpstreamLost(2110, "broken"))
    assert core.gateway.state == "connecting"
    tell(core, SessionUp(200, ("DU1",), 1, upstream=False))
    assert (core.gateway.state, core.gateway.upstream) == ("upstream_lost", "lost")


def test_a_moved_port_is_told_before_the_gateway_drops_us(core: ConnectionCore) -> None:
    tell(core, UP, PortMoved(7497))
    assert core.gateway.state == "up"
    assert "7497" in (core.gateway.reason or "")


SILENT, WELL = ShardReport("marketdata-0", up=True, silent_lines=2), ShardReport("marketdata-0", True, 0)


def test_a_shard_whose_lines_stay_silent_is_told_of_and_our_own_session_probed(core: ConnectionCore) -> None:
    tell(core, UP)
    told, probe = core.handle(SILENT, 100.0)
    assert probe == Probe()
    assert told == PublishGateway(core.gateway)
    assert "marketdata-0: 2 lines stay silent" in (core.gateway.reason or "")
    assert core.gateway.state == "up"
    assert core.handle(SILENT, 100.5) == [Probe()], "until somebody answers, which tells the two apart"
    assert core.handle(CurrentTime(0), 100.6) == []
    assert core.handle(SILENT, 101.0) == []
    assert core.handle(WELL, 102.0) == [PublishGateway(core.gateway)]
    assert core.gateway.reason == "marketdata-0 has no silent lines any more"
    assert core.handle(WELL, 103.0) == []


def test_a_shard_that_stays_silent_while_we_are_answered_connects_anew_and_not_again_at_once(
    core: ConnectionCore,
) -> None:
    tell(core, UP)
    core.handle(SILENT, 100.0)
    core.handle(CurrentTime(0), 100.1)
    assert core.handle(SILENT, 100.0 + PATIENCE_S - 0.1) == []
    at = 100.0 + PATIENCE_S
    assert core.handle(SILENT, at) == [PublishGateway(core.gateway), Reconnect("marketdata-0")]
    assert "connect anew" in (core.gateway.reason or "")
    down = ShardReport("marketdata-0", up=False, silent_lines=0)
    assert core.handle(down, at + 1) == [], "it does as asked"
    core.handle(WELL, at + 2)
    core.handle(SILENT, at + 30)
    core.handle(CurrentTime(0), at + 30)
    assert core.handle(SILENT, at + APART_S - 0.1) == []
    assert Reconnect("marketdata-0") in core.handle(SILENT, at + APART_S)


def test_a_silence_that_is_the_gateways_own_is_left_to_every_sessions_watch(core: ConnectionCore) -> None:
    tell(core, UP)
    core.handle(SILENT, 100.0)
    for at in (115.0, 130.0, 200.0):  # nobody answers our probes either
        assert core.handle(SILENT, at) == [Probe()]
    tell(core, SessionLost("the gateway has sent nothing", 0.5))
    core.handle(CurrentTime(0), 200.5)
    assert core.handle(SILENT, 201.0) == []
    tell(core, UP, UpstreamLost(1100, "lost"))
    assert core.handle(SILENT, 202.0) == []


def test_shards_are_judged_one_by_one(core: ConnectionCore) -> None:
    tell(core, UP)
    other = ShardReport("marketdata-1", up=True, silent_lines=1)
    core.handle(SILENT, 100.0)
    core.handle(CurrentTime(0), 100.1)
    core.handle(other, 110.0)
    core.handle(CurrentTime(0), 110.1)
    assert Reconnect("marketdata-0") in core.handle(SILENT, 116.0)
    assert core.handle(other, 116.0) == []
    assert Reconnect("marketdata-1") in core.handle(other, 126.0)


def test_one_dead_line_never_costs_the_living_ones(core: ConnectionCore) -> None:
    tell(core, UP)
    one_dead = ShardReport("marketdata-0", up=True, silent_lines=1, flowing_lines=14)
    assert core.handle(one_dead, 100.0) == [PublishGateway(core.gateway)]
    assert core.gateway.reason == (
        "marketdata-0: 1 line stays silent though asked for again, while 14 others flow: "
        "it is these lines, not the session"
    )
    core.handle(CurrentTime(0), 100.1)
    for hour in range(24):
        assert core.handle(one_dead, 200.0 + 3600 * hour) == []


def test_a_shard_is_judged_from_when_its_last_line_fell_silent(core: ConnectionCore) -> None:
    tell(core, UP)
    core.handle(ShardReport("marketdata-0", True, 1, 14), 100.0)
    core.handle(CurrentTime(0), 100.1)
    assert core.handle(SILENT, 500.0) == [PublishGateway(core.gateway), Probe()]
    assert "nothing flows" in (core.gateway.reason or "")
    core.handle(CurrentTime(0), 500.1)
    assert core.handle(SILENT, 500.0 + PATIENCE_S - 0.1) == []
    assert Reconnect("marketdata-0") in core.handle(SILENT, 500.0 + PATIENCE_S)
    assert core.gateway.reason == (
        "marketdata-0 is asked to connect anew: nothing flows on its session, while ours is answered"
    )


def test_a_shard_that_new_connections_do_not_mend_is_asked_ever_more_rarely(core: ConnectionCore) -> None:
    tell(core, UP)
    core.handle(SILENT, 0.0)
    core.handle(CurrentTime(0), 0.1)
    asked = [at for at in range(1, 8 * 3600) if Reconnect("marketdata-0") in core.handle(SILENT, float(at))]
    apart = [later - sooner for sooner, later in itertools.pairwise(asked)]
    assert apart[:5] == [300, 600, 1200, 2400, 3600]
    assert set(apart[5:]) == {3600}
