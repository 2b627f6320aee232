"""What the alerts are decided by, gathered from what is known."""

from __future__ import annotations

from collections.abc import Iterator

from twsmq_protocol.envelope import NS

from .alert_rules import Facts
from .figures import cushions
from .knowledge import Knowledge
from .processes import FLAPPING_S

COUNTED_S = 10.0
"""When every process that answers has been asked twice what it counts."""


def facts(known: Knowledge, now: float, ns: int, disk_free: int | None) -> Facts:
    """`now` in seconds, monotonic; `ns` since the epoch; `disk_free` in bytes, None if not known."""
    link, clock, monitor = known.link, known.clock, known.monitor
    oldest, down, newest = monitor.oldest_unknown(), link.down_since, known.processes.newest
    return Facts(
        gateway_state=link.state,
        gateway_down_s=None if down is None else (ns - down) / NS,
        gateway_reason=link.reason,
        in_restart_window=clock.in_window(ns) if down is None else clock.covers(ns, down),
        restart_overdue_s=None if down is None else clock.overdue_s(ns, down),
        weekly_login=clock.weekly(ns),
        upstream_lost=link.upstream_lost,
        farms_broken=link.farms("broken"),
        unknown_oldest_s=None if oldest is None else max(0.0, (ns - oldest) / NS),
        unknown=monitor.unknown(),
        halts=monitor.halts,
        kill_remaining={scope: monitor.remaining(scope) for scope in known.killed},
        silent_lines=known.silent_lines,
        lines=known.market.line_use(),
        budget_wait_s=known.processes.budget_waits(now),
        cushions=cushions(known.core.accounts.published),
        differing=[f"{account} conId {con_id}" for account, con_id in known.count.differing_since(now)],
        restarts=known.processes.restarts(now),
        failed=known.processes.failed(),
        journal_commit_s=known.processes.commit_s(now),
        disk_free=disk_free,
        auth_refused_per_minute=known.processes.refused_per_minute(now),
        silent_processes=known.processes.silent(now, known.began),
        heard_s=now - (known.began if newest is None else newest),
        account_ages_s=known.account_ages_s(now),
        undecided=frozenset(_undecided(known, now, disk_free)),
    )


def _undecided(known: Knowledge, now: float, disk_free: int | None) -> Iterator[str]:
    """Alerts of which nobody can say at present that their condition is over: above all after this process
    was started, before those who know have answered."""
    age = now - known.began
    if known.link.down_since is not None:
        yield from ("GatewayDown", "RestartNotBack")
    if known.link.as_of is None:
        yield from ("UpstreamLost", "FarmBroken")
    if known.orders_as_of is None:
        yield from ("OrderUnknown", "KillIncomplete")
    if known.halts_as_of is None:
        yield from ("Halted", "KillIncomplete")
    if not known.core.accounts.published:
        yield from ("MarginLow", "AccountOld")
    if not known.count.compared:
        yield "PositionsDiffer"
    if not known.silent_lines:
        yield "SilentFeed"
    if known.market.as_of is None:
        yield "LineLimit"
    if not known.processes.supervised:
        yield "ProcessFailed"
    if age < FLAPPING_S:
        yield "ProcessFlapping"
    if known.processes.missing():
        yield "ProcessSilent"
    if age < COUNTED_S:
        yield from ("BudgetHigh", "JournalSlow", "AuthRefused")
    if disk_free is None:
        yield "DiskLow"
    if known.processes.newest is None:
        yield "NothingHeard"
