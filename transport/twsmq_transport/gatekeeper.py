"""Who is let in: the ZAP handler (RFC 27) of a process, on its own loop.

Theory: libzmq asks the handler at inproc://zeromq.zap.01 for each connection to a server socket with CURVE.
Without a handler a CURVE server admits everybody who knows its public key, so the sockets also enforce their
domain: then nobody is let in while no handler runs (libzmq, ZMQ_ZAP_ENFORCE_DOMAIN).

The answer decides what the other side does: 200 lets in; 400 is final, its libzmq never tries again on that
socket; 300 makes it try again until it is let in, which is right for a key that is not known *yet*: an
operator accepts it, and it gets in by itself.

A connection goes by its public key (User-Id), not by the key's name: a name that is given to another key, say
because the first was stolen, must not give new rights to connections of the first, which libzmq keeps.

A key that opens connections faster than anybody needs gets 300 too: the flood ends, its owner gets in later.

Refusals are logged once a minute for each key and reason, with how many there were: who comes again and again
neither fills the log nor hides from it who else was refused.

Invariants: nothing is let in that `authorized.toml` does not name with a right; every question is answered; a
spoilt file lets nobody new in and ends nothing; each right that a file takes away is noted, whoever looked.
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
SAY_AGAIN_S, MOST_SAID = 60.0, 1000

log = structlog.stdlib.get_logger()


class Gatekeeper:
    """`answer` answers libzmq; `identity` says who a User-Id is, by the file as it stands."""

    def __init__(self, folder: KeyFolder, on_refused: Callable[[str, str], None] | None = None) -> None:
        self._folder = folder
        self._on_refused = on_refused
        self._last: dict[str, tuple[str, Identity]] = {}  # by public key
        self._lost: dict[str, str] = {}  # names, by public key
        self._spoilt = ""
        self._said: dict[tuple[str, str], tuple[float, int]] = {}  # when, and how many refusals since
        self._connections = Allowance(CONNECTIONS_PER_SECOND, CONNECTIONS_AT_ONCE)

    def identity(self, user: str) -> Identity:
        """Whose the public key `user` is, and what it may now; nothing once it is revoked or gone."""
        self._look()
        known = self._last.get(user)
        return Identity(user) if known is None else known[1]

    def take_lost(self) -> dict[str, str]:
        """The keys that have lost a right or their name since this was asked last: names, by public key."""
        self._look()
        lost, self._lost = self._lost, {}
        return lost

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
        status, text, who = self._judge(mechanism, question[6:], address.decode(errors="replace"))
        user = b""
        if status == b"200":
            user = z85.encode(question[6])
        else:
            self._announce(
                text.decode(), who, domain.decode(errors="replace"), address.decode(errors="replace")
            )
        return [*envelope, _VERSION, request_id, status, text, user, b""]

    def _judge(self, mechanism: bytes, credentials: list[bytes], address: str) -> tuple[bytes, bytes, str]:
        """Status, why, and who for the log."""
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
        self._spoilt = ""
        if admitted is self._last:
            return
        for key, (name, had) in self._last.items():
            now_called, has = admitted.get(key, ("", Identity("")))
            if now_called != name or set(had.rights) - set(has.rights):
                self._lost[key] = name
        self._last = admitted

    def _announce(self, reason: str, who: str, domain: str, address: str) -> None:
        if self._on_refused is not None:
            self._on_refused(who, reason)
        now = monotonic()
        said_at, unsaid = self._said.get((who, reason), (float("-inf"), 0))
        if now < said_at + SAY_AGAIN_S:
            self._said[who, reason] = said_at, unsaid + 1
            return
        if len(self._said) >= MOST_SAID:
            del self._said[next(iter(self._said))]
        self._said[who, reason] = now, 0
        also = {"times": unsaid + 1} if unsaid else {}
        log.warning("connection refused", reason=reason, key=who, domain=domain, address=address, **also)


def new_pair() -> tuple[str, str]:
    """Public and secret key, in Z85."""
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


def public_of(secret: str) -> str:
    """The public key that belongs to a secret one."""
    return zmq.curve_public(secret.encode()).decode()
