"""Plain ticks: one line's quotes, its ticks one by one, and what is computed of options."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from twsmq_protocol.envelope import PROTOCOL_VERSION
from twsmq_protocol.market_events import Greeks

from twsmq_nodes.tws.absence import NOT_QUOTED
from twsmq_nodes.tws.events import TickNews, TickOptionComputation

from ..listings import Listing
from .channels import Channel, DataEvent
from .news import headline_of
from .publisher import Outlet, Publisher
from .quotes import VOLUMES, AnyTick, QuoteBook, QuoteRow, in_units, known


class TicksRow(Struct, tag="ticks", tag_field="type", kw_only=True):
    """The fields of `market_events.Ticks`, mutable."""

    v: int = PROTOCOL_VERSION
    src: str = ""
    inc: int = 0
    seq: int = 0
    ts: int = 0
    con_id: int | None = None
    ticks: list[tuple[int, object, int]] = []
    snapshot: bool = False


_Basis = Literal["bid", "ask", "last", "model"]
_BASES: dict[int, tuple[_Basis, bool]] = {
    10: ("bid", False), 11: ("ask", False), 12: ("last", False), 13: ("model", False),
    80: ("bid", True), 81: ("ask", True), 82: ("last", True), 83: ("model", True),
}  # fmt: skip

MOST_UNNOTED = 64
"""Ticks of a line that wait to be taken note of, where nobody has its quote."""

_COMPUTED = ("implied_vol", "delta", "price", "pv_dividend", "gamma", "vega", "theta", "underlying")
"""The order in which a `ticks` event lists them."""


class MarketDataChannel(Channel):
    """Serves `quote/`, `tick/` and `greeks/` from one line."""

    takes = (TickNews, TickOptionComputation)
    __slots__ = (
        "_flushed",
        "_greeks",
        "_held",
        "_quote",
        "_quoted_at",
        "_quotes",
        "_ticks",
        "_ticks_row",
        "_values",
    )

    def __init__(self, publisher: Publisher, listing: Listing) -> None:
        super().__init__(publisher, listing)
        src, inc = publisher.src, publisher.inc
        row = QuoteRow(src=src, inc=inc, con_id=self.con_id, magnifier=listing.magnifier)
        self._quote = QuoteBook(row, self._volume_unit())
        self._ticks_row = TicksRow(src=src, inc=inc, con_id=self.con_id)
        self._quotes: dict[str, Outlet] = {}
        self._ticks: dict[str, Outlet] = {}
        self._values: dict[str, Outlet] = {}
        self._greeks: dict[str, Greeks] = {}
        self._quoted_at = 0.0
        self._held = False
        self._flushed: list[AnyTick] = []  # and not noted yet

    def join(self, outlet: Outlet) -> None:
        super().join(outlet)
        self._note()
        self._of(outlet.topic)[outlet.topic] = outlet

    def part(self, topic: str) -> None:
        super().part(topic)
        del self._of(topic)[topic]

    def _of(self, topic: str) -> dict[str, Outlet]:
        kind = topic.partition("/")[0]
        return self._quotes if kind == "quote" else self._ticks if kind == "tick" else self._values

    def renew(self) -> None:
        self._quote.clear()
        self._quote.volume_unit = self._volume_unit()  # another session may count otherwise
        self._flushed.clear()
        self._greeks.clear()

    def on_event(self, event: DataEvent) -> None:
        """Option computations are ticks too, but no plain ones; headlines come with generic tick 292."""
        if isinstance(event, TickNews):
            headline = headline_of(event)
            for outlet in (*self._quotes.values(), *self._ticks.values()):
                self.publisher.post(outlet, headline)
            return
        if not isinstance(event, TickOptionComputation) or event.tick_type not in _BASES:
            return
        basis, delayed = _BASES[event.tick_type]
        greeks = self._greeks[basis] = Greeks(
            con_id=self.con_id,
            basis=basis,
            implied_vol=event.implied_vol,
            delta=event.delta,
            price=event.opt_price,
            pv_dividend=event.pv_dividend,
            gamma=event.gamma,
            vega=event.vega,
            theta=event.theta,
            underlying=event.und_price,
            delayed=delayed,
        )
        values = [getattr(greeks, name) for name in _COMPUTED]
        self.batch.append((event.req_id, event.tick_type, values, event.tick_attrib or 0))
        for outlet in self._values.values():
            self.publisher.post(outlet, greeks)

    def flush(self) -> None:
        batch = self.batch
        self.batch = []
        if self._ticks and batch:
            row = self._ticks_row
            row.ticks = self._outgoing(batch)
            for outlet in self._ticks.values():
                self.publisher.send(outlet, row)
        if self._flushed:
            self._flushed += batch
        else:
            self._flushed = batch

    def settle(self) -> None:
        """The quotes, after the ticks of all lines, which cannot wait. Without quotes the state is for
        newcomers and noted now and then: each time, it took a quarter of the node's work for a tick.
        """
        if self._quotes:
            flushed, self._flushed = self._flushed, []
            if self._quote.apply(flushed):
                self._send_quote()
        elif len(self._flushed) >= MOST_UNNOTED:
            self._note()

    def _note(self) -> None:
        """Bring the state of the line up to now, and publish it as a quote."""
        flushed = self._flushed
        if flushed:
            self._flushed = []
            if self._quote.apply(flushed) and self._quotes:
                self._send_quote()

    def flush_held(self) -> None:
        """Publish the quote that the conflation interval held back."""
        if self._held:
            self._send_quote()

    def _send_quote(self) -> None:
        publisher = self.publisher
        if publisher.now - self._quoted_at < publisher.quote_interval_s:
            self._held = True
            publisher.hold(self)
            return
        self._held = False
        self._quoted_at = publisher.now
        for outlet in self._quotes.values():
            publisher.send(outlet, self._quote.row)

    def greet(self, outlet: Outlet) -> bool:
        self._note()
        if outlet.topic in self._quotes:
            return self._greet_row(outlet, self._quote.row) if not self._quote.empty else False
        if outlet.topic in self._ticks:
            last = self._quote.last
            self._ticks_row.ticks = self._outgoing(list(last.values()))
            return self._greet_row(outlet, self._ticks_row) if last else False
        for greeks in self._greeks.values():
            self.publisher.repost(outlet, greeks)
        return bool(self._greeks)

    def _greet_row(self, outlet: Outlet, row: QuoteRow | TicksRow) -> bool:
        row.snapshot = True
        self.publisher.send(outlet, row)
        row.snapshot = False
        return True

    def _outgoing(self, batch: list[AnyTick]) -> list[tuple[int, object, int]]:
        """The ticks as they go out: in units of the instrument, without a value where there is none."""
        unit, magnifier = self._quote.volume_unit, self._quote.row.magnifier
        marks = (0.0, NOT_QUOTED, NOT_QUOTED * magnifier)
        outgoing: list[tuple[int, object, int]] = []
        for at, tick in enumerate(batch, 1):
            _, tick_type, value, attributes = tick
            if value in marks:
                value = known(tick, batch[at] if at < len(batch) else None, magnifier)[2]
            if tick_type in VOLUMES:
                value = in_units(value, unit)
            outgoing.append((tick_type, value, attributes))
        return outgoing

    def use_data_type(self, *, delayed: bool) -> None:
        self._note()
        self._quote.use_data_type(delayed=delayed)

    def use_listing(self, listing: Listing) -> None:
        self._note()
        super().use_listing(listing)
        self._quote.volume_unit = self._volume_unit()
        self._quote.row.magnifier = listing.magnifier

    def _volume_unit(self) -> int | None:
        return 1 if self.publisher.unit_volumes else self.listing.volume_unit

    @property
    def quote(self) -> QuoteRow | None:
        """The present quote, None if nothing is known."""
        self._note()
        return None if self._quote.empty else self._quote.row
