"""The gateway's planned daily restart: when it is due, and whether an outage is part of it.

Pure. A restart takes a minute or two, and once a week, with the first one after IBKR's login of the week has
ended, a person has to approve the login, which cannot be automated. While the window lasts nobody is called;
when it is over and the gateway is not back, somebody is, even where an outage alone would have waited longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from twsmq_protocol.gateway_life import PlannedRestarts

from twsmq_nodes.runtime.life_clock import LifeClock

EARLY_S = 60.0
"""A gateway's clock is not ours."""
_NS = 1_000_000_000


class RestartClock:
    """Times in ns since the epoch."""

    def __init__(self, planned: PlannedRestarts, week: LifeClock) -> None:
        self._week = week
        self._at = [(int(at[:2]), int(at[3:])) for at in planned.at]
        self._minutes = planned.minutes
        self._zone = ZoneInfo(planned.zone)  # checked where the configuration is read

    def next(self, ns: int) -> int | None:
        """The next restart."""
        moment = self._local(ns)
        coming = [one for day in (0, 1) for one in self._on(moment, day) if one > moment]
        return _ns(min(coming)) if coming else None

    def last(self, ns: int) -> int | None:
        """The latest restart that was due, also if only within the minute to come."""
        due = self._due(self._local(ns) + timedelta(seconds=EARLY_S))
        return None if due is None else _ns(due)

    def in_window(self, ns: int) -> bool:
        last = self.last(ns)
        return last is not None and ns < last + int(self._minutes * 60 * _NS)

    def covers(self, ns: int, down_since: int) -> bool:
        """An outage that began so long ago is part of the restart. One that began before it is none."""
        last = self.last(ns)
        return last is not None and self.in_window(ns) and down_since >= last - int(EARLY_S * _NS)

    def overdue_s(self, ns: int, down_since: int) -> float | None:
        """How long the gateway should have been back, if it went down for a restart; None if it did not, or
        still has time."""
        last = self.last(ns)
        if last is None:
            return None
        end = last + int(self._minutes * 60 * _NS)
        began_with_it = last - int(EARLY_S * _NS) <= down_since < end
        return (ns - end) / _NS if began_with_it and ns >= end else None

    def weekly(self, ns: int) -> bool:
        """The latest restart was the first after the login of the week had ended: it needs a person."""
        last = self._due(self._local(ns) + timedelta(seconds=EARLY_S))
        before = None if last is None else self._due(last - timedelta(seconds=1))
        return last is not None and before is not None and self._week.token_ended(_ns(before), _ns(last))

    def _local(self, ns: int) -> datetime:
        return datetime.fromtimestamp(ns / _NS, self._zone)

    def _due(self, moment: datetime) -> datetime | None:
        """The latest that was due then."""
        due = [one for day in (-1, 0) for one in self._on(moment, day) if one <= moment]
        return max(due) if due else None

    def _on(self, moment: datetime, day: int) -> Iterator[datetime]:
        """Those of so many days later."""
        date = moment + timedelta(days=day)
        for hour, minute in self._at:
            yield date.replace(hour=hour, minute=minute, second=0, microsecond=0)


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * _NS
