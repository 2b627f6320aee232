"""What a check comes to, and the words for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from .evidence import Evidence

Verdict = Literal["ok", "warn", "fail", "skip"]
SETTINGS_MENU = "Configure > Settings > API > Settings (TWS: File > Global Configuration > API > Settings)"


Check = Callable[[Evidence], "Outcome"]


class Outcome(Struct, frozen=True):
    """`cure` None where there is nothing to do."""

    verdict: Verdict
    evidence: str
    cure: str | None = None


def ok(evidence: str) -> Outcome:
    return Outcome("ok", evidence)


def warn(evidence: str, cure: str) -> Outcome:
    return Outcome("warn", evidence, cure)


def fail(evidence: str, cure: str) -> Outcome:
    return Outcome("fail", evidence, cure)


def skip(evidence: str) -> Outcome:
    return Outcome("skip", evidence)
