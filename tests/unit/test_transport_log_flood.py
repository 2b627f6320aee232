"""A flood of one kind of log line is counted, not written; nothing else is left out for it."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest
import structlog
from twsmq_transport import log as logs
from twsmq_transport.log_flood import BURST, KINDS, FloodGate


class Lines:
    def __init__(self) -> None:
        self.now = 0.0
        self.gate = FloodGate(lambda: self.now)

    def write(self, text: str, method: str = "warning") -> dict[str, object] | None:
        try:
            return dict(self.gate(None, method, {"event": text}))
        except structlog.DropEvent:
            return None


@pytest.fixture
def lines() -> Lines:
    return Lines()


def test_a_flood_of_one_kind_is_bounded_and_told_later_with_its_number(lines: Lines) -> None:
    written = [lines.write("refused") for _ in range(10_000)]
    assert sum(line is not None for line in written) == BURST
    assert lines.write("another") == {"event": "another"}
    lines.now = 10.0
    assert lines.write("refused") == {"event": "refused", "left_out": 10_000 - BURST}
    lines.now = 100.0
    assert lines.write("refused") == {"event": "refused"}


def test_a_flood_of_unlike_kinds_is_bounded_too(lines: Lines) -> None:
    written = [line for number in range(100_000) if (line := lines.write(f"kind {number}"))]
    assert len(written) <= KINDS + BURST
    assert lines.write("kind 3") is not None, "what was known before keeps its own allowance"


def test_errors_are_always_written(lines: Lines) -> None:
    assert all(lines.write("broken", "error") for _ in range(1000))


def test_the_plain_log_that_a_person_follows_shows_texts_of_others_escaped() -> None:
    stream = io.StringIO()
    logs.configure_plain(stream)
    try:
        log = structlog.stdlib.get_logger()
        log.warning("orders: connecting (\x1b[2J\u202e\x9b)", problem="a\nb\x07")
        try:
            raise ValueError("\x1b]0;x\x07")
        except ValueError:
            log.exception("failed")
    finally:
        structlog.reset_defaults()
    first, *trace = stream.getvalue().splitlines()
    assert "orders: connecting (\\x1b[2J\\u202e\\x9b) problem=a\\nb\\x07" in first
    assert len(trace) > 2
    assert all(line.isprintable() for line in (first, *trace))


def test_what_libraries_log_is_a_line_like_ours_and_bounded() -> None:
    program = (
        "import logging; from twsmq_transport.log import configure; configure('orders')\n"
        "for number in range(1000): logging.getLogger('asyncio').warning('send %d raised', number)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, *more = map(json.loads, done.stderr.splitlines())
    assert len(more) < 2 * BURST
    assert (first["event"], first["problem"], first["library"]) == (
        "send %d raised",
        "send 0 raised",
        "asyncio",
    )
    assert (first["process"], first["level"]) == ("orders", "warning")
