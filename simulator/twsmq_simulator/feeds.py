"""Live market data: who follows which book, and the ticks each follower gets when it changes.

A follower's ticks are written straight from the book; a client whose socket is congested misses ticks, never
order messages. Instruments without any quote (indices, funds) have last prices only.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from twsmq_simulator.generic_ticks import GenericTicks
from twsmq_simulator.market.book import ASK, BID, HIGH, LAST, LOW, Book
from twsmq_simulator.market.permissions import DELAYED, kind_now
from twsmq_simulator.market.pricing import OptionModel
from twsmq_simulator.wire import tick_messages as t


class Receiver(Protocol):
    """The client's end: its session."""

    version: int
    congested: bool
    subscriptions: dict[tuple[str, int], Subscription]

    @property
    def is_open(self) -> bool: ...
    def write(self, data: bytes) -> None: ...
    def send_now(self, data: bytes) -> None: ...
    def when_writable(self, call: Callable[[], None]) -> None: ...
    def error(self, request_id: int, code: int, text: str, advanced: str = "") -> None: ...
    def drop_subscription(self, subscription: Subscription) -> None: ...


class Subscription(Protocol):
    """Something a client follows until it cancels it or goes away."""

    request_id: int
    con_id: int
    feed: str  # one of faults.FEEDS

    @property
    def session(self) -> Receiver: ...

    def on_step(self, book: Book, changed: int, now: int) -> None:
        """The book moved; `changed` are its bits."""
        ...


class TopOfBook:
    """A reqMktData subscription. `kind` is LIVE or DELAYED, which has tick ids of its own (captured: 66 to 76
    and 88); `asked` is the type that the client's last reqMarketDataType allowed.

    `model` gives an option's values: at its bid, ask and last when these change, and at the model's
    volatility with every change (ticks 10 to 13).
    """

    def __init__(
        self,
        session: Receiver,
        request_id: int,
        book: Book,
        *,
        kind: int,
        asked: int,
        is_open: bool,
        generic: GenericTicks,
        model: OptionModel | None = None,
    ) -> None:
        self.session = session
        self.request_id = request_id
        self.con_id = book.instrument.con_id
        self.feed = "quotes"
        self.absent: float | None = None  # what stands for bid and ask where there is none, on command
        self.delayed = kind == DELAYED
        self._kind: int = kind
        self._asked = asked
        self._open = is_open
        self._generic = generic
        self._model = model
        self._stock = book.instrument.sec_type == "STK"
        self._heads = {kind: self._head(kind) for kind in t.SIZE_OF}
        self._late: list[bytes] = []  # what a delayed stream has not sent yet of its first values

    def _head(self, kind: int) -> tuple[bytes, bytes, bytes]:
        """The fixed parts of a quote's two messages; a bid or ask is marked as tradable by itself."""
        price_head = b"1\x006\x00%d\x00%d\x00" % (self.request_id, self._id(kind))
        size_head = b"2\x006\x00%d\x00%d\x00" % (self.request_id, self._id(t.SIZE_OF[kind]))
        return price_head, b"\x00%d\x00" % (kind in (t.BID, t.ASK)), size_head

    def _id(self, kind: int) -> int:
        return t.DELAYED.get(kind, kind) if self.delayed else kind

    def _size(self, size: int | Decimal) -> bytes:
        return t.size_text(self.session.version, size, stock=self._stock)

    def _quote(self, kind: int, price: float, size: int | Decimal) -> bytes:
        """tickPrice and tickSize in one; what does not change is encoded once."""
        price_head, price_tail, size_head = self._heads[kind]
        text = self._size(size)
        first = b"%b%b\x00%b%b" % (price_head, t.price_text(price), text, price_tail)
        second = b"%b%b\x00" % (size_head, text)
        return b"%b%b%b%b" % (len(first).to_bytes(4, "big"), first, len(second).to_bytes(4, "big"), second)

    def _price(self, kind: int, price: float) -> bytes:
        return t.tick_price(self.request_id, self._id(kind), t.price_text(price), b"0")

    @property
    def kind_now(self) -> int:
        """Its marketDataType."""
        return kind_now(self._kind, self._asked, is_open=self._open)

    @property
    def _has_quotes(self) -> bool:
        return self._open or self.kind_now != self._kind

    def on_hours(self, book: Book, *, is_open: bool) -> None:
        """The market opened or closed: frozen data begin or end with a marketDataType (IBKR docs), others get
        quotes or none.
        """
        if is_open is self._open:
            return
        before, self._open = self.kind_now, is_open
        if self.kind_now != before:
            self.session.write(t.market_data_type(self.request_id, self.kind_now))
        elif book.instrument.quoted:
            self.session.write(self._quotes(book))

    def _quotes(self, book: Book) -> bytes:
        """Bid and ask. Where a closed market has none now, live ones are -1 with size 0 (IBKR docs, logs of a
        weekend); delayed ones do not come at all (captured on a Saturday).
        """
        if self.absent is not None:
            return self._no_quotes(self.absent)
        if self._has_quotes:
            bid, ask = (book.bid, book.bids[0][1]), (book.ask, book.asks[0][1])
            return self._quote(t.BID, *bid) + self._quote(t.ASK, *ask)
        if self.delayed:
            return b""
        return self._no_quotes(-1.0)

    def _no_quotes(self, price: float) -> bytes:
        sides = ((kind, t.SIZE_OF[kind]) for kind in (t.BID, t.ASK))
        return b"".join(
            self._price(kind, price) + t.tick_size(self.request_id, self._id(size), b"0")
            for kind, size in sides
        )

    def turn(self, kind: int, book: Book, now: int) -> None:
        """The request stands, its data are LIVE or DELAYED ones from now on."""
        if kind != self._kind:
            self._kind = kind
            self.delayed = kind == DELAYED
            self._late.clear()
            self._heads = {side: self._head(side) for side in t.SIZE_OF}
            told = t.market_data_type(self.request_id, self.kind_now)
            self.session.write(told + self.snapshot(book, now))

    def show_absent(self, price: float | None, book: Book) -> None:
        """From now on there is no bid and no ask but this; None: there are again."""
        self.absent = price
        if book.instrument.quoted:
            self.session.write(self._quotes(book))

    def snapshot(self, book: Book, now: int) -> bytes:
        """All messages about a book at once."""
        parts: list[bytes] = []
        if book.instrument.quoted:
            exchange = "Q" if self._stock else book.instrument.exchange[:1]
            parts.append(self._quotes(book))
            if self._stock and not self.delayed:
                parts.append(t.tick_string(self.request_id, t.BID_EXCHANGE, exchange))
                parts.append(t.tick_string(self.request_id, t.ASK_EXCHANGE, exchange))
        if book.instrument.sec_type not in ("CASH", "BAG"):
            parts.append(self._quote(t.LAST, book.last, book.last_size))
            parts.append(
                t.tick_string(self.request_id, self._id(t.LAST_TIMESTAMP), str(now // 1_000_000_000))
            )
            parts.append(t.tick_size(self.request_id, self._id(t.VOLUME), self._volume(book)))
        parts.append(self._price(t.HIGH, book.price(book.high_ticks)))
        parts.append(self._price(t.LOW, book.price(book.low_ticks)))
        parts.append(self._price(t.CLOSE, book.price(book.close_ticks)))
        parts.append(self._price(t.OPEN, book.price(book.open_ticks)))
        parts.append(self._generic.first(now))
        parts.append(self._option_values(book, BID | ASK | LAST if self._has_quotes else LAST))
        return b"".join(parts)

    def open_delayed(self, book: Book, now: int) -> bytes:
        """A delayed stream begins with little: the day's open at once, then its other prices, then the
        quotes, whose sizes come apart (captured at 225). Where the market is closed everything comes at once.
        """
        day = [
            self._price(t.HIGH, book.price(book.high_ticks)),
            self._price(t.LOW, book.price(book.low_ticks)),
        ]
        if book.instrument.sec_type not in ("CASH", "BAG"):
            day.append(t.tick_size(self.request_id, self._id(t.VOLUME), self._volume(book)))
        day += [self._price(t.CLOSE, book.price(book.close_ticks)), self._generic.first(now)]
        first = self._price(t.OPEN, book.price(book.open_ticks))
        self._late = [b"".join(day), self.standing(book, now)]
        return first if self._open else first + self.rest()

    def standing(self, book: Book, now: int) -> bytes:
        """Last, bid and ask as they are, and their sizes once more after them."""
        shown: list[tuple[int, float, int | Decimal]] = []
        if book.instrument.sec_type not in ("CASH", "BAG"):
            shown.append((t.LAST, book.last, book.last_size))
        if book.instrument.quoted and self._has_quotes and self.absent is None:
            shown.append((t.BID, book.bid, book.bids[0][1]))
            shown.append((t.ASK, book.ask, book.asks[0][1]))
        parts = [
            t.tick_price(self.request_id, self._id(kind), t.price_text(price), self._size(size))
            for kind, price, size in shown
        ]
        if shown and shown[0][0] == t.LAST:
            at = str(now // 1_000_000_000)
            parts.insert(1, t.tick_string(self.request_id, self._id(t.LAST_TIMESTAMP), at))
        sizes = [(t.SIZE_OF[kind], size) for kind, _, size in shown]
        parts += [t.tick_size(self.request_id, self._id(kind), self._size(size)) for kind, size in sizes]
        return b"".join(parts)

    def rest(self) -> bytes:
        """What has not been sent yet of its first values, at once."""
        late, self._late = self._late, []
        return b"".join(late)

    def _option_values(self, book: Book, changed: int) -> bytes:
        if self._model is None or not changed & (BID | ASK | LAST):
            return b""
        computed = [(t.MODEL_OPTION, self._model.fair())]
        if changed & BID:
            computed.append((t.BID_OPTION, self._model.at(book.bid)))
        if changed & ASK:
            computed.append((t.ASK_OPTION, self._model.at(book.ask)))
        if changed & LAST:
            computed.append((t.LAST_OPTION, self._model.at(book.last)))
        return b"".join(t.tick_option(self.request_id, self._id(kind), values) for kind, values in computed)

    def _volume(self, book: Book) -> bytes:
        """Day volume is in round lots of 100 for US stocks below version 220 (IBKR's constants)."""
        volume = int(book.volume) // 100 if self._stock else int(book.volume)
        return b"%d" % volume

    def on_step(self, book: Book, changed: int, now: int) -> None:
        if self._late:
            self.session.write(self._late.pop(0))
            return
        if changed and not self.session.congested:
            data = self.ticks(book, changed, now)
            if data:
                self.session.write(data)

    def ticks(self, book: Book, changed: int, now: int) -> bytes:
        """The messages about what changed."""
        parts: list[bytes] = []
        quoted = book.instrument.quoted and self.absent is None
        if changed & BID and quoted:
            parts.append(self._quote(t.BID, book.bid, book.bids[0][1]))
        if changed & ASK and quoted:
            parts.append(self._quote(t.ASK, book.ask, book.asks[0][1]))
        if changed & LAST and book.instrument.sec_type not in ("CASH", "BAG"):
            parts.append(
                t.tick_string(self.request_id, self._id(t.LAST_TIMESTAMP), str(now // 1_000_000_000))
            )
            parts.append(self._quote(t.LAST, book.last, book.last_size))
            parts.append(t.tick_size(self.request_id, self._id(t.VOLUME), self._volume(book)))
            parts.append(self._generic.traded(now))
        parts.append(self._option_values(book, changed))
        if changed & HIGH:
            parts.append(self._price(t.HIGH, book.price(book.high_ticks)))
        if changed & LOW:
            parts.append(self._price(t.LOW, book.price(book.low_ticks)))
        return b"".join(parts)
