"""Live streams other than the top of book: tick by tick, depth, five-second bars, bars that go on.

Each follows one book; a congested client misses ticks and rows, as with market data.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from twsmq_simulator.market.book import ASK, BID, LAST, Book
from twsmq_simulator.market.history import DAY, Bar, Kind, Span, bars, sessions
from twsmq_simulator.market.hours import bar_start
from twsmq_simulator.market.past import Past
from twsmq_simulator.wire import history_messages
from twsmq_simulator.wire import tick_messages as t
from twsmq_simulator.wire.zones import Zones

if TYPE_CHECKING:
    from twsmq_simulator.session import Session

SECOND = 1_000_000_000
FIVE = 5 * SECOND
MAKERS = (b"NSDQ", b"ARCA", b"BATS", b"IEX", b"NYSE")


class Stream:
    """What every stream has. `con_id` is the book it follows."""

    feed = "ticks"

    def __init__(self, session: Session, request_id: int, book: Book) -> None:
        self.session = session
        self.request_id = request_id
        self.con_id = book.instrument.con_id
        self.stock = book.instrument.sec_type == "STK"

    def size(self, size: int | Decimal) -> bytes:
        return t.size_text(self.session.version, size, stock=self.stock)


class TradeTicks(Stream):
    """tickByTickAllLast: kind 1 Last, 2 AllLast."""

    def __init__(self, session: Session, request_id: int, book: Book, kind: int) -> None:
        super().__init__(session, request_id, book)
        self._kind = kind

    def on_step(self, book: Book, changed: int, now: int) -> None:
        if changed & LAST and not self.session.congested:
            exchange = book.instrument.exchange.encode("ascii")
            price = t.price_text(book.last)
            size = self.size(book.last_size)
            self.session.write(
                t.by_tick_last(self.request_id, self._kind, now // SECOND, price, size, exchange)
            )


class QuoteTicks(Stream):
    """tickByTickBidAsk."""

    def on_step(self, book: Book, changed: int, now: int) -> None:
        if changed & (BID | ASK) and book.instrument.quoted and not self.session.congested:
            self.session.write(self.current(book, now))

    def current(self, book: Book, now: int) -> bytes:
        prices = (t.price_text(book.bid), t.price_text(book.ask))
        sizes = (self.size(book.bids[0][1]), self.size(book.asks[0][1]))
        return t.by_tick_bid_ask(self.request_id, now // SECOND, *prices, *sizes)


class MidpointTicks(Stream):
    """tickByTickMidPoint, whenever the middle moves."""

    def __init__(self, session: Session, request_id: int, book: Book) -> None:
        super().__init__(session, request_id, book)
        self._last: float | None = None

    def on_step(self, book: Book, changed: int, now: int) -> None:
        middle = round(book.mid, 8)
        if changed and middle != self._last and not self.session.congested:
            self._last = middle
            self.session.write(t.by_tick_midpoint(self.request_id, now // SECOND, t.price_text(middle)))


class Depth(Stream):
    """The first rows of both sides, as updates of what the client has."""

    feed = "depth"

    def __init__(self, session: Session, request_id: int, book: Book, rows: int, *, smart: bool) -> None:
        super().__init__(session, request_id, book)
        self._rows = rows
        self._smart = smart
        self._shown: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])

    def on_step(self, book: Book, changed: int, now: int) -> None:
        del changed, now
        if self.session.congested:
            return
        parts: list[bytes] = []
        for side, levels in ((1, book.bids), (0, book.asks)):
            shown = self._shown[side]
            wanted = [(ticks, size) for ticks, size in levels[: self._rows]]
            for row, level in enumerate(wanted):
                if row >= len(shown):
                    parts.append(self._row(book, row, 0, side, level))
                elif shown[row] != level:
                    parts.append(self._row(book, row, 1, side, level))
            parts += [
                self._row(book, row, 2, side, shown[row])
                for row in range(len(shown) - 1, len(wanted) - 1, -1)
            ]
            shown[:] = wanted
        if parts:
            self.session.write(b"".join(parts))

    def _row(self, book: Book, row: int, operation: int, side: int, level: tuple[int, int]) -> bytes:
        price, size = t.price_text(book.price(level[0])), self.size(level[1])
        if self._smart:
            maker = MAKERS[(level[0] + row) % len(MAKERS)]
            return t.depth_smart(self.request_id, row, maker, operation, side, price, size, 1)
        return t.depth(self.request_id, row, operation, side, price, size)


class RealTimeBars(Stream):
    """Bars of five seconds, each once it is over."""

    feed = "bars"

    def __init__(
        self, session: Session, request_id: int, book: Book, past: Past, what: str, now: int
    ) -> None:
        super().__init__(session, request_id, book)
        self._past = past
        self._what = what
        self._next = (now // FIVE + 1) * FIVE  # where the bar being formed ends

    def on_step(self, book: Book, changed: int, now: int) -> None:
        del changed
        if now < self._next:
            return
        begin = now // FIVE * FIVE - FIVE
        self._next = begin + 2 * FIVE
        kind = Kind(self._past, self._what, now)
        for start, watched in self._past.spans(begin, begin + FIVE, 5, now):
            if not self.session.congested:
                bar = kind.bar(start * SECOND, [watched])
                version = self.session.version
                self.session.write(
                    history_messages.real_time_bar(version, self.request_id, book.instrument, bar)
                )


class GrowingBars(Stream):
    """A historical query that keeps up to date: the last bar again about once a second, and a bar that has
    ended once more as it ended. `disorder`: after each the one before it, on command.
    """

    feed = "bars"

    def __init__(
        self,
        session: Session,
        request_id: int,
        book: Book,
        seconds: int,
        kind: Kind,
        date_format: int,
        zones: Zones,
        *,
        always: bool,
        regular: bool,
    ) -> None:
        super().__init__(session, request_id, book)
        self.seconds = seconds
        self._kind = kind
        self._date_format = date_format
        self._zones = zones
        self._always = always
        self._regular = regular
        self.disorder = False
        self._sent = 0
        self._start = -1  # of the bar last sent
        self._newest: Bar | None = None  # that was sent, and the one before it
        self._old: Bar | None = None
        self._span: Span | None = None

    def on_step(self, book: Book, changed: int, now: int) -> None:
        del changed
        if now - self._sent < SECOND or self.session.congested:
            return
        self._sent = now
        found = self._bars(book, now)
        if found and self._start < 0:
            found = found[-1:]
        for bar in found:
            if self._newest is not None and bar.start > self._newest.start:
                self._old = self._newest
            self._start, self._newest = bar.start, bar
            self._write(book, bar)
        if self.disorder and self._old is not None:
            self._write(book, self._old)

    def _write(self, book: Book, bar: Bar) -> None:
        self.session.write(
            history_messages.historical_update(
                self.session.version,
                self.request_id,
                book.instrument,
                bar,
                self.seconds,
                self._date_format,
                self._zones,
            )
        )

    def _bars(self, book: Book, now: int) -> list[Bar]:
        """The bar last sent and what has begun since."""
        hours = book.instrument.hours
        if self.seconds > DAY:  # all of this week's sessions, or this month's
            spans = sessions(
                hours, now - 31 * DAY * SECOND, now + 1, regular=self._regular, always=self._always
            )
            spans = [span for span in spans if span.opens <= now]
            return bars(self._kind, spans, 0, now + 1, self.seconds, now)[-1:]
        if self._start < 0 or self._span is None or now >= self._span.closes:
            back = max(self.seconds, DAY) * SECOND
            spans = sessions(hours, now - back, now + 1, regular=self._regular, always=self._always)
            spans = [span for span in spans if span.opens <= now]
            if not spans:
                return []
            self._span = spans[-1]
        else:
            spans = [self._span]
        begin = spans[0].opens
        if self.seconds < DAY:
            present = bar_start(hours, now, self.seconds, always=self._always)
            begin = self._start if self._start >= 0 else max(begin, present)
        return bars(self._kind, spans, begin, now + 1, self.seconds, now)[-2:]
