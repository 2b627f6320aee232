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
import stat
import tomllib
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from .errors import ConfigError, FieldError
from .explain import explain
from .forms import form
from .rights import Identity, parse_rights

_KEY = r"^[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}\Z"
Z85 = Annotated[str, form(_KEY, "a key: 40 characters of Z85")]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._/-]{1,50}\Z", examples=["alpha"])]
T = TypeVar("T")
LONGEST_FILE = 1024 * 1024
PublicOf = Callable[[str], str]
"""The public key of a secret one, both in Z85, as `zmq.curve_public` has it."""
ANEW = "have it written again with 'twsmq keys add', after 'twsmq keys revoke' of its name"
MADE_ANEW = "bring an older copy back, or move it away and let 'twsmq keys init' make another"


class _Secret(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shows no secret where it is shown: a traceback prints what it finds."""

    def __repr__(self) -> str:
        shown = msgspec.structs.asdict(self) | {"secret_key": "***"}
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in shown.items())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return list((msgspec.structs.asdict(self) | {"secret_key": "***"}).items())


class Pair(_Secret, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A process's own key pair, or the server's that all processes share."""

    name: Name
    public_key: Z85
    secret_key: Z85


class ClientFile(_Secret, frozen=True, kw_only=True, forbid_unknown_fields=True):
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


def is_public_key(text: str) -> bool:
    return re.fullmatch(_KEY, text) is not None and all(
        _number(text[at : at + _GROUP]) < 1 << 32 for at in range(0, len(text), _GROUP)
    )


def parse_pair(text: str, file: str) -> Pair:
    """Raises `ConfigError`."""
    return _parsed(text, file, Pair, MADE_ANEW)


def parse_client(text: str, file: str, cure: str = ANEW) -> ClientFile:
    """Raises `ConfigError`."""
    return _parsed(text, file, ClientFile, cure)


def require_match(keys: Pair | ClientFile, file: str, public_of: PublicOf, cure: str = ANEW) -> None:
    """Raises `ConfigError` unless the secret belongs to the public key. With another nobody is let in, and
    all that anybody sees is a handshake that fails."""
    _require_keys(keys, file, cure)
    if public_of(keys.secret_key) != keys.public_key:
        raise ConfigError(
            f"its secret_key does not belong to its public_key, one of the two was changed; {cure}", file=file
        )


def require_own(mode: int, file: str) -> None:
    """Raises `ConfigError` if a file of this mode may be read, or changed, by others than its owner."""
    if mode & 0o077:
        raise ConfigError(f"{file} may be read by others (mode {stat.S_IMODE(mode):o}): chmod 600 {file}")


def parse_admitted(text: str, file: str) -> dict[str, tuple[str, Identity]]:
    """Who is let in, by public key: their name, and identity. Raises `ConfigError`."""
    rows = read_admitted(text, file)
    by_key: dict[str, tuple[str, Identity]] = {}
    for name, row in rows.items():
        if row.public_key in by_key:
            first = by_key[row.public_key][0]
            raise ConfigError(f"{first} and {name} have the same key: leave one of them", file=file)
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
    tables = _tables(text, file, MADE_ANEW)
    return {
        _converted(name, Name, file, MADE_ANEW): _converted(row, Admitted, file, MADE_ANEW, f"[{name}] ")
        for name, row in tables.items()
    }


def _literal(value: object) -> str:
    """Strings of this protocol hold nothing that TOML and JSON would write differently."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)  # pyright: ignore[reportUnknownArgumentType]


def _parsed(text: str, file: str, kind: type[T], cure: str) -> T:
    return _converted(_tables(text, file, cure), kind, file, cure)


def _tables(text: str, file: str, cure: str) -> dict[str, Any]:
    if len(text) > LONGEST_FILE:
        raise ConfigError(f"longer than {LONGEST_FILE} characters: that is no key file", file=file)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        raise ConfigError(f"not valid TOML; {cure}", file=file) from None


def _converted(value: Any, kind: Any, file: str, cure: str, where: str = "") -> Any:
    try:
        made = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}{_explained(error, kind)}; {cure}", file=file) from None
    if isinstance(made, Struct):
        _require_keys(made, file, cure, where)
    return made


def _require_keys(made: Struct, file: str, cure: str, where: str = "") -> None:
    """What looks like a key may be none: five characters stand for more than four bytes hold."""
    for field in _KEYS:
        if not is_public_key(getattr(made, field, _ANY_KEY)):
            raise ConfigError(f"{where}{field} {_NO_KEY}; {cure}", file=file)


_KEYS = ("public_key", "secret_key", "server_key")
_ANY_KEY = "0" * 40
_NO_KEY = "is no key: a key is 40 characters of Z85, as 'twsmq keys add' writes them"


def _explained(error: msgspec.ValidationError, kind: Any) -> str:
    """Never with a value of the file: one may be the secret, in another place than its own."""
    if kind is Name:
        return "a name of a key is 1 to 50 of A-Z a-z 0-9 . _ / -"
    field, sentence = explain(error, kind)
    if field in _KEYS and "missing" not in sentence:
        sentence = f"{field} {_NO_KEY}"
    return _SECRET.sub("…", sentence)


_SECRET = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_GROUP = 5


def _number(group: str) -> int:
    """Of five digits of Z85 (ZeroMQ RFC 32), which stand for four bytes."""
    total = 0
    for digit in group:
        total = total * len(_DIGITS) + _DIGITS.index(digit)
    return total
