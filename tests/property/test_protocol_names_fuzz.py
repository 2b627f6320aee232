"""Instruments and topics under any text: typed errors only, one canonical form, never half a name."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st
from twsmq_protocol import topics
from twsmq_protocol.errors import FieldError
from twsmq_protocol.instruments import SEC_TYPES, Instrument, Leg, format_instrument, parse_instrument

printable = st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(" %/:;@,+-")
part = st.text(printable, max_size=8)
name = st.text(printable, min_size=1, max_size=8)
strikes = st.integers(0, 10**15 - 1).map(lambda tenths: tenths / 10**6)
plain = st.builds(
    Instrument,
    sec_type=st.sampled_from(sorted(set(SEC_TYPES) - {"BAG"})),
    symbol=name,
    exchange=part,
    primary_exchange=part,
    currency=part,
    multiplier=part,
    trading_class=part,
)
derivatives = st.builds(
    Instrument,
    sec_type=st.sampled_from(["FUT", "OPT", "FOP", "WAR", "IOPT"]),
    symbol=name,
    exchange=part,
    currency=part,
    expiry=st.from_regex(r"[0-9]{6}([0-9]{2})?", fullmatch=True) | st.just(""),
    right=st.sampled_from(["C", "P", ""]),
    strike=strikes,
    multiplier=part,
    trading_class=part,
)
con_ids = st.integers(1, 2**31 - 1)
by_id = st.builds(Instrument, con_id=con_ids, exchange=part)
legs = st.builds(Leg, st.booleans(), st.integers(1, 999_999), con_ids, part)
combos = st.builds(
    Instrument,
    sec_type=st.just("BAG"),
    symbol=part,
    exchange=part,
    currency=part,
    legs=st.lists(
        st.builds(Leg, st.booleans(), st.integers(1, 999_999), con_ids, part), min_size=1, max_size=4
    ).map(tuple),
)
instruments = plain | derivatives | by_id | combos
BITS = ["STK", "OPT", "FUT", "BAG", "CONID", "AAPL", "SMART", "USD", "20261218", "C"]
BITS += ["450", "4.50", "@", "%", "%3A", "%00", ",", "+1x5", "-2x6@CBOE"]
near_spellings = st.lists(st.sampled_from(["", *BITS]) | part, max_size=10).map(":".join)


@given(instruments)
def test_every_instrument_is_read_back_from_its_own_spelling(instrument: Instrument):
    assert parse_instrument(format_instrument(instrument)) == instrument


@given(near_spellings | st.text(max_size=40))
def test_any_text_is_an_instrument_with_one_canonical_spelling_or_a_field_error(text: str):
    with suppress(FieldError):
        instrument = parse_instrument(text)
        canonical = format_instrument(instrument)
        assert parse_instrument(canonical) == instrument
        assert format_instrument(parse_instrument(canonical)) == canonical
        assert len(canonical) <= len(text)


@given(instruments)
def test_a_spelling_is_exactly_one_level_of_a_topic_that_prints(instrument: Instrument):
    topic = topics.quote_topic(format_instrument(instrument))
    assert topic.count("/") == 2
    assert ";" not in topic
    assert topic.isprintable()
    stream = topics.parse_stream_topic(topic)
    assert stream is not None
    assert (stream.instrument, stream.options) == (instrument, ())


@given(instruments, instruments)
def test_subscribing_to_one_instrument_never_hears_another(one: Instrument, other: Instrument):
    mine, theirs = topics.quote_topic(str(one)), topics.quote_topic(str(other))
    assert theirs.startswith(mine) == (one == other)


@given(instruments, instruments, st.integers(1, 3))
def test_options_do_not_reach_those_who_did_not_ask(one: Instrument, other: Instrument, number: int):
    with_options = str(topics.StreamTopic("quote", other, (("generic", str(number)),)))
    assert not with_options.startswith(topics.quote_topic(str(one)))


@given(st.text(max_size=30) | near_spellings.map("quote/{}/".format))
def test_any_text_is_a_stream_topic_or_none_or_a_field_error(text: str):
    with suppress(FieldError):
        stream = topics.parse_stream_topic(text)
        assert stream is None or topics.parse_stream_topic(str(stream)) == stream


order_names = st.from_regex(r"[A-Za-z0-9._-]{1,16}", fullmatch=True)


@given(order_names, order_names, order_names, order_names)
def test_an_orders_topic_is_no_prefix_of_anothers(strategy: str, order: str, strategy_2: str, order_2: str):
    mine, theirs = topics.order_topic(strategy, order), topics.order_topic(strategy_2, order_2)
    assert theirs.startswith(mine) == ((strategy, order) == (strategy_2, order_2))
    assert theirs.startswith(f"order/{strategy}/") == (strategy == strategy_2)
