"""Logs: one JSON object a line on stderr, captured by whoever started the process.

Levels: error for what needs a person, warning for what healed or was dropped, info for what changed. Nothing
on the path of a tick logs. A flood of one kind of line is counted, not written (`log_flood`).
Values under a key that names a secret are never written.
"""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import EventDict, WrappedLogger

from .log_flood import FloodGate

_SECRET = ("secret", "password", "token", "private_key")


def configure(name: str, level: str = "info") -> None:
    """Set up structlog and the standard library's logging for this process."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    # ibapi writes six DEBUG records a tick, which cost more than everything else together.
    logging.getLogger("ibapi").setLevel(logging.WARNING)
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
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=name)


def _hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for key in event:
        if any(word in key.lower() for word in _SECRET):
            event[key] = "***"
    return event
