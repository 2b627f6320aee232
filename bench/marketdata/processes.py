"""Processes that take a JSON line and answer with one; all of them end with the bench."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".venv" / "peers"
"""Where `make bench-marketdata` puts what must not be installed with its dependencies."""
PORTS = (20_000, 32_000)


class Conversation:
    """`python -m MODULE ARGUMENTS` and its pipes."""

    def __init__(self, module: str, *arguments: object) -> None:
        self.process = start(module, *arguments, pipes=True)

    def tell(self, **command: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """The next answer. Raises RuntimeError when the process has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args} ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self, **command: Any) -> dict[str, Any]:
        self.tell(**command)
        return self.hear()


def start(module: str, *arguments: object, pipes: bool = False) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE if pipes else subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdin=pipe,
        stdout=subprocess.PIPE if pipes else None,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(PEERS)},
    )


class Household:
    """Ends what it has started."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        for process in reversed(self._processes):
            process.kill()
        for process in self._processes:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def adopt(self, process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        self._processes.append(process)
        return process

    def converse(self, module: str, *arguments: object) -> Conversation:
        conversation = Conversation(module, *arguments)
        self.adopt(conversation.process)
        return conversation


def free_port(block: int = 1) -> int:
    """The first of `block` ports nobody has, below those that the system gives to clients."""
    while True:
        first = random.randrange(*PORTS)
        if all(map(_is_free, range(first, first + block))):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
