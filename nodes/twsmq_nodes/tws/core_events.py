"""The inputs and actions of a session's core. Frozen."""

from __future__ import annotations

from msgspec import Struct

from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.requests import Request
from twsmq_nodes.tws.session_events import SessionEvent


class Open(Struct, frozen=True):
    """The owner wants a session."""


class Shut(Struct, frozen=True):
    """The owner wants none any more."""


class Connected(Struct, frozen=True):
    pass


class LinkLost(Struct, frozen=True):
    """The attempt failed or the connection ended, not by our own wish; `garbled`: for what it sent; `ours`:
    nobody was asked."""

    reason: str
    garbled: bool = False
    ours: bool = False


class HandshakeReceived(Struct, frozen=True):
    """The first frame of a connection."""

    frame: bytes


class ProbeWanted(Struct, frozen=True):
    """The owner would like to know the gateway's time; a CurrentTime event answers."""


Input = Open | Shut | Connected | LinkLost | HandshakeReceived | ProbeWanted | TimerFired | Event


class Connect(Struct, frozen=True):
    port: int


class SendHandshake(Struct, frozen=True):
    """ "API\\\\0" and the versions we speak."""


class UseVersion(Struct, frozen=True):
    """From here on frames are decoded and requests encoded for this server version."""

    server_version: int


class Send(Struct, frozen=True):
    """At once, past the queue."""

    request: Request


class Close(Struct, frozen=True):
    """End the connection or the attempt, if there is one; `flush`: after what is already written is sent."""

    reason: str
    flush: bool = False


class Notify(Struct, frozen=True):
    event: SessionEvent


Action = Connect | SendHandshake | UseVersion | Send | Close | Notify
