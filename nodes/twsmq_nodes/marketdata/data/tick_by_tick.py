"""Trades, best bids and offers, and mid-points, each on its own."""

from __future__ import annotations

from twsmq_protocol.envelope import Event as WireEvent
from twsmq_protocol.market_events import BestBidOffer, Midpoint, Trade

from twsmq_nodes.tws.absence import NOT_QUOTED
from twsmq_nodes.tws.events import TickByTickBidAsk, TickByTickLast, TickByTickMidPoint

from .channels import LastEventChannel
from .quotes import NS


class TickByTickChannel(LastEventChannel):
    """Serves `trade/`, `bbo/` or `midpoint/`: one event for each tick."""

    __slots__ = ()

    def flush(self) -> None:
        batch = self.batch
        self.batch = []
        for _, _, value, _ in batch:
            event = self._event(value)
            if event is not None:
                self.publish_last(event)

    def _event(self, tick: object) -> WireEvent | None:
        match tick:
            case TickByTickLast():
                return Trade(
                    con_id=self.con_id,
                    time=tick.time_s * NS,
                    price=tick.price,
                    size=tick.size,
                    exchange=tick.exchange,
                    conditions=tick.special_conditions,
                    past_limit=bool(tick.attribs & 1),
                    unreported=bool(tick.attribs & 2),
                )
            case TickByTickBidAsk():
                return BestBidOffer(
                    con_id=self.con_id,
                    time=tick.time_s * NS,
                    bid=tick.bid_price,
                    ask=tick.ask_price,
                    bid_size=tick.bid_size,
                    ask_size=tick.ask_size,
                    bid_past_low=bool(tick.attribs & 1),
                    ask_past_high=bool(tick.attribs & 2),
                )
            case TickByTickMidPoint():
                nobody = NOT_QUOTED * self.listing.magnifier
                price = None if tick.mid_point == nobody else tick.mid_point
                return Midpoint(con_id=self.con_id, time=tick.time_s * NS, price=price)
            case _:
                return None
