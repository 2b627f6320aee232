"""Who is let in: the ZAP handler (RFC 27) of a process, on its own loop.

Theory: libzmq asks the handler at inproc://zeromq.zap.01 for each connection to a server socket with CURVE.
Without a handler a CURVE server admits everybody who knows its public key, so the sockets also enforce their
domain: then nobody is let in while no handler runs (libzmq, ZMQ_ZAP_ENFORCE_DOMAIN).

The answer decides what the other side does: 200 lets in, under the name of the key (User-Id); 400 is final,
its libzmq never tries again on that socket; 300 makes it try again until it is let in, which is right for a
key that is not known *yet*: an operator accepts it, and it gets in by itself.

A key that opens connections faster than anybody needs gets 300 too: the flood ends, its owner gets in later.

Invariants: nothing is let in that `authorized.toml` does not name with a right; every question is answered; a
spoilt file lets nobody new in and ends nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import structlog
import zmq
from twsmq_protocol.errors import ConfigError
from twsmq_protocol.key_folder import KeyFolder
from twsmq_protocol.rights import Identity
from zmq.utils import z85

from .allowance import CONNECTIONS_AT_ONCE, CONNECTIONS_PER_SECOND, Allowance

ADDRESS = "inproc://zeromq.zap.01"
_VERSION = b"1.0"
_NOBODY = Identity("")

log = structlog.stdlib.get_logger()


class Gatekeeper:
    """`answer` answers libzmq; `identity` says who a User-Id is, by the file as it stands."""

    def __init__(self, folder: KeyFolder, on_refused: Callable[[str, str], None] | None = None) -> None:
        self._folder = folder
        self._on_refused = on_refused
        self._by_name: dict[str, Identity] = {}
        self._last: dict[str, tuple[str, Identity]] = {}
        self._spoilt = ""
        self._connections = Allowance(CONNECTIONS_PER_SECOND, CONNECTIONS_AT_ONCE)

    def identity(self, user: str) -> Identity:
        """What this User-Id may now; nothing once its key is revoked."""
        self._look()
        return self._by_name.get(user, _NOBODY)

    def answer(self, frames: list[bytes]) -> list[bytes]:
        """The reply to a question of libzmq's: its address frames, then version, id, domain, address,
        identity,
        mechanism, key."""
        at = frames.index(b"") + 1
        envelope, question = frames[:at], frames[at:]
        if len(question) < 6 or question[0] != _VERSION:
            return [
                *envelope,
                _VERSION,
                question[1] if len(question) > 1 else b"",
                b"500",
                b"version",
                b"",
                b"",
            ]
        request_id, domain, address, mechanism = question[1], question[2], question[3], question[5]
        status, text, user = self._judge(mechanism, question[6:], address.decode(errors="replace"))
        if status != b"200":
            self._announce(
                text.decode(), user, domain.decode(errors="replace"), address.decode(errors="replace")
            )
        return [
            *envelope,
            _VERSION,
            request_id,
            status,
            text,
            user.encode() if status == b"200" else b"",
            b"",
        ]

    def _judge(self, mechanism: bytes, credentials: list[bytes], address: str) -> tuple[bytes, bytes, str]:
        if mechanism != b"CURVE" or len(credentials) != 1 or len(credentials[0]) != 32:
            return b"400", b"keys are needed here", ""
        key = z85.encode(credentials[0]).decode()
        self._look()
        known = self._last.get(key)
        if known is None:
            self._folder.knock(key, address)
            return b"300", b"unknown key", key
        name, identity = known
        if not identity.rights:
            return b"400", b"revoked key", name
        if not self._connections.take(name, monotonic()):
            return b"300", b"too many new connections of this key", name
        return b"200", b"OK", name

    def _look(self) -> None:
        try:
            admitted = self._folder.admitted()
        except (ConfigError, OSError) as error:
            if str(error) != self._spoilt:
                self._spoilt = str(error)
                log.error("keys cannot be read; nobody new is let in", problem=str(error))
            return
        if admitted is not self._last:
            self._spoilt = ""
            self._last = admitted
            self._by_name = dict(admitted.values())

    def _announce(self, reason: str, who: str, domain: str, address: str) -> None:
        log.warning("connection refused", reason=reason, key=who, domain=domain, address=address)
        if self._on_refused is not None:
            self._on_refused(who, reason)


def new_pair() -> tuple[str, str]:
    """Public and secret key, in Z85."""
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()
