"""The alerts there are: one table, each a condition over what the status node knows.

Pure: `Facts` in, what holds out; how long it must hold is the rule's `for_s` and the core's business. A fact
that is not known never makes a condition hold, but that nothing is known is a condition of its own: whoever
watches is awake above all while nothing is connected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct, field

from .alert_core import Holding, Rule

RUNBOOK = "docs/runbook/{}.md"
About = tuple[str, str]
"""What it is about (empty for the whole) and what to say."""


class Facts(Struct, kw_only=True):
    """What the status node knows at one moment. Durations in seconds; None: not known."""

    gateway_state: str | None = None
    gateway_down_s: float | None = None  # None: it is up, or nothing is known of it
    gateway_reason: str | None = None
    in_restart_window: bool = False  # planned, and not yet overdue
    restart_overdue_s: float | None = None  # since the planned restart should have been over
    weekly_login: bool = False  # today's restart needs a person's approval
    upstream_lost: bool = False
    farms_broken: list[str] = field(default_factory=list[str])
    unknown_oldest_s: float | None = None
    unknown: int = 0
    halts: dict[str, str] = field(default_factory=dict[str, str])
    kill_remaining: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])
    silent_streams: list[str] = field(default_factory=list[str])
    lines: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])
    budget_wait_s: dict[str, float] = field(default_factory=dict[str, float])
    cushions: dict[str, float] = field(default_factory=dict[str, float])
    differing: dict[str, float] = field(default_factory=dict[str, float])
    restarts: dict[str, int] = field(default_factory=dict[str, int])  # within ten minutes
    failed: dict[str, str] = field(default_factory=dict[str, str])
    journal_commit_s: float | None = None
    disk_free: int | None = None
    auth_refused_per_minute: float = 0.0
    silent_processes: dict[str, float] = field(default_factory=dict[str, float])
    heard_s: float | None = None  # age of the newest thing heard of anybody
    account_age_s: float | None = None


def _gateway_down(facts: Facts) -> Iterator[About]:
    if facts.gateway_down_s is not None and not facts.in_restart_window:
        reason = f": {facts.gateway_reason}" if facts.gateway_reason else ""
        yield "", f"the gateway link is {facts.gateway_state}{reason}"


def _restart_not_back(facts: Facts) -> Iterator[About]:
    if facts.gateway_down_s is not None and facts.restart_overdue_s is not None:
        login = "; approve the login (2FA) on your phone" if facts.weekly_login else ""
        yield "", f"the gateway is not back from its planned restart{login}"


def _upstream_lost(facts: Facts) -> Iterator[About]:
    if facts.upstream_lost:
        yield "", "the gateway has lost its connection to IBKR"


def _farm_broken(facts: Facts) -> Iterator[About]:
    for farm in facts.farms_broken:
        yield farm, f"data farm {farm} is broken"


def _order_unknown(facts: Facts) -> Iterator[About]:
    if facts.unknown and facts.unknown_oldest_s is not None:
        yield "", f"{facts.unknown} orders unknown, the oldest for {facts.unknown_oldest_s:.0f} s"


def _halted(facts: Facts) -> Iterator[About]:
    for strategy, reason in facts.halts.items():
        yield strategy or "everybody", f"new orders of {strategy or 'everybody'} are halted: {reason}"


def _kill_incomplete(facts: Facts) -> Iterator[About]:
    for strategy, (remaining, seconds) in facts.kill_remaining.items():
        if remaining and seconds >= KILL_S:
            who = strategy or "everybody"
            yield who, f"{remaining} orders of {who} still work or are unknown {seconds:.0f} s after the halt"


def _silent_feed(facts: Facts) -> Iterator[About]:
    if facts.silent_streams:
        some = ", ".join(facts.silent_streams[:3])
        yield "", f"{len(facts.silent_streams)} streams are silent in trading hours: {some}"


def _line_limit(facts: Facts) -> Iterator[About]:
    for kind, used, allowed in facts.lines:
        if allowed and used > LINES_SHARE * allowed:
            yield kind, f"{used} of {allowed} {kind} lines are in use"


def _budget_high(facts: Facts) -> Iterator[About]:
    for name, wait_s in facts.budget_wait_s.items():
        if wait_s > BUDGET_WAIT_S:
            yield name, f"messages of {name} wait {wait_s:.1f} s for the message budget"


def _margin_low(facts: Facts) -> Iterator[About]:
    for account, cushion in facts.cushions.items():
        if cushion < CUSHION:
            yield account, f"margin cushion of {account} is {cushion:.1%}"


def _positions_differ(facts: Facts) -> Iterator[About]:
    for about, seconds in facts.differing.items():
        if seconds >= DIFFER_S:
            yield about, f"own count and broker's differ: {about}"


def _process_flapping(facts: Facts) -> Iterator[About]:
    for name, count in facts.restarts.items():
        if count >= FLAPPING:
            yield name, f"{name} was restarted {count} times in ten minutes"


def _process_failed(facts: Facts) -> Iterator[About]:
    for name, reason in facts.failed.items():
        yield name, f"{name} has failed: {reason}"


def _process_silent(facts: Facts) -> Iterator[About]:
    for name, seconds in facts.silent_processes.items():
        if seconds >= PROCESS_SILENT_S:
            yield name, f"{name} has not been heard for {seconds:.0f} s"


def _journal_slow(facts: Facts) -> Iterator[About]:
    if facts.journal_commit_s is not None and facts.journal_commit_s > COMMIT_S:
        yield "", f"journal commits take {facts.journal_commit_s * 1000:.0f} ms (p99)"


def _disk_low(facts: Facts) -> Iterator[About]:
    if facts.disk_free is not None and facts.disk_free < DISK_BYTES:
        yield "", f"{facts.disk_free / 1e9:.2f} GB are free where the data are kept"


def _auth_refused(facts: Facts) -> Iterator[About]:
    if facts.auth_refused_per_minute > REFUSED_PER_MINUTE:
        yield "", f"{facts.auth_refused_per_minute:.0f} requests a minute are refused for want of a right"


def _account_old(facts: Facts) -> Iterator[About]:
    if facts.account_age_s is not None and facts.account_age_s > ACCOUNT_S:
        yield "", f"no account figure is younger than {facts.account_age_s:.0f} s"


def _nothing_heard(facts: Facts) -> Iterator[About]:
    if facts.heard_s is not None and facts.heard_s >= NOTHING_S:
        yield "", f"nothing was heard of any process for {facts.heard_s:.0f} s"


KILL_S, DIFFER_S, PROCESS_SILENT_S, NOTHING_S = 10.0, 60.0, 30.0, 120.0
LINES_SHARE, BUDGET_WAIT_S, CUSHION = 0.9, 1.0, 0.10
FLAPPING, COMMIT_S, DISK_BYTES, REFUSED_PER_MINUTE = 3, 0.05, 1_000_000_000, 5.0
ACCOUNT_S = 600.0

Condition = Callable[[Facts], Iterable[About]]


def _rule(name: str, severity: str, for_s: float) -> Rule:
    assert severity in ("page", "warn")
    return Rule(name, "page" if severity == "page" else "warn", for_s, RUNBOOK.format(name))


RULES: tuple[tuple[Rule, Condition], ...] = (
    (_rule("GatewayDown", "page", 60), _gateway_down),
    (_rule("RestartNotBack", "page", 0), _restart_not_back),
    (_rule("UpstreamLost", "warn", 120), _upstream_lost),
    (_rule("FarmBroken", "warn", 120), _farm_broken),
    (_rule("OrderUnknown", "page", 30), _order_unknown),
    (_rule("Halted", "page", 0), _halted),
    (_rule("KillIncomplete", "page", 0), _kill_incomplete),
    (_rule("SilentFeed", "warn", 30), _silent_feed),
    (_rule("LineLimit", "warn", 5), _line_limit),
    (_rule("BudgetHigh", "warn", 10), _budget_high),
    (_rule("MarginLow", "page", 5), _margin_low),
    (_rule("PositionsDiffer", "page", 0), _positions_differ),
    (_rule("ProcessFlapping", "page", 0), _process_flapping),
    (_rule("ProcessFailed", "page", 0), _process_failed),
    (_rule("ProcessSilent", "page", 0), _process_silent),
    (_rule("JournalSlow", "warn", 60), _journal_slow),
    (_rule("DiskLow", "warn", 5), _disk_low),
    (_rule("AuthRefused", "warn", 0), _auth_refused),
    (_rule("AccountOld", "warn", 60), _account_old),
    (_rule("NothingHeard", "page", 0), _nothing_heard),
)
"""Every alert there is. Each has a page of its name in docs/runbook/."""


def holding(facts: Facts) -> list[Holding]:
    """Every condition that holds."""
    return [Holding(rule, about, text) for rule, condition in RULES for about, text in condition(facts)]
