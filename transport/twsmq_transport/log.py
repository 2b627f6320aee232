"""Logs: one JSON object a line on stderr, captured by whoever started the process; the supervisor's, which a
person follows, as plain lines.

Levels: error for what needs a person, warning for what healed or was dropped, info for what changed. Nothing
on the path of a tick logs. A flood of one kind of line is counted, not written (`log_flood`).
What cannot be written is lost: no process ends for that.
Values under a key that names a secret are never written.
"""

from __future__ import annotations

import io
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger
from twsmq_protocol.plain_file import write_plain
from twsmq_protocol.printable import printable
from twsmq_protocol.standard_streams import Unbroken, fill

from .log_flood import FloodGate

_LAYOUT = "\n\t"
_SECRET = ("secret", "password", "token", "private_key")


def configure(name: str, level: str = "info") -> None:
    """Set up structlog and the standard library's logging for this process. To be called before it opens
    anything."""
    fill()
    threshold = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(handlers=[_OfOthers()], level=logging.WARNING)
    structlog.configure(
        processors=[
            FloodGate(),
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _hide_secrets,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", Unbroken(2))),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=name)


class _OfOthers(logging.Handler):
    """What libraries log by the standard library is a line like ours, with the same bounds."""

    def emit(self, record: logging.LogRecord) -> None:
        level = logging.ERROR if record.levelno >= logging.ERROR else logging.WARNING
        said = {"problem": record.getMessage(), "library": record.name, "exc_info": record.exc_info}
        structlog.get_logger().log(level, str(record.msg), **said)


def configure_plain(stream: TextIO | FileOnDemand | Unbroken) -> None:
    """For the supervisor: `2026-11-28 09:30:00.123456 event key=value` on `stream`, which a person may
    follow on a terminal: whatever a reason holds, it is shown. To be called before it opens anything."""
    fill()
    handler = logging.StreamHandler(cast("TextIO", stream))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, format="%(asctime)s %(message)s")
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S.%f", utc=False),
            _hide_secrets,
            structlog.processors.format_exc_info,
            _plain,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", stream)),
        cache_logger_on_first_use=False,
    )


class FileOnDemand(io.TextIOBase):
    """Opened for appending by the first line: until then the folder need not be there. What cannot be written
    is lost: no process ends because its disk is full.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            if self._file is None:
                opened = write_plain(self._path, os.O_APPEND)
                self._file = io.TextIOWrapper(opened, encoding="utf-8", errors="replace", line_buffering=True)
            self._file.write(text)
        return len(text)


def _plain(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    stamp, text, trace = event.pop("timestamp"), event.pop("event"), event.pop("exception", None)
    line = printable(" ".join([f"{stamp} {text}", *(f"{key}={value}" for key, value in event.items())]))
    return line if trace is None else f"{line}\n{printable(trace, _LAYOUT)}"


def _hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for key in event:
        if any(word in key.lower() for word in _SECRET):
            event[key] = "***"
    return event
