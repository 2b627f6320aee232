"""`twsmq` as a user types it, with the configuration of the test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.patience import patient


def few_files(limit: int) -> list[str]:
    """Before a command: the system's own limit of open files, which what is started cannot raise."""
    return ["sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh"]


class Command:
    """Runs in the folder of `config_file`. `open_files`: what each process may have, as `ulimit -n` says."""

    def __init__(self, config_file: Path, open_files: int | None = None) -> None:
        self._limited = [] if open_files is None else few_files(open_files)
        self._tail = ["--config", str(config_file)]
        self._folder = config_file.parent
        self._started: list[subprocess.Popen[str]] = []

    def line(self, *words: str) -> list[str]:
        return [*self._limited, sys.executable, "-m", "twsmq.cli", *words, *self._tail]

    def run(self, *words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.line(*words), capture_output=True, text=True, timeout=patient(timeout), cwd=self._folder
        )

    def popen(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.line(*words), stdin=subprocess.DEVNULL, text=True, cwd=self._folder, **options
        )
        self._started.append(process)
        return process

    def end(self) -> None:
        """Whatever a test that failed has left behind, pipes too, so that no other test fails for it."""
        for process in self._started:
            process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()

    def status(self) -> list[dict[str, Any]]:
        """The rows of `status --json`, whatever their states."""
        return json.loads(self.run("status", "--json").stdout)["processes"]
