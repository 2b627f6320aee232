"""Recordings: written as a stream, read back whole or up to where they were cut off."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from twsmq_protocol import codec
from twsmq_protocol.market_events import Quote, Ticks
from twsmq_protocol.recording import BadRecording, Recorder, Recording

FRAMES = [
    codec.encode_event("quote/STK:AAPL:SMART:USD/", Quote(seq=1, bid=187.41)),
    codec.encode_event("tick/STK:AAPL:SMART:USD/", Ticks(seq=1, ticks=[(1, 187.41, 0), (45, "x" * 300, 0)])),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "aapl.msgpack"
    recorder = Recorder(path, ["quote/", "tick/"], now=7)
    for at, frame in enumerate(FRAMES):
        recorder.write(at, frame)
    recorder.close()
    return path


def frames(path: Path) -> list[bytes]:
    recording = Recording(path)
    try:
        return [recorded.topic.encode() + b"\0" + bytes(recorded.event) for recorded in recording]
    finally:
        recording.close()


def test_what_was_recorded_is_read_back_to_the_byte(file: Path):
    assert frames(file) == FRAMES


def test_any_msgpack_reader_reads_it_as_a_stream(file: Path):
    with file.open("rb") as stream:
        maps: Any = msgpack.Unpacker(stream)
        head, *events = maps
    assert head == {"twsmq_recording": 1, "protocol": 1, "started": 7, "topics": ["quote/", "tick/"]}
    assert [event["event"]["type"] for event in events] == ["quote", "ticks"]


def test_a_name_that_ends_in_zst_is_compressed_and_read_back(tmp_path: Path):
    path = tmp_path / "aapl.msgpack.zst"
    recorder = Recorder(path, ["quote/"], now=7)
    for at in range(100):
        recorder.write(at, FRAMES[0])
    recorder.close()
    assert frames(path) == FRAMES[:1] * 100
    assert path.stat().st_size < 100 * len(FRAMES[0]) / 5
    assert zstandard.decompress(path.read_bytes(), 1 << 20).startswith(b"\x84\xaftwsmq_recording")


def test_a_compressed_one_that_was_cut_off_or_damaged_is_whole_up_to_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("twsmq_protocol.recording.CHUNK", 1000)
    path = tmp_path / "aapl.zst"
    recorder = Recorder(path, [], now=7)
    for block in range(10):
        for at in range(1000):
            recorder.write(at, b"t\0" + packed({"noise": os.urandom(50), "block": block}))
        recorder.flush()
    whole = path.read_bytes()
    recorder.close()
    path.write_bytes(whole[: len(whole) // 2])
    assert 3000 < len(frames(path)) < 6000
    path.write_bytes(whole[: len(whole) // 2] + bytes(100_000))
    with pytest.raises(BadRecording, match="damaged"):
        frames(path)


def test_without_zstandard_a_compressed_one_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(BadRecording, match=r"pip install 'twsmq\[record\]'"):
        Recorder(tmp_path / "aapl.zst", [], now=7)
    assert not list(tmp_path.iterdir())


def test_one_that_was_cut_off_is_whole_up_to_there(file: Path):
    file.write_bytes(file.read_bytes()[:-20])
    assert frames(file) == FRAMES[:1]


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80", b"\xc1", b"\x81\xa1a\x01"])
def test_what_is_no_recording_is_refused_with_the_cure(tmp_path: Path, content: bytes):
    path = tmp_path / "other"
    path.write_bytes(content)
    for name in ("other", "other.zst"):
        path = path.rename(tmp_path / name)
        with pytest.raises(BadRecording, match="twsmq record"):
            Recording(path)


def packed(value: Any) -> bytes:
    return msgspec.msgpack.encode(value)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=15, deadline=None)
@given(st.lists(values, max_size=20), st.integers(1, 64))
def test_values_are_found_however_the_file_is_read(tmp_path_factory: Any, items: list[Any], chunk: int):
    path: Path = tmp_path_factory.mktemp("recording") / "any"
    recorder = Recorder(path, [], now=0)
    for item in items:
        recorder.write(0, b"t\0" + packed({"item": item}))
    recorder.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("twsmq_protocol.recording.CHUNK", chunk)
        assert frames(path) == [b"t\0" + packed({"item": item}) for item in items]


@pytest.mark.parametrize(("kind", "count"), [("quote", 1), ("ticks", 2)])
def test_the_example_reads_it_as_a_table(file: Path, kind: str, count: int):
    example = Path(__file__).parents[2] / "examples" / "recording_to_table.py"
    done = subprocess.run(
        [sys.executable, str(example), str(file), kind],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert f"{count} rows" in done.stdout
