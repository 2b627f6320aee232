"""Ranges of time, cut into pieces that a gateway answers, and times as it writes them. Pure.

Theory: a request names an end and a duration. A duration in days counts trading days, the one in which it
ends among them: one more than the calendar has reaches back at least as far. Weeks do too, whether a gateway
counts them by the calendar or as five trading days, if there is a day to spare; and where days would bring
half as much again (the days of weekends), weeks bring little more than was wanted. What lies outside of the
piece is thrown away, and nothing inside of it is missing. Units and their bounds: IBKR's documentation
21.03.04 and 21.03.05 (S up to 86400, D 365, W 52, M 12, Y 68; 1-second bars S up to 2000 only).
"""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

NS = 1_000_000_000
DAY_S = 86_400

SPANS_S: dict[str, int] = {
    "1s": 1_800, "5s": 7_200, "10s": 14_400, "15s": 21_600, "30s": 43_200,
    "1m": 2 * DAY_S, "2m": 4 * DAY_S, "3m": 7 * DAY_S, "5m": 7 * DAY_S, "10m": 14 * DAY_S, "15m": 21 * DAY_S,
    "20m": 30 * DAY_S, "30m": 30 * DAY_S, "1h": 60 * DAY_S, "2h": 120 * DAY_S, "3h": 180 * DAY_S,
    "4h": 240 * DAY_S, "8h": 365 * DAY_S, "1d": 365 * DAY_S, "1w": 5 * 365 * DAY_S, "1mo": 20 * 365 * DAY_S,
}  # fmt: skip
"""Seconds of the calendar in one piece to begin with: some thousand bars, which a gateway answers in
seconds, were there bars all round the clock (`Spans` learns what it really takes)."""

SIZES_S: dict[str, int] = {
    "1s": 1, "5s": 5, "10s": 10, "15s": 15, "30s": 30, "1m": 60, "2m": 120, "3m": 180, "5m": 300, "10m": 600,
    "15m": 900, "20m": 1_200, "30m": 1_800, "1h": 3_600, "2h": 7_200, "3h": 10_800, "4h": 14_400,
    "8h": 28_800, "1d": DAY_S, "1w": 7 * DAY_S, "1mo": 31 * DAY_S,
}  # fmt: skip

_LONG = ("1w", "1mo")
_LEAST_BY_WEEKS_S = 10


def utc(ns: int) -> str:
    """As requests take it: `20261128-14:30:00`, the dash meaning UTC."""
    return f"{datetime.fromtimestamp(ns // NS, UTC):%Y%m%d-%H:%M:%S}"


def duration(size: str, begin: int, end: int) -> str:
    """What reaches back from `end` at least to `begin`, in a unit that this size allows."""
    seconds = -(-(end - begin) // NS)
    if size in _LONG or seconds > 365 * DAY_S:
        return f"{-(-seconds // (365 * DAY_S))} Y"
    bar = SIZES_S[size]
    if seconds + bar <= DAY_S and bar < DAY_S:
        return f"{max(seconds + bar, 30)} S"  # one more: of the first bar nothing is cut off
    days = -(-seconds // DAY_S) + 1
    if days <= 7 or days > 364 or bar >= DAY_S or bar < _LEAST_BY_WEEKS_S:
        return f"{min(days, 365)} D"
    return f"{-(-days // 7)} W"


def before(end: int, text: str) -> int:
    """`2D`, `3M` … before `end`, by the calendar in UTC. Never before 1970."""
    count, unit = int(text[:-1]), text[-1]
    if unit in "SDW":
        seconds = count * {"S": 1, "D": DAY_S, "W": 7 * DAY_S}[unit]
        return max(0, end - seconds * NS)
    moment = datetime.fromtimestamp(end // NS, UTC)
    months = moment.year * 12 + moment.month - 1 - count * (12 if unit == "Y" else 1)
    if months < 1970 * 12:
        return 0
    year, month = divmod(months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    there = moment.replace(year=year, month=month + 1, day=day)
    return int(there.timestamp()) * NS + end % NS


def bar_time(text: str) -> int | None:
    """Ns, from seconds as asked for (formatDate 2); a day or longer comes as its date (captured)."""
    try:
        if len(text) == 8:
            return calendar.timegm(datetime.strptime(text, "%Y%m%d").timetuple()) * NS
        return int(text) * NS
    except ValueError:
        return None


def head_time(text: str) -> int | None:
    """A head timestamp: seconds since the epoch, or `19801212-14:30:00` in UTC (captured). Ns."""
    try:
        if text.isdigit() and len(text) != 8:
            return int(text) * NS
        form = "%Y%m%d" if len(text) == 8 else "%Y%m%d-%H:%M:%S"
        return calendar.timegm(datetime.strptime(text.strip(), form).timetuple()) * NS
    except ValueError:
        return None


def next_day(ns: int) -> int:
    """The midnight after, in UTC."""
    moment = datetime.fromtimestamp(ns // NS, UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return int(midnight.timestamp()) * NS


MOST_SLOTS = 110_000
"""Bars that could lie in one piece, were they all there: what an answer may hold (`tws.bounds`)."""
QUICK_S = 10.0
TRUSTED = 64
"""So many quick answers after a silence, and a longer piece is tried again."""


class Spans:
    """How long a piece may be, of each size of bar: learned from how the gateway answers.

    A quick answer to a piece as long as may be doubles it. Silence halves it, and it grows no more before
    many have been answered: what took too long once would again, and costs a minute each time.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, int] = {}
        self._most: dict[str, int] = {}
        self._good: dict[str, int] = {}

    def seconds(self, size: str) -> int:
        """Of the calendar."""
        return self._seconds.get(size, SPANS_S[size])

    def answered(self, size: str, seconds: int, within_s: float) -> None:
        """A piece of `seconds` of the calendar was answered so long after it was asked for."""
        longest = self._most.get(size, _longest_s(size))
        if seconds < self.seconds(size) or within_s > QUICK_S:
            return
        if self.seconds(size) < longest:
            self._seconds[size] = min(longest, self.seconds(size) * 2)
            return
        self._good[size] = self._good.get(size, 0) + 1
        if self._good[size] >= TRUSTED:
            self._most.pop(size, None)

    def silent(self, size: str) -> bool:
        """False: it cannot ask for less."""
        before = self.seconds(size)
        self._seconds[size] = self._most[size] = max(SIZES_S[size], SMALLEST_S, before // 2)
        self._good[size] = 0
        return self._seconds[size] < before


SMALLEST_S = 60


def _longest_s(size: str) -> int:
    if size == "1s":
        return SPANS_S[size]  # 2000 seconds are the most that is allowed
    most = (10 if size == "1d" else 40) * 365 * DAY_S if SIZES_S[size] >= DAY_S else 365 * DAY_S
    return min(most, MOST_SLOTS * SIZES_S[size])
