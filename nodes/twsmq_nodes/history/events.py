"""What happens to the core of history, and what it wants done. Frozen, and without any doing of their own."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.calls import Answer, CallId, Cancel, Fail, NotSent, Send, SessionDown, Written
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.reference_events import HistoricalBarColumns, HistoricalBars
from twsmq_nodes.tws.session_events import SessionEvent

from .jobs import Job, Taken

ROWS = (HistoricalBarColumns, HistoricalBars)  # their end follows, and nothing is decided before


class Asked(Struct, frozen=True):
    """`make` builds the job if the same is not on its way already; `peer`: whose call it is."""

    call: CallId
    key: object
    make: Callable[[], Job]
    deadline: float
    bulk: bool = False
    peer: bytes = b""


Input = Asked | NotSent | Written | SessionDown | TimerFired | Event | SessionEvent
Action = Send | Cancel | Answer | Fail | Taken
