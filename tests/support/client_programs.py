"""The programs around the clients in each language, driven by lines of JSON as `twsmq conform` does it."""

from __future__ import annotations

import json
import select
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TYPESCRIPT = ROOT / "clients" / "typescript" / "dist" / "conform.js"
CPP = ROOT / "clients" / "cpp" / "build" / "conform"

needs_typescript = pytest.mark.skipif(
    shutil.which("node") is None or not TYPESCRIPT.exists(),
    reason="the TypeScript client is not built: (cd clients/typescript && npm install && npm run build)",
)
needs_cpp = pytest.mark.skipif(
    not CPP.exists(), reason="the C++ client is not built: make -C clients/cpp (g++, cppzmq, msgpack-cxx)"
)
PROGRAMS = [
    pytest.param([sys.executable, "-m", "twsmq.conform.python"], id="python"),
    pytest.param(["node", str(TYPESCRIPT)], id="typescript", marks=needs_typescript),
    pytest.param([str(CPP)], id="cpp", marks=needs_cpp),
]


class Program:
    """A running one: `ask` gives a command and returns its observation."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def ask(self, do: str, within: float = 60, **fields: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do} | fields) + "\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], within)
        assert ready, f"{do} is not answered within {within} s"
        return _plain(json.loads(self._process.stdout.readline()))

    def end(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)


@contextmanager
def running_program(command: list[str]) -> Generator[Program]:
    program = Program(command)
    try:
        yield program
    finally:
        program.end()


def _plain(value: Any) -> Any:
    """Integers that JSON's numbers cannot hold come as {"$big": "digits"}."""
    if isinstance(value, list):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        if value.keys() == {"$big"}:
            return int(value["$big"])  # pyright: ignore[reportUnknownArgumentType]
        return {key: _plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return value
