"""The past of one instrument up to any moment: minutes, seconds and single trades, live or from the path.

One question always has one answer: a watched minute comes from the tape, any other from the path, and seconds
and ticks of a minute add up to it. Jumps on command move everything after them (`Levels.jump`), splits
everything before them (`Levels.split`), as adjusted history does at IBKR.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

import msgspec

from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.market.path import MINUTE, SECOND, Minute, Path
from twsmq_simulator.market.prints import prints_of
from twsmq_simulator.market.tape import Look, Tape, Watched, summed

BEGINNING: Final = 0
KEPT_SESSIONS: Final = 4000


class Levels(msgspec.Struct):
    """`jumps`: from a moment (ns) on prices are the path's times so much; `splits`: (moment, ratio)."""

    jumps: list[tuple[int, float]] = []
    splits: list[tuple[int, float]] = []

    def factor(self, ns: int) -> float:
        nth = bisect_right(self.jumps, (ns, float("inf"))) - 1
        jumped = self.jumps[nth][1] if nth >= 0 else 1.0
        for _, ratio in self.splits:
            jumped /= ratio
        return jumped

    def later_splits(self, ns: int) -> float:
        """What a price that was published at a moment has to be divided by today."""
        ratio = 1.0
        for at, one in self.splits:
            ratio *= one if at > ns else 1.0
        return ratio

    def jump(self, ns: int, factor: float) -> None:
        """`factor` is today's price over the path's, splits included."""
        for _, ratio in self.splits:
            factor *= ratio
        while self.jumps and self.jumps[-1][0] >= ns:
            self.jumps.pop()
        self.jumps.append((ns, factor))


def scaled(minute: Minute, factor: float, ratio: float = 1.0) -> Minute:
    o, h, low, c, volume, count, turnover = minute
    size = ratio
    return (
        round(o * factor),
        round(h * factor),
        round(low * factor),
        round(c * factor),
        round(volume * size),
        count,
        round(turnover * factor * size),
    )


def joined(minutes: list[Minute | Watched], below: int, spread: int) -> Minute | Watched:
    """One minute that stands for many."""
    trades = [minute.trades if isinstance(minute, Watched) else minute for minute in minutes]
    total: Minute = (
        trades[0][0],
        max(part[1] for part in trades),
        min(part[2] for part in trades),
        trades[-1][3],
        sum(part[4] for part in trades),
        sum(part[5] for part in trades),
        sum(part[6] for part in trades),
    )
    if not any(isinstance(minute, Watched) for minute in minutes):
        return total
    bids = [
        minute.bid if isinstance(minute, Watched) else tuple(price - below for price in minute[:4])
        for minute in minutes
    ]
    asks = [
        minute.ask if isinstance(minute, Watched) else tuple(price - below + spread for price in minute[:4])
        for minute in minutes
    ]
    bid, ask = (
        (side[0][0], max(s[1] for s in side), min(s[2] for s in side), side[-1][3]) for side in (bids, asks)
    )
    return Watched(total, bid, ask)


class Past:
    """`tape` is there once somebody followed the instrument."""

    def __init__(self, seed: int, i: Instrument, path: Path, levels: Levels) -> None:
        self.instrument = i
        self.path = path
        self.levels = levels
        self.tape: Tape | None = None
        self.changed = 0
        """How often all of it has become another."""
        self._key = f"{seed}/{i.con_id}"
        self._sessions: dict[tuple[int, int, bool, int, int], Minute | Watched] = {}
        self._below = i.spread // 2
        self._spread = i.spread if i.quoted else 0

    def price(self, ns: int) -> float:
        """What the instrument is worth at a moment, as the path and what was commanded have it."""
        return self.path.price(ns) * self.levels.factor(ns)

    def forget(self) -> None:
        """Some level has changed."""
        self.changed += 1
        self._sessions.clear()
        self.path.forget()

    # ---- minutes

    def minutes(self, first: int, last: int, now: int) -> Iterator[tuple[int, Minute]]:
        """The minutes (since 1970) from first up to, not including, last, as far as they have come by now."""
        plain = not self.levels.jumps and not self.levels.splits
        present = now // MINUTE
        watched = self.tape.minutes if self.tape is not None else {}
        current = self.tape.minute if self.tape is not None else -1
        hour, minutes = -1, list[Minute]()
        for minute in range(first, min(last, present + 1)):
            if minute in (present, current):
                found = self.watched(minute, now)
                if found is not None:
                    yield minute, found.trades
            elif minute in watched:
                yield minute, self._told(minute, watched[minute]).trades
            else:
                if minute // 60 != hour:
                    hour = minute // 60
                    minutes = self.path.hour(hour)
                one = minutes[minute % 60]
                yield minute, one if plain else self._moved(minute, one)

    def _moved(self, minute: int, one: Minute) -> Minute:
        ratio = self.levels.later_splits(BEGINNING)
        return scaled(one, self.levels.factor(minute * MINUTE), ratio)

    def _told(self, minute: int, watched: Watched) -> Watched:
        ratio = self.levels.later_splits(minute * MINUTE)
        if ratio == 1.0:
            return watched
        bid, ask = (tuple(round(price / ratio) for price in side) for side in (watched.bid, watched.ask))
        return Watched(scaled(watched.trades, 1 / ratio, ratio), bid, ask)  # type: ignore[arg-type]

    def watched(self, minute: int, now: int) -> Watched | None:
        """A minute with its quotes, so far; None before its first moment."""
        begin, end = minute * MINUTE, min(now, (minute + 1) * MINUTE - 1)
        if begin > now:
            return None
        tape = self.tape
        if tape is not None and minute in tape.minutes:
            return self._told(minute, tape.minutes[minute])
        if tape is not None and minute == tape.minute:
            looks = [look for look in tape.so_far(now) if look.ns <= end]
        else:
            looks = self.looks(begin, end)
        if not looks:
            opened = self._path_minute(minute)[0]
            bid = opened - self._below
            looks = [Look(begin, opened, 0, bid, bid + self._spread)]
        return summed(looks)

    def _path_minute(self, minute: int) -> Minute:
        return self._moved(minute, self.path.minute(minute))

    def quotes(self, first: int, last: int, now: int) -> Iterator[tuple[int, Minute | Watched]]:
        """As `minutes`, with the quotes of watched ones."""
        present = now // MINUTE
        tape = self.tape
        for minute, trades in self.minutes(first, last, now):
            known = minute == present or (
                tape is not None and (minute in tape.minutes or minute == tape.minute)
            )
            watched = self.watched(minute, now) if known else None
            yield minute, watched if watched is not None else trades

    def session(self, first: int, last: int, now: int, *, pure: bool, done: bool) -> list[Minute | Watched]:
        """All minutes of a session summed up in one; kept where the session is over."""
        key = (first, last, pure, len(self.levels.jumps), len(self.levels.splits))
        known = self._sessions.get(key)
        if known is not None:
            return [known]
        source = self.minutes(first, last, now) if pure else self.quotes(first, last, now)
        minutes = [minute for _, minute in source]
        if not minutes:
            return []
        total = joined(minutes, self._below, self._spread)
        if done:
            if len(self._sessions) >= KEPT_SESSIONS:
                self._sessions.clear()
            self._sessions[key] = total
        return [total]

    # ---- looks and seconds

    def looks(self, begin: int, end: int) -> list[Look]:
        """The path's single trades from a moment to another, both included (ns)."""
        found: list[Look] = []
        for minute in range(begin // MINUTE, end // MINUTE + 1):
            start = minute * MINUTE
            for second, price, size in prints_of(f"{self._key}/p{minute}", self._path_minute(minute)):
                at = start + second * SECOND
                if begin <= at <= end:
                    bid = price - self._below
                    found.append(Look(at, price, size, bid, bid + self._spread))
        return found

    def ticks(self, begin: int, end: int, now: int) -> Iterator[Look]:
        """Every look from a moment to another, live ones where there are some, by the minute."""
        end = min(end, now)
        tape = self.tape
        for minute in range(begin // MINUTE, end // MINUTE + 1):
            for look in self._minute_looks(tape, minute, now):
                if begin <= look.ns <= end:
                    yield look

    def _minute_looks(self, tape: Tape | None, minute: int, now: int) -> list[Look]:
        start, stop = minute * MINUTE, (minute + 1) * MINUTE
        if tape is not None and minute == tape.minute:
            return tape.so_far(now)
        if tape is not None and minute in tape.minutes:
            if tape.looks and tape.looks[0].ns <= start:
                return [look for look in tape.looks if start <= look.ns < stop]
            told = self._told(minute, tape.minutes[minute])
            return self._apart(minute, told)
        return self.looks(start, stop - 1)

    def _apart(self, minute: int, told: Watched) -> list[Look]:
        """Looks of a minute of which only the sums are left."""
        if not told.trades[5]:
            return [Look(minute * MINUTE, told.trades[0], 0, told.bid[0], told.ask[0])]
        start, found = minute * MINUTE, list[Look]()
        for second, price, size in prints_of(f"{self._key}/p{minute}", told.trades):
            bid = min(price, told.bid[1])
            found.append(Look(start + second * SECOND, price, size, bid, bid + self._spread))
        return found

    def spans(self, begin: int, end: int, seconds: int, now: int) -> Iterator[tuple[int, Watched]]:
        """Bars of less than a minute: (start in seconds, what happened). One without a look repeats the last
        price.
        """
        step = seconds * SECOND
        at = begin
        waiting: list[Look] = []
        looks = self.ticks(begin, end - 1, now)
        ahead = next(looks, None)
        last: Look | None = None
        while at < min(end, now + 1):
            waiting = []
            while ahead is not None and ahead.ns < at + step:
                waiting.append(ahead)
                ahead = next(looks, None)
            if waiting:
                last = waiting[-1]
            elif last is None:
                opened = self._path_minute(at // MINUTE)[0]
                last = Look(at, opened, 0, opened - self._below, opened - self._below + self._spread)
            yield at // SECOND, summed(waiting or [Look(at, last.last, 0, last.bid, last.ask)])
            at += step
