"""Who may do what: one-time keys from the command line, sessions of browsers, the checks of a request.

    `twsmq web` ─ writes a key's hash into the data folder ─→ link ─→ browser ─ POST ─→ session (cookie)

Theory: whoever can write the data folder owns the cluster; so the file system is what vouches for a key, no
password is needed, and a key is good once. A session is a viewer's until an operator's key is added to it.
Hashes are kept, never the keys themselves, and sessions survive a restart of this process.

Where the cluster has keys, a link is one of theirs: the session may at each request what that key may then,
and ends with it. Without keys whoever reaches the page over loopback may what the link says.

A request from another site's page is recognised by `Host` (DNS rebinding), `Origin` and `Sec-Fetch-Site`
(forgery); the cookie is HttpOnly and SameSite=Strict.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from twsmq_protocol.envelope import Args
from twsmq_protocol.errors import RequestError
from twsmq_protocol.hosts import is_ipv4
from twsmq_protocol.plain_file import read_plain, write_anew
from twsmq_protocol.rights import EVERYBODY, Identity, require

Role = Literal["viewer", "operator"]
COOKIE = "twsmq_session"
"""With the port at its end: a browser keeps one jar for all ports of a host, where a paper and a live cluster
may be."""
KEY_S = 600.0
"""How long a link is good for."""
OPERATOR_S = 12 * 3600.0
_FOREIGN = "a command must come from this server's own page"
MOST_SESSIONS = 200
MOST_KEYS = 100
SEES, ACTS, READS_LOGS = "accounts", "risk", "operator"
"""What a cluster's key has to open for a session to see the board, and for it to do anything: halting needs
less than resuming. Logs name everybody's orders and whatever else a process met with."""


class Session(Struct):
    """Times in seconds since the epoch. `operator_until`: 0 for a viewer. `of_key`: the public key of the
    cluster's that it is tied to; empty where it was begun without keys."""

    who: str
    used: float
    operator_until: float = 0.0
    of_key: str = ""

    def role(self, now: float) -> Role:
        return "operator" if self.operator_until > now else "viewer"


class _Key(Struct):
    role: Role
    who: str
    expires: float
    of_key: str = ""


class Refused(Exception):
    """A request that may not be. `reason`: one word; a label of `auth_refused_total` if the status says that
    somebody may not (401, 403, 421)."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        self.status = status
        self.reason = reason
        self.message = message
        super().__init__(message)


def make_key(folder: Path, role: Role, who: str, of_key: str = "") -> str:
    """A key that is good once within ten minutes; its hash goes to the data folder. `of_key`: the public key
    of the cluster's that the session is tied to."""
    keys = folder / "keys"
    keys.mkdir(parents=True, exist_ok=True)
    for private in (folder, keys):
        private.chmod(0o700)
    key = secrets.token_urlsafe(24)
    for old in sorted(keys.glob("*.json"), key=lambda path: path.stat().st_mtime)[: -MOST_KEYS + 1]:
        old.unlink(missing_ok=True)
    _write(keys / f"{_hash(key)}.json", _Key(role, who, time.time() + KEY_S, of_key))
    return key


def end_sessions(folder: Path) -> None:
    """Log everybody out, at once; links that were not used are not good any more."""
    for key in (folder / "keys").glob("*.json"):
        key.unlink(missing_ok=True)
    (folder / "sessions.json").unlink(missing_ok=True)


class Access:
    """`folder`: of this process's own, below the data folder. `hosts`: as a browser may name this server;
    `port_of_any_address`: so does every IPv4 address with this port, which no other site can pass for.
    `identity`: what a public key may at present, nothing once it is revoked."""

    def __init__(
        self,
        folder: Path,
        hosts: frozenset[str],
        session_s: float,
        cookie: str = COOKIE,
        *,
        port_of_any_address: int | None = None,
        identity: Callable[[str], Identity] = lambda _: EVERYBODY,
    ) -> None:
        self.cookie = cookie
        self._folder = folder
        self._hosts = hosts
        self._any_address = port_of_any_address
        self._session_s = session_s
        self._identity = identity
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._file = folder / "sessions.json"
        self._sessions = self._read()

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Raises `Refused` for a name this server is not known by."""
        host = headers.get("host", "").lower()
        if host not in self._hosts and not self._is_own_address(host):
            raise Refused(
                421, "host", f"this server is not called {host[:80]!r}; add that name to [web] hosts if it is"
            )

    def _is_own_address(self, host: str) -> bool:
        name, _, port = host.rpartition(":")
        return self._any_address is not None and port == str(self._any_address) and is_ipv4(name)

    def check_post(self, headers: Mapping[str, str]) -> None:
        """Raises `Refused` for a POST that another site's page may have sent."""
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise Refused(403, "content_type", "send application/json")
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise Refused(403, "cross_site", _FOREIGN)
        origin = headers.get("origin")
        if origin is not None and origin.lower().partition("://")[2] != headers.get("host", "").lower():
            raise Refused(403, "origin", _FOREIGN)

    def log_in(self, key: str, cookie: str | None) -> tuple[str, Session]:
        """Redeem a key: a new session, or an operator's right for the one there is. Raises `Refused`."""
        path = self._folder / "keys" / f"{_hash(key)}.json"
        try:
            found = msgspec.json.decode(read_plain(path), type=_Key)
            path.unlink()
        except (OSError, msgspec.MsgspecError, RecursionError) as error:
            raise Refused(
                401, "key", "this key is not good, or was used already; `twsmq web` makes another"
            ) from error
        now = time.time()
        if found.expires < now:
            raise Refused(401, "key_expired", "this key is too old; `twsmq web` makes another")
        self._require_sight(found.of_key)
        session = self._valid(cookie, now)
        # Another person's key begins another session: who acts is whose key it was.
        same = session is not None and (session.who, session.of_key) == (found.who, found.of_key)
        if cookie is None or session is None or not same:
            if cookie is not None:
                self._sessions.pop(_hash(cookie), None)
            cookie = secrets.token_urlsafe(32)
            session = self._sessions[_hash(cookie)] = Session(found.who, now, of_key=found.of_key)
        if found.role == "operator":
            session.operator_until = now + OPERATOR_S
        session.used = now
        self._save()
        return cookie, session

    def session(self, cookie: str | None, authorization: str | None = None) -> Session:
        """Raises `Refused`. A program sends its session as `Authorization: Bearer`."""
        if cookie is None and authorization is not None:
            cookie = authorization.removeprefix("Bearer ").strip()
        now = time.time()
        session = self._valid(cookie, now)
        if session is None:
            raise Refused(401, "no_session", "not logged in: `twsmq web` prints a link that logs in")
        self._require_sight(session.of_key)
        if now - session.used > 60.0:
            session.used = now
            self._save()
        return session

    def _valid(self, cookie: str | None, now: float) -> Session | None:
        if self._sessions and not self._file.exists():  # `end_sessions`, by another process
            self._sessions = {}
        session = self._sessions.get(_hash(cookie)) if cookie else None
        return None if session is None or now - session.used > self._session_s else session

    def _require_sight(self, of_key: str) -> None:
        if SEES not in self._identity(of_key).kinds():
            raise Refused(
                401, "key_revoked",
                "the cluster's key that this session is of may not see the board (any more): "
                "`twsmq web --key NAME` makes a link of another",
            )  # fmt: skip

    def role(self, session: Session) -> Role:
        """What it may at present: also its cluster's key has to open that."""
        acts = ACTS in self._identity(session.of_key).kinds()
        return session.role(time.time()) if acts else "viewer"

    def require_operator(self, session: Session, op: str | None = None) -> None:
        """Raises `Refused`. `op`: what is to be asked for, which the cluster's key has to open, too."""
        if self.role(session) != "operator":
            raise Refused(
                403, "role", "a viewer may not do that: `twsmq web --operator` prints a key that may"
            )
        if op is not None:
            self.require_key(session, op, Args())

    def require_key(self, session: Session, op: str, args: Args) -> None:
        """Raises `Refused` where the cluster's key that the session is of does not open `op`."""
        try:
            require(self._identity(session.of_key), op, args)
        except RequestError as error:
            raise Refused(403, "role", error.message) from error

    def reads_logs(self, session: Session) -> bool:
        """Whether the cluster's key that it is of opens what processes write into their logs."""
        return READS_LOGS in self._identity(session.of_key).kinds()

    def require_logs(self, session: Session) -> None:
        """Raises `Refused`."""
        if not self.reads_logs(session):
            raise Refused(403, "role", f"this key may not read logs: it needs {READS_LOGS}")

    def may(self, session: Session, ops: Iterable[str]) -> list[str]:
        """Which of `ops` it may ask for at present."""
        found: list[str] = []
        for op in ops:
            with suppress(Refused):
                self.require_operator(session, op)
                found.append(op)
        return found

    def step_down(self, session: Session) -> None:
        """No longer an operator."""
        session.operator_until = 0.0
        self._save()

    def log_out(self, cookie: str | None) -> None:
        if cookie and self._sessions.pop(_hash(cookie), None) is not None:
            self._save()

    def _read(self) -> dict[str, Session]:
        try:
            return msgspec.json.decode(read_plain(self._file), type=dict[str, Session])
        except (OSError, msgspec.MsgspecError, RecursionError):
            return {}

    def _save(self) -> None:
        newest = sorted(self._sessions.items(), key=lambda each: -each[1].used)[:MOST_SESSIONS]
        self._sessions = dict(newest)
        _write(self._file, self._sessions)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _write(path: Path, value: object) -> None:
    """Whole or not at all, and for its owner only."""
    write_anew(path, msgspec.json.encode(value))
