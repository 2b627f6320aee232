"""One node as a process of its own, and what it logged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.patience import patient


class NodeProcess:
    """`python -m twsmq_nodes.<package>`; its log goes to a file beside the configuration."""

    def __init__(self, package: str, config: Path, *options: str) -> None:
        self.log_file = config.with_name(f"{package}.log")
        self.command = [sys.executable, "-m", f"twsmq_nodes.{package}", "--config", str(config), *options]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, pass_fds: tuple[int, ...] = (), **environment: str) -> NodeProcess:
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=pass_fds,
                env=os.environ | environment,
                cwd=self.log_file.parent,
            )
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def wait(self, timeout: float = 20) -> int:
        assert self.process is not None
        return self.process.wait(patient(timeout))

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(patient(10))


@contextmanager
def killed_at_the_end(package: str, config: Path) -> Generator[NodeProcess]:
    """For a node that must be gone at once."""
    node = NodeProcess(package, config).start()
    try:
        yield node
    finally:
        node.kill()


@contextmanager
def running_node(package: str, config: Path, *options: str) -> Generator[NodeProcess]:
    """Ends with the node's death by SIGTERM, which it must survive in order."""
    node = NodeProcess(package, config, *options).start()
    try:
        yield node
        assert node.process is not None
        assert node.process.poll() is None, node.log_file.read_text()
        assert node.stop() == 0
    finally:
        node.kill()
