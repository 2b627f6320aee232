"""The configuration as the file has it, and those that the processes which run were started with."""

from __future__ import annotations

import structlog
from twsmq_protocol.config import Config
from twsmq_protocol.errors import ConfigError

from .settings import Settings

log = structlog.stdlib.get_logger()


class Configurations:
    """`all`: each once; `of`: which of these each process has. `latest`: as the file was when it could last
    be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.latest = settings
        self.all: list[Config] = [settings.config]
        self.of: dict[str, int] = {}

    def read(self) -> Config | None:
        """What a process that starts now will read; None if it cannot be used."""
        try:
            self.latest = self._settings.read_again()
        except ConfigError as error:
            log.warning("the configuration cannot be used any more", problem=str(error))
            return None
        return self.latest.config

    def present(self) -> int:
        """Read it again; which of `all` a process that starts now will have."""
        config = self.read() or self.latest.config
        if config in self.all:
            return self.all.index(config)
        used = sorted(set(self.of.values()))
        if len(used) < len(self.all):  # forget those that nobody runs with any more
            self.all = [self.all[number] for number in used]
            self.of = {name: used.index(number) for name, number in self.of.items()}
        self.all.append(config)
        return len(self.all) - 1
