"""Live streams other than the top of book: tick by tick, depth, five-second bars, bars that go on.

Each follows one book; a congested client misses ticks and rows, as with market data.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from twsmq_simulator.market.book import ASK, BID, LAST, Book
from twsmq_simulator.market.history import DAY, Bar
from twsmq_simulator.market.hours import bar_start, trading_day
from twsmq_simulator.wire import history_messages
from twsmq_simulator.wire import tick_messages as t

if TYPE_CHECKING:
    from twsmq_simulator.session import Session

SECOND = 1_000_000_000
MAKERS = (b"NSDQ", b"ARCA", b"BATS", b"IEX", b"NYSE")


class Stream:
    """What every stream has. `con_id` is the book it follows."""

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


class _Bars(Stream):
    """Bars of some seconds, collected from the book; `always`: its market is open round the clock."""

    def __init__(
        self,
        session: Session,
        request_id: int,
        book: Book,
        seconds: int,
        what: str,
        *,
        always: bool = True,
    ) -> None:
        super().__init__(session, request_id, book)
        self._what = what
        self.seconds = seconds
        self._always = always
        self._bar: Bar | None = None
        self._until = 0  # where the bar ends
        self._volume_before = int(book.volume)

    def _begin(self, book: Book, now: int) -> int:
        start = bar_start(book.instrument.hours, now, self.seconds, always=self._always)
        self._until = start + self.seconds * SECOND
        return start

    def _collect(self, book: Book, now: int) -> Bar | None:
        """Takes the present price in; returns the bar that ended with it, if one did."""
        price = book.seen_as(self._what)
        volume = int(book.volume)
        bar, ended = self._bar, None
        if bar is None or now >= self._until:
            ended = bar
            self._volume_before = volume
            bar = Bar(self._begin(book, now), price, price, price, price, 0, price, 0)
        traded = volume - self._volume_before
        self._bar = replace(
            bar,
            high=max(bar.high, price),
            low=min(bar.low, price),
            close=price,
            volume=traded,
            average=round((bar.high + bar.low + price) / 3, 6),
            count=bar.count + 1,
        )
        return ended


class RealTimeBars(_Bars):
    def on_step(self, book: Book, changed: int, now: int) -> None:
        del changed
        ended = self._collect(book, now)
        if ended is not None and not self.session.congested:
            self.session.write(
                history_messages.real_time_bar(self.session.version, self.request_id, book.instrument, ended)
            )


class GrowingBars(_Bars):
    """A historical query that keeps up to date: the last bar again whenever it changed, once a second."""

    def __init__(
        self,
        session: Session,
        request_id: int,
        book: Book,
        seconds: int,
        what: str,
        date_format: int,
        *,
        always: bool,
    ) -> None:
        super().__init__(session, request_id, book, seconds, what, always=always)
        self._date_format = date_format
        self._sent = 0

    def go_on(self, bar: Bar, book: Book, now: int) -> None:
        """Continues the last bar of the answer, if it has not ended."""
        start = self._begin(book, now)
        kind = book.instrument.hours
        same_day = trading_day(kind, bar.start) == trading_day(kind, start)
        if bar.start == start or (self.seconds >= DAY and same_day):
            self._bar = bar
            self._volume_before = int(book.volume) - bar.volume

    def on_step(self, book: Book, changed: int, now: int) -> None:
        del changed
        self._collect(book, now)
        if now - self._sent < SECOND or self._bar is None or self.session.congested:
            return
        self._sent = now
        self.session.write(
            history_messages.historical_update(
                self.session.version,
                self.request_id,
                book.instrument,
                self._bar,
                self.seconds,
                self._date_format,
            )
        )
