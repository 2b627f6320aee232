"""The folder of a cluster's keys: what is in it, who may read it, how it changes.

    keys/                 0700, in the data folder
      server.key          the pair of every server socket of this cluster
      own/<process>.key   what each process shows to the others
      local.key           what commands on this machine show: an operator's client file
      authorized.toml     who is let in, with which rights; a revoked one stays, with none
      pending/<hex>       one file for each unknown key that knocked: where from

Invariants: every file is 0600 in folders of 0700, what is looser is refused with the cure; a file is replaced
whole, never half written; the list of those who are let in is changed by one at a time, and never into one
that cannot be read again; a secret leaves this module only as a value, never in a message.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from .errors import ConfigError
from .keys import (
    MADE_ANEW,
    Admitted,
    ClientFile,
    Pair,
    PublicOf,
    parse_admitted,
    parse_client,
    parse_pair,
    read_admitted,
    require_match,
    require_own,
    written,
    written_admitted,
)
from .plain_file import make_uncommitted, read_plain, read_with_mode
from .rights import Identity

FOLDER = "keys"
LOCAL = "local"
MOST_PENDING, PENDING_S = 100, 3600.0
_HEX = re.compile(r"[0-9a-f]{80}")
_LOOK_AGAIN_S = 0.05
_LONGEST_NOTE, _NS_DIGITS = 1000, 20
_KNOCK_S, _FULL_S = 0.02, 1.0

NewPair = Callable[[], tuple[str, str]]
"""Makes a key pair, public and secret, in Z85."""


class Pending(Struct, frozen=True):
    """A key that knocked and is not known. `since`: ns since the epoch."""

    public_key: str
    address: str
    since: int


class KeyFolder:
    """The keys below a data folder. Raises `ConfigError` for what is missing, too open, or spoilt."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / FOLDER
        self._admitted: dict[str, tuple[str, Identity]] = {}
        self._seen: tuple[int, ...] | None = None
        self._looked = self._knock_at = float("-inf")

    @property
    def authorized(self) -> Path:
        return self.path / "authorized.toml"

    def exists(self) -> bool:
        return self._server_file.exists()

    # --- reading -------------------------------------------------------------------------------------------

    def server(self, public_of: PublicOf | None = None) -> Pair:
        """`public_of`: of whoever will show the secret, so that one of another pair is named here."""
        return self._pair_in(self._server_file, public_of)

    def own(self, process: str, public_of: PublicOf | None = None) -> Pair:
        return self._pair_in(self._own_file(process), public_of)

    def local(self, public_of: PublicOf | None = None) -> ClientFile:
        file = self._local_file
        keys = parse_client(self._read(file), str(file), MADE_ANEW)
        if public_of is not None:
            require_match(keys, str(file), public_of, MADE_ANEW)
        return keys

    def _pair_in(self, file: Path, public_of: PublicOf | None) -> Pair:
        pair = parse_pair(self._read(file), str(file))
        if public_of is not None:
            require_match(pair, str(file), public_of, MADE_ANEW)
        return pair

    def rows(self) -> dict[str, Admitted]:
        return read_admitted(self._read(self.authorized), str(self.authorized))

    def admitted(self) -> dict[str, tuple[str, Identity]]:
        """Who is let in, by public key; read again when the file has changed, looked at twenty times a second
        at most. A file that is spoilt meanwhile changes nothing but raises."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_AGAIN_S:
            self._looked = now
            status = self.authorized.stat()
            # Times have the system's ticks of some ms: an editor may write twice within one.
            seen = (status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size, status.st_mode)
            if seen != self._seen:
                self._admitted = parse_admitted(self._read(self.authorized), str(self.authorized))
                self._seen = seen
        return self._admitted

    def pending(self) -> list[Pending]:
        return sorted(self._pending(), key=lambda one: one.since)

    # --- writing -------------------------------------------------------------------------------------------

    def complete(
        self, processes: tuple[str, ...], new_pair: NewPair, template: ClientFile
    ) -> tuple[str, ...]:
        """Makes whatever is missing, all of it in a new folder: the server's pair, one for each process, an
        operator's for this machine, the list. What is there stays. The files it has written.

        `template`: where this machine's own commands find the cluster.
        """
        make_uncommitted(self.path.parent)
        for folder in (self.path, self.path / "own", self.path / "pending"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.exists():
                folder.chmod(0o700)
        if not self._ignore.exists():
            self._write(self._ignore, "*\n")  # a secret that was committed is none any more
        made: list[Path] = []
        with self._locked():
            listed = self.authorized.exists()
            rows = before = self.rows() if listed else {}
            rows = dict(rows)
            for process in processes:
                rows[f"node/{process}"] = self._row(
                    f"node/{process}", self._own_file(process), rows.get(f"node/{process}"), new_pair, made
                )
            server = self._pair("server", self._server_file, new_pair, made)
            self._complete_local(rows, new_pair, server, template, made)
            if rows != before:
                self._put(rows)
                made += [] if listed else [self.authorized]
        return tuple(str(file) for file in made)

    @contextmanager
    def change(self) -> Generator[dict[str, Admitted]]:
        """The list, to be changed in place; it is written at the end, unless it could not be read again then:
        `ConfigError`, and nothing has changed. Whoever else changes it waits meanwhile."""
        with self._locked():
            rows = self.rows()
            yield rows
            self._put(rows)

    def knock(self, public_key: str, address: str) -> None:
        """Remember a key that is not known; at most `MOST_PENDING`, those who come later are not, until some
        have waited for `PENDING_S`. However many knock, the disk is looked at now and then only."""
        now = time.monotonic()
        if now < self._knock_at:
            return
        self._knock_at = now + _KNOCK_S
        file = self.path / "pending" / public_key.encode().hex()
        try:
            if file.exists():
                return
            known = os.listdir(file.parent)  # noqa: PTH208 - names, of which one is made a path
            if len(known) >= MOST_PENDING:
                self._knock_at = now + _FULL_S
                self._make_room(file.parent)
                return
            self._write(file, f"{time.time_ns()} {address[:100]}\n", durable=False)
        except OSError:
            return  # nobody is refused for want of a note

    def _make_room(self, folder: Path) -> None:
        """The one that has waited longest goes, if that is long enough."""
        since = {file: file.stat().st_mtime for file in folder.iterdir()}
        oldest = min(since, key=since.__getitem__)
        if time.time() - since[oldest] >= PENDING_S:
            oldest.unlink(missing_ok=True)

    def forget_pending(self, public_key: str) -> None:
        (self.path / "pending" / public_key.encode().hex()).unlink(missing_ok=True)

    # --- files ---------------------------------------------------------------------------------------------

    @property
    def _server_file(self) -> Path:
        return self.path / "server.key"

    @property
    def _local_file(self) -> Path:
        return self.path / f"{LOCAL}.key"

    @property
    def _ignore(self) -> Path:
        return self.path / ".gitignore"

    def _own_file(self, process: str) -> Path:
        return self.path / "own" / f"{process}.key"

    def _pair(self, name: str, file: Path, new_pair: NewPair, made: list[Path]) -> Pair:
        if file.exists():
            return parse_pair(self._read(file), str(file))
        public, secret = new_pair()
        pair = Pair(name=name, public_key=public, secret_key=secret)
        self._write(file, written(pair))
        made.append(file)
        return pair

    def _row(
        self, name: str, file: Path, row: Admitted | None, new_pair: NewPair, made: list[Path]
    ) -> Admitted:
        """Of a process: it is let in with the key of its file."""
        public = self._pair(name, file, new_pair, made).public_key
        same = row is not None and row.public_key == public and row.rights
        return row if row is not None and same else _operator(public)

    def _complete_local(
        self,
        rows: dict[str, Admitted],
        new_pair: NewPair,
        server: Pair,
        template: ClientFile,
        made: list[Path],
    ) -> None:
        file = self._local_file
        if file.exists():
            local = self.local()
        else:
            public, secret = new_pair()
            local = replace(template, name=LOCAL, public_key=public, secret_key=secret, rights=("operator",))
        row = rows.get(LOCAL)
        if row is None or row.public_key != local.public_key or not row.rights:
            rows[LOCAL] = _operator(local.public_key)
        if not file.exists() or local.server_key != server.public_key:
            self._write(file, written(replace(local, server_key=server.public_key)))
            made.append(file)

    def _put(self, rows: dict[str, Admitted]) -> None:
        text = written_admitted(rows)
        parse_admitted(text, str(self.authorized))  # what nobody could read again must not be written
        self._write(self.authorized, text)

    @contextmanager
    def _locked(self) -> Generator[None]:
        """One at a time, or the last to write would take back what the others have revoked."""
        import fcntl  # not on Windows, where clients import this module too

        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            raise _missing(self.path) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _pending(self) -> Iterator[Pending]:
        folder = self.path / "pending"
        for file in folder.iterdir() if folder.is_dir() else ():
            if not _HEX.fullmatch(file.name):
                continue
            with suppress(OSError):
                note = read_plain(file, _LONGEST_NOTE).decode(errors="replace")
                since, _, address = note.strip().partition(" ")
                if since.isascii() and since.isdigit() and len(since) < _NS_DIGITS:
                    yield Pending(bytes.fromhex(file.name).decode("ascii", "replace"), address, int(since))

    def _read(self, file: Path) -> str:
        try:
            content, mode = read_with_mode(file)
            text = content.decode()
        except FileNotFoundError:
            raise _missing(file) from None
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ConfigError(f"{file} cannot be read: {why}") from None
        require_own(mode, str(file))
        for folder in {file.parent, self.path}:
            mode = folder.stat().st_mode & 0o777
            if mode & 0o077:  # whoever may write there may put other keys in the place of these
                raise ConfigError(f"{folder} is open to others (mode {mode:o}): chmod 700 {folder}")
        return text

    def _write(self, file: Path, text: str, *, durable: bool = True) -> None:
        descriptor, made = tempfile.mkstemp(dir=file.parent, prefix=".new-")  # 0600
        try:
            with os.fdopen(descriptor, "w") as new:
                new.write(text)
                if durable:
                    new.flush()
                    os.fsync(new.fileno())
            Path(made).replace(file)
        except BaseException:
            Path(made).unlink(missing_ok=True)
            raise


def _missing(path: Path) -> ConfigError:
    return ConfigError(f"{path} is missing: make the cluster's keys with 'twsmq keys init'")


def _operator(public_key: str) -> Admitted:
    return Admitted(public_key=public_key, rights=("operator",), added=time.time_ns())
