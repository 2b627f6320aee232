"""Bars as columns of bytes are the same bars, whatever is done to them."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple
from twsmq_protocol.history_requests import PackedBars
from twsmq_protocol.market_events import BarRow
from twsmq_protocol.packed_bars import EMPTY, between, joined, ordered, packed, part, row_of, rows_of, times

values = st.none() | st.floats(allow_nan=False, allow_infinity=False)
rows = st.builds(
    BarRow,
    time=st.integers(-50, 50) | st.integers(-(2**63), 2**63 - 1),
    open=values, high=values, low=values, close=values, volume=values, wap=values,
    count=st.none() | st.integers(-1, 2**53),
)  # fmt: skip
tables = st.lists(rows, max_size=12)


def of(bars: list[BarRow]) -> PackedBars:
    return packed(*zip(*map(astuple, bars), strict=True)) if bars else EMPTY


@given(tables)
def test_nothing_changes_on_the_way(bars: list[BarRow]) -> None:
    sent = msgspec.msgpack.decode(msgspec.msgpack.encode(of(bars)), type=PackedBars)
    assert rows_of(sent) == bars
    assert len(sent) == len(bars)
    assert [row_of(sent, nth) for nth in range(len(bars))] == bars


@given(tables)
def test_they_are_put_in_order_and_the_later_of_one_time_stays(bars: list[BarRow]) -> None:
    last = {bar.time: bar for bar in bars}
    assert rows_of(ordered(of(bars))) == [last[time] for time in sorted(last)]


@given(tables, st.integers(-60, 60), st.integers(-60, 60))
def test_a_stretch_and_the_rest_are_the_whole(bars: list[BarRow], begin: int, end: int) -> None:
    whole = ordered(of(bars))
    inside = between(whole, begin, end)
    assert rows_of(inside) == [bar for bar in rows_of(whole) if begin <= bar.time < end]
    cut = len(between(whole, -(2**63), begin))
    assert joined([part(whole, 0, cut), part(whole, cut, len(whole))]) == whole
    assert times(whole).tolist() == sorted({bar.time for bar in bars})


@pytest.mark.parametrize("table", [{"time": b"1234567"}, {"time": bytes(8), "open": bytes(16)}])
def test_columns_that_do_not_fit_together_are_no_bars(table: dict[str, bytes]) -> None:
    whole = dict.fromkeys(PackedBars.__struct_fields__, bytes(8)) | table
    with pytest.raises(msgspec.ValidationError, match="columns of one table"):
        msgspec.msgpack.decode(msgspec.msgpack.encode(whole), type=PackedBars)
