"""Key files and the list of those who are let in. Text in, values out; reading files is the caller's
business.

A key file is lines of `name = "text"`, `name = number` or `name = ["text", …]`, a subset of TOML that any
language reads with a regular expression; keys are Z85 (40 characters), as ZeroMQ takes them. The file that a
client needs names the cluster too:

    name = "alpha"
    public_key = "…"    secret_key = "…"    server_key = "…"
    host = "127.0.0.1"  port_base = 5500    marketdata = 1
    rights = ["trader:alpha"]
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from .errors import ConfigError, FieldError
from .rights import Identity, Right, parse_rights

Z85 = Annotated[str, Meta(pattern=r"^[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}$")]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._/-]{1,40}$")]
T = TypeVar("T")
LONGEST_FILE = 1024 * 1024


class Pair(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A process's own key pair, or the server's that all processes share."""

    name: Name
    public_key: Z85
    secret_key: Z85


class ClientFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that a client needs, in one file. `marketdata`: how many shards there are."""

    name: Name
    public_key: Z85
    secret_key: Z85
    server_key: Z85
    host: Annotated[str, Meta(min_length=1, max_length=255)] = "127.0.0.1"
    port_base: Annotated[int, Meta(ge=1024, le=65535 - 100)] = 5500
    marketdata: Annotated[int, Meta(ge=1, le=5)] = 1
    rights: tuple[str, ...] = ()


class Admitted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One who is let in. `added`: ns since the epoch."""

    public_key: Z85
    rights: tuple[str, ...]
    added: int = 0


def parse_pair(text: str, file: str) -> Pair:
    """Raises `ConfigError`."""
    return _parsed(text, file, Pair)


def parse_client(text: str, file: str) -> ClientFile:
    """Raises `ConfigError`."""
    return _parsed(text, file, ClientFile)


def parse_admitted(text: str, file: str) -> dict[str, tuple[str, Identity]]:
    """Who is let in, by public key: their name, and identity. Raises `ConfigError`."""
    rows = _parsed(text, file, dict[Name, Admitted])
    by_key: dict[str, tuple[str, Identity]] = {}
    for name, row in rows.items():
        if row.public_key in by_key:
            raise ConfigError(f"{by_key[row.public_key][0]} and {name} have the same key", file=file)
        try:
            rights = parse_rights(row.rights)
        except FieldError as error:
            raise ConfigError(f"[{name}] {error}", file=file) from error
        by_key[row.public_key] = name, Identity(name, rights)
    return by_key


def written(values: Pair | ClientFile) -> str:
    """The file's text."""
    lines = [f"{key} = {_literal(value)}" for key, value in msgspec.structs.asdict(values).items()]
    return "\n".join(lines) + "\n"


def written_admitted(rows: dict[str, Admitted]) -> str:
    parts = [
        f"[{_literal(name)}]\n"
        + "\n".join(f"{key} = {_literal(value)}" for key, value in msgspec.structs.asdict(row).items())
        for name, row in sorted(rows.items())
    ]
    return "\n\n".join(parts) + "\n"


def read_admitted(text: str, file: str) -> dict[str, Admitted]:
    """As it stands in the file, for whoever changes it. Raises `ConfigError`."""
    return _parsed(text, file, dict[Name, Admitted])


def rights_of(row: Admitted) -> tuple[Right, ...]:
    return parse_rights(row.rights)


def _literal(value: object) -> str:
    """Strings of this protocol hold nothing that TOML and JSON would write differently."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)  # pyright: ignore[reportUnknownArgumentType]


def _parsed(text: str, file: str, kind: type[T]) -> T:
    if len(text) > LONGEST_FILE:
        raise ConfigError(f"longer than {LONGEST_FILE} characters: that is no key file", file=file)
    try:
        return msgspec.convert(tomllib.loads(text), kind)
    except (ValueError, RecursionError) as error:
        if isinstance(error, msgspec.ValidationError):
            raise ConfigError(_without_secrets(str(error)), file=file) from None
        raise ConfigError("not valid TOML; write it again with 'twsmq keys add'", file=file) from None


_SECRET = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")


def _without_secrets(text: str) -> str:
    return _SECRET.sub("…", text)
