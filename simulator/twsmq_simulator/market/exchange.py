"""All books of the market and the processes that move them.

A book comes into being when somebody first asks for it, from a generator seeded with the market's seed and
the conId, so that the same seed and the same requests give the same prices. Only books that somebody follows
are stepped; the others stand still. After a restart a book starts where its price was last saved.
"""

from collections.abc import Callable
from random import Random

from twsmq_simulator.market.book import Book
from twsmq_simulator.market.instruments import Catalogue, Instrument
from twsmq_simulator.market.pricing import OptionModel
from twsmq_simulator.market.statistics import Statistics, of_past_year


class Exchange:
    """`now` gives the market's time (for option values); `step_seconds` is what one step stands for."""

    def __init__(
        self,
        catalogue: Catalogue,
        seed: int,
        now: Callable[[], int],
        step_seconds: float,
        prices: dict[int, float],
    ) -> None:
        self.catalogue = catalogue
        self._seed = seed
        self._now = now
        self._step_seconds = step_seconds
        self._saved = dict(prices)
        self._books: dict[int, Book] = {}

    def book(self, con_id: int) -> Book | None:
        """The book of an instrument, made on first use; None for a conId the catalogue does not know."""
        found = self._books.get(con_id)
        if found is not None:
            return found
        instrument = self.catalogue.get(con_id)
        if instrument is None:
            return None
        fair = self._fair(instrument)
        price = self._saved.get(con_id) or (fair() if fair is not None else instrument.price)
        rng = Random(f"{self._seed}/{con_id}")
        book = Book(instrument, rng, price, self._step_seconds, fair)
        self._books[con_id] = book
        return book

    def model(self, i: Instrument) -> OptionModel | None:
        """What values an option; None for what is no option."""
        if i.sec_type not in ("OPT", "FOP"):
            return None
        under = self.required(i.under_con_id)
        return OptionModel(i.strike, i.expiry, call=i.right == "C", under=lambda: under.mid, now=self._now)

    def statistics(self, book: Book, now: int) -> Statistics:
        return of_past_year(book, self._seed, now)

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

    def prices(self) -> dict[int, float]:
        """Where every book stands, to be saved."""
        return {con_id: book.mid for con_id, book in self._books.items()}

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

    def required(self, con_id: int) -> Book:
        book = self.book(con_id)
        assert book is not None, f"conId {con_id} is not in the catalogue"
        return book
