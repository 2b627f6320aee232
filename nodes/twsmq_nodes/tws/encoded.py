"""What can be encoded, and what is. Pure: cores hold both."""

from __future__ import annotations

from msgspec import Struct

from twsmq_nodes.tws.order_template import ShapedOrder
from twsmq_nodes.tws.requests import Request

Sent = Request | ShapedOrder
"""What can be encoded."""


class Encoded(Struct, frozen=True):
    """A request whose bytes are made already, for one session: see `TwsSession.encode`."""

    request: Sent
    data: bytes
