"""Every error of twsmq descends from one class, split by whose fault it is.

*Ours* (`LocalError`): a configuration that cannot work, a bug of this process. The cure is on this side.
*The peer's* (`PeerError`): a client sent what cannot be understood or must be refused, the gateway broke its
protocol. The cure is on the other side, so the message says what the peer must do.

Errors that cross the wire carry one of the codes below, and nothing else is ever sent as a code.
"""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    """The complete list of `error.code` values of a reply. SPEC.md says when each is used."""

    MALFORMED = "malformed"
    UNSUPPORTED_VERSION = "unsupported_version"
    UNKNOWN_OP = "unknown_op"
    INVALID_ARGUMENT = "invalid_argument"
    UNAUTHORIZED = "unauthorized"
    NOT_READY = "not_ready"
    HALTED = "halted"
    RISK_REJECTED = "risk_rejected"
    GATEWAY_REJECTED = "gateway_rejected"
    UNKNOWN_ORDER = "unknown_order"
    CONFLICT = "conflict"
    THROTTLED = "throttled"
    TIMEOUT = "timeout"
    INTERNAL = "internal"


def gateway_error(code: int | None) -> str:
    """The gateway's number, as it stands behind a text of the gateway's; nothing where it gave none."""
    return "" if code is None else f" [gateway error {code}]"


class TwsmqError(Exception):
    """Base of every error twsmq raises."""


class LocalError(TwsmqError):
    """Our side is at fault: configuration, environment, or a bug."""


class PeerError(TwsmqError):
    """The other side is at fault: a client or the gateway sent something we must refuse."""


class ConfigError(LocalError):
    """A configuration that cannot be used. `str()` is one line that names the key and the cure."""

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None) -> None:
        self.file = file
        self.line = line
        where = "" if file is None else f"{file}:{line}: " if line else f"{file}: "
        super().__init__(where + message)


class Unmendable(ConfigError):
    """What no restart can mend: a person has to look at it first. A process ends with a code of its own."""


class MalformedMessage(PeerError):
    """Bytes that are no message of this protocol."""


class UnknownEvent(MalformedMessage):
    """An event of a type this version of the package does not know: to be counted and skipped.

    Its header was readable, so that the numbering of its topic goes on: `src`, `inc`, `seq`.
    """

    def __init__(self, topic: str, kind: str, src: str, inc: int, seq: int) -> None:
        self.topic = topic
        self.kind = kind
        self.src = src
        self.inc = inc
        self.seq = seq
        super().__init__(f"event of the unknown type {kind[:80]!r} on {topic[:80]!r}")


class RequestError(PeerError):
    """A request that gets an error reply.

    `field` is the argument at fault, `tws_code` the gateway's own error number where it gave one,
    `request_id` the id to answer under as far as it could be read.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        field: str | None = None,
        tws_code: int | None = None,
        request_id: str | int | None = None,
    ) -> None:
        self.code = code
        self.message = message
        self.field = field
        self.tws_code = tws_code
        self.request_id = request_id
        super().__init__(message)


class FieldError(ValueError):
    """Raised while a message is built: one field holds a value the protocol does not allow."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)
