"""Bars of the past read by hand against ibapi's decoder, over generated messages."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from twsmq_nodes.tws.adapter import MAX_SERVER_VERSION, MIN_SERVER_VERSION, Codec
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.reference_events import HistoricalBarColumns, HistoricalBars
from twsmq_nodes.tws.whole_bars import STRETCH, bars_of, whole_bars, whole_schedule

versions = st.integers(MIN_SERVER_VERSION, MAX_SERVER_VERSION)
codecs = {version: Codec(version) for version in range(MIN_SERVER_VERSION, MAX_SERVER_VERSION + 1)}
odd = st.sampled_from(
    ["", "-", ".", "-1", "1e5", " 7", "1_0", "Infinity", "-inf", "nan", "x", "1.", ".5", "-0", "00", "1.2.3",
     "2147483647", "9223372036854775807", "1.7976931348623157E308", "-9223372036854775808", "9" * 30,
     "-2147483648", "170141183460469231731687303715884105727", "265.18301234567891", "9" * 309 + ".5",
     "17976931348623157" + "0" * 292,
     "20260105 09:30:00 US/Eastern", "a\\u00e9", "\u00e9", "١"]
)  # fmt: skip
numbers = st.decimals(-1000, 10**9, places=4).map(str) | st.integers(-1, 10**12).map(str)
dates = st.integers(1, 2**33).map(str) | st.just("20260105")
bars = st.tuples(
    dates,
    *[numbers] * 4,
    *[numbers | st.sampled_from(["0", "-1", "0.0", "-1.0"])] * 2,
    st.integers(-1, 10**9).map(str),
)


PLAIN = ("1767225600", "1", "2", "0.5", "1.5", "100", "1.25", "7")


def message(version: int, req_id: int, rows: list[tuple[str, ...]], told: int) -> list[str]:
    ends = ["20260101 00:00:00 UTC", "20260105 00:00:00 UTC"] if version < 196 else []
    return ["17", str(req_id), *ends, str(len(rows) + told), *[value for row in rows for value in row]]


def in_rows(events: list[Event]) -> list[Event]:
    return [
        HistoricalBars(event.req_id, bars_of(event)) if isinstance(event, HistoricalBarColumns) else event
        for event in events
    ]


def by_ibapi(frame: bytes, version: int) -> list[Event]:
    return codecs[version]._interpret(frame)  # pyright: ignore[reportPrivateUsage] - past the fast way


@given(
    versions, st.integers(0, 10**6), st.lists(bars, max_size=5), st.sampled_from([0] * 8 + [1, -1]),
    st.none() | st.tuples(st.integers(0, 45), odd), st.sampled_from(["\0"] * 8 + [""]),
    st.integers(0, 60) | st.just(STRETCH),
)  # fmt: skip
@example(200, 7, [PLAIN], 0, (4, "-2147483648"), "\0", STRETCH)
@example(200, 7, [PLAIN], 0, (9, "170141183460469231731687303715884105727"), "\0", STRETCH)
@example(200, 7, [PLAIN], 0, (4, "-9223372036854775808"), "\0", STRETCH)
@example(200, 7, [PLAIN], 0, (4, "17976931348623157" + "0" * 292), "\0", STRETCH)
def test_whatever_is_read_by_hand_is_what_ibapi_reads(
    version: int,
    req_id: int,
    rows: list[tuple[str, ...]],
    told: int,
    strange: tuple[int, str] | None,
    end: str,
    stretch: int,
) -> None:
    fields = message(version, req_id, rows, told)
    if strange is not None:
        fields[strange[0] % len(fields)] = strange[1]
    frame = ("\0".join(fields) + end).encode()
    events = whole_bars(frame, version, stretch) if frame.startswith(b"17\0") else None
    if events is not None:
        assert in_rows([*events]) == by_ibapi(frame, version)


@given(versions, st.lists(bars, min_size=1, max_size=5), st.integers(0, 60) | st.just(STRETCH))
def test_plain_bars_are_read_by_hand(version: int, rows: list[tuple[str, ...]], stretch: int) -> None:
    frame = ("\0".join(message(version, 7, rows, 0)) + "\0").encode()
    unset = b"214748364" in frame or any(float(row[5]) < 0 and float(row[5]) != -1 for row in rows)
    events = whole_bars(frame, version, stretch)
    assert (events is not None) or unset
    assert events is None or in_rows([*events]) == by_ibapi(frame, version)
    assert in_rows(codecs[version].decode(frame)) == by_ibapi(frame, version)


texts = st.sampled_from(["20260105-09:30:00", "20260105", "US/Eastern", "", "a\\u00e9", "\u00e9", "x" * 101])


@given(
    versions,
    st.sampled_from(["7", "007", "-1", "x", "", "9999999999"]),
    st.lists(st.tuples(texts, texts, texts), max_size=4),
    st.sampled_from([0] * 4 + [1, -1]),
    st.tuples(texts, texts, texts),
    st.sampled_from(["\0"] * 4 + [""]),
)
@example(200, "7", [("20260105-09:30:00", "20260105-16:00:00", "20260105")], 0, ("", "", "US/Eastern"), "\0")
def test_sessions_read_by_hand_are_what_ibapi_reads(
    version: int,
    req_id: str,
    rows: list[tuple[str, ...]],
    told: int,
    head: tuple[str, ...],
    end: str,
) -> None:
    fields = ["106", req_id, *head, str(len(rows) + told), *(value for row in rows for value in row)]
    frame = ("\0".join(fields) + end).encode()
    event = whole_schedule(frame)
    usual = all(text.isascii() and "\\" not in text and len(text) < 100 for text in fields)
    assert (event is not None) == (usual and req_id in ("7", "007") and not told and end == "\0")
    assert event is None or [event] == by_ibapi(frame, version)
