"""What a live market has really done: every look at a book that somebody followed, and its minutes.

A minute that was watched is read from here ever after (it is stored), with the path for the part
that nobody watched; of the last looks every single one is kept, for ticks and bars of seconds. What nobody
followed comes from the path.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from twsmq_simulator.market.book import LAST, Book
from twsmq_simulator.market.path import MINUTE, Minute

LOOKS: Final = 40_000


class Look(msgspec.Struct, frozen=True):
    """A book after one step: prices in ticks. `size` is that of the trade, 0 where there was none."""

    ns: int
    last: int
    size: int
    bid: int
    ask: int
    bid_size: int = 0
    ask_size: int = 0


class Watched(msgspec.Struct, frozen=True):
    """A minute: its trades, and open, high, low and close of bid and ask."""

    trades: Minute
    bid: tuple[int, int, int, int]
    ask: tuple[int, int, int, int]


class Tape:
    """One instrument's. `keep` stores a minute; `fill` gives the looks that the path has between two moments;
    `gap` is the longest pause between two looks (ns) that is none.
    """

    def __init__(
        self, gap: int, keep: Callable[[int, Watched], None], fill: Callable[[int, int], list[Look]]
    ) -> None:
        self._gap = gap
        self._keep = keep
        self._fill = fill
        self.minutes: dict[int, Watched] = {}
        self.looks: deque[Look] = deque(maxlen=LOOKS)
        self.minute = -1  # the one being watched
        self.open: list[Look] = []
        self.until = -1

    def take(self, book: Book, changed: int, now: int) -> None:
        """One look, after a step."""
        minute = now // MINUTE
        if minute != self.minute:
            self.close(now)
            self.minute, self.open = minute, []
            if now - self.until > self._gap:
                self._catch_up(minute * MINUTE, now)
        elif now - self.until > self._gap:
            self._catch_up(self.until + 1, now)
        self.until = now
        size = int(book.last_size) if changed & LAST else 0
        bid, ask = (book.bids[0], book.asks[0]) if book.instrument.quoted else ([book.last_ticks, 0],) * 2
        look = Look(now, book.last_ticks, size, bid[0], ask[0], bid[1], ask[1])
        self.open.append(look)
        self.looks.append(look)

    def _catch_up(self, begin: int, end: int) -> None:
        missed = self._fill(begin, end)
        self.open += missed
        self.looks.extend(missed)

    def close(self, now: int) -> None:
        """Keeps the minute being watched, if it is over."""
        if self.minute < 0 or now // MINUTE == self.minute:
            return
        end = (self.minute + 1) * MINUTE - 1
        if end - self.until > self._gap:
            self._catch_up(self.until + 1, end)
            self.until = end
        watched = summed(self.open)
        self.minutes[self.minute] = watched
        self._keep(self.minute, watched)
        self.minute, self.open = -1, []

    def so_far(self, now: int) -> list[Look]:
        """The minute being watched up to a moment, with what the path has after the last look."""
        end = min(now, (self.minute + 1) * MINUTE - 1)
        late = self._fill(self.until + 1, end) if end - self.until > self._gap else []
        return self.open + late


def summed(looks: list[Look]) -> Watched:
    """What all looks of a span come to. Without a trade the last price stands."""
    trades = [(look.last, look.size) for look in looks if look.size]
    prices = [price for price, _ in trades] or [looks[0].last]
    turnover = sum(price * size for price, size in trades)
    volume = sum(size for _, size in trades)
    bids, asks = [look.bid for look in looks], [look.ask for look in looks]
    return Watched(
        (prices[0], max(prices), min(prices), prices[-1], volume, len(trades), turnover),
        (bids[0], max(bids), min(bids), bids[-1]),
        (asks[0], max(asks), min(asks), asks[-1]),
    )
