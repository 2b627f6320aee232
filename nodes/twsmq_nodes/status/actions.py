"""What the status node's cores want done."""

from __future__ import annotations

from msgspec import Struct
from twsmq_protocol.envelope import Event

from twsmq_nodes.tws.requests import Request


class Send(Struct, frozen=True):
    """Ask the gateway. Dropped when the session is down: SessionUp starts everything anew."""

    request: Request


class Publish(Struct, frozen=True):
    """`last`: what is published here for the last time; newcomers are not greeted with it."""

    topic: str
    event: Event
    last: bool = False


class Ready(Struct, frozen=True):
    """The first complete snapshot of this session is in."""


class Reconcile(Struct, frozen=True):
    """What was known must be asked again."""

    detail: str


class Warn(Struct, frozen=True):
    """For the log."""

    text: str


Action = Send | Publish | Ready | Reconcile | Warn
