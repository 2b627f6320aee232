"""Generic ticks: what reqMktData's genericTickList adds to a stream. Ids and contents as IBKR documents them.

Some are sent once, with the first values, others again with every trade. Figures of the past come from the
bars that historical queries answer with; open interest, auctions and dividends are made up from the
instrument, the same on every run. An id without data here, or not for this type of instrument, is accepted
and silent; 292 (headlines) is not here but in `handlers.news`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Final

from twsmq_simulator.market.book import Book
from twsmq_simulator.market.pricing import MODEL_VOLATILITY
from twsmq_simulator.market.statistics import Statistics
from twsmq_simulator.wire import tick_messages as t

if TYPE_CHECKING:
    from twsmq_simulator.market.exchange import Exchange

MINUTE: Final = 60_000_000_000


class GenericTicks:
    """Those of one subscription; `version` is its client's."""

    def __init__(
        self, request_id: int, version: int, wanted: frozenset[str], book: Book, exchange: Exchange
    ) -> None:
        self._id = request_id
        self._version = version
        self._book = book
        self._exchange = exchange
        self._stock = book.instrument.sec_type == "STK"
        self._year: Statistics | None = None
        self._recent: deque[tuple[int, int]] = deque()  # (time, size) of the trades of the last minute
        self._once = [make for tick, make in self._first().items() if tick in wanted]
        self._again = [make for tick, make in self._with_trades().items() if tick in wanted]
        self._rated = bool(wanted & {"294", "295"})

    def first(self, now: int) -> bytes:
        """Everything asked for, as it stands."""
        return b"".join(make(now) for make in (*self._once, *self._again))

    def traded(self, now: int) -> bytes:
        """What a trade changes."""
        if not self._again:
            return b""
        if self._rated:
            self._recent.append((now, int(self._book.last_size)))
        return b"".join(make(now) for make in self._again)

    def _first(self) -> dict[str, Callable[[int], bytes]]:
        """By generic tick id, for instruments of this type."""
        kind = self._book.instrument.sec_type
        found: dict[str, Callable[[int], bytes]] = {"165": self._past_year}
        if kind in ("STK", "IND"):
            found |= {
                "100": self._option_volumes,
                "101": self._option_interest,
                "104": lambda now: self._generic(
                    t.OPTION_HISTORICAL_VOLATILITY, self._statistics(now).volatility
                ),
                "106": lambda _: self._generic(t.OPTION_IMPLIED_VOLATILITY, MODEL_VOLATILITY),
                "411": lambda now: self._generic(t.REAL_TIME_VOLATILITY, self._statistics(now).volatility),
            }
        if kind == "STK":
            found |= {"225": self._auction, "236": self._shortable, "456": self._dividends}
        if kind == "FUT":
            found["588"] = lambda _: self._size(t.FUTURES_OPEN_INTEREST, self._made_up("interest", 500_000))
        return found

    def _with_trades(self) -> dict[str, Callable[[int], bytes]]:
        found: dict[str, Callable[[int], bytes]] = {"221": self._mark, "232": self._mark}
        if self._book.instrument.sec_type not in ("CASH", "BAG"):
            found |= {
                "233": lambda now: self._trade(t.RT_VOLUME, now),
                "375": lambda now: self._trade(t.RT_TRADE_VOLUME, now),
                "293": lambda _: self._generic(t.TRADE_COUNT, self._book.trades),
                "294": lambda now: self._generic(t.TRADE_RATE, len(self._last_minute(now))),
                "295": lambda now: self._generic(
                    t.VOLUME_RATE, sum(size for _, size in self._last_minute(now))
                ),
                "318": lambda _: t.tick_price(
                    self._id, t.LAST_RTH_TRADE, t.price_text(self._book.last), b"0"
                ),
            }
        return found

    # ---- single ticks

    def _generic(self, kind: int, value: float) -> bytes:
        return t.tick_generic(self._id, kind, float(value))

    def _size(self, kind: int, size: int | Decimal) -> bytes:
        return t.tick_size(self._id, kind, t.size_text(self._version, size, stock=False))

    def _price(self, kind: int, price: float) -> bytes:
        return t.tick_price(self._id, kind, t.price_text(price), b"0")

    def _made_up(self, what: str, most: int) -> int:
        return Random(f"{self._book.instrument.con_id}/{what}").randint(1, most)

    def _statistics(self, now: int) -> Statistics:
        if self._year is None:
            self._year = self._exchange.statistics(self._book, now)
        return self._year

    def _last_minute(self, now: int) -> deque[tuple[int, int]]:
        while self._recent and self._recent[0][0] <= now - MINUTE:
            self._recent.popleft()
        return self._recent

    def _mark(self, now: int) -> bytes:
        """The last price, kept within bid and ask."""
        del now
        book = self._book
        mark = min(max(book.last, book.bid), book.ask) if book.instrument.quoted else book.last
        return self._price(t.MARK_PRICE, mark)

    def _trade(self, kind: int, now: int) -> bytes:
        """ "price;size;time in ms;total volume;average price;single trade"."""
        book = self._book
        volume = int(book.volume) // 100 if self._stock else int(book.volume)
        average = round(book.average, 8)
        value = f"{book.last};{int(book.last_size)};{now // 1_000_000};{volume};{average};true"
        return t.tick_string(self._id, kind, value)

    def _option_volumes(self, now: int) -> bytes:
        del now
        con_id = self._book.instrument.con_id
        calls, puts = (self._exchange.option_volume(con_id, right) for right in ("C", "P"))
        return self._size(t.CALL_OPTION_VOLUME, calls) + self._size(t.PUT_OPTION_VOLUME, puts)

    def _option_interest(self, now: int) -> bytes:
        del now
        calls, puts = self._made_up("calls", 1_000_000), self._made_up("puts", 1_000_000)
        return self._size(t.CALL_OPEN_INTEREST, calls) + self._size(t.PUT_OPEN_INTEREST, puts)

    def _past_year(self, now: int) -> bytes:
        found = self._statistics(now)
        edges = [edge for low_and_high in found.ranges for edge in low_and_high]
        prices = [self._price(t.LOW_13_WEEKS + nth, edge) for nth, edge in enumerate(edges)]
        return b"".join(prices) + self._size(t.AVERAGE_VOLUME, found.average_volume)

    def _auction(self, now: int) -> bytes:
        del now
        imbalance = self._size(t.AUCTION_IMBALANCE, self._made_up("imbalance", 50_000))
        volume = self._size(t.AUCTION_VOLUME, self._made_up("auction", 500_000))
        price = self._price(t.AUCTION_PRICE, self._book.last)
        return volume + price + imbalance + self._size(t.REGULATORY_IMBALANCE, 0)

    def _shortable(self, now: int) -> bytes:
        """Above 2.5: at least a thousand shares can be borrowed."""
        del now
        return self._generic(t.SHORTABLE, 3.0) + self._size(t.SHORTABLE_SHARES, 1_000_000)

    def _dividends(self, now: int) -> bytes:
        """ "past 12 months,next 12 months,next date,next amount"; four a year, of a quarter percent."""
        today = datetime.fromtimestamp(now / 1e9, UTC)
        amount = round(self._book.instrument.price * 0.0025, 2)
        month = today.month // 3 * 3 + 3  # the first of March, June, September, December after today's month
        year, month = (today.year, month) if month <= 12 else (today.year + 1, month - 12)
        whole = round(4 * amount, 2)
        return t.tick_string(self._id, t.IB_DIVIDENDS, f"{whole},{whole},{year}{month:02d}01,{amount}")
