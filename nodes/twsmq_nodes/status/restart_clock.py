"""The gateway's planned daily restart: when it is due, and whether an outage is part of it.

Pure. A restart takes a minute or two, and once a week, with the first one after IBKR's login of the week has
ended, a person has to approve the login, which cannot be automated. While the window lasts nobody is called;
when it is over and the gateway is not back, somebody is, even where an outage alone would have waited longer.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from twsmq_nodes.runtime.life_clock import LifeClock

EARLY_S = 60.0
"""A gateway's clock is not ours."""
_NS = 1_000_000_000


class RestartClock:
    """`at` is HH:MM in `zone`, empty for none; `minutes`: how long it may take. Times in ns since the
    epoch."""

    def __init__(self, at: str, zone: str, minutes: float, week: LifeClock) -> None:
        self._week = week
        self._at = (int(at[:2]), int(at[3:])) if at else None
        self._minutes = minutes
        self._zone: tzinfo = ZoneInfo(zone) if at else UTC  # checked where the configuration is read

    def next(self, ns: int) -> int | None:
        """The next restart."""
        if self._at is None:
            return None
        moment = self._local(ns)
        today = self._on(moment)
        return _ns(today if today > moment else self._on(moment + timedelta(days=1)))

    def last(self, ns: int) -> int | None:
        """The latest restart that was due, also if only within the minute to come."""
        if self._at is None:
            return None
        moment = self._local(ns) + timedelta(seconds=EARLY_S)
        today = self._on(moment)
        return _ns(today if today <= moment else self._on(moment - timedelta(days=1)))

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
        last = self.last(ns)
        if last is None:
            return False
        return self._week.token_ended(_ns(self._on(self._local(last) - timedelta(days=1))), last)

    def _local(self, ns: int) -> datetime:
        return datetime.fromtimestamp(ns / _NS, self._zone)

    def _on(self, day: datetime) -> datetime:
        assert self._at is not None
        hour, minute = self._at
        return day.replace(hour=hour, minute=minute, second=0, microsecond=0)


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * _NS
