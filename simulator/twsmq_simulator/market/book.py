"""A limit order book fed by a seeded process, in whole ticks and whole units of the instrument.

A fair value moves by a random walk (or follows another price: an option its underlying, a combo its legs).
Where it crosses the best quote, the quote is traded through and the book follows; in between, small trades
hit either side and sizes at the levels change. Invariants after every call: both sides sorted from the best
outwards, best bid below best ask, `DEPTH` levels a side, every size positive.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Final, Protocol

import msgspec

from twsmq_simulator.market.instruments import Instrument

DEPTH: Final = 10
BID: Final = 1
ASK: Final = 2
LAST: Final = 4
HIGH: Final = 8
LOW: Final = 16
SECONDS_PER_YEAR: Final = 252 * 6.5 * 3600


Size = int | Decimal  # whole units, but for what clients trade in fractions


class DayFigures(Protocol):
    """Prices in ticks."""

    @property
    def open(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def volume(self) -> int: ...
    @property
    def average(self) -> float: ...
    @property
    def trades(self) -> int: ...


class Trade(msgspec.Struct, frozen=True):
    """One print: `buyer` is true when the buyer was the aggressor. The price is in ticks."""

    ticks: int
    size: Size
    buyer: bool


class Book:
    """`fair` gives the fair price if it does not walk by itself; `seconds` is the time one step stands
    for.
    """

    def __init__(
        self,
        instrument: Instrument,
        rng: Random,
        price: float,
        seconds: float,
        fair: Callable[[], float] | None = None,
    ) -> None:
        self.instrument = instrument
        self._rng = rng
        self._tick = instrument.min_tick
        self._fair_of = fair
        self._negative = instrument.sec_type == "BAG"
        self._lot = max(1, instrument.lot)
        self.fair_ticks = price / self._tick
        self._sigma = self._step_ticks(price, seconds)
        self.bids: list[list[int]] = []
        self.asks: list[list[int]] = []
        self._decimals = max(0, len(f"{self._tick:.8f}".rstrip("0").split(".")[1]))
        self.volume: Size = 0
        self.trades = 0
        self._turnover: Size = 0  # ticks times size
        self.halted = False
        self._away = 0.0  # how far the fair value is from the path, in ticks
        self.on_moved: Callable[[float], None] | None = None  # on command, other than by its own process
        self.replayed = False  # a tick file moves it, not its own process
        self.trade: Trade | None = None
        self._rebuild()
        middle = (self.bids[0][0] + self.asks[0][0]) // 2
        self.last_ticks = self.open_ticks = self.high_ticks = self.low_ticks = self.close_ticks = middle
        self.last_size: Size = self._lot

    def _step_ticks(self, price: float, seconds: float) -> float:
        spread = self.instrument.volatility * (seconds / SECONDS_PER_YEAR) ** 0.5
        return max(0.05, abs(price) * spread / self._tick)

    # ---- prices and sizes as clients see them

    def price(self, ticks: int) -> float:
        return round(ticks * self._tick, self._decimals)

    @property
    def bid(self) -> float:
        return self.price(self.bids[0][0])

    @property
    def ask(self) -> float:
        return self.price(self.asks[0][0])

    @property
    def last(self) -> float:
        return self.price(self.last_ticks)

    @property
    def mid(self) -> float:
        if not self.instrument.quoted:
            return self.last
        return (self.bid + self.ask) / 2

    @property
    def average(self) -> float:
        """The average price of the day's trades by volume; the last price before the first of them."""
        return float(self._turnover / self.volume) * self._tick if self.volume else self.last

    # ---- the process

    def step(self) -> int:
        """One event of the process; the bits show what changed. The trade, if any, is in `trade`."""
        self.trade = None
        if self.halted or self.replayed:
            return 0
        rng = self._rng
        if self._fair_of is not None:
            if self.on_moved is not None:  # it walks by itself, about its path
                self._away = 0.9 * self._away + rng.gauss(0.0, self._sigma)
            self.fair_ticks = self._bounded(self._fair_of() / self._tick + self._away)
        else:
            self.fair_ticks = self._bounded(self.fair_ticks + rng.gauss(0.0, self._sigma))
        if not self.instrument.quoted:
            return self._index_step()
        fair, best_bid, best_ask = self.fair_ticks, self.bids[0], self.asks[0]
        changed = 0
        if abs(fair - best_bid[0]) > 20 * self.instrument.spread + 20 * self._sigma:
            self._rebuild()
            changed = BID | ASK
        elif fair >= best_ask[0]:
            changed = self._print(best_ask[0], best_ask[1], buyer=True) | ASK | BID
            self.asks.pop(0)
            self._close_gap(self.bids, self.asks[0][0] - self.instrument.spread, -1)
        elif fair <= best_bid[0]:
            changed = self._print(best_bid[0], best_bid[1], buyer=False) | ASK | BID
            self.bids.pop(0)
            self._close_gap(self.asks, self.bids[0][0] + self.instrument.spread, 1)
        elif rng.random() < 0.4:
            changed = self._small_trade()
        else:
            changed = self._resize()
        self._refill()
        return changed

    def jump(self, factor: float) -> None:
        """Moves the fair value at once and rebuilds the book around it."""
        self.fair_ticks = self._bounded(self.fair_ticks * factor)
        self._rebuild()
        self._moved()

    def set_price(self, price: float) -> None:
        self.fair_ticks = self._bounded(price / self._tick)
        self._rebuild()
        self.last_ticks = round(self.fair_ticks)
        self._moved()

    def _moved(self) -> None:
        if self.on_moved is not None:
            self.on_moved(self.fair_ticks * self._tick)

    def settle_here(self) -> None:
        """Goes on from where a replay left it."""
        self.fair_ticks = (self.bids[0][0] + self.asks[0][0]) / 2
        self._moved()

    def rescale(self, price: float) -> None:
        """After a split: the same market at another price."""
        before, self.fair_ticks = self.fair_ticks, self._bounded(price / self._tick)
        for name in ("last_ticks", "open_ticks", "high_ticks", "low_ticks", "close_ticks"):
            setattr(self, name, round(getattr(self, name) * self.fair_ticks / before))
        self._rebuild()

    def begin_day(self, so_far: DayFigures, close: float) -> None:
        """The figures of a day that has come so far, and the close of the one before."""
        self.open_ticks, self.high_ticks = int(so_far.open), int(so_far.high)
        self.low_ticks, self.close_ticks = int(so_far.low), int(close)
        self.volume, self.trades = max(0, so_far.volume), max(0, so_far.trades)
        self._turnover = round(so_far.average * self.volume)

    def show(self, side: int, price: float, size: int) -> None:
        """Puts a recorded bid, ask or last (a bit each) into the book; the other side gives way if it
        must.
        """
        ticks = round(price / self._tick)
        self.trade = None
        if side == LAST:
            self._print(ticks, size, buyer=ticks >= self.asks[0][0])
            return
        mine, other, outwards = (self.bids, self.asks, -1) if side == BID else (self.asks, self.bids, 1)
        mine[:] = [[ticks, max(1, size)], *(level for level in mine if (level[0] - ticks) * outwards > 0)][
            :DEPTH
        ]
        other[:] = [level for level in other if (level[0] - ticks) * outwards < 0]
        if not other:
            other.append([ticks - outwards, self._lot])
        self.fair_ticks = (self.bids[0][0] + self.asks[0][0]) / 2
        self._refill()

    def take(self, *, buy: bool, limit: float | None, quantity: Decimal) -> list[tuple[float, Decimal]]:
        """What an incoming order trades: (price, quantity) per level, best first, up to `limit` and
        `quantity`.

        At most what is displayed: a larger order has to wait for the book to fill up again.
        """
        if self.halted:
            return []
        if not self.instrument.quoted:
            return [(self.last, quantity)]
        side = self.asks if buy else self.bids
        fills: list[tuple[float, Decimal]] = []
        ticks = side[0][0]
        while quantity > 0 and side:
            ticks, available = side[0]
            price = self.price(ticks)
            if limit is not None and (price > limit if buy else price < limit):
                break
            taken = min(quantity, Decimal(available))
            fills.append((price, taken))
            self._print(ticks, int(taken) if taken % 1 == 0 else taken, buyer=buy)
            quantity -= taken
            side[0][1] = int(available - taken)
            if side[0][1] == 0:
                side.pop(0)
        if not side:
            side.append([ticks + (1 if buy else -1), self._size()])
        self._refill()
        if self.bids[-1][0] <= 0 and not self._negative:
            self._rebuild()
        return fills

    def available(self, *, buy: bool, limit: float | None) -> int:
        """How much could be taken at once within `limit`."""
        total = 0
        for ticks, size in self.asks if buy else self.bids:
            price = self.price(ticks)
            if limit is not None and (price > limit if buy else price < limit):
                break
            total += size
        return total

    # ---- pieces

    def _bounded(self, ticks: float) -> float:
        """Prices stay positive, but for combos, which may be worth less than nothing."""
        return ticks if self._negative else max(ticks, float(self.instrument.spread + DEPTH + 1))

    def _print(self, ticks: int, size: Size, *, buyer: bool) -> int:
        self.last_ticks, self.last_size = ticks, size
        self.volume += size
        self.trades += 1
        self._turnover += ticks * size
        self.trade = Trade(ticks, size, buyer)
        changed = LAST
        if ticks > self.high_ticks:
            self.high_ticks = ticks
            changed |= HIGH
        if ticks < self.low_ticks:
            self.low_ticks = ticks
            changed |= LOW
        return changed

    def _index_step(self) -> int:
        ticks = round(self.fair_ticks)
        if ticks == self.last_ticks:
            return 0
        changed = self._print(ticks, 0, buyer=True)
        self.trade = None
        return changed

    def _small_trade(self) -> int:
        buyer = self._rng.random() < 0.5
        level = (self.asks if buyer else self.bids)[0]
        size = min(self._size(), level[1])
        changed = self._print(level[0], size, buyer=buyer) | (ASK if buyer else BID)
        if size == level[1]:
            level[1] = self._size()
        else:
            level[1] -= size
        return changed

    def _resize(self) -> int:
        is_bid = self._rng.random() < 0.5
        nth = int(self._rng.random() * self._rng.random() * DEPTH)
        (self.bids if is_bid else self.asks)[nth][1] = self._size()
        if nth > 0:
            return 0
        return BID if is_bid else ASK

    def _size(self) -> int:
        return self._lot * (1 + int(self._rng.random() * 8))

    def _close_gap(self, side: list[list[int]], best: int, outwards: int) -> None:
        while (side[0][0] - best) * outwards > 0:
            side.insert(0, [side[0][0] - outwards, self._size()])
        del side[DEPTH:]

    def _rebuild(self) -> None:
        half = self.instrument.spread / 2
        bid = int(self.fair_ticks - half // 1) if half >= 1 else int(self.fair_ticks)
        ask = bid + max(1, self.instrument.spread)
        self.bids = [[bid - nth, self._size()] for nth in range(DEPTH)]
        self.asks = [[ask + nth, self._size()] for nth in range(DEPTH)]

    def _refill(self) -> None:
        for side, outwards in ((self.bids, -1), (self.asks, 1)):
            while len(side) < DEPTH:
                side.append([side[-1][0] + outwards, self._size()])
