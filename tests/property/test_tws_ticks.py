"""The hand-written tick decoder against ibapi's own, over generated and recorded bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twsmq_nodes.tws.adapter import MAX_SERVER_VERSION, MIN_SERVER_VERSION, Codec
from twsmq_nodes.tws.events import FrameRejected
from twsmq_nodes.tws.ticks import TICK_BY_TICK, Tick, take_ticks, tick_of

RECORDED = Path(__file__).parents[3] / "shared" / "tws" / "recordings" / "text_messages.tsv"

versions = st.integers(MIN_SERVER_VERSION, MAX_SERVER_VERSION)
codecs = {version: Codec(version) for version in range(MIN_SERVER_VERSION, MAX_SERVER_VERSION + 1)}

odd = st.sampled_from(
    ["", "0", "-1", "1e5", " 7", "1_0", "Infinity", "-inf", "nan", "x", "2147483647", "9223372036854775807",
     "1.7976931348623157E308", "1.7976931348623157e+308", "-9223372036854775808", "1e400",
     "a\\u00e9", "\u00e9"]
)  # fmt: skip
integers = st.integers(0, 300).map(str) | st.integers(-(2**31), 2**63).map(str)
numbers = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.integers(0, 10**9).map(str) | odd
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
anything = integers | numbers | words | odd
tick_types = st.integers(0, 104).map(str) | integers | odd


def frames_of(kind: str, *fields: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """Well-formed frames of one message, now and then cut short, made longer, or with a strange field."""

    def build(values: tuple[str, ...], strange: str, place: int, shape: str, end: str) -> bytes:
        parts = [kind, *values]
        if shape == "short":
            del parts[place % len(parts) :]
        elif shape == "long":
            parts.append(strange)
        elif shape == "strange":
            parts[place % (len(parts) - 1) + 1] = strange
        return ("\0".join(parts) + end).encode()

    shapes = st.sampled_from(["whole"] * 7 + ["short", "long", "strange"])
    ends = st.sampled_from(["\0"] * 9 + [""])
    return st.builds(build, st.tuples(*fields), anything, st.integers(0, 20), shapes, ends)


version_field = st.sampled_from(["1", "6"])
tick_frames = st.one_of(
    frames_of("1", version_field, integers, tick_types, numbers, numbers, integers),
    frames_of("2", version_field, integers, tick_types, numbers),
    frames_of("45", version_field, integers, tick_types, numbers),
    frames_of("46", version_field, integers, tick_types, words),
    frames_of(
        "99", integers, st.sampled_from(["1", "2"]), integers, numbers, numbers, integers, words, words
    ),
    frames_of("99", integers, st.just("3"), integers, numbers, numbers, numbers, numbers, integers),
    frames_of("99", integers, st.sampled_from(["4", "4", "0", "5"]), integers, numbers),
)


def by_ibapi(frame: bytes, version: int) -> list[Tick] | None:
    """The ticks ibapi makes of a frame, or None if it makes none."""
    ticks: list[Tick] = []
    for event in codecs[version].decode(frame):
        found = tick_of(event)
        if found is None:
            return None
        ticks += found
    return ticks


def by_hand(frame: bytes) -> list[Tick] | None:
    """The ticks of the fast decoder, or None if it leaves the frame to ibapi."""
    ticks: list[Tick] = []
    return ticks if take_ticks([frame], 0, ticks) == 1 else None


@given(tick_frames, versions)
def test_whatever_is_decoded_by_hand_is_what_ibapi_decodes(frame: bytes, version: int) -> None:
    ticks = by_hand(frame)
    if ticks is not None:
        assert ticks == by_ibapi(frame, version)


@given(
    st.integers(1, 10**6),
    st.sampled_from([1, 2, 4, 6, 37, 66, 75]),
    st.decimals(-1, 10**6, places=4),
    versions,
)
def test_a_plain_price_is_decoded_by_hand(req_id: int, tick_type: int, price: object, version: int) -> None:
    frame = b"1\x006\x00%d\x00%d\x00%s\x00300\x003\x00" % (req_id, tick_type, str(price).encode())
    ticks = by_hand(frame)
    assert ticks is not None
    assert ticks[0] == (req_id, tick_type, float(str(price)), 3)
    assert ticks == by_ibapi(frame, version)


@given(st.lists(tick_frames | st.binary(max_size=30), max_size=12))
def test_a_batch_gives_the_same_as_its_frames_one_by_one(frames: list[bytes]) -> None:
    one_by_one = [ticks for frame in frames if (ticks := by_hand(frame)) is not None]
    together: list[Tick] = []
    at = 0
    while at < len(frames):
        at = take_ticks(frames, at, together) + 1
    assert repr(together) == repr([tick for ticks in one_by_one for tick in ticks])


@pytest.mark.parametrize(
    ("frame", "ticks"),
    [
        (b"1\x006\x009\x001\x00187.5\x00100\x001\x00", [(9, 1, 187.5, 1), (9, 0, 100.0, 0)]),
        (b"1\x006\x009\x0068\x00187.5\x000.5\x006\x00", [(9, 68, 187.5, 6), (9, 71, 0.5, 0)]),
        (b"1\x006\x009\x0014\x00187.5\x000\x000\x00", [(9, 14, 187.5, 0)]),
        (b"2\x006\x009\x008\x00123456\x00", [(9, 8, 123456.0, 0)]),
        (b"2\x006\x009\x008\x00\x00", [(9, 8, None, 0)]),
        (b"45\x006\x009\x0049\x000.0\x00", [(9, 49, 0.0, 0)]),
        (b"46\x006\x009\x0045\x001700000000\x00", [(9, 45, "1700000000", 0)]),
    ],
)
def test_ordinary_frames(frame: bytes, ticks: list[Tick]) -> None:
    assert by_hand(frame) == ticks == by_ibapi(frame, MAX_SERVER_VERSION)


def test_tick_by_tick_data_arrives_as_its_event() -> None:
    [(req_id, kind, trade, _)] = (
        by_hand(b"99\x009\x001\x001700000000\x00187.5\x00100\x003\x00NASDAQ\x00 I\x00") or []
    )
    assert (req_id, kind) == (9, TICK_BY_TICK)
    assert (trade.price, trade.size, trade.attribs, trade.exchange) == (187.5, 100.0, 3, "NASDAQ")  # pyright: ignore


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded messages are not part of the repository")
def test_recorded_ticks_mean_what_ibapi_says() -> None:
    seen = 0
    for line in RECORDED.read_text().splitlines():
        literal = line.rpartition("\t")[2].replace("|", "\0").replace("\\0", "\0")
        kind = literal.partition("\0")[0]
        if kind not in {"1", "2", "45", "46", "99"} or not literal.endswith("\0"):
            continue
        for frame in (literal.encode(), literal[:-1].encode()):  # one extra empty field at the end of each
            ticks = by_hand(frame)
            if ticks is not None and not isinstance(codecs[173].decode(frame)[0], FrameRejected):
                assert ticks == by_ibapi(frame, 173)
                seen += 1
    assert seen >= 10
