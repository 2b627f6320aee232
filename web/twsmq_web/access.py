"""Who may do what: one-time keys from the command line, sessions of browsers, the checks of a request.

    `twsmq web` ─ writes a key's hash into the data folder ─→ link ─→ browser ─ POST ─→ session (cookie)

Theory: whoever can write the data folder owns the cluster; so the file system is what vouches for a key, no
password is needed, and a key is good once. A session is a viewer's until an operator's key is added to it.
Hashes are kept, never the keys themselves, and sessions survive a restart of this process.

A request from another site's page is recognised by `Host` (DNS rebinding), `Origin` and `Sec-Fetch-Site`
(forgery); the cookie is HttpOnly and SameSite=Strict.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

Role = Literal["viewer", "operator"]
COOKIE = "twsmq_session"
KEY_S = 600.0
"""How long a link is good for."""
OPERATOR_S = 12 * 3600.0
MOST_SESSIONS = 200
MOST_KEYS = 100


class Session(Struct):
    """Times in seconds since the epoch. `operator_until`: 0 for a viewer."""

    who: str
    used: float
    operator_until: float = 0.0

    def role(self, now: float) -> Role:
        return "operator" if self.operator_until > now else "viewer"


class _Key(Struct):
    role: Role
    who: str
    expires: float


class Refused(Exception):
    """A request that may not be. `reason`: one word; a label of `auth_refused_total` if the status says that
    somebody may not (401, 403, 421)."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        self.status = status
        self.reason = reason
        self.message = message
        super().__init__(message)


def make_key(folder: Path, role: Role, who: str) -> str:
    """A key that is good once within ten minutes; its hash goes to the data folder."""
    keys = folder / "keys"
    keys.mkdir(parents=True, exist_ok=True)
    for private in (folder, keys):
        private.chmod(0o700)
    key = secrets.token_urlsafe(24)
    for old in sorted(keys.glob("*.json"), key=lambda path: path.stat().st_mtime)[: -MOST_KEYS + 1]:
        old.unlink(missing_ok=True)
    _write(keys / f"{_hash(key)}.json", _Key(role, who, time.time() + KEY_S))
    return key


class Access:
    """`folder`: of this process's own, below the data folder. `hosts`: as a browser may name this server."""

    def __init__(self, folder: Path, hosts: frozenset[str], session_s: float) -> None:
        self._folder = folder
        self._hosts = hosts
        self._session_s = session_s
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._file = folder / "sessions.json"
        self._sessions = self._read()

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Raises `Refused` for a name this server is not known by."""
        host = headers.get("host", "").lower()
        if host not in self._hosts:
            raise Refused(
                421, "host", f"this server is not called {host[:80]!r}; add that name to [web] hosts if it is"
            )

    def check_post(self, headers: Mapping[str, str]) -> None:
        """Raises `Refused` for a POST that another site's page may have sent."""
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise Refused(403, "content_type", "send application/json")
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise Refused(403, "cross_site", "a command must come from this server's own page")
        origin = headers.get("origin")
        if origin is not None and origin.lower().partition("://")[2] != headers.get("host", "").lower():
            raise Refused(403, "origin", "a command must come from this server's own page")

    def log_in(self, key: str, cookie: str | None) -> tuple[str, Session]:
        """Redeem a key: a new session, or an operator's right for the one there is. Raises `Refused`."""
        path = self._folder / "keys" / f"{_hash(key)}.json"
        try:
            found = msgspec.json.decode(path.read_bytes(), type=_Key)
            path.unlink()
        except (OSError, msgspec.MsgspecError) as error:
            raise Refused(
                401, "key", "this key is not good, or was used already; `twsmq web` makes another"
            ) from error
        now = time.time()
        if found.expires < now:
            raise Refused(401, "key_expired", "this key is too old; `twsmq web` makes another")
        session = self._sessions.get(_hash(cookie)) if cookie else None
        if cookie is None or session is None:
            cookie = secrets.token_urlsafe(32)
            session = self._sessions[_hash(cookie)] = Session(found.who, now)
        if found.role == "operator":
            session.operator_until = now + OPERATOR_S
        session.used = now
        self._save()
        return cookie, session

    def session(self, cookie: str | None, authorization: str | None = None) -> Session:
        """Raises `Refused`. A program sends its session as `Authorization: Bearer`."""
        if cookie is None and authorization is not None:
            cookie = authorization.removeprefix("Bearer ").strip()
        session = self._sessions.get(_hash(cookie)) if cookie else None
        now = time.time()
        if session is None or now - session.used > self._session_s:
            raise Refused(401, "no_session", "not logged in: `twsmq web` prints a link that logs in")
        if now - session.used > 60.0:
            session.used = now
            self._save()
        return session

    def require_operator(self, session: Session) -> None:
        if session.role(time.time()) != "operator":
            raise Refused(
                403, "role", "a viewer may not do that: `twsmq web --operator` prints a key that may"
            )

    def step_down(self, session: Session) -> None:
        """No longer an operator."""
        session.operator_until = 0.0
        self._save()

    def log_out(self, cookie: str | None) -> None:
        if cookie and self._sessions.pop(_hash(cookie), None) is not None:
            self._save()

    def _read(self) -> dict[str, Session]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, Session])
        except (OSError, msgspec.MsgspecError):
            return {}

    def _save(self) -> None:
        newest = sorted(self._sessions.items(), key=lambda each: -each[1].used)[:MOST_SESSIONS]
        self._sessions = dict(newest)
        _write(self._file, self._sessions)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _write(path: Path, value: object) -> None:
    """Whole or not at all, and for its owner only."""
    part = path.with_suffix(".part")
    with open(part, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(msgspec.json.encode(value))
    part.replace(path)
