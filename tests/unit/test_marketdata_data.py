"""What becomes of data: quotes, order books, bars, trading hours, options of topics."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import msgspec
import pytest
from msgspec import Struct
from twsmq_nodes.marketdata.data.depth import MOST_ROWS, DepthBook
from twsmq_nodes.marketdata.data.market_data import TicksRow
from twsmq_nodes.marketdata.data.quotes import QuoteBook, QuoteRow, known
from twsmq_nodes.marketdata.data.router import DATA
from twsmq_nodes.marketdata.feeds import FEEDS, FeedKind, feed_of
from twsmq_nodes.marketdata.hours import is_known_open, is_open, known_until, parse_hours
from twsmq_nodes.marketdata.listings import Listing, Matches, judge
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import requests as req
from twsmq_nodes.tws import stream_requests as streams
from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.events import Event
from twsmq_protocol import codec
from twsmq_protocol.instruments import parse_instrument
from twsmq_protocol.market_events import Quote, Ticks
from twsmq_protocol.topics import parse_stream_topic

BID, ASK, LAST, BID_SIZE, ASK_SIZE, LAST_SIZE, VOLUME = 1, 2, 4, 0, 3, 5, 8
LAST_TIME, HALTED, DELAYED_BID, DELAYED_BID_SIZE = 45, 49, 66, 69


def ticks(*pairs: tuple[int, Any]) -> list[tuple[int, int, Any, int]]:
    return [(7, tick_type, value, 0) for tick_type, value in pairs]


@pytest.fixture
def book() -> QuoteBook:
    return QuoteBook(QuoteRow(src="marketdata-0", inc=1, con_id=265598))


@pytest.mark.parametrize(("twin", "event"), [(QuoteRow, Quote), (TicksRow, Ticks)])
def test_what_is_encoded_on_the_hot_path_is_the_protocols_event(twin: type[Struct], event: type[Struct]):
    assert twin.__struct_fields__ == event.__struct_fields__
    assert twin.__struct_config__.tag == event.__struct_config__.tag
    row = twin(**({"ticks": [(1, 2.5, 0)]} if twin is TicksRow else {"bid": 2.5, "halted": False}))
    frame = b"quote/X/\0" + msgspec.msgpack.encode(row)
    topic, decoded = codec.decode_event(frame)
    assert isinstance(decoded, event)
    assert codec.encode_event(topic, decoded) == frame


def test_a_quote_is_the_sum_of_its_ticks(book: QuoteBook):
    assert book.empty
    assert book.apply(ticks((BID, 10.0), (BID_SIZE, 300.0), (ASK, 10.02), (ASK_SIZE, 100.0)))
    assert book.apply(ticks((LAST, 10.01), (LAST_SIZE, 50.0), (LAST_TIME, "1800000000"), (HALTED, 0.0)))
    row = book.row
    assert (row.bid, row.bid_size, row.ask, row.ask_size) == (10.0, 300.0, 10.02, 100.0)
    assert (row.last, row.last_size, row.last_time) == (10.01, 50.0, 1_800_000_000 * 10**9)
    assert row.halted is False
    assert not book.empty


def test_ticks_that_are_no_part_of_a_quote_make_none(book: QuoteBook):
    assert not book.apply(ticks((32, "Q"), (84, "AMEX"), (13, [0.1])))
    assert book.empty


def test_a_price_of_minus_one_without_a_size_means_none(book: QuoteBook):
    book.apply(ticks((BID, 10.0), (BID_SIZE, 300.0)))
    book.apply(ticks((BID, -1.0), (BID_SIZE, 0.0)))
    assert (book.row.bid, book.row.bid_size) == (None, 0.0)


def test_a_price_of_minus_one_with_a_size_is_a_price(book: QuoteBook):
    book.apply(ticks((BID, -1.0), (BID_SIZE, 5.0)))
    assert book.row.bid == -1.0


@pytest.mark.parametrize("size", [0.0, -1.0, None])
@pytest.mark.parametrize("price", [0.0, -1.0])
def test_a_price_beside_a_size_that_is_none_is_none(book: QuoteBook, price: float, size: float | None):
    news = ticks((2, price), (3, size))
    assert book.apply(news)
    assert (book.row.ask, known(news[0], news[1])[2]) == (None, None)


def test_a_size_that_comes_by_itself_makes_no_price_of_minus_one(book: QuoteBook):
    book.apply(ticks((BID, -1.0), (BID_SIZE, 0.0), (BID_SIZE, 5.0)))
    assert (book.row.bid, book.row.bid_size) == (None, 5.0)


def test_of_many_ticks_the_last_word_counts(book: QuoteBook):
    live, delayed = ticks((BID, 10.0), (BID_SIZE, 1.0)), ticks((DELAYED_BID, 9.0), (DELAYED_BID_SIZE, 2.0))
    book.apply([*live, *delayed, *live])
    assert (book.row.bid, book.row.bid_size, book.row.delayed) == (10.0, 1.0, False)
    book.apply([*delayed, *live, *delayed])
    assert (book.row.bid, book.row.bid_size, book.row.delayed) == (9.0, 2.0, True)
    assert {tick[1] for tick in book.last.values()} == {BID, BID_SIZE, DELAYED_BID, DELAYED_BID_SIZE}


def test_no_delayed_price_passes_for_a_live_one(book: QuoteBook):
    """A paper account whose live session ends turns to live data within one request."""
    late = ticks((DELAYED_BID, 9.0), (DELAYED_BID_SIZE, 2.0), (67, 9.5), (70, 1.0))
    book.use_data_type(delayed=True)
    book.apply(late)
    book.use_data_type(delayed=False)
    assert (book.row.bid, book.row.ask, book.row.delayed, book.empty) == (None, None, False, True)
    book.apply(ticks((BID, 10.0), (BID_SIZE, 1.0)))
    assert (book.row.bid, book.row.ask, book.row.delayed) == (10.0, None, False)
    assert [tick[1] for tick in book.last.values()] == [BID, BID_SIZE], "nor in what a newcomer gets"


@pytest.mark.parametrize("said", [None, False])
def test_delayed_ticks_are_delayed_whatever_was_said(book: QuoteBook, said: bool | None):
    if said is not None:
        book.use_data_type(delayed=said)
    book.apply(ticks((BID, 10.0), (BID_SIZE, 1.0), (ASK, 11.0), (ASK_SIZE, 1.0)))
    book.apply(ticks((DELAYED_BID, 9.0), (DELAYED_BID_SIZE, 2.0)))
    assert (book.row.bid, book.row.ask, book.row.delayed) == (9.0, None, True)
    book.apply(ticks((ASK, 11.0), (ASK_SIZE, 1.0)))
    assert (book.row.bid, book.row.ask, book.row.delayed) == (None, 11.0, False)


def test_delayed_ticks_make_a_delayed_quote_and_live_ones_a_live_quote(book: QuoteBook):
    book.apply(ticks((DELAYED_BID, 9.0), (DELAYED_BID_SIZE, 1.0)))
    assert (book.row.bid, book.row.delayed) == (9.0, True)
    book.apply(ticks((BID, 10.0), (BID_SIZE, 1.0)))
    assert (book.row.bid, book.row.delayed) == (10.0, False)


def test_what_the_gateway_left_unset_is_nil(book: QuoteBook):
    book.apply(ticks((BID, None), (BID_SIZE, None), (HALTED, -1.0), (LAST_TIME, "soon")))
    row = book.row
    assert (row.bid, row.bid_size, row.halted, row.last_time) == (None, None, None, None)


@pytest.mark.parametrize("text", ["1700000000123", "9" * 5000, "0", "", "n/a"])
def test_a_time_of_the_last_trade_that_is_no_number_of_seconds_is_nil(book: QuoteBook, text: str):
    book.apply(ticks((LAST, 10.0), (LAST_TIME, text)))
    assert (book.row.last, book.row.last_time) == (10.0, None)


def test_the_volume_of_us_stocks_is_counted_in_shares():
    stock = QuoteBook(QuoteRow(), volume_unit=100)
    stock.apply(ticks((VOLUME, 18.53)))
    assert stock.row.volume == pytest.approx(1853)


def test_a_new_request_starts_from_nothing(book: QuoteBook):
    book.apply(ticks((DELAYED_BID, 9.0), (DELAYED_BID_SIZE, 1.0)))
    book.clear()
    assert book.empty
    assert (book.row.bid, book.row.delayed, book.row.con_id) == (None, False, 265598)


def test_rows_are_inserted_changed_and_deleted_where_the_gateway_says():
    book = DepthBook()
    for position, price in enumerate((10.0, 9.9, 9.8)):
        book.apply(("bid", "insert", position, price, 100.0, ""))
    book.apply(("bid", "insert", 0, 10.1, 50.0, ""))
    book.apply(("bid", "update", 1, 10.0, 70.0, ""))
    book.apply(("bid", "delete", 2, 0.0, 0.0, ""))
    assert book.bids == [(10.1, 50.0, ""), (10.0, 70.0, ""), (9.8, 100.0, "")]
    assert book.asks == []


def test_a_book_that_is_only_inserted_into_has_an_end() -> None:
    book = DepthBook()
    for number in range(3 * MOST_ROWS):
        book.apply(("bid", "insert", number % 3, 1.0, 1.0, ""))
    assert len(book.bids) == MOST_ROWS
    assert book.apply(("bid", "insert", 0, 1.0, 1.0, "")) is None
    assert book.apply(("bid", "delete", 0, None, None, "")) is not None
    assert book.apply(("bid", "insert", 0, 2.0, 1.0, "")) is not None


def test_positions_past_the_end_do_no_harm():
    book = DepthBook()
    book.apply(("ask", "delete", 4, 0.0, 0.0, ""))
    book.apply(("ask", "update", 4, 10.0, 1.0, ""))
    book.apply(("ask", "insert", 9, 11.0, 1.0, ""))
    assert [price for price, _, _ in book.asks] == [10.0, 11.0]


NEW_YORK_10_00 = 1_795_446_000  # 2026-11-23


@pytest.mark.parametrize(
    "text", ["20261123:0930-20261123:1600;20261124:CLOSED", "20261123:0930-1600;20261124:CLOSED"]
)
@pytest.mark.parametrize("zone", ["US/Eastern", "America/New_York", "Eastern Standard Time", "EST", "GMT-5"])
def test_hours_are_read_in_the_contracts_own_zone(text: str, zone: str):
    """Whichever way the gateway spells it."""
    hours, until = parse_hours(text, zone), known_until(text, zone)
    assert is_open(hours, until, NEW_YORK_10_00)
    assert not is_open(hours, until, NEW_YORK_10_00 - 3600)
    assert not is_open(hours, until, NEW_YORK_10_00 + 86_400), "closed on the day after"


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("", "US/Eastern"),
        ("20261123:0930-20261123:1600", "No/Such"),
        ("20261123:2460-20261123:9999", "US/Eastern"),
        ("99999999:0930-99999999:1600", "US/Eastern"),
        ("20261123:CLOSED;20261124:0930-20261124:9999", "US/Eastern"),
        ("20261123:0400-20261123:0500;20261124:geschlossen", "US/Eastern"),
        ("20261123:1715-1700;20261124:1715-1700", "US/Eastern"),
    ],
)
def test_hours_that_cannot_be_read_are_not_known_and_close_nothing(text: str, zone: str):
    """A line of what is taken for closed may be silent for ever."""
    hours, until = parse_hours(text, zone), known_until(text, zone)
    assert (hours, until) == ((), None)
    assert is_open(hours, until, NEW_YORK_10_00)
    assert not is_known_open((), NEW_YORK_10_00)


@pytest.mark.parametrize(
    "text",
    [
        "20261123:0000-20261123:2400;20261124:0000-20261124:2400",  # of what never closes
        "20261123:0000-0930,0945-1600;20261124:CLOSED",
        "20261123:0000-20261123:0930,20261123:0945-20261123:1600;20261124:CLOSED",
    ],
)
def test_midnight_and_breaks_are_read(text: str):
    hours, until = parse_hours(text, "US/Eastern"), known_until(text, "US/Eastern")
    assert len(hours) == 2
    assert is_open(hours, until, NEW_YORK_10_00)
    assert is_open(hours, until, NEW_YORK_10_00 - 9 * 3600)
    assert until == NEW_YORK_10_00 + (14 + 24) * 3600


SUMMER, WINTER = "20260702", "20260105"


@pytest.mark.parametrize(
    ("zone", "day", "hours_from_utc"),
    [
        ("EST (Eastern Standard Time)", SUMMER, -4),
        ("EST (Eastern Standard Time)", WINTER, -5),
        ("CST (Central Standard Time)", SUMMER, -5),
        ("MET (Middle Europe Time)", SUMMER, 2),
        ("JST (Japan Standard Time)", SUMMER, 9),
        ("AEST (Australian Eastern Standard Time (New South Wales))", WINTER, 11),
        ("GMT Standard Time", SUMMER, 1),
        ("GB-Eire", SUMMER, 1),
        ("GMT", SUMMER, 0),
        ("GMT", WINTER, 0),
    ],
)
def test_a_zone_is_read_however_it_is_spelled(zone: str, day: str, hours_from_utc: int) -> None:
    (session,) = parse_hours(f"{day}:1200-{day}:1300", zone)
    (utc,) = parse_hours(f"{day}:1200-{day}:1300", "UTC")
    assert session[0] == utc[0] - hours_from_utc * 3600


def test_past_the_last_known_day_nothing_is_known():
    text = "20261123:0930-20261123:1600"
    hours, until = parse_hours(text, "US/Eastern"), known_until(text, "US/Eastern")
    assert not is_open(hours, until, NEW_YORK_10_00 + 10 * 3600)
    assert is_open(hours, until, NEW_YORK_10_00 + 86_400)


def row(con_id: int, **fields: Any) -> ContractInfo:
    contract = Contract(con_id=con_id, sec_type="STK", exchange=fields.pop("exchange", "SMART"))
    return ContractInfo(contract=contract, **fields)


def test_rows_of_one_contract_on_many_exchanges_are_one_contract():
    instrument = parse_instrument("STK:AAPL::USD")
    rows = Matches([row(1, exchange="NYSE", valid_exchanges="SMART,NYSE"), row(1, exchange="IEX")])
    found = judge(instrument, rows, 0.0)
    assert isinstance(found, Listing)
    assert found.contract.con_id == 1


def test_the_exchange_that_was_spelled_is_kept():
    found = judge(parse_instrument("STK:AAPL:IEX:USD"), Matches([row(1, valid_exchanges="SMART,IEX")]), 0.0)
    assert isinstance(found, Listing)
    assert found.contract == Contract(con_id=1, exchange="IEX")


@pytest.mark.parametrize(
    ("text", "request_made"),
    [
        ("trade/CONID:1:SMART/", streams.ReqTickByTick(5, Contract(con_id=1, exchange="SMART"), "Last")),
        (
            "trade/CONID:1:SMART;all=1/",
            streams.ReqTickByTick(5, Contract(con_id=1, exchange="SMART"), "AllLast"),
        ),
        (
            "bbo/CONID:1:SMART;ignore_size=1/",
            streams.ReqTickByTick(5, Contract(con_id=1, exchange="SMART"), "BidAsk", 0, True),
        ),
        (
            "midpoint/CONID:1:SMART/",
            streams.ReqTickByTick(5, Contract(con_id=1, exchange="SMART"), "MidPoint"),
        ),
        ("depth/CONID:1:SMART;rows=10/", streams.ReqDepth(5, Contract(con_id=1, exchange="SMART"), 10, True)),
        ("depth/CONID:1:SMART;smart=0/", streams.ReqDepth(5, Contract(con_id=1, exchange="SMART"), 5, False)),
        (
            "bar5s/CONID:1:SMART;rth=1;what=BID/",
            streams.ReqRealTimeBars(5, Contract(con_id=1, exchange="SMART"), 5, "BID", True),
        ),
        (
            "bars/5m/CONID:1:SMART;back=2D/",
            ref.ReqHistoricalData(
                5, Contract(con_id=1, exchange="SMART"), "", "2 D", "5 mins", "TRADES", 0, 2, True
            ),
        ),
        (
            "quote/CONID:1:SMART;generic=236,233;regulatory=1/",
            streams.ReqMktData(5, Contract(con_id=1, exchange="SMART"), "233,236", False, True),
        ),
    ],
)
def test_a_topic_and_its_options_are_one_request(text: str, request_made: req.Request):
    topic = parse_stream_topic(text)
    assert topic is not None
    listing = Listing(Contract(con_id=1, exchange="SMART"), "STK")
    feed = feed_of(topic, listing)
    assert FEEDS[feed.kind].request(feed, 5) == request_made


def test_bars_of_what_has_no_trades_are_of_midpoints():
    topic = parse_stream_topic("bars/1h/CASH:EUR:IDEALPRO:USD/")
    assert topic is not None
    assert feed_of(topic, Listing(Contract(con_id=1), "CASH")).what == "MIDPOINT"


def events_named_in(function: Any) -> Iterator[type[Event]]:
    module = vars(sys.modules[function.__module__])
    for node in ast.walk(ast.parse(dedent(inspect.getsource(function)))):
        named = module.get(node.id) if isinstance(node, ast.Name) else None
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            named = getattr(module.get(node.value.id), node.attr, None)
        if isinstance(named, type) and issubclass(named, Event) and named is not Event:
            yield named


@pytest.mark.parametrize("kind", FEEDS)
def test_what_a_channel_takes_is_handed_to_it(kind: FeedKind):
    channel = FEEDS[kind].channel
    assert set(events_named_in(channel.on_event)) == set(channel.takes) <= DATA, "say it in its `takes`"
