"""Ranges of time, cut into pieces that a gateway answers, and times as it writes them. Pure.

Theory: a request names an end and a duration. A duration in days counts trading days, the one in which it
ends among them: one more than the calendar has reaches back at least as far. Weeks do too, whether a gateway
counts them by the calendar or as five trading days, if there is a day to spare; and where days would bring
half as much again (the days of weekends), weeks bring little more than was wanted. What lies outside of the
piece is thrown away, and nothing inside of it is missing. Units and their bounds: IBKR's documentation
21.03.04 and 21.03.05 (S up to 86400, D 365, W 52, M 12, Y 68; 1-second bars S up to 2000 only).

A request cuts bars: the last goes no further than its end, the first may begin with it. Where bars begin
nobody can compute for sure (half-hour zones, sessions that open at 09:30, weeks), so a request reaches a bar
further at both ends (`reach`), unless bars of that size begin with full quarters of an hour in every zone.
"""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from functools import cache

from twsmq_protocol.envelope import NS
from twsmq_protocol.history_requests import HISTORY_SIZES
from twsmq_protocol.streams import seconds_of

from twsmq_nodes.tws.gateway_times import ns_of

DAY_S = 86_400

SPANS_S: dict[str, int] = {
    "1s": 1_992, "5s": 7_200, "10s": 14_400, "15s": 21_600, "30s": 43_200,
    "1m": 2 * DAY_S, "2m": 4 * DAY_S, "3m": 7 * DAY_S, "5m": 7 * DAY_S, "10m": 14 * DAY_S, "15m": 21 * DAY_S,
    "20m": 30 * DAY_S, "30m": 30 * DAY_S, "1h": 60 * DAY_S, "2h": 120 * DAY_S, "3h": 180 * DAY_S,
    "4h": 240 * DAY_S, "8h": 360 * DAY_S, "1d": 360 * DAY_S, "1w": 5 * 365 * DAY_S, "1mo": 20 * 365 * DAY_S,
}  # fmt: skip
"""Seconds of the calendar in one piece to begin with: some thousand bars, which a gateway answers in
seconds, were there bars all round the clock (`Spans` learns what it really takes). Of one second: as long as
is allowed, with the bar on either side; ten of them are a page of a download."""

SIZES_S: dict[str, int] = {size: seconds_of(size) for size in HISTORY_SIZES}

DAY_LATE_S = 6 * 3_600
"""By which the session of a day may end after the midnight (UTC) that ends its date: New York's evening."""

LONG = ("1w", "1mo")
_QUARTER_S = 900
_LEAST_BY_WEEKS_S = 10


def utc(ns: int) -> str:
    """As requests take it: `20261128-14:30:00`, the dash meaning UTC."""
    return f"{datetime.fromtimestamp(ns // NS, UTC):%Y%m%d-%H:%M:%S}"


def duration(size: str, begin: int, end: int) -> str:
    """What reaches back from `end` at least to `begin`, in a unit that this size allows."""
    seconds, bar = -(-(end - begin) // NS), SIZES_S[size]
    if size in LONG or seconds > 365 * DAY_S:
        return f"{-(-(seconds + bar) // (365 * DAY_S))} Y"
    spare = bar if _QUARTER_S % bar == 0 else 2 * bar  # the first may be cut, the next is whole
    if seconds + spare <= DAY_S and bar < DAY_S:
        return f"{max(seconds + spare, 30)} S"
    days = -(-seconds // DAY_S) + 1
    if days <= 7 or days > 364 or bar >= DAY_S or bar < _LEAST_BY_WEEKS_S:
        return f"{min(days, 365)} D"
    return f"{-(-days // 7)} W"


def never_cut(size: str, at: int) -> bool:
    """Whether no bar of that size lies on both sides of a moment."""
    return _QUARTER_S % SIZES_S[size] == 0 and at % (SIZES_S[size] * NS) == 0


def reach(size: str, stop: int) -> int:
    """Up to where a request goes, so that every bar that begins before `stop` comes whole."""
    step = SIZES_S[size]
    if never_cut(size, stop):
        return stop
    late = DAY_LATE_S if step >= DAY_S else 0
    return (-(-stop // NS) + step + late) * NS


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


def head_time(text: str) -> int | None:
    """A head timestamp: seconds since the epoch, or `19801212-14:30:00` in UTC (captured). Ns."""
    try:
        if text.isdigit() and len(text) != 8:
            return ns_of(int(text))
        form = "%Y%m%d" if len(text) == 8 else "%Y%m%d-%H:%M:%S"
        return ns_of(calendar.timegm(datetime.strptime(text.strip(), form).timetuple()))
    except ValueError:
        return None


def next_day(ns: int) -> int:
    """The midnight after, in UTC."""
    moment = datetime.fromtimestamp(ns // NS, UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return int(midnight.timestamp()) * NS


MOST_SLOTS = 110_000
"""Bars that could lie in one piece, were they all there."""
MOST_ANSWERED = 121_500
"""Bars of one answer, with all that a duration brings beyond the piece: what a message may hold
(`tws.bounds`)."""
_DAYS_OF = {"S": 1 / DAY_S, "D": 1, "W": 7, "M": 31, "Y": 366}
_MARKET_DAY, _STOCKS_RTH_S = 5 / 7, 8.5 * 3_600
"""Of the calendar, days on which stocks trade; the longest regular hours of a day."""


def most_bars(size: str, text: str) -> float:
    """That a duration may bring, round the clock."""
    return int(text[:-2]) * _DAYS_OF[text[-1]] * DAY_S / SIZES_S[size]


def most_up_to_now_s(size: str, *, of_futures: bool, rth: bool) -> int:
    """How far back one answer can reach, for what the gateway gives up to now only."""
    share = 1.0
    if not of_futures:
        share = _MARKET_DAY * (_STOCKS_RTH_S / DAY_S if rth else 1)
    days = 68 * 365 - 31
    while days > 1 and most_bars(size, duration(size, 0, days * DAY_S * NS)) * share > MOST_ANSWERED:
        days = days - 1 if days <= 366 else days - 365
    return days * DAY_S


QUICK_S = 10.0
MOST_LONGER = 8
TRUSTED = 64
"""So many quick answers after a silence, and a longer piece is tried again."""


class Spans:
    """How long a piece may be, of each size of bar: learned from how the gateway answers.

    A quick answer to a piece as long as may be makes the next as long as would still be quick, at least
    twice and at most eight times. Silence halves it, and it grows no more before many have been answered:
    what took too long once would again, and costs a minute each time.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, int] = {}
        self._most: dict[str, int] = {}
        self._good: dict[str, int] = {}
        self._slow: set[str] = set()

    def seconds(self, size: str) -> int:
        """Of the calendar."""
        return self._seconds.get(size, SPANS_S[size])

    def grows(self, size: str) -> bool:
        """Whether the next answer is likely to make it longer."""
        return size not in self._slow and self.seconds(size) < self._longest(size)

    def answered(self, size: str, seconds: int, within_s: float) -> None:
        """A piece of `seconds` of the calendar was answered so long after it was asked for."""
        if seconds < self.seconds(size):
            return
        if within_s > QUICK_S:
            self._slow.add(size)
            return
        self._slow.discard(size)
        if self.seconds(size) < self._longest(size):
            times = min(MOST_LONGER, max(2, int(QUICK_S / max(within_s, 0.001))))
            self._seconds[size] = min(self._longest(size), self.seconds(size) * times)
            return
        self._good[size] = self._good.get(size, 0) + 1
        if self._good[size] >= TRUSTED:
            self._most.pop(size, None)

    def silent(self, size: str, seconds: int) -> bool:
        """Nothing has come for a piece of so many seconds. Of several that were asked for side by side each
        says no more than the first. False: it cannot ask for less."""
        half = max(SIZES_S[size], SMALLEST_S, seconds // 2)
        self._seconds[size] = self._most[size] = min(self.seconds(size), half)
        self._good[size] = 0
        return half < seconds

    def _longest(self, size: str) -> int:
        return self._most.get(size, _longest_s(size))


SMALLEST_S = 60
_MOST_BY_DAYS_S = 363 * DAY_S
"""365 D count the day in which they end; one more is a bar's."""


@cache
def _longest_s(size: str) -> int:
    bar = SIZES_S[size]
    if size == "1s":
        return SPANS_S[size]  # 2000 seconds are the most that is allowed
    if bar >= DAY_S:
        return (10 if size == "1d" else 40) * 365 * DAY_S
    longest = min(_MOST_BY_DAYS_S, MOST_SLOTS * bar)
    while most_bars(size, duration(size, 0, (longest + bar) * NS)) > MOST_ANSWERED:
        longest -= DAY_S
    return longest
