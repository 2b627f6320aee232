"""When an order may trade and at what price: stops, trailing stops, touched orders, pegs and conditions.

Pure functions of an order and a book. Stops fire on the last price or a quote beyond it; a trailing stop
follows the market by `auxPrice` or `trailingPercent` and never moves back. Pegged orders are re-priced on
every change.
"""

from typing import Protocol

from msgspec.structs import replace

from twsmq_simulator.broker.model import Order
from twsmq_simulator.broker.rules import MARKET, PEGGED, TRIGGERED
from twsmq_simulator.broker.ticket import Condition
from twsmq_simulator.market.book import Book
from twsmq_simulator.market.times import parse_time


class Markets(Protocol):
    """What the broker needs to know of the market."""

    def book(self, con_id: int) -> Book | None: ...


def is_triggered(order: Order, book: Book) -> bool:
    """Whether the market has reached an untriggered order's stop."""
    stop = order.stop if order.stop is not None else order.ticket.aux_price
    if stop is None:
        return False
    low, high = _extremes(book)
    touched = order.ticket.order_type in ("MIT", "LIT")
    rising = order.is_buy is not touched  # a buy stop waits above the market, a buy MIT below
    return high >= stop if rising else low <= stop


def _extremes(book: Book) -> tuple[float, float]:
    if not book.instrument.quoted:
        return book.last, book.last
    if book.instrument.sec_type in ("CASH", "CFD", "CMDTY"):
        return book.ask, book.bid
    return min(book.last, book.ask), max(book.last, book.bid)


def follow(order: Order, book: Book) -> Order:
    """A trailing order with its stop moved after the market, if it moved the right way."""
    ticket = order.ticket
    if not ticket.order_type.startswith("TRAIL") or order.triggered:
        return order
    reference = book.bid if not order.is_buy else book.ask
    if not book.instrument.quoted:
        reference = book.last
    distance = (
        ticket.aux_price if ticket.trailing_percent is None else reference * ticket.trailing_percent / 100
    )
    distance = distance or 0.0
    wanted = reference + distance if order.is_buy else reference - distance
    wanted = round(wanted / book.instrument.min_tick) * book.instrument.min_tick
    if order.stop is None:
        start = ticket.trail_stop_price
        return replace(order, stop=round(start if start is not None else wanted, 8))
    better = wanted < order.stop if order.is_buy else wanted > order.stop
    return replace(order, stop=round(wanted, 8)) if better else order


def price_limit(order: Order, book: Book) -> float | None:
    """The worst price at which a triggered order may trade now; None for a market order."""
    ticket = order.ticket
    kind = ticket.order_type
    if order.limit is not None:
        return order.limit
    if kind == "TRAIL LIMIT":
        offset = ticket.limit_price_offset or 0.0
        stop = order.stop or 0.0
        return stop + offset if order.is_buy else stop - offset
    if kind in PEGGED:
        return _pegged(order, book)
    if kind in MARKET or kind in ("STP", "TRAIL", "MIT", "STP PRT"):
        return None
    return ticket.limit_price


def _pegged(order: Order, book: Book) -> float:
    ticket, tick = order.ticket, book.instrument.min_tick
    offset = ticket.aux_price or 0.0
    buy = order.is_buy
    if ticket.order_type in ("PEG MID", "PEGMID", "MIDPRICE", "SNAP MID", "PEG BEST", "PEGBEST"):
        wanted = book.mid
    elif ticket.order_type in ("PEG MKT", "SNAP MKT"):
        wanted = book.ask - offset if buy else book.bid + offset
    else:
        wanted = book.bid + offset if buy else book.ask - offset
    wanted = round(int(wanted / tick + (0.0 if buy else 0.999999)) * tick, 8)
    cap = ticket.limit_price
    if cap:
        wanted = min(wanted, cap) if buy else max(wanted, cap)
    return wanted


def waits_for_trigger(order: Order) -> bool:
    return order.ticket.order_type in TRIGGERED and not order.triggered


def conditions_met(order: Order, markets: Markets, now: int, executed: frozenset[tuple[str, str]]) -> bool:
    """Conditions joined left to right by "a" (and) and "o" (or). `executed` is (symbol, security type)."""
    result: bool | None = None
    joined_by = "a"
    for condition in order.ticket.conditions:
        met = _met(condition, markets, now, executed)
        if result is not None:
            met = (result and met) if joined_by == "a" else (result or met)
        result = met
        joined_by = condition.conjunction
    return result is not False


def _met(c: Condition, markets: Markets, now: int, executed: frozenset[tuple[str, str]]) -> bool:
    if c.kind == 5:
        return (c.symbol, c.sec_type) in executed
    if c.kind == 3:
        moment = parse_time(c.value)
        return moment is not None and ((now >= moment) if c.is_more else (now <= moment))
    if c.kind == 4:
        return c.is_more  # the account's cushion is always large here
    book = markets.book(c.con_id)
    if book is None:
        return False
    if c.kind == 1:
        value = book.last
    elif c.kind == 6:
        value = float(book.volume)
    else:
        start = book.price(book.close_ticks)
        value = (book.last - start) / start * 100 if start else 0.0
    try:
        threshold = float(c.value)
    except ValueError:
        return False
    return value >= threshold if c.is_more else value <= threshold
