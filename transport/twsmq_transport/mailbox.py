"""A process's mailbox: a ROUTER that answers each request exactly once, however broken it was.

A request is decoded, its op looked up, its arguments checked, and the op's handler called with a `Call`. The
handler answers at once or keeps the `Call` and answers when the outcome is known. Whatever it raises becomes
the reply. A second answer to the same call is our bug and is logged, never sent. What an op takes stands in
`twsmq_protocol.requests.OPS`; there is no other op.

DEALER and REQ clients are alike: an empty delimiter frame is mirrored.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, time_ns
from typing import Any

import msgspec
import structlog
import zmq
from msgspec import Struct
from twsmq_protocol import codec, rights
from twsmq_protocol.envelope import Request
from twsmq_protocol.errors import ErrorCode, FieldError, LocalError, RequestError
from twsmq_protocol.processes import process_of
from twsmq_protocol.requests import OPS, Op, OpDescription
from twsmq_protocol.rights import EVERYBODY, Identity

from . import servers
from .allowance import OWN, REQUESTS_AT_ONCE, REQUESTS_PER_SECOND, Allowance
from .metrics import Counter, Histogram, Registry
from .replies import Replies
from .security import OFF, Security

log = structlog.stdlib.get_logger()


_LONGEST_NOTE = 200
CLOCKS_DIFFER_S = 1.0
"""A process that was down for so long is one cause of a request that comes too late; another is a clock."""


class Call:
    """One request being answered. `valid_until` (ns, or None): past it the request must have no effect."""

    __slots__ = (
        "_address",
        "_answered",
        "_arrived",
        "_mailbox",
        "identity",
        "op",
        "request_id",
        "valid_until",
        "who",
    )

    def __init__(
        self,
        mailbox: Mailbox,
        address: list[bytes],
        request_id: str | int | None,
        op: str,
        valid_until: int | None,
        identity: Identity = EVERYBODY,
    ) -> None:
        self.identity = identity
        """Whose key the request came under, and what it may."""
        self.who = identity.name
        """The name of that key; empty while keys are off."""
        self._mailbox = mailbox
        self._address = address
        self._answered = False
        self._arrived = monotonic()
        self.request_id = request_id
        self.op = op
        self.valid_until = valid_until

    @property
    def peer(self) -> bytes:
        """Names the connection it came by, so that those who share a line take turns."""
        return self._address[0]

    @property
    def age_s(self) -> float:
        """Since it arrived."""
        return monotonic() - self._arrived

    @property
    def expired(self) -> bool:
        return self.valid_until is not None and time_ns() > self.valid_until

    def succeed(self, result: Any) -> None:
        """Answer `ok: true` with `result`, a struct or plain msgpack data; with what of it the key may
        see."""
        try:
            body = codec.encode_reply(self.request_id, rights.shown(self.identity, result))
        except (msgspec.MsgspecError, TypeError, OverflowError) as error:
            log.exception("reply could not be encoded", op=self.op)
            self.fail(RequestError(ErrorCode.INTERNAL, f"the result could not be encoded: {error}"))
            return
        self._send(body, "ok")

    def fail(self, error: RequestError) -> None:
        """Answer `ok: false`."""
        self._send(codec.encode_error(self.request_id, error), error.code)

    def _send(self, body: bytes, code: str) -> None:
        if self._answered:
            log.error("second answer to one request dropped", op=self.op, request_id=self.request_id)
            return
        self._answered = True
        self._mailbox.send(self._address, body)
        self._mailbox.answered(self.op, code, monotonic() - self._arrived)


Handler = Callable[[Any, Call], None]
"""Called with the op's arguments, an instance of its row's `args`."""


class Answered(Struct, frozen=True):
    """An op with who answers it."""

    op: Op
    handler: Handler


class Mailbox:
    """Binds `endpoint` and answers the ops that were added, for the process called `name`.

    after_pass: called whenever the requests that were there have been handed to their handlers, so that what
    they have in common is done once for all.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        *,
        name: str,
        after_pass: Callable[[], None] | None = None,
        registry: Registry | None = None,
        security: Security = OFF,
    ) -> None:
        self._security = security
        self._allowance = Allowance(REQUESTS_PER_SECOND, REQUESTS_AT_ONCE)
        self.name = name
        self._ops: dict[str, Answered] = {}
        self._registry = registry or Registry()
        self._counts: dict[tuple[str, str], Counter] = {}
        self._durations: dict[str, Histogram] = {}
        self._socket = servers.bind_requests(
            context,
            endpoint,
            self._received,
            wanted_by=f"{name} requests",
            after_pass=after_pass,
            security=security,
        )
        self._replies = Replies(self._socket, name)

    def add(self, name: str, handler: Handler) -> None:
        """From now on answer op `name`: `handler(args, call)` must answer `call` once, now or later.

        Raises `LocalError` for an op that is none, or another process's.
        """
        op = OPS.get(name)
        if op is None:
            raise LocalError(f"{self.name} cannot answer {name!r}: add a row to OPS first")
        if op.process is not None and process_of(op.process) is not process_of(self.name):
            raise LocalError(f"{self.name} cannot answer {name!r}: OPS gives it to {op.process}")
        self._ops[name] = Answered(op, handler)

    def answered(self, op: str, code: str, seconds: float) -> None:
        """Count one answer. An op that nobody knows counts as `other`: clients choose its name."""
        op = op if op in self._ops else "other"
        counter = self._counts.get((op, code))
        if counter is None:
            counter = self._counts[op, code] = self._registry.counter("requests_total", op, code)
            self._durations.setdefault(op, self._registry.histogram("request_seconds", op))
        counter.n += 1
        self._durations[op].observe(seconds)

    def descriptions(self) -> list[OpDescription]:
        return [
            OpDescription(op=name, summary=answered.op.summary, args=msgspec.json.schema(answered.op.args))
            for name, answered in self._ops.items()
        ]

    def send(self, address: list[bytes], body: bytes) -> None:
        self._replies.send([*address, body])

    def close(self) -> None:
        self._replies.close()
        self._socket.close()

    def _received(self, frames: list[bytes]) -> None:
        address, body = frames[:1], frames[1:]
        if len(body) > 1 and not body[0]:
            address, body = frames[:2], body[1:]
        if len(body) != 1:
            error = RequestError(ErrorCode.MALFORMED, f"a request is one frame, not {len(body)}")
            self.send(address, codec.encode_error(None, error))
            return
        try:
            request = codec.decode_request(body[0])
            _require_unnamed(address[0], request.id)
        except RequestError as error:
            log.debug("request refused", code=error.code, problem=error.message)
            self.send(address, codec.encode_error(error.request_id, error))
            return
        identity = self._security.identity(self._socket.user)
        self._dispatch(request, Call(self, address, request.id, request.op, request.valid_until, identity))

    def _dispatch(self, request: Request, call: Call) -> None:
        try:
            if self._security.on:
                self._require_welcome(call)
            if call.expired:
                raise _too_late(call)
            answered = self._ops.get(request.op)
            if answered is None:
                known = ", ".join(sorted(self._ops))
                raise RequestError(
                    ErrorCode.UNKNOWN_OP, f"no op {request.op[:80]!r} here; there are {known}", field="op"
                )
            args = codec.decode_args(request, answered.op.args)
            if self._security.on:
                rights.require(call.identity, request.op, args)
                _note(call, answered.op, args)
            answered.handler(args, call)
        except RequestError as error:
            level = log.warning if error.code is ErrorCode.UNAUTHORIZED else log.debug
            level("request refused", op=request.op[:80], code=error.code, problem=error.message, who=call.who)
            call.fail(error)
        except FieldError as error:
            call.fail(RequestError(ErrorCode.INVALID_ARGUMENT, str(error), field=error.field))
        except Exception as error:
            log.exception("request failed", op=request.op)
            call.fail(
                RequestError(
                    ErrorCode.INTERNAL, f"{type(error).__name__}; the log of {self.name} has the details"
                )
            )

    def _require_welcome(self, call: Call) -> None:
        """Before anything else is said: a key that opens nothing learns nothing, and what is refused counts
        towards a key's share as well."""
        if not call.identity.rights:
            raise RequestError(ErrorCode.UNAUTHORIZED, "this key is revoked, or not known any more")
        if not self._allowance.take(call.who, monotonic()):
            raise RequestError(
                ErrorCode.THROTTLED,
                f"more than {REQUESTS_PER_SECOND:.0f} requests a second under this key; send fewer",
            )


def _too_late(call: Call) -> RequestError:
    """A client whose clock is behind sees nothing but this."""
    late = (time_ns() - (call.valid_until or 0)) / 1e9
    why = f"valid_until had passed {late:.3g} s before this arrived; it had no effect"
    hint = "; do the clocks of both machines agree (NTP)?" if late >= CLOCKS_DIFFER_S else ""
    return RequestError(ErrorCode.TIMEOUT, why + hint)


def _note(call: Call, op: Op, args: Struct) -> None:
    """Who intervened: the log has it of every op that needs more than a strategy's own key, but for what
    processes ask of each other. Of orders, halts and limits the journal has it too."""
    if call.identity.name.startswith(OWN) or not set(op.rights) <= {"risk", "operator"}:
        return
    log.info("asked", op=call.op, who=call.who, args=repr(args)[:_LONGEST_NOTE])


def _require_unnamed(peer: bytes, request_id: str | int | None) -> None:
    """Names that libzmq gives are five bytes, the first of them zero, which no client can choose. A name that
    a client has chosen may be another's too, who would then get its replies.
    """
    if len(peer) != 5 or peer[0]:
        raise RequestError(
            ErrorCode.MALFORMED,
            "the socket that asks has a name of its own, under which another could take its replies; "
            "leave ZMQ_ROUTING_ID (ZMQ_IDENTITY) unset",
            request_id=request_id,
        )
