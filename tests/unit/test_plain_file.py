"""Where a file of ours should be, somebody may have put a pipe, a folder, a device or a link: nobody waits
for it, nothing is written through it, and whoever needs the file says what is wrong or goes on without.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twsmq.download.errors import DownloadError
from twsmq.download.lock import locked
from twsmq_nodes.connection.client_id_desk import ClientIdDesk
from twsmq_nodes.connection.life_keeper import LifeKeeper
from twsmq_nodes.marketdata.store import Store
from twsmq_nodes.runtime.pacing_record import NAME as PACING
from twsmq_nodes.runtime.pacing_record import PacingRecord
from twsmq_nodes.tws.ledger import PacingLedger
from twsmq_protocol.config import Config
from twsmq_protocol.config_file import load_config
from twsmq_protocol.data_files import CLIENT_IDS, GATEWAY_LIFE
from twsmq_protocol.errors import ConfigError
from twsmq_protocol.key_folder import KeyFolder
from twsmq_protocol.plain_file import NoPlainFile, descriptor_of, read_plain, write_anew, write_plain
from twsmq_simulator.broker.store import Store as Account
from twsmq_simulator.errors import StoreFailed
from twsmq_supervisor import processes as processes_module
from twsmq_supervisor.processes import Processes, tail
from twsmq_supervisor.settings import Settings
from twsmq_web.access import Access
from twsmq_web.audit import Audit


def fifo(path: Path) -> None:
    os.mkfifo(path, 0o600)


def folder(path: Path) -> None:
    path.mkdir()
    (path / "something").touch()


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


HARMS = [fifo, folder, loop, device]
Harm = Callable[[Path], None]
each_harm = pytest.mark.parametrize("harm", HARMS)


@each_harm
def test_what_is_no_plain_file_is_not_read_nor_written(tmp_path: Path, harm: Harm) -> None:
    path = tmp_path / "file"
    harm(path)
    with pytest.raises(OSError):  # noqa: PT011 - whatever the system calls it
        read_plain(path)
    with pytest.raises(NoPlainFile):
        write_plain(path, os.O_APPEND)
    with pytest.raises(NoPlainFile):
        descriptor_of(path, os.O_CREAT)


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (other := tmp_path / "other").write_text("mine")
    (path := tmp_path / "file").symlink_to(other)
    assert read_plain(path) == b"mine"
    for flags in (os.O_APPEND, os.O_TRUNC):
        with pytest.raises(OSError, match="no plain file"):
            write_plain(path, flags)
    (tmp_path / f"file.{os.getpid()}").symlink_to(other)
    write_anew(path, b"new")
    assert (path.read_bytes(), other.read_text(), path.is_symlink()) == (b"new", "mine", False)


def test_a_simulated_account_is_not_kept_through_a_link(tmp_path: Path) -> None:
    (path := tmp_path / "account").symlink_to(tmp_path / "nowhere")
    with pytest.raises(StoreFailed, match="no plain file"):
        Account(path)
    assert not (tmp_path / "nowhere").exists()


def test_more_than_it_may_be_is_not_read(tmp_path: Path) -> None:
    (path := tmp_path / "file").write_bytes(b"x" * 1001)
    assert read_plain(path, 1001) == b"x" * 1001
    with pytest.raises(OSError, match="longer than 1,000 bytes"):
        read_plain(path, 1000)


@each_harm
def test_a_configuration_that_is_no_plain_file_is_refused(tmp_path: Path, harm: Harm) -> None:
    harm(tmp_path / "twsmq.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "twsmq.toml")


@each_harm
def test_a_key_that_is_no_plain_file_is_refused(tmp_path: Path, harm: Harm) -> None:
    (tmp_path / "keys").mkdir()
    harm(tmp_path / "keys" / "server.key")
    with pytest.raises(ConfigError, match="cannot be read"):
        KeyFolder(tmp_path).server()


def a_node(data_dir: Path) -> Any:
    return SimpleNamespace(
        config=Config(),
        data_dir=data_dir,
        name="connection",
        mailbox=SimpleNamespace(add=lambda *_: None),
    )


GARBAGE: dict[str, bytes] = {
    "nested deep": b'[{"x":' + b"[" * 200_000,
    "a map nested deep": b'{"x":' + b"[" * 200_000,
    "no JSON": b"\xff\x00",
    "numbers beyond all": b'{"login_at": -99999999999999999999, "unproved": -7}',
    "leases beyond all": b'[{"program": "a", "client_id": 99999999999, "until": 99999999999999999999999}]',
    "a name that acts": b'[{"program": "\\u001b[2J", "client_id": 30, "until": 1}]',
    "a login after all times": b'{"login_at": 18446744073709551615}',
}


def written(content: bytes) -> Harm:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


EVERYTHING = [
    *(pytest.param(harm, id=harm.__name__) for harm in HARMS),
    *(pytest.param(written(content), id=name) for name, content in GARBAGE.items()),
]


@pytest.mark.parametrize("harm", EVERYTHING)
def test_the_connection_node_starts_whatever_its_memory_is(tmp_path: Path, harm: Harm) -> None:
    async def start() -> None:
        harm(tmp_path / GATEWAY_LIFE)
        harm(tmp_path / CLIENT_IDS)
        LifeKeeper(a_node(tmp_path), lambda _: None, lambda _: None).close()
        desk = ClientIdDesk(a_node(tmp_path))
        assert desk._ids.leases == []  # pyright: ignore[reportPrivateUsage]

    asyncio.run(start())


@pytest.mark.parametrize("harm", EVERYTHING)
def test_pacing_is_kept_whatever_the_record_is(tmp_path: Path, harm: Harm) -> None:
    harm(tmp_path / PACING)
    record = PacingRecord(tmp_path, PacingLedger(), lambda: 100.0)
    with record.shared():
        pass
    record.close()


@each_harm
def test_a_shard_starts_whatever_its_store_is(tmp_path: Path, harm: Harm) -> None:
    for name in ("md.contracts.jsonl", "md.topics.jsonl"):
        harm(tmp_path / name)
    store = Store(tmp_path, "md", 1000.0)
    store.remember_topic("quote/STK:A:SMART:USD/", True, None)
    assert (store.listings, store.missed) == ({}, {})
    assert (tmp_path / "md.topics.jsonl").is_file()
    assert len(list(tmp_path.glob("*.damaged-*"))) == 2


@each_harm
def test_the_page_starts_whatever_its_files_are(tmp_path: Path, harm: Harm) -> None:
    web = tmp_path / "web"
    web.mkdir()
    for name in ("sessions.json", "audit.jsonl"):
        harm(web / name)
    Access(web, frozenset(("a",)), 60.0)
    with pytest.raises(OSError):  # noqa: PT011 - then the command must not be sent
        Audit(web).begin("a", "operator", "halt", {})


def test_lines_of_the_audit_that_are_none_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").write_bytes(b'{"args": ' + b'{"a":' * 100_000 + b"\n")
    (tmp_path / "sessions.json").write_bytes(b'{"a": ' * 100_000)
    Access(tmp_path, frozenset(("a",)), 60.0)
    assert Audit(tmp_path).begin("a", "operator", "halt", {}).number == 1


@each_harm
def test_a_log_that_is_no_plain_file_holds_the_supervisor_up_for_nothing(tmp_path: Path, harm: Harm) -> None:
    loaded = load_config(None)
    settings = Settings(loaded=type(loaded)(config=loaded.config, data_dir=tmp_path, file=None))
    settings.log_dir.mkdir()
    harm(settings.log_file("orders"))
    harm(settings.log_file("front").with_suffix(".log.1"))
    settings.log_file("front").write_bytes(b"x" * 1000)
    processes = Processes(settings, lambda *_: None)
    processes.logs_mb = 0
    try:
        with pytest.raises(OSError):  # noqa: PT011 - it becomes the reason why it does not start
            processes.spawn("orders", ("true",))
        with pytest.raises(OSError):  # noqa: PT011
            processes.rotate_logs()
        assert tail(settings.log_file("orders"), 5) == []
    finally:
        processes.close()
    assert settings.log_file("front").stat().st_size == 1000, "kept, as it could not be rotated"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /dev/full")
def test_a_full_disk_keeps_no_process_from_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_config(None)
    settings = Settings(loaded=type(loaded)(config=loaded.config, data_dir=tmp_path, file=None))
    ended: queue.Queue[tuple[str, int, int]] = queue.Queue()
    processes = Processes(settings, lambda *end: ended.put(end))
    with monkeypatch.context() as disk, Path("/dev/full").open("wb", buffering=0) as full:
        disk.setattr(processes_module, "write_plain", lambda *_: nullcontext(full))
        pid = processes.spawn("orders", ("true",))
    assert ended.get(timeout=30) == ("orders", pid, 0)
    processes.close()


def test_a_log_is_never_written_or_emptied_through_a_link(tmp_path: Path) -> None:
    loaded = load_config(None)
    settings = Settings(loaded=type(loaded)(config=loaded.config, data_dir=tmp_path, file=None))
    settings.log_dir.mkdir()
    (mine := tmp_path / "mine").write_bytes(b"x" * 1000)
    settings.log_file("orders").symlink_to(mine)
    settings.log_file("front").with_suffix(".log.1").symlink_to(mine)
    settings.log_file("front").write_bytes(b"y" * 1000)
    processes = Processes(settings, lambda *_: None)
    processes.logs_mb = 0
    try:
        with pytest.raises(OSError, match="no plain file"):
            processes.spawn("orders", ("true",))
        with pytest.raises(OSError, match="no plain file"):
            processes.rotate_logs()
    finally:
        processes.close()
    assert mine.read_bytes() == b"x" * 1000


@each_harm
def test_a_download_whose_lock_is_no_plain_file_is_refused(tmp_path: Path, harm: Harm) -> None:
    (tmp_path / ".twsmq").mkdir()
    harm(tmp_path / ".twsmq" / "lock")
    with pytest.raises(DownloadError), locked(tmp_path):
        pass


def test_the_lock_of_a_download_is_not_written_through_a_link(tmp_path: Path) -> None:
    (mine := tmp_path / "mine").write_text("mine")
    (tmp_path / ".twsmq").mkdir()
    (tmp_path / ".twsmq" / "lock").symlink_to(mine)
    with (
        pytest.raises(DownloadError, match="no plain file; mend that, or give another -o"),
        locked(tmp_path),
    ):
        pass
    assert mine.read_text() == "mine"


def test_a_folder_whose_name_is_no_text_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    try:
        Path(named).mkdir()
    except OSError:
        pytest.skip("this file system takes only UTF-8")
    monkeypatch.chdir(named)
    with pytest.raises(ConfigError, match="not UTF-8; rename it"):
        load_config(None)
    Path("twsmq.toml").write_text("")
    with pytest.raises(ConfigError, match="not UTF-8; rename it") as refused:
        load_config(Path(named) / "twsmq.toml")
    str(refused.value).encode()
