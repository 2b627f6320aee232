"""Absence is nil: whatever the gateway sends in place of a value, no event carries it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgpack
from hypothesis import event, given
from hypothesis import strategies as st
from twsmq_nodes.marketdata.data.publisher import Publisher
from twsmq_nodes.marketdata.data.router import Router
from twsmq_nodes.marketdata.feeds import Feed, feed_of
from twsmq_nodes.marketdata.listings import Listing
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import RealTimeBar
from twsmq_nodes.tws.reference_events import Bar, HistoricalBars, HistoricalBarsEnd
from twsmq_nodes.tws.ticks import SIZE_OF_PRICE
from twsmq_protocol import codec
from twsmq_protocol.envelope import Event
from twsmq_protocol.topics import parse_stream_topic

PRICES = (1, 2, 4, 66, 67, 68)
OTHER_PRICES = (6, 7, 9, 14, 72, 73, 75, 76)
values = st.sampled_from([-1.0, 0.0, None, 0.01, 100.0, 101.5])
sizes = st.sampled_from([0.0, None, 1.0, 300.0])


class Outgoing:
    name, incarnation = "marketdata-0", 1

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def next_seq(self, topic: str) -> int:
        del topic
        return len(self.frames) + 1

    def send_frame(self, frame: bytearray) -> None:
        self.frames.append(bytes(frame))

    def publish(self, topic: str, event: Event) -> None:
        self.frames.append(codec.encode_event(topic, event))

    def bodies(self) -> list[dict[str, Any]]:
        return [msgpack.unpackb(frame.partition(b"\0")[2]) for frame in self.frames]


def never(_delay: float, _call: Callable[[], None]) -> None: ...


def router_of(*topics: str, volume_unit: int | None = 1) -> tuple[Router, Outgoing]:
    outgoing = Outgoing()
    router = Router(
        Publisher(outgoing, lambda: 1.0, quote_interval_s=0.0, call_later=never),
        lambda _req_id: None,
        batch_interval_s=0.0,
        call_later=never,
    )
    listing = Listing(Contract(1), "STK", volume_unit=volume_unit)
    feeds: list[Feed] = []
    for topic in topics:
        parsed = parse_stream_topic(topic)
        assert parsed is not None
        feeds.append(feed_of(parsed, listing))
        router.join(feeds[-1], listing, topic)
    router.open(1, feeds[0])
    return router, outgoing


def sized(price: tuple[int, float | None, float | None]) -> list[tuple[int, int, Any, int]]:
    tick_type, value, size = price
    return [(1, tick_type, value, 0), (1, SIZE_OF_PRICE[tick_type], size, 0)]


bursts = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(PRICES), values, sizes).map(sized),
        st.tuples(st.sampled_from(OTHER_PRICES), values).map(lambda it: [(1, it[0], it[1], 0)]),
        st.tuples(st.sampled_from((8, 74)), values).map(lambda it: [(1, it[0], it[1], 0)]),
        st.tuples(st.sampled_from((49, 90)), values).map(lambda it: [(1, it[0], it[1], 0)]),
    ),
    min_size=1,
    max_size=8,
)


@given(bursts, st.sampled_from([1, 100, None]))
def test_no_quote_and_no_tick_carries_a_price_that_is_none(burst: list[Any], unit: int | None) -> None:
    router, outgoing = router_of("quote/CONID:1/", "tick/CONID:1/", volume_unit=unit)
    ticks = [tick for part in burst for tick in part]
    router.on_ticks(ticks)
    router.flush()
    last = {part[0][1]: part for part in burst}
    for body in outgoing.bodies():
        if body["type"] == "quote":
            assert all(body[name] not in (-1.0, 0.0) for name in ("open", "high", "low", "close"))
            assert body["volume"] is None or body["volume"] >= 0
            assert unit is not None or body["volume"] is None
            assert all(not isinstance(value, float) or math.isfinite(value) for value in body.values())
        else:
            for (tick_type, value, _), sent in zip(body["ticks"], ticks, strict=True):
                if value in (-1.0, 0.0) and tick_type in PRICES:
                    event("a price like a marker that came with a size")
                assert not (value == -1.0 and tick_type not in PRICES), sent
                assert not (value == 0.0 and tick_type in OTHER_PRICES), sent
    quotes = [body for body in outgoing.bodies() if body["type"] == "quote"]
    for tick_type, name in ((1, "bid"), (2, "ask"), (4, "last")):
        if tick_type in last and tick_type + 65 not in last and quotes:
            (*_, value, _), (*_, size, _) = last[tick_type]
            if value in (-1.0, 0.0) and not size:
                assert quotes[-1][name] is None
                event("a price without a size is none")


numbers = st.sampled_from([-1.0, 0.0, None, 12.0])
counts = st.sampled_from([-1, 0, None, 5])


@given(numbers, numbers, counts)
def test_no_bar_carries_a_volume_an_average_or_a_count_that_is_none(
    volume: float | None, wap: float | None, count: int | None
) -> None:
    router, outgoing = router_of("bars/1m/CONID:1/")
    router.on_event(HistoricalBars(1, (Bar("1700000000", 1.0, 2.0, 0.5, 1.5, volume, wap, count),)))
    router.on_event(HistoricalBarsEnd(1, "", ""))
    live, live_outgoing = router_of("bar5s/CONID:1/")
    live.on_event(RealTimeBar(1, 1_700_000_000, 1.0, 2.0, 0.5, 1.5, volume, wap, count))
    rows = [body["bars"][0] for body in outgoing.bodies()] + live_outgoing.bodies()
    assert len(rows) == 2
    for row in rows:
        assert -1 not in (row["volume"], row["wap"], row["count"])
        assert row["wap"] is None or row["volume"], "of nothing traded there is no average"
