"""The week of a gateway: planned restarts, IBKR's resets, hours in which a person can log in. Pure.

All of it is of one time zone, the gateway's. `ns` is nanoseconds since the epoch.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct
from twsmq_protocol.envelope import NS
from twsmq_protocol.gateway_life import GatewayLife

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY_M, _WEEK_M = 24 * 60, 7 * 24 * 60


class Window(Struct, frozen=True):
    """From `begin` to `end`, minutes of the week or of the day; it may pass the end of it."""

    begin: float
    end: float
    weekly: bool

    def holds(self, minute: float) -> bool:
        """`minute` of the week."""
        period = _WEEK_M if self.weekly else _DAY_M
        at = minute % period
        if self.begin <= self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end


class LifeClock:
    def __init__(self, life: GatewayLife) -> None:
        self._zone = ZoneInfo(life.time_zone)  # checked where the configuration is read
        self._restarts = life.restarts
        self._resets = [_window(span) for span in life.reset]
        self._login = _window(life.login_hours)
        self._week_ends = _minute(life.week_ends)

    def is_planned(self, ns: int) -> bool:
        """A restart or a reset goes on: what is away comes back by itself."""
        minute = self._minute_of_week(ns)
        return self._restarts.is_under_way(ns) or any(window.holds(minute) for window in self._resets)

    def may_ask(self, ns: int) -> bool:
        """A person may be asked for a second factor."""
        return self._login.holds(self._minute_of_week(ns))

    def login_window(self, ns: int) -> str:
        """The name of the window in which `ns` lies, or of the last one before it: the day it began."""
        return self._last(self._login.begin, ns, weekly=self._login.weekly).date().isoformat()

    def token_ended(self, since_ns: int, ns: int) -> bool:
        """Whether the week's login ended between the two."""
        return since_ns < self._last(self._week_ends, ns, weekly=True).timestamp() * NS

    def _last(self, at: float, ns: int, *, weekly: bool) -> datetime:
        """When the clocks there last showed minute `at` of the week, or of the day, at `ns` or before. A day
        of 23 or 25 hours is one day; an hour that is skipped is the one after it, one that comes twice its
        first."""
        now = datetime.fromtimestamp(ns / NS, self._zone)
        back = (now.weekday() - int(at // _DAY_M)) % 7 if weekly else 0
        hour, minute = divmod(int(at % _DAY_M), 60)
        last = datetime(now.year, now.month, now.day, hour, minute, tzinfo=self._zone) - timedelta(days=back)
        # Not `last <= now`: within one zone that compares what the clocks show.
        return last if last.timestamp() <= ns / NS else last - timedelta(days=7 if weekly else 1)

    def _minute_of_week(self, ns: int) -> float:
        moment = datetime.fromtimestamp(ns / NS, self._zone)
        return moment.weekday() * _DAY_M + moment.hour * 60 + moment.minute + moment.second / 60


def _window(span: str) -> Window:
    begin, end = span.split("-")
    return Window(_minute(begin), _minute(end), weekly=" " in begin or " " in end)


def _minute(text: str) -> float:
    day, _, hours = text.rpartition(" ")
    hour, minute = hours.split(":")
    return (_DAYS.index(day) * _DAY_M if day else 0) + int(hour) * 60 + int(minute)
