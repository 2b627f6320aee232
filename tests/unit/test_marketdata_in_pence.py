"""Where prices are in pence or cents, what says that there is none is magnified too.

A share of London's of which nobody quotes a side comes with a bid of -100 and a size of 0 (bankroll #31): a
market order of it, priced by that, would have passed any limit.
"""

from __future__ import annotations

from typing import Any

import pytest
from support.absence_checks import router_of
from twsmq_nodes.history import columns
from twsmq_nodes.marketdata.data.quotes import QuoteBook, QuoteRow
from twsmq_nodes.marketdata.data.router import is_data
from twsmq_nodes.orders.risk.inputs import price_of
from twsmq_nodes.tws.adapter import Codec
from twsmq_nodes.tws.reference_events import Bar
from twsmq_nodes.tws.ticks import take_ticks, tick_of
from twsmq_protocol.packed_bars import floats

NOW = "1700000000"
CODEC = Codec(200)


def published(topic: str, *frames: str, magnifier: int = 100, sec_type: str = "STK") -> list[dict[str, Any]]:
    """The events that leave of messages with `|` for NUL."""
    router, outgoing = router_of(topic, sec_type=sec_type, magnifier=magnifier)
    for text in frames:
        frame = text.replace("|", "\0").encode()
        ticks: list[Any] = []
        if take_ticks([frame], 0, ticks):
            router.on_ticks(ticks)
            continue
        for told in CODEC.decode(frame):
            if (found := tick_of(told)) is not None:
                router.on_ticks(found)
            else:
                assert is_data(told)
                router.on_event(told)
    router.flush()
    return outgoing.bodies()


@pytest.mark.parametrize(
    ("tick_type", "name"),
    [
        *((1, "bid"), (2, "ask"), (4, "last"), (6, "high"), (7, "low"), (9, "close"), (14, "open")),
        *((66, "bid"), (67, "ask"), (68, "last"), (72, "high"), (73, "low"), (75, "close"), (76, "open")),
    ],
)
@pytest.mark.parametrize(
    ("price", "magnifier"), [("-100", 100), ("-100.0", 100), ("-1000", 1000), ("-1", 100)]
)
def test_a_magnified_minus_one_without_a_size_is_no_price(
    tick_type: int, name: str, price: str, magnifier: int
) -> None:
    frame = f"1|6|1|{tick_type}|{price}|0|0|"
    (quote,) = published("quote/CONID:1/", frame, magnifier=magnifier)
    assert quote[name] is None
    (told,) = published("tick/CONID:1/", frame, magnifier=magnifier)
    assert told["ticks"][0] == [tick_type, None, 0]


def test_with_a_size_it_is_a_price_and_elsewhere_too() -> None:
    (quote,) = published("quote/CONID:1/", "1|6|1|1|-100|5|0|", "1|6|1|2|-99.5|0|0|")
    assert (quote["bid"], quote["ask"]) == (-100.0, -99.5)
    (spread,) = published("quote/CONID:1/", "1|6|1|1|-100|0|0|", magnifier=1, sec_type="BAG")
    assert spread["bid"] == -100.0


@pytest.mark.parametrize(
    ("topic", "frame", "nothing", "kept"),
    [
        ("bbo", f"99|1|3|{NOW}|-100|337.5|0|7|0|", "bid", ("ask", 337.5)),
        ("bbo", f"99|1|3|{NOW}|337|-100|7|0|0|", "ask", ("bid", 337.0)),
        ("bbo", f"99|1|3|{NOW}|337|-0.01|7||0|", "ask", ("bid_size", 7.0)),
        ("trade", f"99|1|1|{NOW}|-100|0|0|LSE||", "price", ("size", 0.0)),
        ("trade", f"99|1|2|{NOW}|-100||0|LSE||", "price", ("exchange", "LSE")),
        ("midpoint", f"99|1|4|{NOW}|-100|", "price", ("time", 1_700_000_000 * 10**9)),
    ],
)
def test_nor_has_tick_by_tick_such_a_price(
    topic: str, frame: str, nothing: str, kept: tuple[str, Any]
) -> None:
    (told,) = published(f"{topic}/CONID:1/", frame)
    assert told[nothing] is None
    assert told[kept[0]] == kept[1]


def test_a_market_below_nought_keeps_its_prices() -> None:
    """Oil, on a day in April 2020."""
    (told,) = published("bbo/CONID:1/", f"99|1|3|{NOW}|-37.63|-37.5|4|2|0|", magnifier=1)
    assert (told["bid"], told["ask"]) == (-37.63, -37.5)
    (middle,) = published("midpoint/CONID:1/", f"99|1|4|{NOW}|-37.6|", magnifier=1)
    assert middle["price"] == -37.6
    (quote,) = published("quote/CONID:1/", "1|6|1|4|-37.63|4|0|", "1|6|1|9|-37.63|0|0|", magnifier=1)
    assert (quote["last"], quote["close"]) == (-37.63, -37.63)


@pytest.mark.parametrize("frame", ["12|1|1|0|0|1|-100|0|", "13|1|1|0|LSE|0|1|-100|0|1|"])
def test_nor_has_a_row_of_a_book(frame: str) -> None:
    (book,) = published("depth/CONID:1;rows=5/", frame)
    assert [row[:2] for row in book["bids"]] == [[None, 0.0]]


@pytest.mark.parametrize("topic", ["bar5s/CONID:1;what=BID/", "bars/1m/CONID:1;what=BID/"])
def test_nor_has_a_bar_of_quotes(topic: str) -> None:
    def bar(prices: str, volume: str = "-1") -> list[float | None]:
        fields = f"{prices}|{volume}|-1|-1|"
        frames = [f"50|3|1|{NOW}|{fields}"]
        if topic.startswith("bars"):
            frames = [f"17|1|1|{NOW}|{fields}", "108|1|a|b|"]
        body = published(topic, *frames)[-1]
        row = body["bars"][0] if "bars" in body else body
        return [row[name] for name in ("open", "high", "low", "close")]

    assert bar("-100|337|-100|336") == [None, 337.0, None, 336.0]
    assert bar("-100|-100|-100|-100") == [None] * 4
    assert bar("-100|-50|-100|-60") == [-100.0, -50.0, -100.0, -60.0], "a market below nought"
    assert bar("-100|337|-100|336", volume="7") == [-100.0, 337.0, -100.0, 336.0], "what was paid"


def test_nor_has_a_bar_of_quotes_of_the_past() -> None:
    def bar(first: float, high: float, low: float, last: float) -> Bar:
        return Bar(NOW, first, high, low, last, None, None, None)

    found = columns.without_marks(columns.of_bars([bar(-100.0, 337.0, -100.0, 336.0)]))
    assert [str(floats(side)[0]) for side in (found.open, found.high)] == ["nan", "337.0"]
    kept = columns.without_marks(columns.of_bars([bar(-100.0, -50.0, -100.0, -60.0)]))
    assert floats(kept.open)[0] == -100.0


@pytest.mark.parametrize(
    ("price", "size", "known"),
    [
        *((-100.0, 0.0, None), (-100.0, None, None), (-0.01, 0.0, None), (None, 5.0, None)),
        *((-100.0, 5.0, -100.0), (0.0, 5.0, 0.0), (337.0, 0.0, 337.0), (337.0, None, 337.0)),
    ],
)
def test_the_limits_of_orders_take_no_such_price_either(
    price: float | None, size: float | None, known: float | None
) -> None:
    assert price_of(price, size, combo=True) == known


def test_what_is_marked_follows_what_the_contract_turns_out_to_be() -> None:
    """The data of a CFD come from the share, whose prices may be in pence where the CFD's are not."""
    row = QuoteRow(magnifier=1)
    book = QuoteBook(row)
    row.magnifier = 100
    book.apply([(1, 1, -100.0, 0), (1, 0, 0.0, 0)])
    assert row.bid is None


# -- what else stands where nothing should


@pytest.mark.parametrize("tick_type", [0, 1, 4, 5, 8, 9, 14, 49, 66, 69, 74, 90])
def test_a_text_under_the_number_of_a_price_is_no_price(tick_type: int) -> None:
    bodies = published("quote/CONID:1/", f"46|6|1|{tick_type}|337|", "1|6|1|2|338|5|0|")
    assert [body["ask"] for body in bodies] == [338.0]
    told = bodies[-1]
    names = ("bid", "last", "volume", "close", "open", "halted", "bid_size", "last_size")
    assert not [name for name in names if isinstance(told[name], str)]


@pytest.mark.parametrize(
    ("fields", "nothing"),
    [
        ("-0.5|0.5|-100|0|0|0|0|337", ("implied_vol", "price")),
        ("0.2|0.5|-1|-100|0|0|0|337", ("price", "pv_dividend")),
        ("0.2|0.5|12|0|-2|-2|-2|-1", ("gamma", "vega", "theta", "underlying")),
    ],
)
def test_no_option_is_worth_less_than_nothing(fields: str, nothing: tuple[str, ...]) -> None:
    (told,) = published("greeks/CONID:1/", f"21|1|13|0|{fields}|")
    names = ("implied_vol", "delta", "price", "pv_dividend", "gamma", "vega", "theta", "underlying")
    assert [name for name in names if told[name] is None] == list(nothing)


def test_an_underlying_may_be_below_nought() -> None:
    (told,) = published("greeks/CONID:1/", "21|1|13|0|2.5|-0.9|38|0|0.1|0.1|-0.1|-37.63|")
    assert told["underlying"] == -37.63


@pytest.mark.parametrize("price", ["-0", "-0.0", "0.00", "-1.0", "-1e0", "-1.00000"])
def test_no_price_is_none_however_it_is_spelled(price: str) -> None:
    (quote,) = published("quote/CONID:1/", f"1|6|1|1|{price}|0|0|", f"1|6|1|9|{price}|0|0|", magnifier=1)
    assert (quote["bid"], quote["close"]) == (None, None)
