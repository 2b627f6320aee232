"""What the alerts are decided by, gathered from what is known."""

from __future__ import annotations

from .alert_rules import Facts
from .figures import cushions
from .knowledge import Knowledge

NS = 1_000_000_000


def facts(known: Knowledge, now: float, ns: int, disk_free: int | None) -> Facts:
    """`now` in seconds, monotonic; `ns` since the epoch; `disk_free` in bytes, None if not known."""
    link, clock, monitor = known.link, known.clock, known.monitor
    oldest, down, newest = monitor.oldest_unknown(), link.down_since, known.processes.newest
    return Facts(
        gateway_state=link.state,
        gateway_down_s=None if down is None else (ns - down) / NS,
        gateway_reason=link.reason,
        in_restart_window=clock.in_window(ns),
        restart_overdue_s=None if down is None else clock.overdue_s(ns, down),
        weekly_login=clock.weekly(ns),
        upstream_lost=link.upstream_lost,
        farms_broken=link.farms("broken"),
        unknown_oldest_s=None if oldest is None else (ns - oldest) / NS,
        unknown=monitor.unknown(),
        halts=monitor.halts,
        kill_remaining={scope: monitor.remaining(scope) for scope in known.killed},
        silent_lines=known.silent_lines,
        lines=known.market.line_use(),
        budget_wait_s=known.processes.budget_waits(),
        cushions=cushions(known.core.accounts.published),
        differing=[f"{account} conId {con_id}" for account, con_id in known.count.differing_since(now)],
        restarts=known.processes.restarts(now),
        failed=known.processes.failed(),
        journal_commit_s=known.processes.commit_s(),
        disk_free=disk_free,
        auth_refused_per_minute=known.processes.refused_per_minute(now),
        silent_processes=known.processes.silent(now),
        heard_s=now - (known.began if newest is None else newest),
        account_age_s=None if known.account_as_of is None else (ns - known.account_as_of) / NS,
    )
