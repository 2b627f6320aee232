"""Files from anywhere, damaged or made to hurt: one line, exit code 2, and bounded in time and memory."""

from __future__ import annotations

import os
import sqlite3
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zstandard
from click.testing import CliRunner, Result
from twsmq.cli import main
from twsmq_protocol.recording import BadRecording, Recording

HEAD = {"twsmq_recording": 1, "protocol": 1, "started": 7, "topics": []}
MUCH = 64 << 20


def recorded(**fields: Any) -> dict[str, Any]:
    return {"at": 7, "topic": "quote/STK:A:SMART:USD/", "event": {"type": "quote", "v": 1}} | fields


def nested(depth: int) -> bytes:
    return b"\x81\xa1a" * depth + b"\xc0"


RECORDINGS: dict[str, bytes] = {
    "empty": b"",
    "no msgpack": b"\xc1" * 100,
    "text": b"hello, world\n" * 100,
    "an event that is no map": msgpack.packb(recorded(event=[1, 2])),
    "an event that is a number": msgpack.packb(recorded(event=5)),
    "an event with keys that are no strings": msgpack.packb(recorded(event={1: 2})),
    "an event with a key that cannot be hashed": b"\x83\xa2at\x07\xa5topic\xa2t/\xa5event\x81\x80\x01",
    "no event": msgpack.packb({"at": 7}),
    "a key that is not UTF-8": b"\x83\xa2at\x07\xa5topic\xa2t/\xa5event\x81\xa1\xff\x01",
    "nested deep": b"\x83\xa2at\x07\xa5topic\xa2t/\xa5event" + nested(100_000),
    "a topic with a NUL": msgpack.packb(recorded(topic="a/\0b")),
    "a topic without end": msgpack.packb(recorded(topic="a" * 100_000)),
    "a time of 64 bits": msgpack.packb(recorded()) + msgpack.packb(recorded(at=2**63)),
    "a time before all times": msgpack.packb(recorded()) + msgpack.packb(recorded(at=-(2**63))),
    "a string of four gigabytes that never come": b"\xdb\xff\xff\xff\xff" + b"x" * (9 << 20),
    "four billion parts": b"\xdd\xff\xff\xff\xff" + b"\x01" * (2 << 20),
}


def twsmq(*words: str) -> Result:
    return CliRunner().invoke(main, words, prog_name="twsmq")


def is_one_line(result: Result) -> None:
    assert not isinstance(result.exception, Exception) or isinstance(result.exception, SystemExit)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1, result.stderr
    assert len(result.stderr) < 1000


@pytest.mark.parametrize("content", RECORDINGS.values(), ids=RECORDINGS.keys())
@pytest.mark.parametrize("suffix", ["", ".zst"])
def test_a_recording_that_is_none_ends_replay_with_one_line(
    tmp_path: Path, config_file: Path, port_base: int, content: bytes, suffix: str
) -> None:
    file = tmp_path / f"bad.msgpack{suffix}"
    whole = content if content in (b"", RECORDINGS["text"]) else msgpack.packb(HEAD) + content
    file.write_bytes(zstandard.compress(whole) if suffix else whole)
    words = ("--no-wait", "--speed", "0", "--config", str(config_file))
    is_one_line(twsmq("replay", str(file), *words))


def test_a_small_file_that_grows_without_end_is_refused_before_it_takes_memory_or_time(tmp_path: Path):
    event = msgpack.packb(recorded(event={"type": "quote", "text": "x" * 4000}))
    compressor = zstandard.ZstdCompressor(level=3).compressobj()
    file = tmp_path / "bomb.msgpack.zst"
    with file.open("wb") as out:
        out.write(compressor.compress(msgpack.packb(HEAD)))
        for _ in range(200):
            out.write(compressor.compress(event * 500))
        out.write(compressor.flush())
    assert file.stat().st_size < 100_000
    recording = Recording(file)
    tracemalloc.start()
    try:
        with pytest.raises(BadRecording, match="grows"):
            for _ in recording:
                pass
        assert tracemalloc.get_traced_memory()[1] < MUCH
    finally:
        tracemalloc.stop()
        recording.close()


CONFIGURATIONS: dict[str, bytes] = {
    "not UTF-8": b"\xff\xfe",
    "a NUL": b"a = 1\0",
    "nested deep": b"x = " + b"[" * 100_000,
    "tables nested deep": b"[" + b"a." * 20_000 + b"a]\n",
    "very long": b"#" * (2 << 20),
    "a number of 100,000 digits": b"x = " + b"1" * 100_000,
    "escape sequences": b'[gateway]\nmode = "\\u001b[2J\\u009b\\u202e"\n',
    "a key of escape sequences": b'"\\u001b[2J" = 1\n',
    "a key of 50,000 parts": b"a." * 50_000 + b"b = 1\n",
    "a key of 50,000 quoted parts": b"x = {" + b"'a' . " * 50_000 + b"b = 1}\n",
    "a folder with a NUL": b'[cluster]\ndata_dir = "a\\u0000b"\n',
    "a folder of 5,000 characters": b'[cluster]\ndata_dir = "' + b"a" * 5000 + b'"\n',
    "a folder of many levels": b'[cluster]\ndata_dir = "' + b"a/" * 5000 + b'"\n',
}


@pytest.mark.parametrize("content", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
def test_a_configuration_that_is_none_is_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "twsmq.toml"
    file.write_bytes(content)
    result = twsmq("status", "--config", str(file))
    is_one_line(result)
    assert result.stderr.strip().isprintable()


def test_a_device_that_never_ends_is_no_configuration() -> None:
    is_one_line(twsmq("status", "--config", "/dev/zero"))


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    is_one_line(twsmq("status", "--config", str(tmp_path)))


JOURNALED: dict[str, bytes] = {
    "no msgpack": b"\xc1",
    "no map": b"\x05",
    "no event": b"\x80",
    "nested deep": nested(100_000),
    "keys that are no strings": b"\x81\x05\x05",
}


@pytest.mark.parametrize("what", ["orders", "executions", "events"])
@pytest.mark.parametrize("packed", JOURNALED.values(), ids=JOURNALED.keys())
def test_a_damaged_journal_ends_the_export_with_one_line(tmp_path: Path, packed: bytes, what: str) -> None:
    (tmp_path / "var?#%41").mkdir()
    config = tmp_path / "twsmq.toml"
    config.write_text('[cluster]\ndata_dir = "var?#%41"\n')
    with sqlite3.connect(tmp_path / "var?#%41" / "orders.journal") as database:
        database.execute("CREATE TABLE entries (event_no INTEGER, strategy TEXT, event BLOB)")
        database.execute("INSERT INTO entries VALUES (1, 'a', ?)", (packed,))
    database.close()
    form = "jsonl" if what == "events" else "csv"
    is_one_line(twsmq("orders", "export", "--what", what, "--format", form, "--config", str(config)))


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_journal_ends_the_export_with_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "twsmq.toml").write_text("")
    (tmp_path / "var" / "orders.journal").write_bytes(content)
    is_one_line(twsmq("orders", "export", "--config", str(tmp_path / "twsmq.toml")))


def a_fifo(path: Path) -> None:
    os.mkfifo(path, 0o600)


def a_folder(path: Path) -> None:
    path.mkdir()


def a_loop(path: Path) -> None:
    path.symlink_to(path.name)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_cluster(folder: Path, more: str = "") -> Path:
    (folder / "var").mkdir()
    (config := folder / "twsmq.toml").write_text(f"[cluster]\n{more}\n")
    return config


@pytest.mark.timeout(20)
@pytest.mark.parametrize("put", [a_fifo, a_folder, a_loop, a_device])
def test_what_is_no_plain_file_holds_no_command_up(tmp_path: Path, put: Callable[[Path], None]) -> None:
    config = a_cluster(tmp_path)
    put(tmp_path / "var" / "orders.journal")
    for what in ("orders", "audit"):
        is_one_line(twsmq("orders", "export", "--what", what, "--config", str(config)))
    put(tmp_path / "other.toml")
    is_one_line(twsmq("status", "--config", str(tmp_path / "other.toml")))
    (tmp_path / "var" / "status").mkdir()
    put(tmp_path / "var" / "status" / "records.sqlite")
    is_one_line(twsmq("report", "--config", str(config), "--output", str(tmp_path / "out")))
    (tmp_path / "down" / ".twsmq").mkdir(parents=True)
    put(tmp_path / "down" / ".twsmq" / "ledger.jsonl")
    is_one_line(twsmq("history", "verify", str(tmp_path / "down")))
    for name in ("recording", "recording.zst"):
        put(tmp_path / name)
        is_one_line(twsmq("replay", str(tmp_path / name), "--no-wait", "--config", str(config)))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("put", [a_fifo, a_folder, a_loop, a_device])
def test_keys_that_are_no_plain_files_hold_no_command_up(tmp_path: Path, put: Callable[[Path], None]) -> None:
    config = a_cluster(tmp_path)
    assert twsmq("keys", "init", "--config", str(config)).exit_code == 0
    for name in ("authorized.toml", "local.key"):
        (tmp_path / "var" / "keys" / name).unlink()
        put(tmp_path / "var" / "keys" / name)
    is_one_line(twsmq("keys", "list", "--config", str(config)))


LEDGERS: dict[str, bytes] = {
    "nested deep": b'{"type": "Begun", "x": ' + b"[" * 100_000 + b"\n",
    "no JSON": b"\xff\xfe\n",
    "a number": b"5\n",
    "a version of 400 digits": b'{"type": "Begun", "version": ' + b"9" * 400 + b"}\n",
}


@pytest.mark.parametrize("content", LEDGERS.values(), ids=LEDGERS.keys())
def test_a_damaged_ledger_ends_verify_with_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "down" / ".twsmq").mkdir(parents=True)
    (tmp_path / "down" / ".twsmq" / "ledger.jsonl").write_bytes(content)
    is_one_line(twsmq("history", "verify", str(tmp_path / "down")))


@pytest.mark.timeout(20)
def test_a_universe_without_end_is_not_read(tmp_path: Path) -> None:
    config = a_cluster(tmp_path)
    words = ("--size", "1d", "--from", "2026-01-05", "-o", str(tmp_path / "o"), "--config", str(config))
    result = twsmq("history", "download", "--universe", "/dev/zero", *words)
    assert result.exit_code == 2
    assert "is longer than" in result.stderr


@pytest.mark.parametrize(
    "content", [b"5", b'[{"name": 5}]', b'[{"name": "a", "kind": "a"}]', b"[" * 100_000, b"\xff"]
)
def test_vectors_that_are_none_end_conform_with_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "events.json").write_bytes(content)
    is_one_line(twsmq("conform", "--vectors", str(tmp_path), sys.executable, "-m", "twsmq.conform.python"))


@pytest.mark.parametrize("command", ["status", "up", "down", "logs", "web", "keys list"])
def test_a_folder_that_is_a_loop_of_links_is_one_line(tmp_path: Path, command: str) -> None:
    a_loop(tmp_path / "loop")
    (config := tmp_path / "twsmq.toml").write_text('[cluster]\ndata_dir = "loop"\n')
    is_one_line(twsmq(*command.split(), "--config", str(config)))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["pipe", "pipe.zst"])
def test_a_pipe_that_nobody_reads_is_no_place_for_a_recording(tmp_path: Path, name: str) -> None:
    config = a_cluster(tmp_path)
    a_fifo(tmp_path / name)
    is_one_line(twsmq("record", "node/", "-o", str(tmp_path / name), "--config", str(config)))
