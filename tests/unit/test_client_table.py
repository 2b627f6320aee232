"""Tables of rows: sequences of structs, and the same values in every library's frame."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from msgspec import Struct
from twsmq.errors import NotInstalled
from twsmq.ops import nanoseconds
from twsmq.table import Table
from twsmq_protocol.history_requests import SessionRow, TickRow
from twsmq_protocol.market_events import BarRow
from twsmq_protocol.reference_requests import FoundSymbol

TIME = 1_790_000_040_123_456_789
BARS = Table(
    BarRow,
    [
        BarRow(time=TIME, open=1.0, high=2.0, low=0.5, close=1.5, volume=1e15, wap=None, count=7),
        BarRow(time=TIME + 1, open=None, high=None, low=None, close=None, volume=None, wap=None, count=None),
    ],
)
FOUND = Table(
    FoundSymbol,
    [
        FoundSymbol(instrument="STK:A:NYSE:USD", con_id=1, sec_type="STK", symbol="A", derivatives=["OPT"]),
        FoundSymbol(instrument="STK:B:NYSE:USD", con_id=2, sec_type="STK", symbol="B", long_name="Bé"),
    ],
)


def test_a_table_is_a_sequence_of_its_rows() -> None:
    assert (len(BARS), BARS[0].close, BARS[-1].count) == (2, 1.5, None)
    assert list(BARS[:1]) == [BARS.rows[0]]
    assert Table(BarRow, BARS.rows) == BARS
    assert Table(BarRow, BARS.rows[:1]) != BARS
    assert "2 BarRow: time, open" in repr(BARS)


def test_columns_are_typed_and_hold_none_for_what_is_absent() -> None:
    assert BARS.columns["time"] == "time"
    assert (BARS.columns["open"], BARS.columns["count"]) == ("float", "int")
    assert Table(SessionRow).columns == {"open": "time", "close": "time", "date": "text"}
    assert BARS.column("close") == [1.5, None]
    assert FOUND.column("derivatives") == ['["OPT"]', "[]"]
    with pytest.raises(KeyError):
        BARS.column("vwap")


def test_rows_as_plain_data_have_every_column() -> None:
    assert [list(row) for row in BARS.dicts()] == [list(BARS.columns)] * 2


def test_arrow_has_the_same_values_and_types() -> None:
    pa = pytest.importorskip("pyarrow")
    frame = BARS.arrow()
    assert frame.column("time").type == pa.timestamp("ns", tz="UTC")
    assert frame.column("time").cast(pa.int64()).to_pylist() == [TIME, TIME + 1]
    for name in ("open", "volume", "wap", "count"):
        assert frame.column(name).to_pylist() == BARS.column(name)
    assert frame.column("wap").type == pa.float64()  # though nothing is in it
    assert FOUND.arrow().column("long_name").to_pylist() == [None, "Bé"]


def test_polars_has_the_same_values_and_types() -> None:
    pl = pytest.importorskip("polars", reason="pip install 'twsmq[tables]'")
    frame = BARS.polars()
    assert frame.schema["time"] == pl.Datetime("ns", "UTC")
    assert frame["time"].cast(pl.Int64).to_list() == [TIME, TIME + 1]
    for name in ("open", "volume", "wap", "count"):
        assert frame[name].to_list() == BARS.column(name)
    assert (frame.schema["wap"], frame.schema["count"]) == (pl.Float64, pl.Int64)


def test_pandas_has_the_same_values_and_types() -> None:
    pd = pytest.importorskip("pandas", reason="pip install 'twsmq[tables]'")
    frame = BARS.pandas()
    assert str(frame["time"].dtype) == "datetime64[ns, UTC]"
    assert [moment.value for moment in frame["time"]] == [TIME, TIME + 1]
    for name in ("open", "volume", "wap", "count"):
        assert [None if value is pd.NA else value for value in frame[name]] == BARS.column(name)
    assert str(frame["count"].dtype) == "Int64"


@pytest.mark.parametrize("library", ["polars", "pandas", "arrow"])
@pytest.mark.parametrize("table", [Table(BarRow), Table(TickRow), Table(FoundSymbol)], ids=str)
def test_an_empty_table_has_the_columns_of_a_full_one(library: str, table: Table[Any]) -> None:
    pytest.importorskip("pyarrow" if library == "arrow" else library, reason="pip install 'twsmq[tables]'")
    frame = getattr(table, library)()
    names = frame.column_names if library == "arrow" else list(frame.columns)
    assert names == list(table.columns)
    assert len(frame) == 0


def test_a_library_that_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(NotInstalled, match=r"polars is not installed: pip install 'twsmq\[tables\]'"):
        BARS.polars()


class Odd(Struct):
    either: int | str
    flag: bool | None = None


def test_a_column_of_several_kinds_is_json() -> None:
    table = Table(Odd, [Odd(1), Odd("a", True)])
    assert table.columns == {"either": "json", "flag": "bool"}
    assert table.column("either") == ["1", '"a"']


@pytest.mark.parametrize(
    ("moment", "ns"),
    [
        (None, None),
        (5, 5),
        (datetime(1970, 1, 1, 0, 0, 1, 250, tzinfo=UTC), 1_000_250_000),
        (datetime(2026, 1, 5, 9, 30, tzinfo=timezone(timedelta(hours=-5))), 1_767_623_400_000_000_000),
    ],
)
def test_moments_are_nanoseconds_or_have_a_zone(moment: Any, ns: int | None) -> None:
    assert nanoseconds(moment) == ns


def test_a_moment_without_a_zone_is_nobodys() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        nanoseconds(datetime(2026, 1, 5))
