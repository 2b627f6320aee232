"""One of something is no plural, in the node's texts and in the commands'."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from twsmq_protocol.counted import counted

PACKAGES = ("client/twsmq", "nodes/twsmq_nodes", "supervisor/twsmq_supervisor", "web/twsmq_web")
ROOT = Path(__file__).parents[2]
NAIVE = re.compile(
    r"\{(?:len\(\w+\)|count|lost|remaining|restarts|story\['restarts'\])\} (?:times|orders|events)\b"
)


@pytest.mark.parametrize(
    ("number", "words", "text"),
    [
        (0, ("time",), "0 times"),
        (1, ("time",), "1 time"),
        (2, ("time",), "2 times"),
        (1204, ("order",), "1,204 orders"),
        (1, ("line stays", "lines stay"), "1 line stays"),
        (3, ("line stays", "lines stay"), "3 lines stay"),
    ],
)
def test_a_number_is_written_with_what_it_counts(number: int, words: tuple[str, ...], text: str) -> None:
    assert counted(number, *words) == text


def test_no_text_counts_orders_events_or_times_by_itself() -> None:
    """`twsmq why` said "restarted 1 times"."""
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for match in NAIVE.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []
