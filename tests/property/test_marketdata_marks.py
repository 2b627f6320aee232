"""Absence is nil: messages as a gateway may write them, any mark in any number, to the events that leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from support.absence_checks import check, check_changes, check_numbers, router_of
from twsmq_nodes.marketdata.data.router import is_data
from twsmq_nodes.tws.adapter import Codec
from twsmq_nodes.tws.events import FrameRejected
from twsmq_nodes.tws.ticks import take_ticks, tick_of

MARKS = (
    *("", "-1", "-1.0", "0", "0.0", "-2"),
    *("1.7976931348623157E308", "-1.7976931348623157E308", "2147483647", "-2147483648"),
    *("9223372036854775807", "-9223372036854775808", "170141183460469231731687303715884105727"),
    *("NaN", "Infinity", "-Infinity"),
)
number = st.sampled_from(MARKS) | st.sampled_from(["12.5", "100", "3"])
Frame = Callable[..., str]


def written(*parts: str | st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A frame with `|` for NUL."""
    drawn = (part if isinstance(part, st.SearchStrategy) else st.just(part) for part in parts)
    return st.tuples(*drawn).map(lambda fields: "|".join(fields) + "|")


NOW = "1700000000"
price_types = st.sampled_from(["1", "2", "4", "66", "67", "68", "6", "9", "14", "15", "35", "57", "37"])
side, operation, row = (st.integers(0, most).map(str) for most in (1, 2, 2))
computed = [number] * 8
FRAMES: dict[str, st.SearchStrategy[str]] = {
    "quote/CONID:1/": st.one_of(
        written("1", "6", "1", price_types, number, number, "0"),
        written("2", "6", "1", st.sampled_from(["0", "3", "5", "8", "74"]), number),
        written("45", "6", "1", st.sampled_from(["49", "90"]), number),
        written("46", "6", "1", st.sampled_from(["45", "88"]), number),
    ),
    "tick/CONID:1/": st.one_of(
        written("1", "6", "1", price_types, number, number, "0"),
        written("2", "6", "1", st.sampled_from(["0", "3", "5", "8", "21", "27", "87"]), number),
        written("45", "6", "1", st.sampled_from(["23", "24", "31", "46", "49", "54"]), number),
        written("46", "6", "1", st.sampled_from(["45", "88", "32", "84"]), number),
        written("21", "1", "13", "0", *computed),
    ),
    "greeks/CONID:1/": written("21", "1", st.sampled_from(["10", "13", "83"]), "0", *computed),
    "trade/CONID:1/": written("99", "1", "1", NOW, number, number, "0", "NYSE", ""),
    "bbo/CONID:1/": written("99", "1", "3", NOW, number, number, number, number, "0"),
    "midpoint/CONID:1/": written("99", "1", "4", NOW, number),
    "depth/CONID:1/": st.one_of(
        written("12", "1", "1", row, operation, side, number, number),
        written("13", "1", "1", row, "ISLAND", operation, side, number, number, "1"),
    ),
    "bar5s/CONID:1/": written("50", "3", "1", NOW, *[number] * 7),
    "bars/1m/CONID:1/": st.one_of(
        written("17", "1", "1", NOW, *[number] * 7),
        written("17", "1", "2", NOW, *[number] * 7, "1700000060", *[number] * 7),
        written("90", "1", number, NOW, *[number] * 6),
    ),
}
CODEC = Codec(200)


def published(topic: str, frames: list[str], sec_type: str = "STK") -> list[dict[str, Any]]:
    """The events that leave; as the session does it: plain ticks by hand, all else by ibapi."""
    router, outgoing = router_of(topic, sec_type=sec_type)
    for one in frames:
        frame = one.replace("|", "\0").encode()
        ticks: list[Any] = []
        if take_ticks([frame], 0, ticks):
            router.on_ticks(ticks)
            continue
        for told in CODEC.decode(frame):
            found = tick_of(told)
            if found is not None:
                router.on_ticks(found)
            elif is_data(told):
                router.on_event(told)
            else:
                assert isinstance(told, FrameRejected), told
                event("rejected")
    if topic.startswith("bars/"):
        for told in CODEC.decode(b"108\0001\000a\000b\000"):
            assert is_data(told)
            router.on_event(told)
    router.flush()
    return outgoing.bodies()


@pytest.mark.parametrize("topic", FRAMES)
@settings(max_examples=40)
@given(data=st.data())
def test_no_mark_in_any_message_leaves_in_an_event(topic: str, data: st.DataObject) -> None:
    frames = data.draw(st.lists(FRAMES[topic], min_size=1, max_size=4))
    for body in published(topic, frames):
        event(body["type"])
        check(body)
        check_numbers(body)
        check_changes(body.get("changes", []))
        for name in ("open", "high", "low", "close"):
            if body["type"] == "quote":
                assert body[name] not in (-1, 0), body
        for bar in body.get("bars", [body] if body["type"] == "bar" else []):
            prices = [bar[name] for name in ("open", "high", "low", "close")]
            below = any(price is not None and price < 0 and price != -1 for price in prices)
            assert bar["volume"] is not None or -1 not in prices or below, bar
        for name in ("bids", "asks"):
            assert all(price not in (-1, 0) or size for price, size, _ in body.get(name, []))


def test_a_price_left_empty_is_none_whatever_stands_beside_it() -> None:
    """ibapi reads 0 of it, and 0 with a size is a price."""
    (quote,) = published("quote/CONID:1/", ["1|6|1|1||300|0|", "1|6|1|2|101|200|0|"])
    assert (quote["bid"], quote["bid_size"], quote["ask"]) == (None, 300.0, 101.0)
    (trade,) = published("trade/CONID:1/", [f"99|1|1|{NOW}||5|0|NYSE||"])
    assert (trade["price"], trade["size"]) == (None, 5.0)
    (book,) = published("depth/CONID:1/", ["12|1|1|0|0|1||300|"])
    assert book["bids"] == [[None, 300.0, ""]]
    (bar,) = published("bar5s/CONID:1/", [f"50|3|1|{NOW}|||||5|||"])
    assert [bar[name] for name in ("open", "high", "low", "close", "volume", "count")] == [None] * 4 + [
        5.0,
        None,
    ]
    (bars,) = published("bars/1m/CONID:1/", [f"17|1|1|{NOW}|1|2||1.5|5|1|3|"])
    assert bars["bars"][0]["low"] is None
    assert bars["bars"][0]["close"] == 1.5


def test_an_update_that_comes_before_its_past_stands_in_its_place() -> None:
    first, second = 1_700_000_000, 1_700_000_060
    past = f"17|1|2|{first}|1|2|0.5|1.5|5|1|3|{second}|1|2|0.5|1.5|5|1|3|"
    *_, bars = published("bars/1m/CONID:1/", [f"90|1|1|{second}|1|1|1|1|1|1|", past])
    assert [bar["time"] // 10**9 for bar in bars["bars"]] == [first, second]


@pytest.mark.parametrize("topic", ["bar5s/CONID:1;what=BID/", "bars/1m/CONID:1;what=BID/"])
def test_a_side_that_nobody_quotes_has_no_price_in_live_bars_either(topic: str) -> None:
    def bar(*prices: str, volume: str = "-1", sec_type: str = "STK") -> list[float | None]:
        fields = "|".join((*prices, volume, "-1", "-1"))
        frame = f"50|3|1|{NOW}|{fields}|" if topic.startswith("bar5s") else f"17|1|1|{NOW}|{fields}|"
        (body,) = published(topic, [frame], sec_type)
        row = body["bars"][0] if "bars" in body else body
        return [row[name] for name in ("open", "high", "low", "close")]

    assert bar("-1", "12.5", "-1", "12") == [None, 12.5, None, 12.0]
    assert bar("-1", "-1", "-1", "-1") == [None] * 4
    assert bar("-1", "-0.5", "-1", "-1") == [-1.0, -0.5, -1.0, -1.0], "a market below nought"
    assert bar("-1", "2", "-1", "1", sec_type="BAG") == [-1.0, 2.0, -1.0, 1.0], "a spread"
    assert bar("-1", "2", "-1", "1", volume="5") == [-1.0, 2.0, -1.0, 1.0], "what was paid"
