"""However the gateway's bytes are cut into chunks, the same frames come out."""

from __future__ import annotations

import itertools
import struct

from hypothesis import given
from hypothesis import strategies as st
from twsmq_nodes.tws.framing import FrameSplitter, frame

LIMIT = 64
payloads = st.lists(st.binary(max_size=LIMIT), max_size=8)


def chunks_of(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[a:b] for a, b in itertools.pairwise(places)]


def fed(chunks: list[bytes]) -> tuple[list[bytes], str | None]:
    splitter = FrameSplitter(limit=LIMIT)
    frames = [found for chunk in chunks for found in splitter.feed(chunk)]
    return frames, splitter.broken


@given(payloads, st.lists(st.integers(0, 10_000), max_size=30))
def test_any_cutting_gives_the_frames_that_were_sent(sent: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame(payload) for payload in sent)
    assert fed(chunks_of(stream, cuts)) == (sent, None)


@given(payloads, st.integers(LIMIT + 1, 2**32 - 1), st.binary(max_size=200), st.lists(st.integers(0, 10_000)))
def test_frames_before_an_impossible_length_arrive_and_none_after(
    sent: list[bytes], length: int, after: bytes, cuts: list[int]
) -> None:
    stream = b"".join(frame(payload) for payload in sent) + struct.pack("!I", length) + after
    frames, broken = fed(chunks_of(stream, cuts))
    assert frames == sent
    assert broken is not None
    assert str(length) in broken


@given(st.binary(max_size=300), st.lists(st.integers(0, 10_000), max_size=30))
def test_garbage_never_raises_and_is_cut_the_same_way_in_any_chunks(garbage: bytes, cuts: list[int]) -> None:
    assert fed(chunks_of(garbage, cuts)) == fed([garbage])


def test_an_incomplete_frame_waits_for_its_rest() -> None:
    splitter = FrameSplitter()
    whole = frame(b"49\x001\x001700000000\x00")
    assert [splitter.feed(whole[i : i + 1]) for i in range(len(whole))][-1] == [whole[4:]]


@given(st.lists(st.sampled_from((3, 700, 20_000, 90_000)), min_size=1, max_size=60), st.integers(0, 255))
def test_a_large_frame_comes_whole_from_large_and_small_reads(sizes: list[int], first: int) -> None:
    """As historicalData of a year does."""
    message = b"17\0" + bytes((nth + first) % 251 for nth in range(250)) * 4_000
    stream = frame(message) + frame(b"49\0" + b"1\0")
    splitter, found, at, nth = FrameSplitter(), list[bytes](), 0, 0
    while at < len(stream):
        size = sizes[nth % len(sizes)] if nth < 200 else 90_000
        found += splitter.feed(stream[at : at + size])
        at, nth = at + size, nth + 1
    assert (found, splitter.broken) == ([message, b"49\x001\0"], None)
