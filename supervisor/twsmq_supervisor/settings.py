"""What a cluster runs with: the configuration as read, and what the command line overrode."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from twsmq_protocol.config import Config
from twsmq_protocol.config_file import LoadedConfig, load_config
from twsmq_protocol.supervision import started_with


class Settings(Struct, frozen=True, kw_only=True):
    """`gateway` is the HOST:PORT given on the command line, nil when the file (or the default) decides."""

    loaded: LoadedConfig
    gateway: str | None = None

    @property
    def config(self) -> Config:
        return self.loaded.config

    @property
    def data_dir(self) -> Path:
        return self.loaded.data_dir

    @property
    def log_dir(self) -> Path:
        return self.data_dir / "logs"

    @property
    def lock_file(self) -> Path:
        return self.data_dir / "supervisor.lock"

    def log_file(self, name: str) -> Path:
        return self.log_dir / f"{name}.log"

    def arguments(self) -> list[str]:
        """What another process of this cluster needs on its command line to arrive at the same settings."""
        file = self.loaded.file
        given = [] if file is None else ["--config", str(file.absolute())]
        return given if self.gateway is None else [*given, "--gateway", self.gateway]

    def read_again(self) -> Settings:
        """As the file is by now, for a process of the cluster that was started with these. Raises
        `ConfigError`."""
        return load_settings(self.loaded.file, self.gateway, started_with(self.config))


def load_settings(
    file: Path | None = None, gateway: str | None = None, started: Mapping[str, Any] | None = None
) -> Settings:
    """Raises `ConfigError` naming file, line, key and cure. `started`: as for `load_config`."""
    return Settings(loaded=load_config(file, gateway, started), gateway=gateway)
