"""What is common to the cores that put calls' requests to the gateway: what happens to a request, and what
they want done. Frozen, and without any doing of their own.

A core numbers each request itself (`req_id`, also where the request carries none), and every call gets one
`Answer` or one `Fail`."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct
from twsmq_protocol.errors import RequestError

from .requests import Request

CallId: TypeAlias = int


class NotSent(Struct, frozen=True):
    """The request could not be put into bytes, or written."""

    req_id: int
    error: RequestError


class Written(Struct, frozen=True):
    """The request has left."""

    req_id: int


class SessionDown(Struct, frozen=True):
    """Whatever was asked will not be answered."""


class Send(Struct, frozen=True):
    """Ask the gateway, unless nobody waits any more when its turn comes (`wanted` of the core)."""

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
