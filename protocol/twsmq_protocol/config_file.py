"""Finds and reads `twsmq.toml`, alike for every process: what one refuses, all refuse, in the same words."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from .config import Config, parse_config
from .errors import ConfigError, FieldError
from .hosts import check_host
from .plain_file import read_plain
from .supervision import as_started

DEFAULT_FILE = Path("twsmq.toml")
LONGEST = 1 << 20
"""Bytes of a file."""
STARTED_WITH = "TWSMQ_STARTED_WITH"
"""The environment variable in which a supervisor names its processes what the cluster was started with."""


class LoadedConfig(Struct, frozen=True, kw_only=True):
    """`data_dir` is absolute, in `config` too: relative ones are of the file's folder, or of this one."""

    config: Config
    data_dir: Path
    file: Path | None


def take_started() -> Mapping[str, Any]:
    """What the supervisor that started this process has told it, once: no other program inherits it."""
    text = os.environ.pop(STARTED_WITH, "{}")
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


def load_config(
    file: Path | None = None, gateway: str | None = None, started: Mapping[str, Any] | None = None
) -> LoadedConfig:
    """Read `file`, or `./twsmq.toml` where it exists, or take the defaults. Raises `ConfigError`.

    `gateway` (`HOST:PORT`, an IPv6 address in brackets) overrides the file and means an external gateway.
    `started`: what the cluster was started with (`supervision.started_with`) overrides both: a process that
    is restarted belongs to the same cluster, with the same journals, although the file has changed by then.
    """
    if file is None and DEFAULT_FILE.is_file():
        file = DEFAULT_FILE
    config = Config() if file is None else parse_config(_read(file), str(file))
    if gateway is not None:
        config = _with_gateway(config, gateway)
    if started:
        try:
            config = as_started(config, started)
        except msgspec.ValidationError as error:
            raise ConfigError(f"does not go with what the cluster was started with: {error}") from error
    folder = Path.cwd() if file is None else file.resolve().parent
    data_dir = folder / config.cluster.data_dir
    _require_usable(data_dir, file)
    cluster = msgspec.structs.replace(config.cluster, data_dir=str(data_dir))
    return LoadedConfig(config=msgspec.structs.replace(config, cluster=cluster), data_dir=data_dir, file=file)


def _read(file: Path) -> str:
    try:
        return read_plain(file, LONGEST).decode()
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}; name another with --config", file=str(file)
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError("is not UTF-8 text", file=str(file)) from error


def _require_usable(data_dir: Path, file: Path | None) -> None:
    """It need not be there, but it could be; and as the cluster says of itself where that is, its name is
    UTF-8."""
    try:
        str(data_dir.absolute()).encode()
        str(file).encode()
        data_dir.lstat()
        data_dir.resolve()
    except UnicodeEncodeError:
        shown = ascii(str(data_dir if file is None else file))
        raise ConfigError(
            f"the name of the folder {shown} is not UTF-8; rename it, or work in another"
        ) from None
    except (OSError, RuntimeError, ValueError) as error:  # before 3.13 a loop of links is a RuntimeError
        if isinstance(error, OSError) and error.errno not in (errno.ELOOP, errno.ENAMETOOLONG):
            return  # whoever uses it says what is wrong
        why = "its name is too long, or its links lead in a circle"
        why = "its name holds a NUL" if isinstance(error, ValueError) else why
        text = f"[cluster] data_dir cannot be used: {why}; set it to another folder"
        raise ConfigError(text, file=None if file is None else str(file)) from error


def _with_gateway(config: Config, gateway: str) -> Config:
    host, colon, port = gateway.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if ":" in host and not bracketed and "://" not in gateway:
        raise ConfigError(f"--gateway {gateway!r}: an IPv6 address stands in brackets, like [::1]:4002")
    if bracketed:
        host = host[1:-1]
    number = int(port) if port.isdecimal() and port.isascii() and len(port) <= 5 else 0
    if not colon or not host or not 1 <= number <= 65535:
        raise ConfigError(f"--gateway {gateway!r} is not HOST:PORT, like 127.0.0.1:4002 or [::1]:4002")
    try:
        check_host(host, ipv6=bracketed)
    except FieldError as error:
        raise ConfigError(f"--gateway {gateway!r}: {error}") from error
    external = msgspec.structs.replace(config.gateway, mode="external", host=host, port=number)
    return msgspec.structs.replace(config, gateway=external)
