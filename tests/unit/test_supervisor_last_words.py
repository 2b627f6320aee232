"""What is told of a process that ended: one short line, whatever stands in its log."""

from __future__ import annotations

import json

import pytest
from twsmq_supervisor.last_words import LONGEST, in_words, last_words

TRACE = (
    "Traceback (most recent call last):\n"
    '  File "core.py", line 7, in handle\n    self.nothing()\n    ~~~~~~~~~~~~^^\n'
    "AttributeError: 'Core' object has no attribute 'nothing'\n  did you mean: something?"
)
BUG = json.dumps({"event": "a bug ended this process", "level": "critical", "exception": TRACE})


def test_a_logged_bug_is_told_by_its_error_even_when_more_was_logged_after() -> None:
    words = "AttributeError: 'Core' object has no attribute 'nothing'"
    assert last_words(["{}", BUG, json.dumps({"event": "node stopped", "level": "info"})]) == (words, True)


def test_a_request_that_failed_earlier_is_not_the_cause() -> None:
    failed = json.dumps({"event": "request failed", "level": "error", "exception": TRACE})
    refused = json.dumps({"event": "configuration refused", "level": "error", "problem": "port: 1"})
    assert last_words([failed, refused]) == ("configuration refused: port: 1", False)


@pytest.mark.parametrize("text", ["ModuleNotFoundError: No module named 'ibapi'", '{"torn":', "{}", "[1]"])
def test_plain_text_is_told_as_it_is(text: str) -> None:
    assert last_words(["Traceback:", text]) == (text, False)


def test_nothing_said_is_nothing_told() -> None:
    assert last_words([]) == (None, False)


def test_whatever_was_said_it_is_one_short_line() -> None:
    long = json.dumps({"event": "x\ny" * 1000, "level": "error"})
    for told in (in_words("a " * 1000), in_words(long), last_words([long])[0]):
        assert told is not None
        assert len(told) <= LONGEST
        assert told.endswith(" …")
        assert "\n" not in told
    assert in_words(BUG) == (
        "critical: a bug ended this process: AttributeError: 'Core' object has no attribute 'nothing'"
    )


@pytest.mark.parametrize(
    "line",
    [
        '{"event": 5, "level": "critical", "problem": 7}',
        '{"event": null, "problem": ["a"]}',
        '{"event": {"a": 1}, "exception": 5, "error": {"b": [2]}}',
        '{"event": "x", "a": ' + "[" * 30_000,
    ],
)
def test_a_line_of_another_shape_is_told_somehow(line: str) -> None:
    """Whoever asks is about to report that a process has ended: it must not fail over its last words."""
    told, _ = last_words([line])
    assert told
    assert in_words(line)
