"""What happens to the core of history, and what it wants done. Frozen, and without any doing of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct
from twsmq_protocol.errors import RequestError

from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.reference_events import HistoricalBarColumns, HistoricalBars
from twsmq_nodes.tws.requests import Request
from twsmq_nodes.tws.session_events import SessionEvent

from .jobs import Job, Taken

CallId: TypeAlias = int

ROWS = (HistoricalBarColumns, HistoricalBars)  # their end follows, and nothing is decided before


class Asked(Struct, frozen=True):
    """`make` builds the job if the same is not on its way already; `peer`: whose call it is."""

    call: CallId
    key: object
    make: Callable[[], Job]
    deadline: float
    bulk: bool = False
    peer: bytes = b""


class NotSent(Struct, frozen=True):
    """The request could not be put into bytes, or written."""

    req_id: int
    error: RequestError


class Written(Struct, frozen=True):
    """The request has left."""

    req_id: int


class SessionUp(Struct, frozen=True):
    """Pieces may be asked for."""


class SessionDown(Struct, frozen=True):
    """Whatever was asked will not be answered; it is asked again."""


Input = Asked | NotSent | Written | SessionUp | SessionDown | TimerFired | Event | SessionEvent


class Send(Struct, frozen=True):
    req_id: int
    request: Request


class Cancel(Struct, frozen=True):
    request: Request


class Answer(Struct, frozen=True):
    call: CallId
    result: Struct


class Fail(Struct, frozen=True):
    call: CallId
    error: RequestError


Action = Send | Cancel | Answer | Fail | Taken
