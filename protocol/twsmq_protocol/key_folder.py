"""The folder of a cluster's keys: what is in it, who may read it, how it changes.

    keys/                 0700, in the data folder
      server.key          the pair of every server socket of this cluster
      own/<process>.key   what each process shows to the others
      local.key           what commands on this machine show: an operator's client file
      authorized.toml     who is let in, with which rights; a revoked one stays, with none
      pending/<hex>       one file for each unknown key that knocked: where from

Invariants: every file is 0600, a looser one is refused with the cure; a file is replaced whole, never half
written; a secret leaves this module only as a value, never in a message.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from .errors import ConfigError
from .keys import (
    Admitted,
    ClientFile,
    Pair,
    parse_admitted,
    parse_client,
    parse_pair,
    read_admitted,
    written,
    written_admitted,
)
from .rights import Identity

FOLDER = "keys"
LOCAL = "local"
MOST_PENDING = 100
_HEX = re.compile(r"[0-9a-f]{80}")
_LOOK_AGAIN_S = 0.05

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
        self._seen: tuple[int, int] | None = None
        self._looked = float("-inf")

    @property
    def authorized(self) -> Path:
        return self.path / "authorized.toml"

    def exists(self) -> bool:
        return self._server_file.exists()

    # --- reading -------------------------------------------------------------------------------------------

    def server(self) -> Pair:
        return parse_pair(self._read(self._server_file), str(self._server_file))

    def own(self, process: str) -> Pair:
        file = self._own_file(process)
        return parse_pair(self._read(file), str(file))

    def local(self) -> ClientFile:
        file = self.path / f"{LOCAL}.key"
        return parse_client(self._read(file), str(file))

    def rows(self) -> dict[str, Admitted]:
        return read_admitted(self._read(self.authorized), str(self.authorized))

    def admitted(self) -> dict[str, tuple[str, Identity]]:
        """Who is let in, by public key; read again when the file has changed, looked at twenty times a second
        at
        most. A file that is spoilt meanwhile changes nothing but raises."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_AGAIN_S:
            self._looked = now
            status = self.authorized.stat()
            seen = (status.st_mtime_ns, status.st_ino)
            if seen != self._seen:
                self._admitted = parse_admitted(self._read(self.authorized), str(self.authorized))
                self._seen = seen
        return self._admitted

    def pending(self) -> list[Pending]:
        return sorted(self._pending(), key=lambda one: one.since)

    # --- writing -------------------------------------------------------------------------------------------

    def create(self, processes: tuple[str, ...], new_pair: NewPair, template: ClientFile) -> None:
        """A new folder: the server's pair, one for each process, an operator's for this machine."""
        for folder in (self.path, self.path / "own", self.path / "pending"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        public, secret = new_pair()
        self._write(self._server_file, written(Pair(name="server", public_key=public, secret_key=secret)))
        rows: dict[str, Admitted] = {}
        for process in processes:
            rows[f"node/{process}"] = self._new_process(process, new_pair)
        mine, hidden = new_pair()
        rows[LOCAL] = Admitted(public_key=mine, rights=("operator",), added=time.time_ns())
        file = ClientFile(
            name=LOCAL,
            public_key=mine,
            secret_key=hidden,
            server_key=public,
            host=template.host,
            port_base=template.port_base,
            marketdata=template.marketdata,
            rights=("operator",),
        )
        self._write(self.path / f"{LOCAL}.key", written(file))
        self.write_rows(rows)

    def complete(self, processes: tuple[str, ...], new_pair: NewPair) -> None:
        """Pairs for processes that were added to the cluster since."""
        rows = self.rows()
        missing = [name for name in processes if not self._own_file(name).exists()]
        for process in missing:
            rows[f"node/{process}"] = self._new_process(process, new_pair)
        if missing:
            self.write_rows(rows)

    def write_rows(self, rows: dict[str, Admitted]) -> None:
        self._write(self.authorized, written_admitted(rows))

    def knock(self, public_key: str, address: str) -> None:
        """Remember a key that is not known; at most `MOST_PENDING`, those who come later are not."""
        file = self.path / "pending" / public_key.encode().hex()
        try:
            known = sum(1 for _ in file.parent.iterdir())
            if known >= MOST_PENDING or file.exists():
                return
            self._write(file, f"{time.time_ns()} {address[:100]}\n")
        except OSError:
            return  # nobody is refused for want of a note

    def forget_pending(self, public_key: str) -> None:
        (self.path / "pending" / public_key.encode().hex()).unlink(missing_ok=True)

    # --- files ---------------------------------------------------------------------------------------------

    @property
    def _server_file(self) -> Path:
        return self.path / "server.key"

    def _own_file(self, process: str) -> Path:
        return self.path / "own" / f"{process}.key"

    def _new_process(self, process: str, new_pair: NewPair) -> Admitted:
        public, secret = new_pair()
        pair = Pair(name=f"node/{process}", public_key=public, secret_key=secret)
        self._write(self._own_file(process), written(pair))
        return Admitted(public_key=public, rights=("operator",), added=time.time_ns())

    def _pending(self) -> Iterator[Pending]:
        folder = self.path / "pending"
        for file in folder.iterdir() if folder.is_dir() else ():
            if not _HEX.fullmatch(file.name):
                continue
            since, _, address = file.read_text(errors="replace").strip().partition(" ")
            if since.isdigit():
                yield Pending(bytes.fromhex(file.name).decode("ascii", "replace"), address, int(since))

    def _read(self, file: Path) -> str:
        try:
            mode = file.stat().st_mode & 0o777
            text = file.read_text()
        except FileNotFoundError:
            raise ConfigError(f"{file} is missing: make the cluster's keys with 'twsmq keys init'") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file} cannot be read: {error}") from None
        if mode & 0o077:
            raise ConfigError(f"{file} may be read by others (mode {mode:o}): chmod 600 {file}")
        return text

    def _write(self, file: Path, text: str) -> None:
        descriptor, made = tempfile.mkstemp(dir=file.parent, prefix=".new-")  # 0600
        try:
            with os.fdopen(descriptor, "w") as new:
                new.write(text)
                new.flush()
                os.fsync(new.fileno())
            Path(made).replace(file)
        except BaseException:
            Path(made).unlink(missing_ok=True)
            raise
