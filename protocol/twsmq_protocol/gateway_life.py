"""`[gateway.life]` of `twsmq.toml`: what is done for a gateway that does not come back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from .envelope import NS
from .errors import FieldError
from .hosts import check_host
from .time_zones import check_time_zone

EARLY_NS = 60 * NS
"""A gateway's clock is not ours."""
Command = list[Annotated[str, Meta(min_length=1)]]
"""A program and its arguments."""
_HOURS = r"^(([01][0-9]|2[0-3]):[0-5][0-9])\Z"
_SPAN = (
    r"^((Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?([01][0-9]|2[0-3]):[0-5][0-9]-"
    r"((Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?([01][0-9]|2[0-3]):[0-5][0-9]\Z"
)
WeeklyMoment = Annotated[
    str,
    Meta(pattern=r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([01][0-9]|2[0-3]):[0-5][0-9]\Z", examples=["Sun 01:00"]),
]
Hours = Annotated[str, Meta(pattern=_HOURS, examples=["23:45"])]
Span = Annotated[str, Meta(pattern=_SPAN, examples=["07:00-22:00", "Fri 23:00-Sat 03:00"])]
"""`23:45-00:20` of every day, or `Fri 23:00-Sat 03:00` of every week."""


class PlannedRestarts(Struct, frozen=True):
    """`at`: HH:MM of every day in `zone`, at which the gateway restarts by itself; empty: not that anybody
    knows. Moments are ns since the epoch."""

    at: tuple[str, ...]
    zone: str
    minutes: float
    """How long one may take."""

    def next(self, ns: int) -> int | None:
        """When the next one is due, after `ns`."""
        return min((due for due in self._around(ns, 0, 1) if due > ns), default=None)

    def last(self, ns: int) -> int | None:
        """When the latest one was due, at `ns` or before."""
        return max((due for due in self._around(ns, -1, 0) if due <= ns), default=None)

    def end(self, due: int) -> int:
        """When the one that was due then should be over."""
        return due + int(self.minutes * 60 * NS)

    def is_under_way(self, ns: int) -> bool:
        """One may have begun, and still has time."""
        last = self.last(ns + EARLY_NS)
        return last is not None and ns < self.end(last)

    def _around(self, ns: int, *days: int) -> Iterator[int]:
        """Of so many days later. A time that the clocks skip is the one after it, one that comes twice its
        first."""
        if not self.at:
            return
        zone = ZoneInfo(self.zone)  # checked where the configuration is read
        today = datetime.fromtimestamp(ns // NS, zone).date()
        for day in days:
            for at in self.at:
                yield _moment(today + timedelta(days=day), at, zone)


class GatewayLife(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What twsmq does for a gateway that does not come back by itself, over IBC's command server or `start`.

    Neither given: nothing but saying what is wrong. Times are of `time_zone`, the gateway's own. Durations in
    seconds are how long a trouble may last before anything is done about it.
    """

    ibc_host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    """Where IBC's command server is."""
    ibc_port: Annotated[int, Meta(ge=0, le=65535)] = 0
    """IBC's `CommandServerPort` (usually 7462). 0: none."""
    start: Command = []
    """A program and its arguments that kill and start the gateway, for when IBC does not answer. A full login
    follows. Empty: none."""
    time_zone: str = "America/New_York"
    """Of all times here."""
    restart_at: tuple[Hours, ...] = ()
    """When the gateway restarts by itself every day (its auto restart, IBC's `AutoRestartTime`). It calls
    nobody then, and no order is sent shortly before (`[orders.risk] restart_lock_s`)."""
    restart_minutes: Annotated[float, Meta(gt=0, le=120)] = 5.0
    """How long that may take before it counts as a trouble."""
    reset: tuple[Span, ...] = ("00:15-01:45", "Fri 23:00-Sat 03:00")
    """When IBKR resets its servers (America's as of 2026; other regions and years differ): what is lost then
    comes back by itself."""
    login_hours: Span = "07:00-22:00"
    """When a person answers a second factor. A login that needs one is begun once in such a window."""
    week_ends: WeeklyMoment = "Sun 01:00"
    """When IBKR's login of the week ends: from then on a restart is a full login."""
    most_per_hour: Annotated[int, Meta(ge=1, le=20)] = 3
    """Restarts in any hour."""
    drain_s: Annotated[float, Meta(ge=0, le=60)] = 3.0
    """Before a session that is up is ended, new orders are refused for so long, which is announced."""
    stalled_s: Annotated[float, Meta(gt=0, le=86400)] = 30.0
    """The port is open and nobody answers. 30: two attempts of each session."""
    absent_s: Annotated[float, Meta(gt=0, le=86400)] = 120.0
    """Nothing listens. 120: a restart takes 35 to 90."""
    upstream_s: Annotated[float, Meta(gt=0, le=86400)] = 120.0
    """The gateway has lost IBKR (1100)."""
    farm_s: Annotated[float, Meta(gt=0, le=86400)] = 300.0
    """A data farm is broken (2103, 2105)."""

    @property
    def restarts(self) -> PlannedRestarts:
        return PlannedRestarts(self.restart_at, self.time_zone, self.restart_minutes)

    def __post_init__(self) -> None:
        check_host(self.ibc_host, field="ibc_host")
        check_time_zone(self.time_zone, "time_zone")
        _check_span(self.login_hours, "login_hours")
        for span in self.reset:
            _check_span(span, "reset")


def _moment(day: date, at: str, zone: ZoneInfo) -> int:
    hour, minute = at.split(":")
    return int(datetime(day.year, day.month, day.day, int(hour), int(minute), tzinfo=zone).timestamp()) * NS


def _check_span(span: str, field: str) -> None:
    """Raises FieldError for one that could only be misread."""
    begin, end = span.split("-")
    if (" " in begin) != (" " in end):
        raise FieldError(field, f"{field} {span!r} names one day: name both, as in 'Fri 23:00-Sat 03:00'")
    if begin == end:
        raise FieldError(field, f"{field} {span!r} begins when it ends; the whole day is '00:00-23:59'")
