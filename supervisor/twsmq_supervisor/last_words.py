"""What a process said before it ended, as one short line that a person can read. Pure.

Nodes log one JSON object a line, a bug with its whole traceback inside; whatever else ends (the simulator, an
import that failed) leaves plain text, whose last line says most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

LONGEST = 160


def in_words(line: str) -> str:
    """One line of a log: of JSON its level, its event and what was the problem."""
    entry = _entry(line)
    if entry is None:
        return cut(line)
    said = [entry.get("level"), entry["event"], _problem(entry)]
    return cut(": ".join(str(part) for part in said if part))


def last_words(lines: Sequence[str]) -> tuple[str | None, bool]:
    """The cause of its end as far as its last lines show, and whether it was a bug it logged itself."""
    for line in reversed(lines):
        entry = _entry(line)
        if entry is not None and entry.get("level") == "critical":
            return cut(_problem(entry) or str(entry["event"])), True
    if not lines:
        return None, False
    entry = _entry(lines[-1])
    if entry is None:
        return cut(lines[-1]), False
    return cut(": ".join(str(part) for part in (entry["event"], _problem(entry)) if part)), False


def cut(text: str, longest: int = LONGEST) -> str:
    """On one line, and no longer than that."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 2]} …"


def _entry(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        entry = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return None
    return entry if "event" in entry else None


def _problem(entry: dict[str, Any]) -> str | None:
    trace = entry.get("exception")
    if not isinstance(trace, str):
        said = entry.get("problem") or entry.get("reason") or entry.get("error")
        return str(said) if said else None
    lines = trace.splitlines()
    frames = [number for number, line in enumerate(lines) if line.startswith('  File "')]
    after = lines[frames[-1] + 1 if frames else 0 :]
    return next((line for line in after if line[:1].strip()), None)
