"""The life of a TWS session, as a pure state machine: inputs in, actions out, `now` an argument.

    DISCONNECTED ─Open→ CONNECTING ─Connected→ HANDSHAKING ─server version→ STARTING ─ids and accounts→ UP
                            ↑                                                            │
                            └──timer── WAITING / WAITING_CLIENT_ID ←──anything lost──────┘

- After START_API the gateway sends managedAccounts and nextValidId in either order, with open orders and
  notices before, between and after (captured from Gateway 10.40.1 and later ones): UP needs both.
- 326, client id in use: we wait and retry under the same id, for orders live under it.
- Nothing received for `idle` seconds: a reqCurrentTime probes the port; still nothing after
  `probe_timeout`: it is half dead and closed. Two probes are at least a second apart, since the gateway
  answers only one of them.
- The wait before a retry doubles from `retry_base` to `retry_cap`; it starts anew only after a session
  stayed up for `stable_after`, so that a gateway which drops us at once is not hammered. Where nobody listens
  it stays at `refused_cap`: trying costs nobody anything, and a gateway that is back is found at once.
- What 1100, 2110 and the farms say is about the gateway's own connection (`upstream`): the session stays UP.

Links the core itself asked to close are never reported back as lost. All times in seconds, monotonic.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import ClassVar

from msgspec import Struct

from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws import codes, farms, session_events, upstream
from twsmq_nodes.tws.core_events import (
    Action,
    Close,
    Connect,
    Connected,
    HandshakeReceived,
    Input,
    LinkLost,
    Notify,
    Open,
    ProbeWanted,
    Send,
    SendHandshake,
    Shut,
    UseVersion,
)
from twsmq_nodes.tws.events import Event, GatewayError, ManagedAccounts, NextValidId
from twsmq_nodes.tws.reference_events import MatchingSymbols
from twsmq_nodes.tws.reference_requests import ReqMatchingSymbols
from twsmq_nodes.tws.requests import ReqCurrentTime, StartApi
from twsmq_nodes.tws.session_events import FarmState
from twsmq_nodes.tws.upstream import PROBE_ID, Upstream

PROBE_SPACING = 1.0
PROBE_PATTERN = "IBM"
"""Matches at any time: what IBKR has to answer when we ask whether the gateway reaches it."""


class State(Enum):
    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    HANDSHAKING = "handshaking"
    STARTING = "starting"
    UP = "up"
    WAITING = "waiting"
    WAITING_CLIENT_ID = "waiting_client_id"


class Timing(Struct, frozen=True):
    """Seconds. `idle` must not be shorter than the probes' spacing."""

    connect_timeout: float = 5.0
    handshake_timeout: float = 5.0
    start_timeout: float = 15.0
    start_longest: float = 120.0
    idle: float = 5.0
    probe_timeout: float = 5.0
    retry_base: float = 0.25
    retry_cap: float = 10.0
    refused_cap: float = 1.0
    client_id_retry: float = 1.0
    stable_after: float = 5.0


DEFAULT_TIMING = Timing()


_NO_GATEWAY = "what listens there is no TWS or IB Gateway: it answered the handshake with something else"

_Rule = Callable[["SessionCore", Input, float], list[Action]]


class SessionCore:
    """One session's state. Call `received` for whatever arrives and `handle` for each input."""

    def __init__(
        self,
        client_id: int,
        port: int,
        versions: range,
        jitter: Callable[[], float],
        timing: Timing = DEFAULT_TIMING,
    ) -> None:
        """`versions`: the server versions we speak; `jitter`: random numbers in [0, 1)."""
        self.state = State.DISCONNECTED
        self.server_version: int | None = None
        self.connection_time = ""
        self._upstream = Upstream(jitter)
        self._client_id = client_id
        self._home_port = self._port = port
        self._versions = versions
        self._jitter = jitter
        self._timing = timing
        self._accounts: tuple[str, ...] | None = None
        self._next_order_id: int | None = None
        self._attempt = 0
        self._up_since = self._starting_since = 0.0
        self.last_received = 0.0
        self._probed_at: float | None = None
        self._deadline: float | None = None

    @property
    def wake_at(self) -> float | None:
        """When TimerFired must come; None for never."""
        probe_at = self._upstream.probe_at if self.state is State.UP else None
        return self._deadline if probe_at is None or self._deadline is None else min(self._deadline, probe_at)

    @property
    def upstream(self) -> bool:
        """Whether the gateway reaches IBKR, as far as is known."""
        return self._upstream.connected

    @property
    def farms(self) -> dict[tuple[str, str], FarmState]:
        """The state of each data farm by kind and name, as last reported."""
        return self._upstream.farms

    def received(self, now: float) -> None:
        """Bytes arrived; kept apart from `handle` because it happens for every read."""
        self.last_received = now

    def concerns(self, event: Event) -> bool:
        """Whether there is a rule for such events at all; most are the owner's alone."""
        return type(event) in self._CONCERN

    def handle(self, happened: Input, now: float) -> list[Action]:
        """What to do about `happened` (then look at `wake_at`); nothing if the table has no rule for it."""
        rule = self._RULES.get((self.state, type(happened))) or self._ANYWHERE.get(type(happened))
        if rule is None:
            return []
        return rule(self, happened, now)

    # -- getting there

    def _connect(self, _: Input, now: float) -> list[Action]:
        self.state = State.CONNECTING
        self.server_version = None
        self._upstream.began()
        self._accounts = self._next_order_id = self._probed_at = None
        self._attempt += 1
        self._deadline = now + self._timing.connect_timeout
        return [Connect(self._port)]

    def _shake_hands(self, _: Input, now: float) -> list[Action]:
        self.state = State.HANDSHAKING
        self._deadline = now + self._timing.handshake_timeout
        return [SendHandshake()]

    def _start(self, happened: Input, now: float) -> list[Action]:
        assert isinstance(happened, HandshakeReceived)
        version = _server_version(happened.frame)
        if version is None:
            return self._give_up(_NO_GATEWAY, now, unusable=True)
        if version not in self._versions:
            low, high = self._versions[0], self._versions[-1]
            reason = f"the gateway speaks server version {version}, we need {low} to {high}"
            return self._give_up(reason, now, unusable=True)
        self.state = State.STARTING
        self.server_version = version
        self.connection_time = happened.frame.split(b"\0")[1].decode("ascii", "replace")
        self._starting_since = now
        self._deadline = now + self._timing.start_timeout
        return [UseVersion(version), Send(StartApi(self._client_id))]

    def _learn(self, happened: Input, now: float) -> list[Action]:
        if isinstance(happened, NextValidId):
            self._next_order_id = happened.order_id
        elif isinstance(happened, ManagedAccounts):
            self._accounts = happened.accounts
        if self._next_order_id is None or self._accounts is None or self.server_version is None:
            return []
        self.state = State.UP
        self._up_since = now
        self._deadline = now + self._timing.idle
        up = session_events.SessionUp(self.server_version, self._accounts, self._next_order_id, self.upstream)
        return [Notify(up)]

    # -- being there

    def _check_alive(self, _: Input, now: float) -> list[Action]:
        timing = self._timing
        probe_at = self._upstream.probe_at
        if probe_at is not None and now >= probe_at:
            self._upstream.probed(now)
            return [Send(ReqMatchingSymbols(PROBE_ID, PROBE_PATTERN)), *self._check_alive(TimerFired(), now)]
        if now < self.last_received + timing.idle:
            self._deadline = self.last_received + timing.idle
            return []
        if self._probed_at is None or self._probed_at <= self.last_received:
            self._deadline = now + timing.probe_timeout
            return self._probe(ProbeWanted(), now)
        if now < self._probed_at + timing.probe_timeout:
            self._deadline = self._probed_at + timing.probe_timeout
            return []
        silent = now - self.last_received
        return self._give_up(
            f"the gateway has sent nothing for {silent:.1f} s, though asked for the time", now, stalled=True
        )

    def _probe(self, _: Input, now: float) -> list[Action]:
        if self._probed_at is not None and now < self._probed_at + PROBE_SPACING:
            return []
        self._probed_at = now
        return [Send(ReqCurrentTime())]

    def _starting_too_long(self, _: Input, now: float) -> list[Action]:
        timing = self._timing
        later = min(self.last_received, self._starting_since + timing.start_longest) + timing.start_timeout
        if now < later:  # many open orders, one after the other
            self._deadline = later
            return []
        return self._give_up("the gateway did not send nextValidId and managedAccounts", now, stalled=True)

    def _error_received(self, happened: Input, now: float) -> list[Action]:
        assert isinstance(happened, GatewayError)
        code = happened.code
        if code in farms.NOTICES or code in upstream.CODES:
            return [Notify(event) for event in self._upstream.received(happened, now)]
        if code == codes.CLIENT_ID_IN_USE and happened.req_id == -1:
            return self._wait_for_client_id(now)
        if code == codes.PORT_MOVED:
            return self._follow_port(happened.text)
        return []

    def _answered(self, happened: Input, _now: float) -> list[Action]:
        assert isinstance(happened, MatchingSymbols)
        return [Notify(event) for event in self._upstream.answered(happened)]

    def _follow_port(self, words: str) -> list[Action]:
        """ "…reconnect on the new port -7497", in whatever language: its last number."""
        numbers = [int(each) for each in re.findall(r"(?<![0-9])[0-9]{1,5}(?![0-9])", words)]
        if not numbers or not 0 < numbers[-1] < 65536:
            return []
        self._port = numbers[-1]
        return [Notify(session_events.PortMoved(self._port))]  # the gateway drops the connection itself

    # -- losing it

    def _lost(self, happened: Input, now: float) -> list[Action]:
        assert isinstance(happened, LinkLost)
        if happened.garbled and self.state is State.HANDSHAKING:
            return self._wait(_NO_GATEWAY, now, unusable=True)
        refused = self.state is State.CONNECTING
        return self._wait(happened.reason, now, refused=refused, ours=happened.ours)

    def _timed_out(self, _: Input, now: float) -> list[Action]:
        what = "connect" if self.state is State.CONNECTING else "answer the handshake"
        stalled = self.state is not State.CONNECTING
        return self._give_up(f"the gateway did not {what} in time", now, stalled=stalled)

    def _give_up(self, reason: str, now: float, **why: bool) -> list[Action]:
        return [Close(reason), *self._wait(reason, now, **why)]

    def _wait(self, reason: str, now: float, *, refused: bool = False, **why: bool) -> list[Action]:
        """`why`: what ConnectFailed says of it."""
        was = self.state
        if was is State.UP and now >= self._up_since + self._timing.stable_after:
            self._attempt = 0
        if was is State.CONNECTING and not why.get("ours"):
            self._port = self._home_port  # nobody at the port it moved to: back to the configured one
        retry_in = self._backoff(self._timing.refused_cap if refused else self._timing.retry_cap)
        self.state = State.WAITING
        self._deadline = now + retry_in
        if was is State.UP:
            return [Notify(session_events.SessionLost(reason, retry_in, why.get("stalled", False)))]
        return [Notify(session_events.ConnectFailed(reason, self._attempt, retry_in, **why))]

    def _wait_for_client_id(self, now: float) -> list[Action]:
        """Of a session that was up this is its end too."""
        retry_in = self._timing.client_id_retry * (0.5 + self._jitter())
        reason = "another connection holds our client id (326)"
        lost = [session_events.SessionLost(reason, retry_in)] if self.state is State.UP else []
        self.state = State.WAITING_CLIENT_ID
        self._attempt = 0
        self._deadline = now + retry_in
        waits = session_events.WaitingClientId(self._client_id, retry_in)
        return [Close("client id in use"), *map(Notify, lost), Notify(waits)]

    def _backoff(self, cap: float) -> float:
        timing = self._timing
        longest = min(cap, timing.retry_base * 2 ** min(self._attempt, 30))
        return longest * (0.5 + 0.5 * self._jitter())

    def _shut(self, _: Input, now: float) -> list[Action]:
        self.state = State.DISCONNECTED
        self._attempt = 0
        self._deadline = None
        return [Close("closed by its owner", flush=True)]

    # -- the table: an input without a rule for the state has no effect

    _RULES: ClassVar[dict[tuple[State, type], _Rule]] = {
        (State.DISCONNECTED, Open): _connect,
        (State.CONNECTING, Connected): _shake_hands,
        (State.CONNECTING, LinkLost): _lost,
        (State.CONNECTING, TimerFired): _timed_out,
        (State.HANDSHAKING, HandshakeReceived): _start,
        (State.HANDSHAKING, LinkLost): _lost,
        (State.HANDSHAKING, TimerFired): _timed_out,
        (State.STARTING, NextValidId): _learn,
        (State.STARTING, ManagedAccounts): _learn,
        (State.STARTING, GatewayError): _error_received,
        (State.STARTING, LinkLost): _lost,
        (State.STARTING, TimerFired): _starting_too_long,
        (State.UP, GatewayError): _error_received,
        (State.UP, MatchingSymbols): _answered,
        (State.UP, ProbeWanted): _probe,
        (State.UP, LinkLost): _lost,
        (State.UP, TimerFired): _check_alive,
        (State.WAITING, TimerFired): _connect,
        (State.WAITING_CLIENT_ID, TimerFired): _connect,
    }
    _ANYWHERE: ClassVar[dict[type, _Rule]] = {Shut: _shut}
    _CONCERN: ClassVar[frozenset[type]] = frozenset(kind for _, kind in _RULES) | _ANYWHERE.keys()


def _server_version(frame: bytes) -> int | None:
    """From the handshake's reply, "200\\\\0" and the connection time."""
    version, *rest = frame.split(b"\0")
    return int(version) if len(rest) == 2 and version.isdigit() and len(version) < 6 else None
