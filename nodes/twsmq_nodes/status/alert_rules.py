"""When an alert holds: for each of the protocol's `ALERTS` a condition over what the status node knows.

Pure: `Facts` in, what holds out; how long it must hold is the rule's `for_s` and the core's business. A fact
that is not known never makes a condition hold, but that nothing is known is a condition of its own: whoever
watches is awake above all while nothing is connected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import log2

from msgspec import Struct, field
from twsmq_protocol.alerts import ALERTS, RUNBOOK
from twsmq_protocol.config import AlertSetting
from twsmq_protocol.counted import counted

from .alert_core import Holding, Rule

About = tuple[str, str] | tuple[str, str, float]
"""What it is about (empty for the whole), what to say, and how bad it is where that can grow: an alert that
was acknowledged fires again when it does."""


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
    kill_remaining: dict[str, int] = field(default_factory=dict[str, int])
    silent_lines: dict[str, int] = field(default_factory=dict[str, int])  # by shard
    lines: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])
    budget_wait_s: dict[str, float] = field(default_factory=dict[str, float])
    cushions: dict[str, float] = field(default_factory=dict[str, float])
    differing: list[str] = field(default_factory=list[str])
    restarts: dict[str, int] = field(default_factory=dict[str, int])  # within ten minutes
    failed: dict[str, str] = field(default_factory=dict[str, str])
    journal_commit_s: float | None = None
    disk_free: int | None = None
    auth_refused_per_minute: float = 0.0
    silent_processes: dict[str, float] = field(default_factory=dict[str, float])
    heard_s: float | None = None  # age of the newest thing heard of anybody
    undecided: frozenset[str] = frozenset()  # alerts whose facts nobody knows at present
    account_ages_s: dict[str, float] = field(default_factory=dict[str, float])


def _gateway_down(facts: Facts, _limit: float) -> Iterator[About]:
    if facts.gateway_down_s is not None and not facts.in_restart_window:
        reason = f": {facts.gateway_reason}" if facts.gateway_reason else ""
        yield "", f"the gateway link is {facts.gateway_state}{reason}"


def _restart_not_back(facts: Facts, _limit: float) -> Iterator[About]:
    if facts.gateway_down_s is not None and facts.restart_overdue_s is not None:
        login = "; approve the login (2FA) on your phone" if facts.weekly_login else ""
        yield "", f"the gateway is not back from its planned restart{login}"


def _upstream_lost(facts: Facts, _limit: float) -> Iterator[About]:
    if facts.upstream_lost:
        yield "", "the gateway has lost its connection to IBKR"


def _farm_broken(facts: Facts, _limit: float) -> Iterator[About]:
    for farm in facts.farms_broken:
        yield farm, f"data farm {farm} is broken"


def _order_unknown(facts: Facts, _limit: float) -> Iterator[About]:
    if facts.unknown and facts.unknown_oldest_s is not None:
        text = f"{counted(facts.unknown, 'order')} unknown, the oldest for {facts.unknown_oldest_s:.0f} s"
        yield "", text, facts.unknown


def _halted(facts: Facts, _limit: float) -> Iterator[About]:
    for strategy, reason in facts.halts.items():
        yield strategy or "everybody", f"new orders of {strategy or 'everybody'} are halted: {reason}"


def _kill_incomplete(facts: Facts, _limit: float) -> Iterator[About]:
    for strategy, remaining in facts.kill_remaining.items():
        if remaining:
            who, left = strategy or "everybody", counted(remaining, "order")
            text = f"{left} of {who} not finished after the kill switch: at work or unknown"
            yield who, text, remaining


def _silent_feed(facts: Facts, _limit: float) -> Iterator[About]:
    for shard, lines in facts.silent_lines.items():
        if lines:
            text = (
                f"{counted(lines, 'line')} of {shard} without data in trading hours, though asked for again"
            )
            yield shard, text


def _line_limit(facts: Facts, limit: float) -> Iterator[About]:
    for kind, used, allowed in facts.lines:
        if allowed and used > limit * allowed:
            yield kind, f"{used} of {allowed} {kind} lines are in use"


def _budget_high(facts: Facts, limit: float) -> Iterator[About]:
    for name, wait_s in facts.budget_wait_s.items():
        if wait_s > limit:
            yield name, f"messages of {name} wait {wait_s:.1f} s for the message budget"


def _margin_low(facts: Facts, limit: float) -> Iterator[About]:
    for account, cushion in facts.cushions.items():
        if cushion < limit:
            yield account, f"margin cushion of {account} is {cushion:.1%}", _halvings(cushion, limit)


def _positions_differ(facts: Facts, _limit: float) -> Iterator[About]:
    for about in facts.differing:
        yield about, f"own count and broker's differ: {about}"


def _process_flapping(facts: Facts, limit: float) -> Iterator[About]:
    for name, count in facts.restarts.items():
        if count >= limit:
            yield name, f"{name} was restarted {counted(count, 'time')} in ten minutes"


def _process_failed(facts: Facts, _limit: float) -> Iterator[About]:
    for name, reason in facts.failed.items():
        yield name, f"{name} has failed: {reason}"


def _process_silent(facts: Facts, limit: float) -> Iterator[About]:
    for name, seconds in facts.silent_processes.items():
        if seconds >= limit:
            yield name, f"{name} has not been heard for {seconds:.0f} s"


def _journal_slow(facts: Facts, limit: float) -> Iterator[About]:
    if facts.journal_commit_s is not None and facts.journal_commit_s > limit:
        yield "", f"journal commits take {facts.journal_commit_s * 1000:.0f} ms (p99)"


def _disk_low(facts: Facts, limit: float) -> Iterator[About]:
    if facts.disk_free is not None and facts.disk_free < limit:
        text = f"{facts.disk_free / 1e9:.2f} GB are free where the data are kept"
        yield "", text, _halvings(facts.disk_free, limit)


def _halvings(value: float, limit: float) -> float:
    """How many times it has halved below its limit: 0 is just below, 9 is nothing left."""
    return 9.0 if value <= 0 else min(9.0, float(int(log2(limit / value))))


def _auth_refused(facts: Facts, limit: float) -> Iterator[About]:
    if facts.auth_refused_per_minute > limit:
        requests = counted(round(facts.auth_refused_per_minute), "request")
        yield "", f"{requests} a minute refused for want of a right"


def _account_old(facts: Facts, limit: float) -> Iterator[About]:
    for account, age_s in facts.account_ages_s.items():
        if age_s > limit:
            yield account, f"no figure of account {account} is younger than {age_s:.0f} s"


def _nothing_heard(facts: Facts, limit: float) -> Iterator[About]:
    if facts.heard_s is not None and facts.heard_s >= limit:
        yield "", f"nothing was heard of any process for {facts.heard_s:.0f} s"


Condition = Callable[[Facts, float], Iterable[About]]

_CONDITIONS: dict[str, Condition] = {
    "GatewayDown": _gateway_down,
    "RestartNotBack": _restart_not_back,
    "UpstreamLost": _upstream_lost,
    "FarmBroken": _farm_broken,
    "OrderUnknown": _order_unknown,
    "Halted": _halted,
    "KillIncomplete": _kill_incomplete,
    "SilentFeed": _silent_feed,
    "LineLimit": _line_limit,
    "BudgetHigh": _budget_high,
    "MarginLow": _margin_low,
    "PositionsDiffer": _positions_differ,
    "ProcessFlapping": _process_flapping,
    "ProcessFailed": _process_failed,
    "ProcessSilent": _process_silent,
    "JournalSlow": _journal_slow,
    "DiskLow": _disk_low,
    "AuthRefused": _auth_refused,
    "AccountOld": _account_old,
    "NothingHeard": _nothing_heard,
}


class Watched(Struct, frozen=True):
    """An alert that this desk wants, and when it holds."""

    rule: Rule
    condition: Condition
    limit: float


def watched(settings: Mapping[str, AlertSetting]) -> tuple[Watched, ...]:
    """Every alert that is on, with what `[alerts.rules]` sets otherwise."""
    found: list[Watched] = []
    for name, row in ALERTS.items():
        setting = settings.get(name, AlertSetting())
        if setting.on:
            for_s = row.for_s if setting.for_s is None else setting.for_s
            limit = row.limit if setting.limit is None else setting.limit
            rule = Rule(name, setting.severity or row.severity, for_s, RUNBOOK.format(name))
            found.append(Watched(rule, _CONDITIONS[name], limit or 0.0))
    return tuple(found)


def holding(facts: Facts, alerts: Iterable[Watched]) -> list[Holding]:
    """Every condition that holds."""
    return [
        Holding(each.rule, said[0], said[1], said[2] if len(said) == 3 else 0.0)
        for each in alerts
        for said in each.condition(facts, each.limit)
    ]
