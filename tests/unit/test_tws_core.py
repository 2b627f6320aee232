"""The life of a session, told as inputs and the actions that follow."""

from __future__ import annotations

import pytest
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.core import SessionCore, State, Timing
from twsmq_nodes.tws.core_events import (
    Action,
    Close,
    Connect,
    Connected,
    HandshakeReceived,
    LinkLost,
    Notify,
    Open,
    ProbeWanted,
    Send,
    SendHandshake,
    Shut,
    UseVersion,
)
from twsmq_nodes.tws.events import CurrentTime, GatewayError, ManagedAccounts, NextValidId, OpenOrderEnd
from twsmq_nodes.tws.requests import ReqCurrentTime, StartApi
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

TIMING = Timing(
    connect_timeout=2, handshake_timeout=3, start_timeout=10, idle=5, probe_timeout=4, retry_base=0.25,
    retry_cap=8, client_id_retry=1, stable_after=5,
)  # fmt: skip
HELLO = HandshakeReceived(b"200\x0020260105 09:30:00 US/Eastern\x00")


def new_core() -> SessionCore:
    return SessionCore(101, 4002, range(157, 201), jitter=lambda: 0.5, timing=TIMING)


def up_core(now: float = 0.0) -> SessionCore:
    core = new_core()
    for happened in (Open(), Connected(), HELLO, ManagedAccounts(("DU1",)), NextValidId(42)):
        core.received(now)
        core.handle(happened, now)
    assert core.state is State.UP
    return core


def announced(actions: list[Action]) -> list[SessionEvent]:
    return [action.event for action in actions if isinstance(action, Notify)]


def said(code: int, text: str = "", req_id: int = -1) -> GatewayError:
    return GatewayError(req_id, code, text)


def test_from_nothing_to_up() -> None:
    core = new_core()
    assert (core.handle(Open(), 0.0), core.wake_at) == ([Connect(4002)], 2.0)
    assert (core.handle(Connected(), 0.1), core.wake_at) == ([SendHandshake()], 3.1)
    assert (core.handle(HELLO, 0.2), core.wake_at) == ([UseVersion(200), Send(StartApi(101))], 10.2)
    assert core.handle(ManagedAccounts(("DU1", "DU2")), 0.3) == []
    assert core.handle(NextValidId(42), 0.4) == [
        Notify(SessionUp(200, ("DU1", "DU2"), 42, True)),
    ]
    assert core.wake_at == 5.4
    assert core.state is State.UP


def test_ids_may_come_before_accounts_and_open_orders_before_both() -> None:
    core = new_core()
    for happened in (Open(), Connected(), HELLO):
        core.handle(happened, 0.0)
    assert core.handle(OpenOrderEnd(), 0.1) == []
    assert core.handle(NextValidId(42), 0.2) == []
    assert announced(core.handle(ManagedAccounts(("DU1",)), 0.3)) == [SessionUp(200, ("DU1",), 42, True)]


def test_a_client_id_in_use_is_waited_for_under_the_same_id() -> None:
    core = new_core()
    for happened in (Open(), Connected(), HELLO):
        core.handle(happened, 0.0)
    busy = said(326, "Unable connect as the client id is already in use. Retry with a unique client id.")
    assert core.handle(busy, 1.0) == [
        Close("client id in use"), Notify(WaitingClientId(101, 1.0)),
    ]  # fmt: skip
    assert core.wake_at == 2.0
    assert core.state is State.WAITING_CLIENT_ID
    assert (core.handle(TimerFired(), 2.0), core.wake_at) == ([Connect(4002)], 4.0)
    core.handle(Connected(), 2.1)
    assert Send(StartApi(101)) in core.handle(HELLO, 2.2)


def test_a_client_id_that_is_taken_from_a_session_that_is_up_ends_it() -> None:
    """Else its owner would go on as if its requests stood."""
    core = up_core()
    lost, waits = announced(core.handle(said(326, "already in use"), 1.0))
    assert isinstance(lost, SessionLost)
    assert waits == WaitingClientId(101, 1.0)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"100\x0020260105 09:30:00 UTC\x00", "server version 100"),
        (b"201\x0020260105 09:30:00 UTC\x00", "server version 201"),
        (b"HTTP/1.1 400 Bad Request", "no TWS or IB Gateway"),
        (b"", "no TWS or IB Gateway"),
    ],
)
def test_a_peer_we_cannot_talk_to_is_left_and_tried_again_later(frame: bytes, reason: str) -> None:
    core = new_core()
    core.handle(Open(), 0.0)
    core.handle(Connected(), 0.0)
    close, told = core.handle(HandshakeReceived(frame), 0.0)
    assert core.wake_at is not None
    assert isinstance(close, Close)
    assert isinstance(told, Notify)
    assert isinstance(told.event, ConnectFailed)
    assert reason in told.event.reason
    assert told.event.unusable
    assert core.state is State.WAITING


def test_what_sends_no_frames_of_a_gateway_is_called_so_only_before_it_has_answered_as_one() -> None:
    core = new_core()
    core.handle(Open(), 0.0)
    core.handle(Connected(), 0.0)
    [failed] = announced(core.handle(LinkLost("a frame of 1213486160 bytes", garbled=True), 0.0))
    assert isinstance(failed, ConnectFailed)
    assert failed.unusable
    assert "no TWS or IB Gateway" in failed.reason
    [lost] = announced(up_core().handle(LinkLost("a frame of 99999999 bytes", garbled=True), 1.0))
    assert isinstance(lost, SessionLost)
    assert lost.reason == "a frame of 99999999 bytes"


def test_the_wait_doubles_up_to_its_cap_and_starts_anew_after_a_stable_session() -> None:
    core = new_core()
    now, waits = 0.0, []
    core.handle(Open(), now)
    for _ in range(8):
        core.handle(Connected(), now)
        [failed] = announced(core.handle(LinkLost("dropped before the handshake"), now))
        assert isinstance(failed, ConnectFailed)
        waits.append(failed.retry_in)
        now += failed.retry_in
        core.handle(TimerFired(), now)
    assert waits == [0.375, 0.75, 1.5, 3.0, 6.0, 6.0, 6.0, 6.0]  # three quarters of base * 2^n at this jitter
    for happened in (Connected(), HELLO, ManagedAccounts(("DU1",)), NextValidId(1)):
        core.handle(happened, now)
    assert announced(core.handle(LinkLost("reset"), now + 100)) == [SessionLost("reset", 0.1875)]


def test_where_nobody_listens_it_is_tried_again_soon_however_long_that_lasts() -> None:
    core = new_core()
    now, waits = 0.0, []
    core.handle(Open(), now)
    for _ in range(8):
        [failed] = announced(core.handle(LinkLost("refused"), now))
        assert isinstance(failed, ConnectFailed)
        waits.append(failed.retry_in)
        now += failed.retry_in
        core.handle(TimerFired(), now)
    assert waits == [0.375] + [0.75] * 7


def test_a_gateway_that_drops_us_as_soon_as_we_are_up_is_not_hammered() -> None:
    core = new_core()
    now, waits = 0.0, []
    core.handle(Open(), now)
    for _ in range(4):
        for happened in (Connected(), HELLO, ManagedAccounts(("DU1",)), NextValidId(1)):
            core.handle(happened, now)
        [lost] = announced(core.handle(LinkLost("reset"), now + 0.1))
        assert isinstance(lost, SessionLost)
        waits.append(lost.retry_in)
        now += 0.1 + lost.retry_in
        core.handle(TimerFired(), now)
    assert waits == [0.375, 0.75, 1.5, 3.0]


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_every_step_to_up_is_bounded(steps: int) -> None:
    core = new_core()
    core.handle(Open(), 0.0)
    for happened in (Connected(), HELLO)[:steps]:
        core.handle(happened, 0.0)
    close, told = core.handle(TimerFired(), 10.0)
    assert isinstance(close, Close)
    assert isinstance(told, Notify)
    assert isinstance(told.event, ConnectFailed)
    assert core.state is State.WAITING


def test_many_open_orders_may_take_longer_than_the_start_timeout() -> None:
    core = new_core()
    for happened in (Open(), Connected(), HELLO):
        core.handle(happened, 0.0)
    core.received(9.0)
    assert (core.handle(TimerFired(), 10.0), core.wake_at) == ([], 19.0)
    assert core.state is State.STARTING


def test_a_silent_gateway_is_asked_for_the_time_and_left_if_it_stays_silent() -> None:
    core = up_core()
    assert core.handle(TimerFired(), 5.0) == [Send(ReqCurrentTime())]
    assert core.wake_at == 9.0
    close, told = core.handle(TimerFired(), 9.0)
    assert isinstance(close, Close)
    assert isinstance(told, Notify)
    assert isinstance(told.event, SessionLost)
    assert "nothing for 9.0 s" in told.event.reason


def test_whatever_arrives_proves_that_it_lives() -> None:
    core = up_core()
    core.received(3.0)
    assert (core.handle(TimerFired(), 5.0), core.wake_at) == ([], 8.0)
    assert (core.handle(TimerFired(), 8.0), core.wake_at) == ([Send(ReqCurrentTime())], 12.0)
    core.received(8.2)
    assert core.handle(CurrentTime(1700000000), 8.2) == []
    assert (core.handle(TimerFired(), 12.0), core.wake_at) == ([], 13.2)
    assert core.state is State.UP


def test_a_timer_that_fires_early_is_set_again() -> None:
    core = up_core()
    assert (core.handle(TimerFired(), 4.999), core.wake_at) == ([], 5.0)


def test_two_probes_are_a_second_apart() -> None:
    core = up_core()
    assert core.handle(ProbeWanted(), 1.0) == [Send(ReqCurrentTime())]
    assert core.handle(ProbeWanted(), 1.9) == []
    assert core.handle(ProbeWanted(), 2.0) == [Send(ReqCurrentTime())]


def test_upstream_lost_and_back_leaves_the_session_up() -> None:
    core = up_core()
    text = "Connectivity between IBKR and Trader Workstation has been lost."
    assert announced(core.handle(said(1100, text), 1.0)) == [UpstreamLost(1100, text)]
    assert core.handle(said(1100, text), 2.0) == []  # it is repeated
    assert not core.upstream
    assert announced(core.handle(said(1102), 3.0)) == [DataMaintained()]
    assert core.upstream
    assert announced(core.handle(said(2110, "broken"), 4.0)) == [UpstreamLost(2110, "broken")]
    assert announced(core.handle(said(1101), 5.0)) == [DataLost()]
    assert core.state is State.UP


def test_a_gateway_without_upstream_says_so_while_starting() -> None:
    core = new_core()
    for happened in (Open(), Connected(), HELLO, ManagedAccounts(("DU1",))):
        core.handle(happened, 0.0)
    assert announced(core.handle(said(1100, "lost"), 0.0)) == [UpstreamLost(1100, "lost")]
    assert announced(core.handle(NextValidId(1), 0.0)) == [SessionUp(200, ("DU1",), 1, upstream=False)]


@pytest.mark.parametrize(
    ("code", "text", "status"),
    [
        (
            2104,
            "Market data farm connection is OK:usfarm.nj",
            FarmStatus("market", "usfarm.nj", FarmState.OK),
        ),
        (
            2103,
            "Market data farm connection is broken:usfarm",
            FarmStatus("market", "usfarm", FarmState.BROKEN),
        ),
        (2106, "HMDS data farm connection is OK:ushmds", FarmStatus("historical", "ushmds", FarmState.OK)),
        (
            2107,
            "HMDS data farm connection is inactive but should be available upon demand.ushmds",
            FarmStatus("historical", "ushmds", FarmState.INACTIVE),
        ),
        (2103, "市场数据农场连接中断：usfarm.nj", FarmStatus("market", "usfarm.nj", FarmState.BROKEN)),
        (
            2108,
            "Die Marktdatenfarm ist inaktiv, sollte aber bei Bedarf verfügbar sein.usfarm.nj",
            FarmStatus("market", "usfarm.nj", FarmState.INACTIVE),
        ),
        (2107, "农场未激活，可按需使用。ushmds", FarmStatus("historical", "ushmds", FarmState.INACTIVE)),
        (2108, "消息 2108:inactive, upon demand.usfarm", FarmStatus("market", "usfarm", FarmState.INACTIVE)),
        (2104, "La ferme de données est OK : eufarm", FarmStatus("market", "eufarm", FarmState.OK)),
        (2119, "Market data farm is connecting:usfarm", FarmStatus("market", "usfarm", FarmState.CONNECTING)),
        (
            2157,
            "Sec-def data farm connection is broken:secdefnj",
            FarmStatus("security_definition", "secdefnj", FarmState.BROKEN),
        ),
    ],
)
def test_farms_are_told_of_when_they_change(code: int, text: str, status: FarmStatus) -> None:
    core = up_core()
    assert announced(core.handle(said(code, text), 1.0)) == [status]
    assert core.handle(said(code, text), 2.0) == []
    assert core.farms == {(status.kind, status.name): status.state}


def test_a_gateway_that_comes_back_says_which_farms_do_not() -> None:
    core = up_core()
    core.handle(said(2106, "HMDS data farm connection is OK:euhist"), 0.5)
    core.handle(said(1100, "lost"), 1.0)
    back = (
        "Connectivity between IBKR and Trader Workstation has been restored - data maintained. "
        "The following farms are connected: usfarm.nj; ushmds; secdefnj. "
        "The following farms are not connected: usfuture; euhist."
    )
    assert announced(core.handle(said(1102, back), 3.0)) == [
        FarmStatus("market", "usfarm.nj", FarmState.OK),
        FarmStatus("historical", "ushmds", FarmState.OK),
        FarmStatus("security_definition", "secdefnj", FarmState.OK),
        FarmStatus("market", "usfuture", FarmState.BROKEN),
        FarmStatus("historical", "euhist", FarmState.BROKEN),
        DataMaintained(),
    ]
    everything = "…restored - data lost. All data farms are connected: usfuture; euhist"
    assert announced(core.handle(said(1101, everything), 4.0)) == [
        FarmStatus("market", "usfuture", FarmState.OK),
        FarmStatus("historical", "euhist", FarmState.OK),
        DataLost(),
    ]


@pytest.mark.parametrize(
    "words",
    [
        "Socket port has been reset and this connection is being dropped. "
        "Please reconnect on the new port -7497",
        "TWS-Socket-Port wurde geändert, diese Verbindung endet. Neuer Port: -7497.",
        "套接字端口已重置，此连接将断开。请使用新端口 7497 重新连接。",
    ],
)
def test_a_moved_port_is_followed_and_forgotten_if_nobody_is_there(words: str) -> None:
    core = up_core()
    moved = said(1300, words)
    assert announced(core.handle(moved, 10.0)) == [PortMoved(7497)]
    core.handle(LinkLost("closed"), 10.1)
    assert Connect(7497) in core.handle(TimerFired(), 11.0)
    core.handle(LinkLost("refused"), 11.1)
    assert Connect(4002) in core.handle(TimerFired(), 12.0)


def test_notices_about_orders_and_requests_are_none_of_its_business() -> None:
    core = up_core()
    for error in (
        said(202, "Order Canceled - reason:", 7),
        said(326, "a request of ours", 7),
        said(399, "", 7),
    ):
        assert core.handle(error, 1.0) == []
    assert core.state is State.UP


def test_a_shut_session_stays_down_until_it_is_opened_again() -> None:
    core = up_core()
    assert core.handle(Shut(), 1.0) == [Close("closed by its owner", flush=True)]
    assert core.wake_at is None
    for happened in (TimerFired(), Connected(), LinkLost("late"), HELLO, NextValidId(1)):
        assert core.handle(happened, 2.0) == []
    assert Connect(4002) in core.handle(Open(), 3.0)
