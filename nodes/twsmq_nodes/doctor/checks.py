"""The verdicts: evidence in, findings out, each with its cure. Pure.

A check that cannot be made, because one before it failed, is `skip`. `warn` is what works now and will hurt
later; only `fail` keeps a cluster from working. Cures name a menu path of TWS or IB Gateway, a setting of
IBC, or a command. Sources: IBKR's API documentation, the gateway's own error texts, IBC's config.ini.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from .evidence import Evidence

Verdict = Literal["ok", "warn", "fail", "skip"]
SETTINGS_MENU = "Configure > Settings > API > Settings (TWS: File > Global Configuration > API > Settings)"


class Finding(Struct, frozen=True):
    id: str
    verdict: Verdict
    evidence: str
    cure: str | None = None


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


def examine(seen: Evidence) -> list[Finding]:
    """Every check, in the order in which a person would make them."""
    from .checks_connection import CONNECTION
    from .checks_machine import MACHINE
    from .checks_session import SESSION
    from .checks_settings import SETTINGS

    tables = (MACHINE, CONNECTION, SESSION, SETTINGS)
    return [
        Finding(name, made.verdict, made.evidence, made.cure)
        for table in tables
        for name, check in table.items()
        for made in (check(seen),)
    ]


def has_failed(findings: list[Finding]) -> bool:
    return any(finding.verdict == "fail" for finding in findings)
