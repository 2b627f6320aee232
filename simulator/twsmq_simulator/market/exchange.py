"""All books of the market, what moves them, and their past.

Every instrument has a path (`path.py`) that gives its worth at any moment of the past and the future;
a book comes into being when somebody first asks for it and moves about its path. So the same seed gives the
same prices, and history goes over into live prices without a seam. Only books that somebody follows are
stepped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Final

from msgspec.structs import replace

from twsmq_simulator.market.book import Book
from twsmq_simulator.market.history import Kind, Span, bars, sessions
from twsmq_simulator.market.instruments import Catalogue, Instrument
from twsmq_simulator.market.past import Levels, Past
from twsmq_simulator.market.path import SECOND, Path
from twsmq_simulator.market.pricing import OptionModel
from twsmq_simulator.market.statistics import Statistics, of_past_year
from twsmq_simulator.market.tape import Tape, Watched

WEEK: Final = 7 * 86_400 * SECOND
LONGEST_PAUSE: Final = 2 * SECOND  # between two looks that still count as one watch


class Exchange:
    """`now` gives the market's time, `anchor` when prices were those of the listing; `step_seconds` is what
    one step stands for. `changes` collects what is to be stored: jumps and splits, minutes that were watched.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        seed: int,
        now: Callable[[], int],
        step_seconds: float,
        *,
        anchor: int | None = None,
        always_open: bool = True,
    ) -> None:
        self.catalogue = catalogue
        self.changes: dict[tuple[str, str], object] = {}
        self._seed = seed
        self._now = now
        self._step_seconds = step_seconds
        self._anchor = now() if anchor is None else anchor
        self._always = always_open
        self._books: dict[int, Book] = {}
        self._pasts: dict[int, Past] = {}
        self._days: dict[int, Span] = {}  # the session whose figures a book shows
        self._levels: dict[int, Levels] = {}
        self._minutes: dict[int, dict[int, Watched]] = {}

    def rename(self, instrument: Instrument) -> None:
        """A conId stands for something else from now on; what traded there goes on."""
        self.catalogue.replace(instrument)
        self.changes[("renamed", str(instrument.con_id))] = instrument
        if instrument.con_id in self._books:
            self._books[instrument.con_id].instrument = instrument

    def inherit(self, instrument: Instrument, from_con_id: int, ratio: float) -> None:
        """A new conId with the past of another, split."""
        old = self.past(from_con_id).levels
        self._levels[instrument.con_id] = Levels(list(old.jumps), list(old.splits))
        self.catalogue.add(instrument)
        self.changes[("instrument", f"{instrument.con_id:012d}")] = instrument
        self.split(instrument.con_id, ratio)

    def restore(self, levels: dict[str, Levels], minutes: Iterable[tuple[str, Watched]]) -> None:
        """Takes back what was stored."""
        self._levels = {int(key): value for key, value in levels.items()}
        for key, watched in minutes:
            con_id, _, minute = key.partition("/")
            self._minutes.setdefault(int(con_id), {})[int(minute)] = watched

    # ---- books

    def book(self, con_id: int) -> Book | None:
        """The book of an instrument, made on first use; None for a conId the catalogue does not know."""
        found = self._books.get(con_id)
        if found is not None:
            return found
        instrument = self.catalogue.get(con_id)
        if instrument is None:
            return None
        past = self.past(con_id)
        fair = self._fair(instrument)
        walks = fair is None
        now = self._now
        rng = Random(f"{self._seed}/{con_id}")
        price = past.price(now()) if fair is None else fair()
        book = Book(instrument, rng, price, self._step_seconds, fair or (lambda: past.price(now())))
        if walks:
            book.on_moved = lambda price: self._jumped(con_id, price)
        self._books[con_id] = book
        self.follow_day(book, now())
        return book

    def required(self, con_id: int) -> Book:
        book = self.book(con_id)
        assert book is not None, f"conId {con_id} is not in the catalogue"
        return book

    def look(self, book: Book, changed: int, now: int) -> None:
        """After a step of a book: its tape has it, and the day's figures are this day's."""
        past = self.past(book.instrument.con_id)
        if past.tape is None:
            past.tape = self._tape(past)
        past.tape.take(book, changed, now)
        self.follow_day(book, now)

    def follow_day(self, book: Book, now: int) -> None:
        """At the start of a session a book's open, high, low and volume begin anew, after the past."""
        con_id = book.instrument.con_id
        day = self._days.get(con_id)
        if day is not None and now < day.closes:
            return
        spans = sessions(book.instrument.hours, now - WEEK, now + 1, regular=False, always=self._always)
        spans = [span for span in spans if span.opens <= now]
        if not spans or spans[-1] == day:
            return
        self._days[con_id] = spans[-1]
        past = self.past(con_id)
        kind = Kind(past, "TRADES", now)
        told = bars(kind, spans[-2:], spans[-2:][0].opens, now, 86_400, now)
        if told and day is None:
            book.begin_day(told[-1], told[0].close)
        elif told:
            book.begin_day(told[-1]._replace(volume=0), told[0].close)

    # ---- the past

    def past(self, con_id: int) -> Past:
        found = self._pasts.get(con_id)
        if found is not None:
            return found
        i = self.catalogue.get(con_id)
        assert i is not None, f"conId {con_id} is not in the catalogue"
        walked = replace(i, con_id=i.path_of) if i.path_of else i
        path = Path(self._seed, walked, self._anchor, self._value(i))
        found = Past(self._seed, i, path, self._levels.setdefault(con_id, Levels()))
        kept = self._minutes.get(con_id)
        if kept:
            found.tape = self._tape(found)
            found.tape.minutes.update(kept)
        self._pasts[con_id] = found
        return found

    def _tape(self, past: Past) -> Tape:
        con_id = past.instrument.con_id

        def keep(minute: int, watched: Watched) -> None:
            self.changes[("minute", f"{con_id}/{minute}")] = watched

        gap = max(LONGEST_PAUSE, int(2.5 * self._step_seconds * SECOND))
        return Tape(gap, keep, past.looks)

    def _jumped(self, con_id: int, price: float) -> None:
        """From now on an instrument is worth this."""
        past, now = self.past(con_id), self._now()
        past.levels.jump(now, price / past.path.price(now))
        self._levels_changed(con_id)

    def split(self, con_id: int, ratio: float) -> None:
        """One share becomes so many: prices before and after are divided, volumes before multiplied."""
        past, now = self.past(con_id), self._now()
        past.levels.splits.append((now, ratio))
        self._levels_changed(con_id)
        book = self._books.get(con_id)
        if book is not None:
            book.rescale(past.price(now))

    def _levels_changed(self, con_id: int) -> None:
        self.changes[("levels", str(con_id))] = self.past(con_id).levels
        for past in self._pasts.values():
            past.forget()

    def _value(self, i: Instrument) -> Callable[[int], float] | None:
        """What a derived instrument is worth at a moment; None for one with a walk of its own."""
        if i.legs:
            legs = [(self.past(leg.con_id), leg.ratio) for leg in i.legs]
            return lambda ns: sum(past.price(ns) * ratio for past, ratio in legs)
        if self._is_stock_cfd(i):
            return self.past(i.under_con_id).price
        if i.sec_type in ("OPT", "FOP"):
            under = self.past(i.under_con_id)
            at = [0]
            model = OptionModel(
                i.strike, i.expiry, call=i.right == "C", under=lambda: under.price(at[0]), now=lambda: at[0]
            )

            def worth(ns: int) -> float:
                at[0] = ns
                return model.fair().price

            return worth
        return None

    def model(self, i: Instrument) -> OptionModel | None:
        """What values an option; None for what is no option."""
        if i.sec_type not in ("OPT", "FOP"):
            return None
        under = self.required(i.under_con_id)
        return OptionModel(i.strike, i.expiry, call=i.right == "C", under=lambda: under.mid, now=self._now)

    def statistics(self, book: Book, now: int) -> Statistics:
        return of_past_year(self.past(book.instrument.con_id), now)

    def option_volume(self, con_id: int, right: str) -> int:
        """What has traded today in the calls (C) or puts (P) on an underlying."""
        traded = (b for b in self._books.values() if b.instrument.under_con_id == con_id)
        return sum(int(b.volume) for b in traded if b.instrument.right == right)

    def sources(self, con_id: int) -> set[int]:
        """The books another one follows: they have to be stepped for it to move."""
        instrument = self.catalogue.get(con_id)
        if instrument is None:
            return set()
        if instrument.legs:
            found = {leg.con_id for leg in instrument.legs}
        elif instrument.sec_type in ("OPT", "FOP") or self._is_stock_cfd(instrument):
            found = {instrument.under_con_id}
        else:
            return set()
        return found.union(*(self.sources(source) for source in found))

    @staticmethod
    def _is_stock_cfd(instrument: Instrument) -> bool:
        return instrument.sec_type == "CFD" and bool(instrument.under_con_id)

    def _fair(self, i: Instrument) -> Callable[[], float] | None:
        if i.legs:
            legs = [(self.required(leg.con_id), leg.ratio) for leg in i.legs]
            return lambda: sum(book.mid * ratio for book, ratio in legs)
        if self._is_stock_cfd(i):
            stock = self.required(i.under_con_id)
            return lambda: stock.mid
        model = self.model(i)
        return None if model is None else lambda: model.fair().price
