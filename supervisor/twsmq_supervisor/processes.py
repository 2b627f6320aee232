"""The child processes: how they are spawned, signalled, seen to end, and what they wrote.

Invariants
- A child is in a session of its own: no terminal's Ctrl-C reaches it, only the supervisor stops it.
- A child holds the read end of one pipe (`TWSMQ_LIFELINE_FD`). The write end is close-on-exec and only ever
  ours, so the pipe's end is the supervisor's end, however it came. A supervisor that is merely stopped keeps
  it open.
- A child writes its log itself, straight to the file: a supervisor that is stopped or slow never blocks it,
  and its last words survive us. Rotation therefore copies and truncates (the file is opened for appending).
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec
from twsmq_protocol.config_file import STARTED_WITH
from twsmq_protocol.plain_file import open_plain, write_plain
from twsmq_protocol.processes import LIFELINE_FD
from twsmq_protocol.supervision import started_with

from .last_words import last_words
from .settings import Settings

LOG_LIMIT_BYTES = 16 * 1024 * 1024
_TAIL_BYTES = 64 * 1024  # a bug is logged as one line with its whole traceback
_LAST_LINES = 20

OnExit = Callable[[str, int, int], None]


class Processes:
    """The children of one supervisor. `on_exit(name, pid, code)` is called once per run, from a thread."""

    def __init__(self, settings: Settings, on_exit: OnExit) -> None:
        self._settings = settings
        self._on_exit = on_exit
        self.logs_mb = settings.config.cluster.logs_mb
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._lifeline, self._held = os.pipe()
        self._started = msgspec.json.encode(started_with(settings.config)).decode()

    def spawn(self, name: str, argv: tuple[str, ...], inherit: Mapping[str, int] | None = None) -> int:
        """The pid. `inherit`: descriptors by the environment variable that names each. Raises `OSError`."""
        inherited = {LIFELINE_FD: self._lifeline, **(inherit or {})}
        numbers = {name: str(descriptor) for name, descriptor in inherited.items()}
        path = self._settings.log_file(name)
        path.parent.mkdir(parents=True, exist_ok=True)  # somebody may have cleaned up
        stamp = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")
        with write_plain(path, os.O_APPEND) as log:
            with suppress(OSError):  # a full disk keeps nobody from starting
                os.write(log.fileno(), f"--- {stamp} {' '.join(argv)}\n".encode())
            process = subprocess.Popen(  # noqa: S603 - the command table is ours
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **numbers, STARTED_WITH: self._started, "PYTHONUNBUFFERED": "1"},
                pass_fds=tuple(inherited.values()),
                start_new_session=True,
            )
        self._running[name] = process
        try:
            threading.Thread(
                target=self._await_end, args=(name, process), name=f"wait-{name}", daemon=True
            ).start()
        except RuntimeError as error:  # no thread is left to this user: nobody would notice its end
            process.kill()
            process.wait()
            raise OSError(errno.EAGAIN, str(error)) from error
        return process.pid

    def signal(self, name: str, number: int) -> None:
        """Nothing happens if it has ended meanwhile."""
        self._running[name].send_signal(number)

    def last_words(self, name: str) -> str | None:
        """What it wrote at the end of its present run, in short; where to read more if that was a bug."""
        path = self._settings.log_file(name)
        words, bug = last_words(tail(path, _LAST_LINES))
        return f"{words}; see {_from_here(path)}" if bug else words

    def rotate_logs(self) -> None:
        """Every log, our own too. May block for as long as the disk does: call it from a thread. Raises
        `OSError` once all were tried."""
        logs = list(self._settings.log_dir.glob("*.log"))
        limit = log_limit(self.logs_mb, len(logs))
        problem: OSError | None = None
        for path in logs:
            try:
                if path.lstat().st_size > limit:
                    _rotate(path)
            except OSError as error:
                problem = error
        if problem is not None:
            raise problem

    def close(self) -> None:
        """Let go of the lifeline: whatever still runs ends now."""
        os.close(self._held)
        os.close(self._lifeline)

    def _await_end(self, name: str, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        self._on_exit(name, process.pid, code)


def _rotate(path: Path) -> None:
    with open_plain(path) as log, write_plain(path.with_suffix(".log.1"), os.O_TRUNC) as before:
        shutil.copyfileobj(log, before)
    with write_plain(path, os.O_TRUNC):
        pass


def log_limit(total_mb: int, logs: int) -> int:
    """How long a log may become before it is rotated, so that all of them with their predecessors, and one
    that is just being copied, stay within the total.
    """
    return min(LOG_LIMIT_BYTES, total_mb * 1_000_000 // (2 * logs + 1))


def _from_here(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def tail(path: Path, lines: int) -> list[str]:
    """The last non-empty lines of the newest run in a log file; none if there is no such file."""
    try:
        with open_plain(path) as log:
            begin = max(0, os.fstat(log.fileno()).st_size - _TAIL_BYTES)
            log.seek(begin)
            text = log.read(_TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    _, begins, run = f"\n{text}".rpartition("\n--- ")
    cut = bool(begins) or begin > 0  # the command line, which the supervisor's own has not, or half a line
    return [line for line in run.removeprefix("\n").splitlines()[cut:] if line.strip()][-lines:]
