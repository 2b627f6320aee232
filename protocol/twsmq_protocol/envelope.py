"""What every message carries: the event header, the request and the reply.

Invariants: a message is a msgpack map with string keys; `v` is the protocol version and is looked at before
anything else; an absent value is nil, never a sentinel; every float is finite; times are integer nanoseconds
since the Unix epoch, UTC.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any, Self

from msgspec import Meta, Struct

PROTOCOL_VERSION = 1
MAX_REQUEST_BYTES = 256 * 1024
"""A longer request is `malformed`. The socket's own limit is higher: passing it disconnects."""


LARGEST_FLOAT = sys.float_info.max
Finite = Annotated[float, Meta(ge=-LARGEST_FLOAT, le=LARGEST_FLOAT)]
"""Every float of every message: bounds are what makes the decoder refuse NaN and the infinities."""


Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Natural = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""Every integer of every request has such a range, or a narrower one: what is beyond has no meaning to any
database, gateway or clock behind it, and is refused here, in words, instead of failing there."""
Nanoseconds = Natural
"""Nanoseconds since the Unix epoch, up to the year 2262."""
NS = 1_000_000_000
"""Of a second."""


class Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    """The header of every event. A publisher fills it in when the event leaves.

    v: protocol version. src: process that published. inc: that process's incarnation, the ns at which it
    started; a new value means it restarted. seq: counts per topic from 1 without gaps. ts: ns since epoch.
    """

    v: int = PROTOCOL_VERSION
    src: str = ""
    inc: int = 0
    seq: int = 0
    ts: int = 0

    def later(self, seconds: float) -> Self:
        """As it reads so long after it was published: what counts from then on has grown."""
        del seconds
        return self


class Request(Struct, frozen=True, kw_only=True):
    """A request whose envelope has been read. `args` is still msgpack, decoded once `op` is known."""

    id: str | int
    op: str
    args: bytes
    valid_until: int | None = None


class ErrorBody(Struct, frozen=True, kw_only=True):
    code: str
    message: str
    field: str | None = None
    tws_code: int | None = None


class Reply(Struct, frozen=True, kw_only=True):
    """Exactly one for each request. `id` is nil only when the request's own could not be read."""

    v: int = PROTOCOL_VERSION
    id: str | int | None
    ok: bool
    result: Any = None
    error: ErrorBody | None = None


class Args(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every op's arguments: a key nobody knows is refused, because it may be a misspelt limit."""


class NoArgs(Args, frozen=True):
    """For ops that take no arguments."""


def payload(event: Event) -> dict[str, Any]:
    """An event's own fields under their names on the wire, without the header: for comparing and storing."""
    names = zip(event.__struct_fields__, event.__struct_encode_fields__, strict=True)
    return {wire: getattr(event, name) for name, wire in names if name not in Event.__struct_fields__}
