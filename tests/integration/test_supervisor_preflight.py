"""What keeps two clusters apart, and the command lines of the children."""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path

import psutil
import pytest
from twsmq_supervisor.children import cluster
from twsmq_supervisor.errors import DataDirInUse, PortTaken, StartRefused
from twsmq_supervisor.lock import is_locked
from twsmq_supervisor.preflight import require_free_ports, take_lock
from twsmq_supervisor.processes import LOG_LIMIT_BYTES, Processes, log_limit, tail
from twsmq_supervisor.settings import Settings, load_settings


@pytest.fixture
def settings(config_file: Path) -> Settings:
    return load_settings(config_file)


def test_the_lock_has_one_holder_and_names_it(settings: Settings) -> None:
    held = take_lock(settings)
    with pytest.raises(DataDirInUse, match=f"pid {os.getpid()}.*twsmq down"):
        take_lock(settings)
    assert is_locked(settings.lock_file)
    os.close(held)
    assert not is_locked(settings.lock_file)
    os.close(take_lock(settings))


def test_a_gateway_at_one_of_our_own_ports_is_refused(config_file: Path, port_base: int) -> None:
    for host, taken in (("127.0.0.1", True), ("10.0.0.7", False)):
        config = load_settings(config_file, f"{host}:{port_base + 30}").config
        if not taken:
            require_free_ports(config)
            continue
        with pytest.raises(PortTaken, match="is the cluster's own, for orders requests"):
            require_free_ports(config)


def test_no_lock_file_is_no_lock(settings: Settings) -> None:
    assert not is_locked(settings.lock_file)


def test_a_folder_that_cannot_be_made_is_refused_with_the_cure(config_file: Path, tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where the folder should be")
    with pytest.raises(StartRefused, match="data_dir to a folder"):
        take_lock(load_settings(config_file))


@pytest.mark.parametrize(
    ("offset", "wanted_by", "cure"),
    [
        (0, "supervisor requests", "port_base"),
        (31, "orders events", "port_base"),
        (90, "simulator control", "port_base"),
        (95, "simulator", r"\[gateway\] port"),
    ],
)
def test_a_taken_port_names_who_wants_it_and_the_cure(
    settings: Settings, port_base: int, offset: int, wanted_by: str, cure: str
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port_base + offset))
        other.listen()
        with pytest.raises(
            PortTaken, match=f"port {port_base + offset} .*{wanted_by}.* is taken.*{cure}"
        ) as seen:
            require_free_ports(settings.config, within_s=0)
    assert (seen.value.port, seen.value.wanted_by) == (port_base + offset, wanted_by)
    require_free_ports(settings.config, within_s=0)


def test_an_external_gateway_is_on_its_own_port_and_no_child(config_file: Path, port_base: int) -> None:
    settings = load_settings(config_file, f"127.0.0.1:{port_base + 95}")
    with socket.socket() as gateway:
        gateway.bind(("127.0.0.1", port_base + 95))
        gateway.listen()
        require_free_ports(settings.config, within_s=0)
    assert "simulator" not in cluster(settings)


def test_the_gateway_starts_first_and_every_child_gets_the_same_settings(config_file: Path) -> None:
    config_file.write_text(config_file.read_text() + "[marketdata]\ninstances = 2\n")
    children = cluster(load_settings(config_file))
    assert list(children) == [
        "simulator",
        "connection",
        "orders",
        "reference",
        "history",
        "marketdata-0",
        "marketdata-1",
        "status",
    ]
    assert children["marketdata-1"].argv == (
        *(sys.executable, "-P", "-m", "twsmq_nodes.marketdata"),
        *("--shard", "1", "--config", str(config_file)),
    )
    given = load_settings(config_file, "10.0.0.7:4001")
    assert cluster(given)["orders"].argv[-2:] == ("--gateway", "10.0.0.7:4001")


def test_a_log_that_grew_large_is_kept_once_and_begun_anew(settings: Settings) -> None:
    settings.log_dir.mkdir(parents=True)
    large, small = settings.log_file("orders"), settings.log_file("status")
    large.write_bytes(b"x" * (LOG_LIMIT_BYTES + 1))
    small.write_text("short")
    processes = Processes(settings, lambda *_: None)
    with large.open("ab") as writer:  # as a child holds it
        processes.rotate_logs()
        writer.write(b"after\n")
    processes.close()
    assert large.read_text() == "after\n"
    assert large.with_suffix(".log.1").stat().st_size == LOG_LIMIT_BYTES + 1
    assert small.read_text() == "short"


def test_last_words_are_those_of_the_newest_run(tmp_path: Path) -> None:
    log = tmp_path / "orders.log"
    assert tail(log, 2) == []
    log.write_text("--- 1 python\nold\n--- 2 python\nfirst\n\nsecond\nthird\n")
    assert tail(log, 2) == ["second", "third"]
    log.write_text("--- 1 python\nold\n--- 2 python\n")
    assert tail(log, 2) == []


def test_a_simulator_on_one_of_the_clusters_own_ports_is_refused(config_file: Path, port_base: int) -> None:
    config_file.write_text(f"[cluster]\nport_base = {port_base}\n[gateway]\nport = {port_base + 10}\n")
    with pytest.raises(PortTaken, match=f"port {port_base + 10} is the port of connection requests"):
        require_free_ports(load_settings(config_file).config)


def test_a_log_folder_that_was_deleted_keeps_nobody_from_starting(settings: Settings) -> None:
    ended: list[int] = []
    processes = Processes(settings, lambda _name, _pid, code: ended.append(code))
    pid = processes.spawn("orders", (sys.executable, "-c", ""))
    processes.close()
    assert pid
    assert settings.log_file("orders").exists()


def test_a_child_whose_end_nobody_would_notice_is_not_left_running(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    processes = Processes(settings, lambda *_: None)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none_left)
        with pytest.raises(OSError, match="can't start new thread"):
            processes.spawn("orders", (sys.executable, "-c", "import time; time.sleep(100)"))
    processes.close()
    assert not [child for child in psutil.Process().children() if "sleep(100)" in " ".join(child.cmdline())]


@pytest.mark.parametrize("what", ["symlink", "fifo", "folder", "hard link"])
def test_a_lock_that_is_no_plain_file_of_ours_is_refused_and_left_alone(
    settings: Settings, tmp_path: Path, what: str
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("not to be overwritten")
    path = settings.lock_file
    path.parent.mkdir(parents=True, exist_ok=True)
    match what:
        case "symlink":
            path.symlink_to(precious)
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case _:
            path.hardlink_to(precious)
    with pytest.raises(StartRefused, match="plain file"):
        take_lock(settings)
    assert not is_locked(path)
    assert precious.read_text() == "not to be overwritten"


@pytest.mark.parametrize(("total_mb", "logs"), [(200, 8), (10, 12), (100_000, 3)])
def test_all_logs_with_what_they_rotated_away_stay_within_the_total(total_mb: int, logs: int) -> None:
    limit = log_limit(total_mb, logs)
    assert 0 < limit <= LOG_LIMIT_BYTES
    assert (2 * logs + 1) * limit <= total_mb * 1_000_000
