"""Which pieces of history are still to be fetched, and how large a piece may be. Pure.

Theory: whoever walks back from the first bar that came loops at a holiday and takes a gap for the end. So the
plan is made of the exchange's own sessions. A span is a session, or as much of it as lies in what was asked
for. Spans that follow each other make a piece, up to a number of bars, never over the end of a year (UTC),
because a piece goes into one file. Where the gateway has no schedule (options, years back, weeks on end in
the middle or at the end), spans are the days of the calendar, of which nobody knows how many bars they have;
so they are for bars of weeks and months, which may be dated on a day without a session.

Invariants: pieces neither overlap nor leave out a part of a span; what is covered is not planned again; a
plan of the same spans, less what is covered, gives the same result wherever it was broken off.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct
from twsmq_protocol.envelope import NS
from twsmq_protocol.streams import seconds_of

DAY_NS = 86_400 * NS

MOST_PIECE_BARS = 19_900
"""Of a piece: with the bar before it, just below the limit of one answer. The history process cuts it into
what the gateway answers, so it is this large from the beginning."""
LEAST_BARS = 100
MOST_AT_ONCE = 6
SLOW_S, FAST_S = 45.0, 15.0
_KNOWN_GAP_NS = 10 * DAY_NS


class Session(NamedTuple):
    """`date`: the trading day, YYYYMMDD."""

    open: int
    close: int
    date: str


class Span(NamedTuple):
    """From `begin` to, not including, `end`, ns. `bars`: how many it has room for, None: nobody knows."""

    begin: int
    end: int
    bars: int | None


class Piece(NamedTuple):
    """`overlap`: where the last bar before it begins, to be fetched again and compared."""

    begin: int
    end: int
    overlap: int | None = None


Interval = tuple[int, int]


# --- spans -------------------------------------------------------------------------------------------------


def bar_times(session: Session, size: str, zone: str) -> Sequence[int]:
    """When the bars of a session begin. They are counted from midnight of the exchange, so the first hour bar
    of a session that opens at 09:30 is half an hour long (captured), and begins when the session does."""
    step = seconds_of(size) * NS
    if step >= DAY_NS:
        return (_midnight_utc(session.date),)
    local = datetime.fromtimestamp(session.open // NS, UTC).astimezone(_zone(zone))
    # By the exchange's clock: a day on which it is changed is no longer for it.
    since_midnight = ((local.hour * 60 + local.minute) * 60 + local.second) * NS
    second = session.open + step - since_midnight % step
    if second - step == session.open:
        return range(session.open, session.close, step)
    return (session.open, *range(second, session.close, step))


def spans_of(
    sessions: Iterable[Session], size: str, zone: str, begin: int, end: int, known_from: int
) -> list[Span]:
    """The spans of the bars that begin between `begin` and `end`, in their order. `known_from`: when the
    instrument's history begins; nothing is planned before.

    A span ends with the range or the session, not with a bar: when bars begin is only believed to be known,
    and one that begins where nobody expects it is a bar too (of coins, of a Sunday on which clocks were
    changed). Whichever begin in a piece come whole.
    """
    step = seconds_of(size) * NS
    if step > DAY_NS:  # the first week or month may be dated before its first session
        return [*_days(max(begin, known_from // DAY_NS * DAY_NS - step), end // DAY_NS * DAY_NS)]
    if step == DAY_NS:  # dated by its day, in which history may begin at any time
        begin, end = max(begin, known_from // DAY_NS * DAY_NS), end // DAY_NS * DAY_NS
    begin = max(begin, known_from - step + NS)  # the bar in which it begins is one
    found: list[Span] = []
    for session in sorted(set(sessions)):
        times = bar_times(session, size, zone)
        if not times:
            continue
        opens, close = (times[0], times[0] + DAY_NS) if step == DAY_NS else (session.open, session.close)
        after = found[-1].end if found else times[0]
        for first, last in _years(max(begin, after), end):
            lower, upper = bisect_left(times, first), bisect_left(times, last)
            part = max(opens, first), min(close, last)
            goes_on = opens < first < close and first == year_begin(year_of(first))
            if lower < upper or goes_on:
                found.append(Span(*part, upper - lower))
    return [*_with_days(found, begin, end)] if found else [*_days(begin, end)]


def _with_days(spans: Iterable[Span], begin: int, end: int) -> Iterator[Span]:
    """With the days between spans where there is no session for longer than a market is ever closed."""
    for span in spans:
        if span.begin - begin > _KNOWN_GAP_NS:
            yield from _days(begin, span.begin)
        yield span
        begin = span.end
    if end - begin > _KNOWN_GAP_NS:
        yield from _days(begin, end)


def _days(begin: int, end: int) -> Iterator[Span]:
    """Days of the calendar, where no schedule lists the sessions."""
    while begin < end:
        stop = min(end, (begin // DAY_NS + 1) * DAY_NS)
        yield Span(begin, stop, None)
        begin = stop


def _years(begin: int, end: int) -> Iterator[Interval]:
    while begin < end:
        stop = min(end, year_begin(year_of(begin) + 1))
        yield begin, stop
        begin = stop


def year_of(ns: int) -> int:
    return datetime.fromtimestamp(ns // NS, UTC).year


def year_begin(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * NS


def _midnight_utc(date: str) -> int:
    return int(datetime.strptime(date, "%Y%m%d").replace(tzinfo=UTC).timestamp()) * NS


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return ZoneInfo("UTC")


def room(begin: int, end: int, size: str) -> int:
    """Bars that have room."""
    return -(-(end - begin) // (seconds_of(size) * NS))


def fits_a_piece(sessions: Iterable[Session], size: str, zone: str, begin: int, end: int) -> bool:
    spans = spans_of(sessions, size, zone, begin, end, 0)
    return sum(room(span.begin, span.end, size) for span in spans) <= MOST_PIECE_BARS


def touching(spans: Sequence[Span], begin: int, end: int) -> Sequence[Span]:
    """Those, in their order, of which a part lies between `begin` and `end`."""
    first = bisect_right(spans, begin, key=lambda span: span.end)
    return spans[first : bisect_left(spans, end, first, key=lambda span: span.begin)]


# --- pieces ------------------------------------------------------------------------------------------------


class Covered:
    """Intervals that need no more fetching. They never overlap."""

    def __init__(self, intervals: Iterable[Interval]) -> None:
        self._intervals = sorted(intervals)

    def missing(self, begin: int, end: int) -> Iterator[Interval]:
        """What of a stretch is not covered."""
        nth = max(0, bisect_right(self._intervals, (begin, begin)) - 1)
        for first, last in self._intervals[nth:]:
            if first >= end:
                break
            if last <= begin:
                continue
            if first > begin:
                yield begin, first
            begin = last
        if begin < end:
            yield begin, end


def uncovered(spans: Sequence[Span], covered: Covered) -> list[Interval]:
    return [part for span in spans for part in covered.missing(span.begin, span.end)]


class Plan:
    """What is left to fetch of one instrument: `take` gives the next piece, `give_back` takes one again."""

    def __init__(self, spans: Sequence[Span], covered: Covered, size: str) -> None:
        self._spans = spans
        self._size, self._step = size, seconds_of(size) * NS
        self._left = uncovered(spans, covered)
        self._ends = [span.end for span in spans]
        self._covered = covered

    @property
    def empty(self) -> bool:
        return not self._left

    def bars_left(self) -> int:
        return sum(room(begin, end, self._size) for begin, end in self._left)

    def years_left(self) -> set[int]:
        return {year_of(begin) for begin, _ in self._left}

    def take(self, most_bars: int) -> Piece | None:
        """The next piece of at most so many bars (and at least one)."""
        if not self._left:
            return None
        begin, end = self._left.pop(0)
        longest = max(most_bars, 1) * self._step
        if end - begin > longest:
            self._left.insert(0, (begin + longest, end))
            return self._piece(begin, begin + longest)
        bars = room(begin, end, self._size)
        while self._left and year_of(self._left[0][0]) == year_of(begin):
            first, last = self._left[0]
            bars += room(first, last, self._size)
            if bars > most_bars or self._covered_between(end, first):
                break
            end = last
            self._left.pop(0)
        return self._piece(begin, end)

    def give_back(self, piece: Piece) -> None:
        parts = [
            (max(span.begin, piece.begin), min(span.end, piece.end))
            for span in touching(self._spans, piece.begin, piece.end)
        ]
        self._left = sorted([*self._left, *parts])

    def _covered_between(self, end: int, begin: int) -> bool:
        """What is covered must not be fetched twice."""
        return begin > end and [*self._covered.missing(end, begin)] != [(end, begin)]

    def _piece(self, begin: int, end: int) -> Piece:
        nth = bisect_right(self._ends, begin) - 1
        inside = nth + 1 < len(self._spans) and self._spans[nth + 1].begin < begin
        if inside:
            return Piece(begin, end, max(self._spans[nth + 1].begin, begin - self._step))
        if nth < 0:
            return Piece(begin, end)
        before = self._spans[nth]
        return Piece(begin, end, max(before.begin, before.end - self._step))


# --- pace --------------------------------------------------------------------------------------------------


class Pace(Struct):
    """How large pieces are and how many are asked for at once. Both grow while answers come quickly and are
    halved when one does not come, or the other side reports that it is too much. `paced`: answers wait for
    IBKR's rules, and no longer because pieces are large; smaller ones would need more requests."""

    paced: bool = False
    bars: int = MOST_PIECE_BARS
    at_once: int = 4
    _good: int = 0

    def answered(self, seconds: float) -> None:
        if self.paced:
            return
        if seconds > SLOW_S:
            self.bars = max(LEAST_BARS, self.bars // 2)
            self._good = 0
            return
        self._good += 1
        if self._good >= 2 * self.at_once:
            self._good = 0
            self.at_once = min(MOST_AT_ONCE, self.at_once + 1)
            if seconds < FAST_S:
                self.bars = min(MOST_PIECE_BARS, self.bars * 2)

    def timed_out(self) -> None:
        if not self.paced:
            self.bars = max(LEAST_BARS, self.bars // 2)
        self.throttled()

    def throttled(self) -> None:
        self.at_once = max(1, self.at_once // 2)
        self._good = 0


def utc_date(text: str) -> int:
    """Midnight UTC of YYYY-MM-DD, ns. Raises ValueError."""
    moment = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    if moment < datetime(1970, 1, 1, tzinfo=UTC) or moment > datetime(2200, 1, 1, tzinfo=UTC):
        raise ValueError(text)
    return int(moment.timestamp()) * NS


def shown(ns: int) -> str:
    """For a person: `2026-01-05 14:30Z`."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(seconds=ns // NS)
    return f"{moment:%Y-%m-%d %H:%M}Z" if moment.second == 0 else f"{moment:%Y-%m-%d %H:%M:%S}Z"
