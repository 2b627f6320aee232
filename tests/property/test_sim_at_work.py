"""A broker that looks at the orders in reach only does what one does that looks at all of them."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.sim_floor import START, Floor, story
from twsmq_simulator.broker.at_work import AtWork
from twsmq_simulator.market.book import Book

CON_ID = 265598
KINDS = ("LMT", "LMT", "LMT", "MKT", "STP", "TRAIL", "STP LMT")


class LooksAtAll(AtWork):
    """As if no order was ever at rest."""

    def reached(self, book: Book) -> list[int]:
        return sorted([*self._others, *self._at_rest])


PRICES = st.integers(-12, 12).map(lambda ticks: round(260.0 + ticks * 0.01, 2))
PLACED = st.fixed_dictionaries(
    {
        "action": st.sampled_from(["BUY", "SELL"]),
        "quantity": st.integers(1, 900),
        "kind": st.sampled_from(KINDS),
        "price": PRICES,
        "tif": st.sampled_from(["DAY", "GTC", "IOC", "FOK"]),
        "group": st.sampled_from(["", "", "a", "b"]),
        "parent": st.integers(0, 12),
        "hold": st.booleans(),
    }
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("place"), PLACED),
        st.tuples(st.just("modify"), st.tuples(st.integers(1, 12), PRICES)),
        st.tuples(st.just("cancel"), st.integers(1, 12)),
        st.tuples(st.just("price"), PRICES),
        st.tuples(st.just("steps"), st.integers(1, 30)),
    ),
    min_size=5,
    max_size=60,
)


def prices_of(kind: str, price: float) -> dict[str, float]:
    return {
        "LMT": {"limit_price": price},
        "STP": {"aux_price": price},
        "TRAIL": {"aux_price": 0.5},
        "STP LMT": {"aux_price": price, "limit_price": price},
    }.get(kind, {})


def told(floor: Floor, step: str, what: Any) -> list[str]:
    match step:
        case "place":
            more = prices_of(what["kind"], what["price"]) | {"tif": what["tif"], "transmit": not what["hold"]}
            if what["group"]:
                more |= {"oca_group": what["group"], "oca_type": 1}
            if 0 < what["parent"] < floor.next_id:
                more |= {"parent_id": what["parent"]}
            floor.place(what["action"], what["quantity"], what["kind"], **more)
            return floor.told + floor.later()
        case "modify":
            order = floor.broker.orders.find(1, what[0])
            if order is None or order.ticket.limit_price is None:
                return []
            ticket = order.ticket
            more = {"limit_price": what[1], "tif": ticket.tif}
            if ticket.aux_price is not None:
                more["aux_price"] = what[1]
            changed = floor.replace(what[0], ticket.action, ticket.quantity, ticket.order_type, **more)
            return story(changed) + floor.later()
        case "cancel":
            return floor.cancel(what) + floor.later()
        case "price":
            return floor.price(what, CON_ID)
        case _:
            seen: list[str] = []
            for _ in range(what):
                floor.now += 250_000_000
                floor.exchange.required(CON_ID).step()
                seen += story(floor.broker.on_market(CON_ID, floor.now))
            return seen


@settings(max_examples=60)
@given(STEPS)
def test_nobody_who_would_do_something_is_left_out(steps: list[tuple[str, Any]]) -> None:
    quick, thorough = Floor(start=START), Floor(start=START)
    thorough.broker.orders.working = Everywhere()
    for step, what in steps:
        assert told(quick, step, what) == told(thorough, step, what)
    assert quick.position() == thorough.position()


class Everywhere(dict[int, AtWork]):
    def setdefault(self, key: int, default: AtWork | None = None) -> AtWork:
        del default
        return super().setdefault(key, LooksAtAll())
