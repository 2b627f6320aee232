"""Alerts: the one table of them, and what is said and asked about them.

Theory: the status node evaluates a condition for each row of `ALERTS`, over all that it knows. How long a
condition must hold (`for_s`) and the bound it has, if any (`limit`), are here and may be set otherwise in
`[alerts.rules.NAME]`. Each has a page of its name in docs/runbook/.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from .envelope import Args, Event
from .right_kinds import Kind

RUNBOOK = "docs/runbook/{}.md"
Severity = Literal["page", "warn"]
AlertState = Literal["firing", "acknowledged", "resolved"]


class AlertRule(Struct, frozen=True):
    """`for_s`: how long it must hold before it fires. `limit`: the bound it is about, None where there is
    none; `unit` says of what. `right`: which right one needs to see it; it says what accounts are worth or
    hold, or not."""

    severity: Severity
    for_s: float
    limit: float | None = None
    unit: str = ""
    right: Kind = "reader"


ALERTS: dict[str, AlertRule] = {
    "GatewayDown": AlertRule("page", 60.0),
    "RestartNotBack": AlertRule("page", 0.0),
    "UpstreamLost": AlertRule("warn", 120.0),
    "FarmBroken": AlertRule("warn", 120.0),
    "OrderUnknown": AlertRule("page", 30.0),
    "Halted": AlertRule("page", 0.0),
    "KillIncomplete": AlertRule("page", 10.0),
    "SilentFeed": AlertRule("warn", 30.0),
    "LineLimit": AlertRule("warn", 5.0, 0.9, "share of the lines allowed"),
    "BudgetHigh": AlertRule("warn", 10.0, 1.0, "seconds that messages wait (p99)"),
    "MarginLow": AlertRule("page", 5.0, 0.10, "excess liquidity as a share of net liquidation", "accounts"),
    "PositionsDiffer": AlertRule("page", 60.0, right="accounts"),
    "ProcessFlapping": AlertRule("page", 0.0, 3.0, "restarts within ten minutes"),
    "ProcessFailed": AlertRule("page", 0.0),
    "ProcessSilent": AlertRule("page", 0.0, 30.0, "seconds without a heartbeat"),
    "JournalSlow": AlertRule("warn", 60.0, 0.05, "seconds of a commit (p99)"),
    "DiskLow": AlertRule("warn", 5.0, 1e9, "bytes free"),
    "AuthRefused": AlertRule("warn", 0.0, 5.0, "requests a minute"),
    "AccountOld": AlertRule("warn", 60.0, 600.0, "seconds since the newest figure"),
    "NothingHeard": AlertRule("page", 0.0, 120.0, "seconds since anything was heard"),
}
"""Every alert there is."""
TEST = "Test"
"""The name under which somebody tries the sinks."""


class Alert(Event, frozen=True, kw_only=True, tag="alert"):
    """An alert whenever its state changes, and again while it fires (`repeat`), on `alert/<name>/`.

    `about`: what it is about (a process, an account, a strategy), empty for the whole. `since`: ns at which
    it began to fire. `runbook`: the page that says what to do. `test`: somebody tries the sinks.
    """

    name: str
    severity: Severity
    state: AlertState
    text: str
    about: str = ""
    since: int
    resolved: int | None = None
    acknowledged_by: str | None = None
    runbook: str = ""
    repeat: int = 0
    test: bool = False
    snapshot: bool = False


class AlertRow(Struct, frozen=True, kw_only=True):
    """An alert as it stands. `silenced_until`: ns, nil if nothing silences it."""

    name: str
    about: str
    severity: Severity
    state: AlertState
    text: str
    since: int
    resolved: int | None = None
    acknowledged_by: str | None = None
    silenced_until: int | None = None


class AlertList(Struct, frozen=True, kw_only=True):
    """Result of `alerts`, `acknowledge_alert`, `silence_alert` and `test_alerts`: what fires, then the latest
    that were resolved. `silences`: names (`*`: all) and until when (ns). `sinks`: where alerts go."""

    alerts: list[AlertRow]
    silences: dict[str, int]
    sinks: list[str]


_Name = Annotated[str, Meta(min_length=1, max_length=64)]


class AcknowledgeAlert(Args, frozen=True, kw_only=True):
    """`acknowledge_alert`: somebody (`by`) takes care; it is not repeated until it has resolved, or got
    worse. Where there are keys, the key's name is put beside `by`."""

    name: _Name
    about: Annotated[str, Meta(max_length=200)] | None = None
    by: _Name


class SilenceAlert(Args, frozen=True, kw_only=True):
    """`silence_alert`: for so many minutes it reaches no sink; `name` `*` is every alert, 0 ends it."""

    name: _Name
    minutes: Annotated[float, Meta(ge=0, le=7 * 24 * 60)]
    by: _Name


class TryAlerts(Args, frozen=True, kw_only=True):
    """`test_alerts`: send a test through every sink."""

    by: _Name = "test"
