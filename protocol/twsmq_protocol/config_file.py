"""Finds and reads `twsmq.toml`, alike for every process: what one refuses, all refuse, in the same words."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from .config import Config, check_host, parse_config
from .errors import ConfigError, FieldError

DEFAULT_FILE = Path("twsmq.toml")
_LONGEST = 1 << 20


class LoadedConfig(Struct, frozen=True, kw_only=True):
    """`data_dir` is absolute, in `config` too: relative ones are of the file's folder, or of this one."""

    config: Config
    data_dir: Path
    file: Path | None


def load_config(file: Path | None = None, gateway: str | None = None) -> LoadedConfig:
    """Read `file`, or `./twsmq.toml` where it exists, or take the defaults. Raises `ConfigError`.

    `gateway` (`HOST:PORT`, an IPv6 address in brackets) overrides the file and means an external gateway.
    """
    if file is None and DEFAULT_FILE.is_file():
        file = DEFAULT_FILE
    config = Config() if file is None else parse_config(_read(file), str(file))
    if gateway is not None:
        config = _with_gateway(config, gateway)
    folder = Path.cwd() if file is None else file.resolve().parent
    data_dir = folder / config.cluster.data_dir
    cluster = msgspec.structs.replace(config.cluster, data_dir=str(data_dir))
    return LoadedConfig(config=msgspec.structs.replace(config, cluster=cluster), data_dir=data_dir, file=file)


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(_LONGEST + 1)
        if len(content) > _LONGEST:
            raise ConfigError(f"is longer than {_LONGEST:,} bytes; that is no configuration", file=str(file))
        return content.decode()
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}; name another with --config", file=str(file)
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError("is not UTF-8 text", file=str(file)) from error


def _with_gateway(config: Config, gateway: str) -> Config:
    host, colon, port = gateway.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if ":" in host and not bracketed:
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
