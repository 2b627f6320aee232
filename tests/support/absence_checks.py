"""The way of market data without sockets, and what no event that leaves it may carry."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import msgpack
from twsmq_nodes.marketdata.data.publisher import Publisher
from twsmq_nodes.marketdata.data.router import Router
from twsmq_nodes.marketdata.feeds import Feed, feed_of
from twsmq_nodes.marketdata.listings import Listing
from twsmq_nodes.tws.contracts import Contract
from twsmq_protocol import codec
from twsmq_protocol.envelope import Event
from twsmq_protocol.topics import parse_stream_topic


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


def router_of(
    *topics: str, volume_unit: int | None = 1, sec_type: str = "STK", magnifier: int = 1
) -> tuple[Router, Outgoing]:
    outgoing = Outgoing()
    router = Router(
        Publisher(outgoing, lambda: 1.0, quote_interval_s=0.0, call_later=never),
        lambda _req_id: None,
        batch_interval_s=0.0,
        call_later=never,
    )
    listing = Listing(Contract(1), sec_type, volume_unit=volume_unit, magnifier=magnifier)
    feeds: list[Feed] = []
    for topic in topics:
        parsed = parse_stream_topic(topic)
        assert parsed is not None
        feeds.append(feed_of(parsed, listing))
        router.join(feeds[-1], listing, topic)
    router.open(1, feeds[0])
    return router, outgoing


PRICED = ("price", "bid", "ask")
SIZED = {"price": "size", "bid": "bid_size", "ask": "ask_size"}


def check(row: Any) -> None:
    """No field of an event or of a row in it carries a mark."""
    if isinstance(row, list):
        for each in cast("list[Any]", row):
            check(each)
    if not isinstance(row, dict):
        return
    row = cast("dict[str, Any]", row)
    for name, value in row.items():
        check(value)
        if name in PRICED and value in (-1, 0) and SIZED[name] in row:
            assert row[SIZED[name]], f"{name} {value} without a size: {row}"
        if name in ("volume", "wap", "count", "implied_vol", "pv_dividend", "underlying"):
            assert value != -1, row
        if name in ("delta", "gamma", "vega", "theta"):
            assert value != -2, row
    if "wap" in row:
        assert row["wap"] is None or row["volume"], "of nothing traded there is no average"


def check_changes(changes: list[Any]) -> None:
    for _, operation, _, price, size, _ in changes:
        assert operation != "delete" or (price, size) == (None, None)
        assert price not in (-1, 0) or size


LARGEST = tuple(map(float, (2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 2**127 - 1)))
NO_VALUES = ("ts", "seq", "inc", "time", "con_id", "last_time")


def check_numbers(row: Any, name: str = "") -> None:
    """Nothing in an event is a number that stands for none, whatever the field."""
    if isinstance(row, dict):
        for key, value in cast("dict[str, Any]", row).items():
            check_numbers(value, key)
    elif isinstance(row, list | tuple):
        for value in cast("list[Any]", row):
            check_numbers(value, name)
    elif isinstance(row, int | float) and name not in NO_VALUES:
        assert math.isfinite(row), name
        assert abs(row) < 1e300, name
        assert float(row) not in LARGEST, name
