"""Absence is nil: whatever the gateway sends in place of a value, no event carries it."""

from __future__ import annotations

import math
from itertools import count
from typing import Any, TypeVar

import msgpack
import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from msgspec import Struct, structs
from support.absence_checks import check, check_changes, router_of
from twsmq_nodes.history.bars_job import BarsJob
from twsmq_nodes.history.ticks_job import TicksJob
from twsmq_nodes.marketdata.data.router import is_data
from twsmq_nodes.status.accounts import AccountBook
from twsmq_nodes.status.actions import Publish, Send
from twsmq_nodes.tws.absence import ABSENT, cleaned
from twsmq_nodes.tws.adapter import Codec
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import (
    AccountSummary,
    Depth,
    PnL,
    RealTimeBar,
    TickByTickBidAsk,
    TickByTickLast,
    TickByTickMidPoint,
    TickOptionComputation,
)
from twsmq_nodes.tws.reference_events import (
    Bar,
    HistoricalBars,
    HistoricalBarsEnd,
    HistoricalTick,
    HistoricalTicks,
)
from twsmq_nodes.tws.requests import ReqAccountSummary, ReqPnL
from twsmq_nodes.tws.session_events import SessionUp
from twsmq_nodes.tws.ticks import SIZE_OF_PRICE, take_ticks, tick_of
from twsmq_protocol.system_events import AccountValue

NS = 1_000_000_000
S = TypeVar("S", bound=Struct)
PRICES = (1, 2, 4, 66, 67, 68)
OTHER_PRICES = (6, 7, 9, 14, 15, 20, 35, 57, 72, 73, 75, 76)
values = st.sampled_from([-1.0, 0.0, None, 0.01, 100.0, 101.5])
sizes = st.sampled_from([0.0, None, -1.0, 1.0, 300.0])


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


DELAYED = {1: 66, 2: 67, 4: 68}
"""The same prices where they come late."""


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
        if tick_type in last and DELAYED[tick_type] not in last and quotes:
            (*_, value, _), (*_, size, _) = last[tick_type]
            if value in (-1.0, 0.0) and not (size or 0.0) > 0.0:
                assert quotes[-1][name] is None
                event("a price without a size is none")


# -- everything else, through the table


marks = st.sampled_from([-2.0, -1.0, 0.0, None, 0.01, 12.0, 100.0])
whole = st.sampled_from([-1, 0, None, 5])


def built(kind: type[S], **given: Any) -> st.SearchStrategy[S]:
    """An event as the adapter would emit it before the table: any mark in any number."""
    fixed = {"req_id": st.just(1), "time_s": st.just(1_700_000_000), "date": st.just("1700000000")}
    made: dict[str, Any] = {}
    for field in structs.fields(kind):
        if field.name in given:
            made[field.name] = given[field.name]
        elif field.name in fixed:
            made[field.name] = fixed[field.name]
        elif field.type == float | None:
            made[field.name] = marks
        elif field.type == int | None:
            made[field.name] = whole
        elif field.type is str:
            made[field.name] = st.just("")
        elif field.type is bool:
            made[field.name] = st.booleans()
        else:
            made[field.name] = st.just(0)
    return st.builds(kind, **made).map(cleaned)


TOLD = {
    "trade/CONID:1/": built(TickByTickLast),
    "bbo/CONID:1/": built(TickByTickBidAsk),
    "midpoint/CONID:1/": built(TickByTickMidPoint),
    "depth/CONID:1/": built(
        Depth, operation=st.integers(0, 2), side=st.integers(0, 1), position=st.integers(0, 2)
    ),
    "bar5s/CONID:1/": built(RealTimeBar),
    "bars/1m/CONID:1/": built(Bar),
    "greeks/CONID:1/": built(TickOptionComputation, tick_type=st.integers(10, 13)),
}


@pytest.mark.parametrize("topic", TOLD)
@given(st.data())
def test_no_event_of_a_line_carries_a_mark(topic: str, data: st.DataObject) -> None:
    events = data.draw(st.lists(TOLD[topic], min_size=1, max_size=5))
    router, outgoing = router_of(topic)
    for told in events:
        if isinstance(told, Bar):
            router.on_event(HistoricalBars(1, (told,)))
        elif (ticks := tick_of(told)) is not None:
            router.on_ticks(ticks)
        else:
            assert is_data(told)
            router.on_event(told)
    if topic.startswith("bars/"):
        router.on_event(HistoricalBarsEnd(1, "", ""))
    router.flush()
    bodies = outgoing.bodies()
    for body in bodies:
        event(body["type"])
        check(body)
        check_changes(body.get("changes", []))
        for side in ("bids", "asks"):
            assert all(price not in (-1, 0) or size for price, size, _ in body.get(side, []))
    assert bodies or topic.startswith("depth/"), "a line that says something is heard"


BEGIN = 1_700_000_000 * NS


@given(st.lists(built(Bar), min_size=1, max_size=5))
def test_no_bar_of_the_past_carries_a_mark(bars: list[Bar]) -> None:
    job = BarsJob(
        (),
        Contract(1),
        "MIDPOINT",
        "1m",
        1_699_999_980 * NS,
        1_700_000_100 * NS,
        1_800_000_000 * NS,
        9,
        rth=False,
    )
    job.request(1)
    job.received(HistoricalBars(1, tuple(bars)))
    job.received(HistoricalBarsEnd(1, "", ""))
    assert job.result is not None
    page = msgpack.unpackb(msgspec.msgpack.encode(job.result))
    assert page["bars"]
    check(page)


@given(
    st.sampled_from(["TRADES", "BID_ASK", "MIDPOINT"]),
    st.lists(built(HistoricalTick), min_size=1, max_size=5),
)
def test_no_tick_of_the_past_carries_a_mark(kind: str, ticks: list[HistoricalTick]) -> None:
    job = TicksJob((), Contract(1), kind, BEGIN, BEGIN + NS, 9, rth=False, ignore_size=False)
    job.received(HistoricalTicks(1, kind, tuple(ticks), done=True))
    assert job.result is not None
    page = msgpack.unpackb(msgspec.msgpack.encode(job.result))
    assert page["ticks"]
    for row in page["ticks"]:
        check(row)


UNSET = (
    "1.7976931348623157E308",
    "1.7976931348623157e+308",
    "NaN",
    "-Infinity",
    "2147483647",
    "2147483647.0",
    str(2**63 - 1),
)


@given(
    st.lists(st.sampled_from([*UNSET, "", "0", "-1", "12.5", "INDIVIDUAL"]), min_size=1, max_size=6), marks
)
def test_no_value_of_an_account_is_a_number_that_says_there_is_none(
    texts: list[str], daily: float | None
) -> None:
    book = AccountBook(count(1).__next__)
    asked = [
        act.request
        for act in book.on_session_event(SessionUp(200, ("DU1",), 1, upstream=True))
        if isinstance(act, Send)
    ]
    (summary,) = [each.req_id for each in asked if isinstance(each, ReqAccountSummary)]
    (result,) = [each.req_id for each in asked if isinstance(each, ReqPnL)]
    told: list[Any] = []
    for text in texts:
        told += book.event(cleaned(AccountSummary(summary, "DU1", "Cushion", text, "")))
    told += book.event(PnL(result, 5.0, None, None)) + book.event(PnL(result, daily, None, None))
    values = [
        act.event.value for act in told if isinstance(act, Publish) and isinstance(act.event, AccountValue)
    ]
    assert values
    assert not set(values) & set(UNSET)
    if daily is None:
        assert values[-1] == "", "what is not known any more is not told as it was"


FRAMES = {
    "99|1|1|1700000000|-1|0|0|||": {"price": None},
    "99|1|1|1700000000|0|0|0|||": {"price": None},
    "99|1|1|1700000000|-1|5|0|||": {"price": -1.0},
    "99|1|3|1700000000|0|101|0|5|0|": {"bid_price": None, "ask_price": 101.0},
    "99|1|4|1700000000|-1|": {"mid_point": None},
    "99|1|3|1700000000|2147483647|101|9|5|0|": {"bid_price": None},
    "99|1|3|1700000000|-1|101|-1|5|0|": {"bid_price": None},
    "12|1|1|0|0|1|0|0|": {"price": None},
    "61|3|DU1|1|X|STK||0|||NYSE|USD|X|X|NaN|2147483647|": {"quantity": None, "avg_cost": None},
    "94|1|2147483647|0|9223372036854775807|": {"daily": None, "unrealized": 0.0, "realized": None},
    "50|3|1|1700000000|1|2|0.5|1.5|-1|-1|-1|": {"volume": None, "wap": None, "count": None},
    "63|1|1|DU1|Cushion|1.7976931348623157E308||": {"value": ""},
    "73|1|1|DU1||ExchangeRate|2147483647|EUR|": {"value": ""},
    "94|1|1.7976931348623157E308|0|1.7976931348623157E308|": {
        "daily": None,
        "unrealized": 0.0,
        "realized": None,
    },
    "21|1|13|0|-1|-2|-1|-1|-2|-2|-2|-1|": dict.fromkeys(
        ("implied_vol", "delta", "opt_price", "pv_dividend", "gamma", "vega", "theta", "und_price")
    ),
}


@pytest.mark.parametrize("fields", FRAMES)
def test_what_is_read_from_the_gateway_passes_the_table(fields: str) -> None:
    frame = fields.replace("|", "\0").encode()
    (told,) = Codec(200).decode(frame)
    ticks: list[Any] = []
    if take_ticks([frame], 0, ticks):  # the fast way
        assert ticks[0][2] == told
    assert {name: getattr(told, name) for name in FRAMES[fields]} == FRAMES[fields]


TICKS = {
    "1|6|1|1|2147483647|5|0|": [None, 5.0],
    "1|6|1|4|-1|-1|0|": [-1.0, -1.0],  # what is beside it decides, in the quote
    "2|6|1|8|NaN|": [None],
    "2|6|1|8|9223372036854775807.0|": [None],
    "45|6|1|49|2147483647|": [None],
    "45|6|1|23|1.7976931348623157E308|": [None],
    "46|6|1|32||": [None],
    "46|6|1|45|0|": [None],
    "46|6|1|88|0|": [None],
    "46|6|1|84|0|": ["0"],
    "46|6|1|45|1.7976931348623157E308|": [None],
    "46|6|1|48|;;1348075471534;67854;701.4;true|": [";;1348075471534;67854;701.4;true"],
}


@pytest.mark.parametrize("fields", TICKS)
def test_plain_ticks_read_by_hand_or_by_ibapi_carry_no_mark_either(fields: str) -> None:
    frame = fields.replace("|", "\0").encode()
    by_hand: list[Any] = []
    assert take_ticks([frame], 0, by_hand) == 1
    by_ibapi = [tick for told in Codec(200).decode(frame) for tick in tick_of(told) or ()]
    assert by_hand == by_ibapi
    assert [tick[2] for tick in by_hand] == TICKS[fields]


def test_every_row_of_the_table_names_a_field_and_its_evidence() -> None:
    for kind, rows in ABSENT.items():
        names = {field.name for field in structs.fields(kind)}
        assert all(row.field in names and (not row.beside or row.beside in names) for row in rows)
        assert all(row.evidence[:2] in ("D ", "C ", "R ", "S ") for row in rows)
