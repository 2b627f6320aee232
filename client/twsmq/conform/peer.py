"""The program under proof: a child with two pipes, one command out, one observation back."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from twsmq_protocol.errors import PeerError

from .values import from_json, to_json

_PATIENCE_S = 20.0
_CHUNK = 65_536


class PeerFailed(PeerError):
    """The program ended, stayed silent, or wrote what is no observation."""


class Peer:
    """Starts `command`; ends it on leaving. Its standard error is the terminal's."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._buffer = b""
        try:
            self._process = subprocess.Popen(  # noqa: S603 - what the user asked to prove
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        except OSError as error:
            raise PeerFailed(f"cannot start {command[0]}: {error.strerror}") from error
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stdout, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._selector.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def send(self, command: dict[str, Any]) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(to_json(command).encode() + b"\n")
            stdin.flush()
        except BrokenPipeError as error:
            raise PeerFailed(f"{self._command[0]} ended: {self._process.wait()}") from error

    def observation(self, patience: float = _PATIENCE_S) -> Any:
        """The next one. Raises `PeerFailed`."""
        deadline = time.monotonic() + patience
        while b"\n" not in self._buffer:
            if not self._selector.select(max(0.0, deadline - time.monotonic())):
                raise PeerFailed(f"no observation within {patience:g} s")
            chunk = os.read(self._stdout, _CHUNK)
            if not chunk:
                raise PeerFailed(f"{self._command[0]} ended: {self._process.wait()}")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            return from_json(line.decode())
        except ValueError as error:
            raise PeerFailed(f"no observation: {line[:120]!r}") from error

    @property
    def _stdout(self) -> int:
        assert self._process.stdout is not None
        return self._process.stdout.fileno()
