"""The newest of everything subscribed, kept as it comes: `client.quotes[x]`, `client.orders["alpha"]`. Pure.

A mirror is only as fresh as its client's reading of the socket; while a quote's stream is not live (a gap, an
error) `live` is false, and the last values stay what they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, ParamSpec, TypeVar

from twsmq_protocol.errors import gateway_error
from twsmq_protocol.market_events import Quote, Stream
from twsmq_protocol.order_events import TERMINAL_STATUSES, Commission, Fill, Order
from twsmq_protocol.topics import quote_topic

from .errors import StreamRefused
from .inbox import BEATS, Received

P = ParamSpec("P")
T = TypeVar("T")
_LIVE = frozenset(("active", "resumed"))


class QuoteMirror:
    """One instrument's quote. `quote` is the last event, None before the first."""

    def __init__(self, instrument: str) -> None:
        self.instrument = instrument
        self.quote: Quote | None = None
        self.stream: Stream | None = None

    @property
    def live(self) -> bool:
        """Data flow now, and are not delayed."""
        flows = self.stream is None or self.stream.state in _LIVE
        return self.quote is not None and flows and not self.quote.delayed

    @property
    def bid(self) -> float | None:
        return None if self.quote is None else self.quote.bid

    @property
    def ask(self) -> float | None:
        return None if self.quote is None else self.quote.ask

    @property
    def last(self) -> float | None:
        return None if self.quote is None else self.quote.last

    @property
    def mid(self) -> float | None:
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2

    def require_possible(self) -> None:
        """Raises `StreamRefused` where there are no data, and nobody asks for them again."""
        stream = self.stream
        if stream is not None and stream.state == "error" and stream.reason is None:
            raise StreamRefused(quote_topic(self.instrument), stream.text or "refused", stream.code)

    def why_not(self, *, live: bool) -> str:
        """Why there is no bid and ask yet, as far as it is known."""
        if self.stream is not None and self.stream.state == "error":
            return f"{self.stream.text}{gateway_error(self.stream.code)}, {self.stream.reason}"
        if live and self.quote is not None and self.quote.delayed:
            return "its data are delayed; live=False takes them"
        if self.quote is None and self.stream is None:
            return "nothing has come of it"
        state = "" if self.stream is None else f"the stream is {self.stream.state}"
        why = "" if self.stream is None else self.stream.reason or ""
        sides = f"bid {self.bid}, ask {self.ask}"
        return ", ".join(filter(None, (state, why, sides)))

    def __repr__(self) -> str:
        state = "nothing yet" if self.stream is None else self.stream.state
        return f"<{self.instrument}: bid {self.bid}, ask {self.ask}, last {self.last} ({state})>"


class StrategyMirror(Mapping[str, Order]):
    """The orders of one strategy by `client_order_id`: those that worked when it was made, and all since."""

    def __init__(self, strategy: str) -> None:
        self.strategy = strategy
        self._orders: dict[str, Order] = {}
        self._fills: dict[str, dict[str, Fill]] = {}
        self._taken_back: set[str] = set()  # executions that a later one corrects
        self.losses = 0
        """How often events of it, or of the node's whole, were lost: what it knows may be old since."""
        self.commissions: dict[str, Commission] = {}

    def __getitem__(self, client_order_id: str) -> Order:
        return self._orders[client_order_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._orders)

    def __len__(self) -> int:
        return len(self._orders)

    @property
    def active(self) -> list[Order]:
        """Those that may still fill."""
        return [order for order in self._orders.values() if order.status not in TERMINAL_STATUSES]

    def fills(self, client_order_id: str) -> list[Fill]:
        """Executions as they stand after corrections."""
        return [fill for fill in self._fills.get(client_order_id, {}).values() if fill.quantity]

    def learn(self, order: Order) -> None:
        """An order as it stood at its event number; an older one than is known changes nothing."""
        known = self._orders.get(order.client_order_id)
        if known is None or order.event_no >= known.event_no:
            self._orders[order.client_order_id] = order

    def take(self, event: object) -> None:
        match event:
            case Order():
                self.learn(event)
            case Fill():
                fills = self._fills.setdefault(event.client_order_id, {})
                if event.corrects is not None:
                    self._taken_back.add(event.corrects)
                    fills.pop(event.corrects, None)
                itself = event.corrects == event.exec_id  # one of the order's is a leg after all
                if itself or event.exec_id not in self._taken_back:  # which may come after what corrects it
                    fills[event.exec_id] = event
            case Commission():
                self.commissions[event.exec_id] = event
            case _:
                pass


class Mirrors:
    """Everything that is mirrored."""

    def __init__(self) -> None:
        self.quotes: dict[str, QuoteMirror] = {}
        self.strategies: dict[str, StrategyMirror] = {}

    def listens(self, topic: str) -> bool:
        kind, _, rest = topic.partition("/")
        return (kind == "quote" and rest[:-1] in self.quotes) or (
            kind == "order" and rest[:-1] in self.strategies
        )

    def take(self, received: Received) -> None:
        if received.lost and received.topic == BEATS:  # it does not name the strategy
            for strategy in self.strategies.values():
                strategy.losses += 1
        kind, _, rest = received.topic.partition("/")
        if kind == "quote":
            mirror = self.quotes.get(rest[:-1])
            if mirror is not None and isinstance(received.event, Quote):
                mirror.quote = received.event
            elif mirror is not None and isinstance(received.event, Stream):
                mirror.stream = received.event
        elif kind == "order":
            strategy = self.strategies.get(rest.partition("/")[0])
            if strategy is not None:
                strategy.losses += bool(received.lost)
                strategy.take(received.event)


class Quotes:
    """`client.quotes[instrument]`: subscribes when it is first asked for."""

    def __init__(self, mirrors: Mirrors, listen: Callable[[str], None], pump: Callable[[], None]) -> None:
        self._mirrors, self._listen, self._pump = mirrors, listen, pump

    def __getitem__(self, instrument: str) -> QuoteMirror:
        mirror = self._mirrors.quotes.get(instrument)
        if mirror is None:
            mirror = self._mirrors.quotes[instrument] = QuoteMirror(instrument)
            self._listen(quote_topic(instrument))
        self._pump()
        return mirror


class Strategies(Generic[P, T]):
    """`client.orders[strategy]`: subscribes when it is first asked for. `client.orders()` asks the node."""

    def __init__(
        self,
        mirrors: Mirrors,
        listen: Callable[[str], None],
        pump: Callable[[], None],
        ask: Callable[P, T],
    ) -> None:
        self._mirrors, self._listen, self._pump, self._ask = mirrors, listen, pump, ask

    def __call__(self, *args: P.args, **wanted: P.kwargs) -> T:
        """As `get_orders`."""
        return self._ask(*args, **wanted)

    def __getitem__(self, strategy: str) -> StrategyMirror:
        mirror = self._mirrors.strategies.get(strategy)
        if mirror is None:
            mirror = self._mirrors.strategies[strategy] = StrategyMirror(strategy)
            self._listen(f"order/{strategy}/")
        self._pump()
        return mirror
