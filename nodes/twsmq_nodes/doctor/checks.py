"""The verdicts: evidence in, findings out, each with its cure. Pure.

A check that cannot be made, because one before it failed, is `skip`. `warn` is what works now and will hurt
later; only `fail` keeps a cluster from working. Cures name a menu path of TWS or IB Gateway, a setting of
IBC, or a command. Sources: IBKR's API documentation, the gateway's own error texts, IBC's config.ini.
"""

from __future__ import annotations

from msgspec import Struct

from .checks_connection import CONNECTION
from .checks_machine import MACHINE
from .checks_session import SESSION
from .checks_settings import SETTINGS
from .checks_user import USER
from .evidence import Evidence
from .outcomes import Verdict


class Finding(Struct, frozen=True):
    id: str
    verdict: Verdict
    evidence: str
    cure: str | None = None


def examine(seen: Evidence) -> list[Finding]:
    """Every check, in the order in which a person would make them."""
    tables = (MACHINE, CONNECTION, USER, SESSION, SETTINGS)
    return [
        Finding(name, made.verdict, made.evidence, made.cure)
        for table in tables
        for name, check in table.items()
        for made in (check(seen),)
    ]


def has_failed(findings: list[Finding]) -> bool:
    return any(finding.verdict == "fail" for finding in findings)
