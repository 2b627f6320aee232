"""Spellings of instruments, and the topics they make."""

from __future__ import annotations

import pytest
from twsmq_protocol import topics
from twsmq_protocol.errors import FieldError
from twsmq_protocol.instruments import Instrument, Leg, format_instrument, parse_instrument

CANONICAL = [
    "STK:AAPL:SMART:USD",
    "STK:AAPL:SMART@NASDAQ:USD",
    "STK:BRK B:SMART:USD",
    "STK:AAPL::",
    "CASH:EUR:IDEALPRO:USD",
    "IND:SPX:CBOE:USD",
    "CRYPTO:BTC:PAXOS:USD",
    "CONTFUT:ES:CME:USD",
    "FUT:ES:CME:USD:20261218",
    "FUT:ES:CME:USD:202612",
    "FUT::CME:USD:::::ESZ6",
    "OPT:SPY:SMART:USD:20261218:C:450",
    "OPT:SPY:SMART:USD:20261218:P:42.5:100",
    "FOP:ES:CME:USD:20261218:P:5000:50:EW3",
    "STK:A%3AB%2FC%3BD%25E%40F%2CG:SMART:USD",
    "STK:Ä:SMART:EUR",
    "CONID:265598",
    "CONID:265598:SMART",
    "BAG:SPY:SMART:USD:+1x123456,-2x123457",
    "BAG:SPY:SMART:USD:+1x123456@CBOE,-1x123457",
]


@pytest.mark.parametrize("spelling", CANONICAL)
def test_a_canonical_spelling_comes_back_as_it_was(spelling: str):
    assert format_instrument(parse_instrument(spelling)) == spelling


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("STK:AAPL:SMART:USD:::::", "STK:AAPL:SMART:USD"),
        ("STK:AAPL:SMART@:USD", "STK:AAPL:SMART:USD"),
        ("OPT:SPY:SMART:USD:20261218:CALL:450.0", "OPT:SPY:SMART:USD:20261218:C:450"),
        ("OPT:SPY:SMART:USD:20261218:PUT:000450.50", "OPT:SPY:SMART:USD:20261218:P:450.5"),
        ("OPT:SPY:SMART:USD:20261218:C:0", "OPT:SPY:SMART:USD:20261218:C"),
        ("OPT:X:SMART:USD:20261218:C:0.0000000001", "OPT:X:SMART:USD:20261218:C:0.0000000001"),
        (
            "OPT:X:SMART:USD:20261218:C:999999999.1234567890",
            "OPT:X:SMART:USD:20261218:C:999999999.1234568357",
        ),
        ("STK:%41APL:SMART:USD", "STK:AAPL:SMART:USD"),
        ("CONID:265598:", "CONID:265598"),
    ],
)
def test_other_spellings_have_one_canonical_form(spelling: str, canonical: str):
    assert format_instrument(parse_instrument(spelling)) == canonical
    assert parse_instrument(canonical) == parse_instrument(spelling)


def test_the_parts_of_an_option_on_a_future():
    assert parse_instrument("FOP:ES:CME:USD:20261218:P:5000:50:EW3") == Instrument(
        sec_type="FOP",
        symbol="ES",
        exchange="CME",
        currency="USD",
        expiry="20261218",
        right="P",
        strike=5000.0,
        multiplier="50",
        trading_class="EW3",
    )


def test_the_legs_of_a_combo():
    combo = parse_instrument("BAG:SPY:SMART:USD:+1x123456,-2x123457@CBOE")
    assert combo.legs == (Leg(False, 1, 123456), Leg(True, 2, 123457, "CBOE"))


@pytest.mark.parametrize(
    ("spelling", "says"),
    [
        ("", "like STK:AAPL:SMART:USD"),
        ("A" * 513, "1 to 512"),
        ("AAPL", "one of BAG"),
        ("stk:AAPL:SMART:USD", "one of BAG"),
        ("STK:AAPL:SMART", "at least SECTYPE:SYMBOL:EXCHANGE:CURRENCY"),
        ("STK::SMART:USD", "no symbol"),
        ("STK:AAPL:SMART:USD:20261218", "STK does not have"),
        ("STK:AAPL:SMART:USD:::::X:Y", "%3A"),
        ("STK:A/B:SMART:USD", "%2F"),
        ("STK:A;B:SMART:USD", "%3B"),
        ("STK:A,B:SMART:USD", "%2C"),
        ("STK:A@B:SMART:USD", "%40"),
        ("STK:A%:SMART:USD", "%25"),
        ("STK:A%2:SMART:USD", "%25"),
        ("STK:A%2f:SMART:USD", "upper-case"),
        ("STK:A\0B:SMART:USD", "cannot be printed"),
        ("STK:A\nB:SMART:USD", "cannot be printed"),
        ("STK:A%00B:SMART:USD", "printable"),
        ("STK:A%7FB:SMART:USD", "printable"),
        ("STK:A%C3%84:SMART:USD", "printable"),
        ("STK:AAPL:SMART@A@B:USD", "%40"),
        ("FUT:ES:CME:USD:2026", "YYYYMM"),
        ("OPT:SPY:SMART:USD:20261218:X:450", "C or P"),
        ("OPT:SPY:SMART:USD:20261218:C:4e2", "plain decimal"),
        ("OPT:SPY:SMART:USD:20261218:C:-450", "plain decimal"),
        ("OPT:SPY:SMART:USD:20261218:C:nan", "plain decimal"),
        ("OPT:SPY:SMART:USD:20261218:C:٤٥٠", "plain decimal"),
        ("CONID", "CONID:<number>"),
        ("CONID:0", "CONID:<number>"),
        ("CONID:x:SMART", "CONID:<number>"),
        ("CONID:2147483648", "above 2147483647"),
        ("BAG:SPY:SMART:USD", "LEGS"),
        ("BAG:SPY:SMART:USD:1x5", "RATIO"),
        ("BAG:SPY:SMART:USD:+0x5", "RATIO"),
        ("BAG:SPY:SMART:USD:+1x5,", "RATIO"),
        ("BAG:SPY:SMART:USD:+1x9999999999", "above 2147483647"),
    ],
)
def test_a_spelling_that_cannot_be_understood_says_what_to_write(spelling: str, says: str):
    with pytest.raises(FieldError) as refused:
        parse_instrument(spelling)
    assert refused.value.field == "instrument"
    assert says in str(refused.value)
    assert len(str(refused.value)) < 400


def test_a_name_from_elsewhere_cannot_break_out_of_its_level():
    hostile = Instrument(sec_type="STK", symbol="A/B;C\0D:E", exchange="X@Y", currency="USD")
    spelling = format_instrument(hostile)
    assert not set("/;\0") & set(spelling)
    assert spelling.count(":") == 3


def test_a_stream_topic_is_complete_only_with_its_last_slash():
    assert topics.parse_stream_topic("quote/STK:AAPL:SMART:USD") is None
    assert topics.parse_stream_topic("quote/") is None
    assert topics.parse_stream_topic("") is None
    assert topics.parse_stream_topic("order/alpha/1/") is None
    assert topics.parse_stream_topic("quote/STK:AAPL:SMART:USD/x/") is None
    stream = topics.parse_stream_topic("quote/STK:AAPL:SMART:USD/")
    assert stream == topics.StreamTopic("quote", parse_instrument("STK:AAPL:SMART:USD"))
    assert str(stream) == topics.quote_topic("STK:AAPL:SMART:USD")


def test_options_stay_inside_the_instruments_level_in_one_order():
    stream = topics.parse_stream_topic("quote/STK:AAPL:SMART:USD;regulatory=1;generic=233,236/")
    assert stream is not None
    assert stream.options == (("generic", "233,236"), ("regulatory", "1"))
    assert str(stream) == "quote/STK:AAPL:SMART:USD;generic=233,236;regulatory=1/"


@pytest.mark.parametrize(
    "topic",
    [
        "quote//",
        "quote/AAPL/",
        "quote/STK:AAPL:SMART:USD;/",
        "quote/STK:AAPL:SMART:USD;generic/",
        "quote/STK:AAPL:SMART:USD;generic=/",
        "quote/STK:AAPL:SMART:USD;generic=1;generic=2/",
        "quote/STK:AAPL:SMART:USD;Generic=1/",
        "greeks/STK:AAPL:SMART:USD;generic=292/",  # headlines would come to nobody
        "greeks/STK:AAPL:SMART:USD;generic=106,0292,100/",
    ],
)
def test_a_complete_topic_that_is_wrong_is_an_error_to_be_told(topic: str):
    with pytest.raises(FieldError):
        topics.parse_stream_topic(topic)


def test_topics_are_paths_of_closed_levels():
    assert topics.order_topic("alpha", "alpha-0001") == "order/alpha/alpha-0001/"
    assert topics.node_topic("orders") == "node/orders/"
    assert topics.process_topic("marketdata-0") == "process/marketdata-0/"
    assert topics.position_topic("DU1", "CONID:5") == "position/DU1/CONID:5/"
    assert topics.account_topic("DU1") == "account/DU1/"
