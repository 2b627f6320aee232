"""What every message carries: the event header, the request and the reply.

Invariants: a message is a msgpack map with string keys; `v` is the protocol version and is looked at before
anything else; an absent value is nil, never a sentinel; every float is finite; times are integer nanoseconds
since the Unix epoch, UTC.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, fields

from .errors import FieldError

PROTOCOL_VERSION = 1
MAX_REQUEST_BYTES = 256 * 1024
"""A longer request is `malformed`. The socket's own limit is higher: passing it disconnects."""


class Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    """The header of every event. A publisher fills it in when the event leaves (see `stamped`).

    v: protocol version. src: process that published. inc: that process's incarnation, the ns at which it
    started; a new value means it restarted. seq: counts per topic from 1 without gaps. ts: ns since epoch.
    """

    v: int = PROTOCOL_VERSION
    src: str = ""
    inc: int = 0
    seq: int = 0
    ts: int = 0


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

    def __post_init__(self) -> None:
        require_finite(self)


class NoArgs(Args, frozen=True):
    """For ops that take no arguments."""


def require_finite(struct: Struct) -> None:
    """Refuse NaN and the infinities in any float field (msgspec's own bounds let infinity through)."""
    for field in fields(struct):
        value = getattr(struct, field.name)
        if isinstance(value, float) and not isfinite(value):
            raise FieldError(field.encode_name, f"{field.encode_name} must be a finite number, not {value}")


def payload(event: Event) -> dict[str, Any]:
    """An event's own fields without its header, for comparing and storing."""
    header = {field.name for field in fields(Event)}
    return {name: value for name, value in asdict(event).items() if name not in header}
