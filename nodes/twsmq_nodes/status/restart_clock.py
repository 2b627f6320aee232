"""The gateway's planned daily restart: when it is due, and whether an outage is part of it.

Pure. A restart takes a minute or two, and once a week, with the first one after IBKR's login of the week has
ended, a person has to approve the login, which cannot be automated. While the window lasts nobody is called;
when it is over and the gateway is not back, somebody is, even where an outage alone would have waited longer.
"""

from __future__ import annotations

from twsmq_protocol.envelope import NS
from twsmq_protocol.gateway_life import EARLY_NS, PlannedRestarts

from twsmq_nodes.runtime.life_clock import LifeClock


class RestartClock:
    """Times in ns since the epoch."""

    def __init__(self, planned: PlannedRestarts, week: LifeClock) -> None:
        self._planned = planned
        self._week = week
        self.next = planned.next
        self.in_window = planned.is_under_way

    def last(self, ns: int) -> int | None:
        """The latest restart that was due, also if only within the minute to come."""
        return self._planned.last(ns + EARLY_NS)

    def covers(self, ns: int, down_since: int) -> bool:
        """An outage that began so long ago is part of the restart. One that began before it is none."""
        last = self.last(ns)
        return last is not None and self.in_window(ns) and down_since >= last - EARLY_NS

    def overdue_s(self, ns: int, down_since: int) -> float | None:
        """How long the gateway should have been back, if it went down for a restart; None if it did not, or
        still has time."""
        last = self.last(ns)
        if last is None:
            return None
        end = self._planned.end(last)
        began_with_it = last - EARLY_NS <= down_since < end
        return (ns - end) / NS if began_with_it and ns >= end else None

    def weekly(self, ns: int) -> bool:
        """The latest restart was the first after the login of the week had ended: it needs a person."""
        last = self.last(ns)
        before = None if last is None else self._planned.last(last - 1)
        return last is not None and before is not None and self._week.token_ended(before, last)
