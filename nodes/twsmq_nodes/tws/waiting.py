"""A request that waits for the message budget or for the socket."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from twsmq_nodes.tws.encoded import Encoded, Sent
from twsmq_nodes.tws.errors import TwsError
from twsmq_nodes.tws.requests import Request

Thunk = Callable[[], Request | None]
"""Makes a request at the moment it is written; None if it is not wanted any more."""


class Waiting(Struct, frozen=True):
    request: Request | Encoded | Thunk
    on_written: Callable[[Sent], None] | None
    on_refused: Callable[[TwsError], None] | None
    since: float


def name_of(request: Request | Encoded | Thunk) -> str:
    named = request.request if isinstance(request, Encoded) else request
    return type(named).__name__ if isinstance(named, Request) else "an order"
