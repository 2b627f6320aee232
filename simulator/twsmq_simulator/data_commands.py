"""Operations on data: what goes silent, what is refused, prices that are none, contracts that change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twsmq_simulator.broker import actions
from twsmq_simulator.command import Command, CommandRefused, named
from twsmq_simulator.faults import FEEDS, HISTORY_TROUBLES
from twsmq_simulator.feeds import TopOfBook
from twsmq_simulator.market import permissions
from twsmq_simulator.market.instruments import NO_DEFINITION
from twsmq_simulator.streams import GrowingBars
from twsmq_simulator.wire.requests import Cancel

if TYPE_CHECKING:
    from twsmq_simulator.gateway import Gateway


class SilentFeed(Command, frozen=True):
    """No data of one instrument while it is on, and no error. `feed` is all, or only quotes, bars,
    ticks or depth: bars can be dead while quotes live, and the other way round."""

    symbol: str
    sec_type: str = "STK"
    feed: str = "all"
    on: bool = True

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        if self.feed not in ("all", *FEEDS):
            raise CommandRefused("invalid_argument", f"feed is all or one of {', '.join(FEEDS)}", "feed")
        kinds = FEEDS if self.feed == "all" else (self.feed,)
        for instrument in named(gateway, self.symbol, self.sec_type):
            for kind in kinds:
                if self.on:
                    gateway.faults.silent_feeds.add((instrument.con_id, kind))
                else:
                    gateway.faults.silent_feeds.discard((instrument.con_id, kind))
        return {}


class NoQuote(Command, frozen=True):
    """Bid and ask of one instrument are no prices while it is on: -1 or 0 with size 0, as gateways report
    that there is none."""

    symbol: str
    sec_type: str = "STK"
    price: float = -1.0
    on: bool = True

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        if self.price not in (-1.0, 0.0):
            raise CommandRefused("invalid_argument", "price is -1 or 0", "price")
        for instrument in named(gateway, self.symbol, self.sec_type):
            if self.on:
                gateway.faults.no_quotes[instrument.con_id] = self.price
            else:
                gateway.faults.no_quotes.pop(instrument.con_id, None)
            book = gateway.exchange.required(instrument.con_id)
            for follower in gateway.floor.followers.get(instrument.con_id, ()):
                if isinstance(follower, TopOfBook):
                    follower.show_absent(gateway.faults.no_quotes.get(instrument.con_id), book)
        return {}


class Delayed(Command, frozen=True):
    """Quotes of one instrument that are followed turn delayed, each within its request: marketDataType 3 and
    ticks of the delayed kinds. With `on` false they turn live again."""

    symbol: str
    sec_type: str = "STK"
    on: bool = True

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        kind, now = permissions.DELAYED if self.on else permissions.LIVE, gateway.clock.now()
        turned = 0
        for instrument in named(gateway, self.symbol, self.sec_type):
            book = gateway.exchange.required(instrument.con_id)
            for follower in gateway.floor.followers.get(instrument.con_id, ()):
                if isinstance(follower, TopOfBook):
                    follower.turn(kind, book, now)
                    turned += 1
        return {"turned": turned}


STREAM_ENDS: dict[int, tuple[str | None, str]] = {
    200: (None, NO_DEFINITION),
    354: (None, permissions.NOT_SUBSCRIBED),
    300: (Cancel.MARKET_DATA, "Can't find EId with tickerId:{}"),
    310: (Cancel.DEPTH, "Can't find the subscribed market depth with tickerId:{}"),
    366: (Cancel.HISTORY, "No historical data query found for ticker id:{}"),
}
"""By code: the kind of subscription that it is said of, None for any, and the words."""


class EndStream(Command, frozen=True):
    """Every subscription of one instrument ends, each with this `code` and outside of any outage: 200 or 354
    (whatever it is of), 300 (quotes), 310 (depth) or 366 (bars that keep up to date)."""

    symbol: str
    sec_type: str = "STK"
    code: int = 354

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        if self.code not in STREAM_ENDS:
            known = ", ".join(map(str, STREAM_ENDS))
            raise CommandRefused("invalid_argument", f"code is one of {known}", "code")
        kind, words = STREAM_ENDS[self.code]
        con_ids = {instrument.con_id for instrument in named(gateway, self.symbol, self.sec_type)}
        ended = 0
        for session in gateway.by_client.values():
            for (what, request_id), subscription in list(session.subscriptions.items()):
                if subscription.con_id in con_ids and kind in (None, what):
                    gateway.floor.unfollow(session.subscriptions.pop((what, request_id)))
                    session.error(request_id, self.code, words.format(request_id))
                    ended += 1
        return {"ended": ended}


class OldBars(Command, frozen=True):
    """Bars of one instrument that keep up to date come in disorder while it is on: after each update the bar
    before it once more."""

    symbol: str
    sec_type: str = "STK"
    on: bool = True

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        for instrument in named(gateway, self.symbol, self.sec_type):
            (gateway.faults.old_bars.add if self.on else gateway.faults.old_bars.discard)(instrument.con_id)
            for follower in gateway.floor.followers.get(instrument.con_id, ()):
                if isinstance(follower, GrowingBars):
                    follower.disorder = self.on
        return {}


class FalseNoDefinition(Command, frozen=True):
    """Every look-up, subscription and query finds no definition (200) while it is on, as in a reset."""

    on: bool = True

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        gateway.faults.false_200 = self.on
        return {}


class SlowDetails(Command, frozen=True):
    """Rows of contractDetails come at this rate per second, as for large chains; 0 is all at once."""

    rows_per_second: float

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        if not 0 <= self.rows_per_second <= 1e6:
            raise CommandRefused("invalid_argument", "rows_per_second is 0 to 1000000", "rows_per_second")
        gateway.faults.details_rate = self.rows_per_second
        return {}


class HistoryTrouble(Command, frozen=True):
    """The next `count` historical queries (of a client, or of any) end otherwise: `kind` is pacing, no_data,
    other_ip, permissions, service, disconnected, no_definition (200), silent (no answer at all) or half (rows
    that stop, without an end)."""

    kind: str
    count: int = 1
    client_id: int | None = None

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        if self.kind not in HISTORY_TROUBLES:
            known = ", ".join(HISTORY_TROUBLES)
            raise CommandRefused("invalid_argument", f"no such kind; there are {known}", "kind")
        if not 1 <= self.count <= 1_000_000:
            raise CommandRefused("invalid_argument", "count must be 1 to 1000000", "count")
        for _ in range(self.count):
            gateway.faults.armed.arm("history", self.client_id, self.kind)
        return {}


class Split(Command, frozen=True):
    """A stock is split: one share becomes `ratio` (below 1: a reverse split). Prices before and after are
    divided, positions multiplied, working orders cancelled. A reverse split gives the share a new conId and
    leaves the old one as XXX.OLD."""

    symbol: str
    ratio: float

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        if not 0.001 <= self.ratio <= 1000 or self.ratio == 1:
            raise CommandRefused("invalid_argument", "ratio must be 0.001 to 1000, and not 1", "ratio")
        (stock, *_) = named(gateway, self.symbol, "STK")
        now = gateway.clock.now()
        effects, con_id = actions.split(gateway.broker, gateway.exchange, stock, self.ratio, now)
        gateway.delivery.deliver(effects)
        return {"con_id": con_id}


class Rename(Command, frozen=True):
    """A stock gets another ticker and keeps its conId."""

    symbol: str
    to: str

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        if not self.to or gateway.catalogue.underlying(self.to, "STK"):
            raise CommandRefused("invalid_argument", f"'{self.to}' is taken or empty", "to")
        (stock, *_) = named(gateway, self.symbol, "STK")
        renamed = actions.renamed(gateway.exchange, stock, self.to)
        return {"con_id": renamed.con_id}
