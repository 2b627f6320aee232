"""The core's inputs and actions."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct
from twsmq_protocol.errors import RequestError

from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.requests import Request
from twsmq_nodes.tws.session_events import SessionEvent

from .question import Question

CallId: TypeAlias = int


class Asked(Struct, frozen=True):
    """A call asks a question. `not_ready`: why nothing new may be asked of the gateway just now; `peer`:
    whose call it is."""

    call: CallId
    question: Question
    deadline: float
    not_ready: RequestError | None = None
    peer: bytes = b""


class NotSent(Struct, frozen=True):
    """The request could not be put into bytes, or written."""

    req_id: int
    error: RequestError


class Written(Struct, frozen=True):
    """The request has left."""

    req_id: int


class SessionDown(Struct, frozen=True):
    """Whatever was asked will not be answered."""


Input = Asked | NotSent | Written | SessionDown | TimerFired | Event | SessionEvent


class Send(Struct, frozen=True):
    """Ask the gateway, unless nobody waits any more when its turn comes (see `wanted`). `req_id` is our own
    number also where the request carries none."""

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


Action = Send | Cancel | Answer | Fail
