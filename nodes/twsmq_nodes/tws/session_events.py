"""What the session announces to its node: changes of itself and of the gateway's own connections."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct


class SessionEvent(Struct, frozen=True):
    """Base of them all."""


class SessionUp(SessionEvent, frozen=True):
    """Requests may be sent. `next_order_id` is the gateway's; it may have rolled back since last time."""

    server_version: int
    accounts: tuple[str, ...]
    next_order_id: int
    upstream: bool
    """False if the gateway has already said that it has lost its own connection to IBKR."""


class SessionLost(SessionEvent, frozen=True):
    """The session was up and is not any more; what was not written by then never will be."""

    reason: str
    retry_in: float
    stalled: bool = False
    """The socket is there, but nothing comes."""


class ConnectFailed(SessionEvent, frozen=True):
    """An attempt did not come up. `attempt` counts from 1 since the session was last up."""

    reason: str
    attempt: int
    retry_in: float
    stalled: bool = False
    """It connected, and then nothing came."""
    unusable: bool = False
    """Who answered is no gateway, or none of a version that we speak: to start it anew would mend nothing."""
    ours: bool = False
    """The system let us open no connection, to whomever: the gateway may be well."""


class WaitingClientId(SessionEvent, frozen=True):
    """Another connection holds our client id (326). Orders live under the id, so we wait for it."""

    client_id: int
    retry_in: float


class PortMoved(SessionEvent, frozen=True):
    """The gateway now listens elsewhere (1300); the next attempt goes there."""

    port: int


class UpstreamLost(SessionEvent, frozen=True):
    """The gateway has lost its connection to IBKR (1100, 2110); the socket stays open."""

    code: int
    text: str


class DataLost(SessionEvent, frozen=True):
    """Upstream is back, but subscriptions are gone and must be made again, or may be. `how` we know: the
    gateway's 1101, else in words."""

    how: str = "1101"


class DataMaintained(SessionEvent, frozen=True):
    """Upstream is back and subscriptions go on. `how` we know: the gateway's 1102, else in words."""

    how: str = "1102"


class FarmState(Enum):
    OK = "ok"
    BROKEN = "broken"
    INACTIVE = "inactive"  # connects by itself when it is needed
    CONNECTING = "connecting"


class FarmStatus(SessionEvent, frozen=True):
    """One of the gateway's data farms changed. `kind`: market, historical or security_definition."""

    kind: str
    name: str
    state: FarmState
