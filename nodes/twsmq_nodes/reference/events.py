"""The core's inputs and actions."""

from __future__ import annotations

from msgspec import Struct
from twsmq_protocol.errors import RequestError

from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.calls import Answer, CallId, Cancel, Fail, NotSent, Send, SessionDown, Written
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.session_events import SessionEvent

from .question import Question


class Asked(Struct, frozen=True):
    """A call asks a question. `not_ready`: why nothing new may be asked of the gateway just now; `peer`:
    whose call it is."""

    call: CallId
    question: Question
    deadline: float
    not_ready: RequestError | None = None
    peer: bytes = b""


Input = Asked | NotSent | Written | SessionDown | TimerFired | Event | SessionEvent
Action = Send | Cancel | Answer | Fail
