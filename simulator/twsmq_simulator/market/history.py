"""Bars of the past, of any size and kind: what the minutes of `Past` come to.

Bars lie in the market's regular or extended hours; where it is `always` open they lie round the clock instead
of in the extended hours. They are counted from the market's midnight, so the first hour bar of a session that
opens at 09:30 is half an hour long (captured); bars of a day and longer are whole sessions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.market.hours import SESSIONS, session_span, trading_day, whole_day
from twsmq_simulator.market.past import Past
from twsmq_simulator.market.path import MINUTE, SECOND, Minute
from twsmq_simulator.market.pricing import MODEL_VOLATILITY
from twsmq_simulator.market.tape import Watched

BAR_SECONDS: Final = {
    "1 secs": 1, "5 secs": 5, "10 secs": 10, "15 secs": 15, "30 secs": 30, "1 min": 60, "2 mins": 120,
    "3 mins": 180, "5 mins": 300, "10 mins": 600, "15 mins": 900, "20 mins": 1200, "30 mins": 1800,
    "1 hour": 3600, "2 hours": 7200, "3 hours": 10800, "4 hours": 14400, "8 hours": 28800, "1 day": 86400,
    "1 week": 604800, "1 month": 2592000, "1 secs.": 1, "1W": 604800, "1M": 2592000, "1 W": 604800,
    "1 M": 2592000,
}  # fmt: skip
LEGAL: Final = (
    "1 secs, 5 secs, 10 secs, 15 secs, 30 secs, 1 min, 2 mins, 3 mins, 5 mins, 10 mins, 15 mins, 20 mins, "
    "30 mins, 1 hour, 2 hours, 3 hours, 4 hours, 8 hours, 1 day, 1W, 1M"
)
LONGEST: Final = {"S": 86400, "D": 365, "W": 52, "M": 12, "Y": 68}  # IBKR docs 21.03.04
SMALLEST: Final = {"S": 1, "D": 5, "W": 10, "M": 30, "Y": 60}  # seconds of a bar, by the duration's unit
UNIT_DAYS: Final = {"D": 1.0, "W": 7.0, "M": 30.4375, "Y": 365.25}
MAX_SECONDS_OF_SECONDS: Final = 2000
DAY: Final = 86400
DIVIDEND: Final = 0.002  # of the price, each quarter
DIVIDEND_MONTHS: Final = (2, 5, 8, 11)


class Bar(NamedTuple):
    """`start` is ns UTC, prices are in ticks (halves for midpoints); volume, trades and turnover are -1 where
    the data has none. `average` is the price by volume, in ticks.
    """

    start: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    average: float
    trades: int


class Span(msgspec.Struct, frozen=True):
    opens: int
    closes: int


def invalid(cause: str, request_id: int) -> RequestRefused:
    return RequestRefused(321, f"Error validating request.-'bN' : cause - {cause}", request_id)


def duration(text: str, request_id: int) -> timedelta:
    """ "3600 S", "1 D", "2 W", "1 M", "1 Y". Raises RequestRefused(321)."""
    matched = re.fullmatch(r"(\d{1,6}) ([SDWMY])", text.strip())
    if matched is None or not int(matched[1]):
        raise invalid(
            "Historical data duration setting is invalid: a whole number and S, D, W, M or Y", request_id
        )
    count, unit = int(matched[1]), matched[2]
    if unit == "D" and count > LONGEST["D"]:
        cause = "Historical data requests for durations longer than 365 days must be made in years."
        raise invalid(cause, request_id)
    if count > LONGEST[unit]:
        raise RequestRefused(162, TOO_LONG, request_id)
    return timedelta(seconds=count) if unit == "S" else timedelta(days=count * UNIT_DAYS[unit])


TOO_LONG: Final = "Historical Market Data Service error message:Time length exceed max."


def check_step_size(duration: str, seconds: int, request_id: int) -> None:
    """The smallest bar for a duration (IBKR docs 21.03.05). Raises RequestRefused(162)."""
    count, unit = duration.split()
    too_small = seconds < SMALLEST[unit]
    if too_small or (seconds == 1 and int(count) > MAX_SECONDS_OF_SECONDS):
        raise RequestRefused(162, TOO_LONG, request_id)


def bar_seconds(text: str, request_id: int) -> int:
    seconds = BAR_SECONDS.get(text.strip())
    if seconds is None:
        raise invalid(f"Historical data bar size setting is invalid. Legal ones are: {LEGAL}", request_id)
    return seconds


def sessions(kind: str, start: int, end: int, *, regular: bool, always: bool) -> list[Span]:
    """The trading sessions that touch [start, end), oldest first. ns UTC."""
    found: list[Span] = []
    day = datetime.fromtimestamp(start / 1e9, UTC).date() - timedelta(days=1)
    last = datetime.fromtimestamp(end / 1e9, UTC).date() + timedelta(days=1)
    while day <= last:
        round_the_clock = always and not regular
        span = whole_day(kind, day) if round_the_clock else session_span(kind, day, regular=regular)
        if span is not None:
            opens, closes = (round(moment.timestamp()) * SECOND for moment in span)
            if closes > start and opens < end:
                found.append(Span(opens, closes))
        day += timedelta(days=1)
    return found


# ---- one kind of data from a minute


def _trades(minute: Minute | Watched) -> Minute:
    return minute.trades if isinstance(minute, Watched) else minute


class Kind:
    """How `what` is read off minutes. `sums`: whether it has volume."""

    def __init__(self, past: Past, what: str, now: int) -> None:
        i = past.instrument
        self.what = what
        self.past = past
        self.sums = what in ("TRADES", "ADJUSTED_LAST", "AGGTRADES")
        self._quoted = i.quoted and what in ("BID", "ASK", "MIDPOINT", "BID_ASK")
        self._below = i.spread // 2
        self._spread = i.spread
        self.now = now
        self.pure = not self._quoted

    def bar(self, start: int, minutes: list[Minute | Watched]) -> Bar:
        """What a span's minutes come to."""
        if self._quoted:
            return self._quotes(start, minutes)
        parts = [_trades(minute) for minute in minutes]
        high, low = max(part[1] for part in parts), min(part[2] for part in parts)
        volume, count = sum(part[4] for part in parts), sum(part[5] for part in parts)
        opened, closed = parts[0][0], parts[-1][3]
        average = sum(part[6] for part in parts) / volume if volume else closed
        if self.sums:
            bar = Bar(start, opened, high, low, closed, volume, average, count)
            return self._adjusted(bar) if self.what == "ADJUSTED_LAST" else bar
        bar = Bar(start, opened, high, low, closed, -1, -1, -1)
        return self._rate(bar) if self.what in _RATES else bar

    def _quotes(self, start: int, minutes: list[Minute | Watched]) -> Bar:
        """BID_ASK is average bid, highest ask, lowest bid, average ask (IBKR docs 21.04)."""
        sides = [self._sides(minute) for minute in minutes]
        bids, asks = [side[0] for side in sides], [side[1] for side in sides]
        bid = (bids[0][0], max(b[1] for b in bids), min(b[2] for b in bids), bids[-1][3])
        ask = (asks[0][0], max(a[1] for a in asks), min(a[2] for a in asks), asks[-1][3])
        match self.what:
            case "BID":
                prices: tuple[float, ...] = bid
            case "ASK":
                prices = ask
            case "MIDPOINT":
                prices = tuple((b + a) / 2 for b, a in zip(bid, ask, strict=True))
            case _:
                mean_bid = round(sum(b[0] + b[3] for b in bids) / 2 / len(bids))
                mean_ask = round(sum(a[0] + a[3] for a in asks) / 2 / len(asks))
                prices = (mean_bid, ask[1], bid[2], mean_ask)
        return Bar(start, prices[0], prices[1], prices[2], prices[3], -1, -1, -1)

    def _sides(self, minute: Minute | Watched) -> tuple[tuple[int, ...], tuple[int, ...]]:
        if isinstance(minute, Watched):
            return minute.bid, minute.ask
        bid = tuple(price - self._below for price in minute[:4])
        return bid, tuple(price + self._spread for price in bid)

    def _adjusted(self, bar: Bar) -> Bar:
        """Less the dividends that were paid since: one each quarter, on the 15th."""
        then, now = (datetime.fromtimestamp(ns / 1e9, UTC) for ns in (bar.start, self.now))
        paid = _quarters(now) - _quarters(then)
        factor = (1 - DIVIDEND) ** paid if self.past.instrument.sec_type == "STK" else 1.0
        o, h, low, c = (round(price * factor) for price in bar[1:5])
        return bar._replace(open=o, high=h, low=low, close=c, average=bar.average * factor)

    def _rate(self, bar: Bar) -> Bar:
        """Volatilities and fees wander about their usual value as the price does about the listing's."""
        i = self.past.instrument
        usual = {"HISTORICAL_VOLATILITY": i.volatility, "FEE_RATE": 0.25}.get(self.what, MODEL_VOLATILITY)
        level = i.price / i.min_tick if i.price else bar.close
        o, h, low, c = (usual * price / level / i.min_tick for price in bar[1:5])
        return bar._replace(open=o, high=h, low=low, close=c)


_RATES: Final = frozenset({"HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY", "FEE_RATE"})


def _quarters(moment: datetime) -> int:
    months = sum(1 for month in DIVIDEND_MONTHS if (moment.month, moment.day) >= (month, 15))
    return moment.year * 4 + months


# ---- bars


def bars(kind: Kind, spans: list[Span], begin: int, end: int, seconds: int, now: int) -> list[Bar]:
    """Every bar that starts in [begin, end), oldest first; the last one as far as it has come by now."""
    return [bar for piece in bars_in_pieces(kind, spans, begin, end, seconds, now) for bar in piece]


def bars_in_pieces(
    kind: Kind, spans: list[Span], begin: int, end: int, seconds: int, now: int
) -> Iterator[list[Bar]]:
    """The same, one session after the other: some milliseconds each."""
    end = min(end, now + 1)
    if seconds >= DAY:
        yield from _days(kind, spans, begin, end, seconds, now)
        return
    for span in spans:
        opens, closes = max(span.opens, begin), min(span.closes, end)
        if opens < closes:
            small = seconds < 60
            yield list((_of_seconds if small else _of_minutes)(kind, span, begin, closes, seconds, now))


def _of_seconds(kind: Kind, span: Span, begin: int, end: int, seconds: int, now: int) -> Iterator[Bar]:
    step = seconds * SECOND
    first = max(span.opens, begin)
    first += -first % step
    # From the minute before on: a bar without a trade repeats the last price, wherever a question begins.
    earlier = max(span.opens + -span.opens % step, (first // MINUTE - 1) * MINUTE)
    for start, watched in kind.past.spans(earlier, end, seconds, now):
        if start * SECOND >= first:
            yield kind.bar(start * SECOND, [watched])


def _of_minutes(kind: Kind, span: Span, begin: int, end: int, seconds: int, now: int) -> Iterator[Bar]:
    """Bars are counted from the local midnight before the session opened."""
    past, size = kind.past, seconds // 60
    zone = ZoneInfo(SESSIONS[past.instrument.hours].zone)
    local = datetime.fromtimestamp(span.opens // SECOND, UTC).astimezone(zone)
    midnight = round(local.replace(hour=0, minute=0, second=0).timestamp()) // 60
    first, last = max(span.opens, begin) // MINUTE, -(-end // MINUTE)
    if first * MINUTE < begin:
        first += 1
    whole = (first - midnight) % size
    if whole and first * MINUTE > span.opens:
        first += size - whole  # its bar began before what was asked for
    source = past.minutes(first, last, now) if kind.pure else past.quotes(first, last, now)
    if size == 1 and kind.sums and kind.what != "ADJUSTED_LAST":
        for at, (o, h, low, c, volume, count, turnover) in source:  # type: ignore[misc]
            yield Bar(at * MINUTE, o, h, low, c, volume, turnover / volume if volume else c, count)
        return
    group: list[Minute | Watched] = []
    start = number = -1
    for at, minute in source:
        here = (at - midnight) // size
        if here != number:
            if group:
                yield kind.bar(start * MINUTE, group)
            group, start, number = [], at, here
        group.append(minute)
    if group:
        yield kind.bar(start * MINUTE, group)


def _days(kind: Kind, spans: list[Span], begin: int, end: int, seconds: int, now: int) -> Iterator[list[Bar]]:
    """Sessions, or weeks and months of them; a week's bar carries the date of its last session so far
    (captured: nautilus_trader #2380, stoqey/ibkr #149)."""
    hours = kind.past.instrument.hours
    group, group_of = list[Bar](), (0, 0)
    for span in spans:
        bar = _session(kind, span, now)
        if bar is None or not begin <= bar.start < end:
            yield []
            continue
        if seconds == DAY:
            yield [bar]
            continue
        date = trading_day(hours, bar.start)
        of = date.isocalendar()[:2] if seconds < BAR_SECONDS["1M"] else (date.year, date.month)
        if group and of != group_of:
            yield [_joined(group)]
            group = []
        group.append(bar)
        group_of = of
    if group:
        yield [_joined(group)]


def _joined(group: list[Bar]) -> Bar:
    volume = sum(bar.volume for bar in group) if group[0].volume >= 0 else -1
    average = sum(bar.average * bar.volume for bar in group) / volume if volume > 0 else -1
    count = sum(bar.trades for bar in group) if volume >= 0 else -1
    high, low = max(bar.high for bar in group), min(bar.low for bar in group)
    return Bar(group[-1].start, group[0].open, high, low, group[-1].close, volume, average, count)


def _session(kind: Kind, span: Span, now: int) -> Bar | None:
    if span.opens > now:
        return None
    past = kind.past
    first, last = span.opens // MINUTE, -(-span.closes // MINUTE)
    done = span.closes <= now
    minutes = past.session(first, last, now, pure=kind.pure, done=done)
    return kind.bar(span.opens, minutes) if minutes else None
