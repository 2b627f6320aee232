"""What the risk rules ask: the market, positions, the day's result, what works now.

A strategy's position and result are our own fills and what they cost; an account's are the status node's
events, believed only while that node beats and is ready. A quote is believed while its stream says that live
data flow, and no longer than quotes are repeated: the process that sends it may have died.
Whatever is not known is None, and the rule that asked decides what that means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from twsmq_protocol.endpoints import STATUS
from twsmq_protocol.envelope import Event
from twsmq_protocol.instruments import parse_instrument
from twsmq_protocol.market_events import Quote, Stream
from twsmq_protocol.system_events import AccountValue, Heartbeat, Position

from .book import Book
from .risk import Market, Open, Scope

BEAT_S = 2.0
DAILY_PNL = "DailyPnL"
_MULTIPLIED = frozenset(("OPT", "FOP", "WAR", "IOPT", "FUT", "CONTFUT"))
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_LIVE = frozenset(("active", "resumed"))


class LiveFacts:
    """`want`: is called once for each instrument whose quote is asked for. `clock`: monotonic seconds.
    `repeat_s`: how often a quote comes again where nothing changes.
    """

    def __init__(
        self, book: Book, want: Callable[[str], None], clock: Callable[[], float], *, repeat_s: float
    ) -> None:
        self._book = book
        self._want = want
        self._clock = clock
        self._believe_s = 2 * repeat_s + 1.0
        self._markets: dict[str, Market | None] = {}
        self._quoted_at: dict[str, float] = {}
        self._not_live: set[str] = set()  # as their streams said last
        self._positions: dict[tuple[str, str], float] = {}
        self._results: dict[str, float] = {}
        self._believed_until = 0.0

    def heard(self, topic: str, event: Event) -> None:
        """An event of another node."""
        match event:
            case Quote():
                self._quoted(_instrument(topic), event)
            case Stream(state=state) if state in _LIVE:
                self._not_live.discard(_instrument(topic))
            case Stream():
                self._not_live.add(_instrument(topic))
                self._markets[_instrument(topic)] = None
            case Position():
                self._book.spellings.con_id(event.instrument)  # raises for what is no spelling
                self._book.spellings.learn(event.instrument, event.con_id)
                self._positions[event.account, event.instrument] = event.quantity
            case AccountValue(tag=tag) if tag == DAILY_PNL:
                self._results[event.account] = float(event.value)
            case Heartbeat(name=name, state=state) if name == STATUS:
                self._believed_until = self._clock() + (BEAT_S if state == "ready" else 0.0)
            case _:
                pass

    def _quoted(self, instrument: str, quote: Quote) -> None:
        self._book.spellings.learn(instrument, quote.con_id)
        live = not quote.delayed and instrument not in self._not_live
        self._markets[instrument] = Market(quote.bid, quote.ask, quote.last) if live else None
        self._quoted_at[instrument] = self._clock()

    # -- for the rules

    def market(self, instrument: str) -> Market | None:
        if instrument not in self._markets:
            self._markets[instrument] = None
            self._want(instrument)
        market = self._markets[instrument]
        if market is None or self._clock() - self._quoted_at[instrument] > self._believe_s:
            return None
        return market

    def multiplier(self, instrument: str) -> float | None:
        """As spelled, where the type has one; an option's is 100 unless it says otherwise. None where the
        spelling does not tell: a future's, and anything by its conId."""
        parsed = parse_instrument(instrument)
        if parsed.con_id:
            return None
        if parsed.sec_type not in _MULTIPLIED:
            return 1.0
        if parsed.multiplier:
            return (float(parsed.multiplier) or None) if _NUMBER.fullmatch(parsed.multiplier) else None
        return None if parsed.sec_type in ("FUT", "CONTFUT") else 100.0

    def position(self, scope: Scope, name: str, instrument: str) -> float | None:
        """Under whatever spelling. None also while it is unknown whether what is held is this contract: its
        quote, which is asked for then, tells."""
        if scope == "account" and self._clock() > self._believed_until:
            return None
        positions = self._book.positions if scope == "strategy" else self._positions
        total = 0.0
        for (owner, spelled), units in positions.items():
            if owner != name or not units:
                continue
            same = self.same(spelled, instrument)
            if same is None:
                self.market(instrument)
                return None
            total += units if same else 0.0
        return total

    def same(self, one: str, other: str) -> bool | None:
        return self._book.spellings.same(one, other)

    def daily_pnl(self, scope: Scope, name: str, ns: int) -> float | None:
        if scope == "strategy":
            return self._book.result(name, ns)
        return self._results.get(name) if self._clock() <= self._believed_until else None

    def open_orders(self) -> Iterator[Open]:
        for record in self._book.active():
            order = record.order
            remaining = order.remaining + record.largest - order.quantity
            yield Open(order.strategy, order.account or "", order.instrument, order.side, remaining)


def _instrument(topic: str) -> str:
    return topic.split("/")[1]
