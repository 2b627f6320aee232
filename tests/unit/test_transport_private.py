"""What a cluster writes is its owner's alone; what is not its own it leaves as it is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from twsmq_transport.private import keep_private


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_of_earlier_versions_are_tightened_and_new_ones_born_tight(tmp_path: Path) -> None:
    data = tmp_path / "var"
    (data / "logs").mkdir(parents=True)
    names = (
        "orders.journal",
        "orders.journal-wal",
        "history.store-wal",
        "gateway_life.json",
        "client_ids.json",
    )
    old = [*(data / name for name in names), data / "logs" / "orders.log"]
    for path in old:
        path.touch(0o644)
    keep_private(data)
    new = data / "orders.journal-shm"
    new.touch()
    assert [mode(path) for path in (*old, new)] == [0o600] * 7
    assert [mode(path) for path in (data, data / "logs")] == [0o700] * 2


def test_what_is_not_the_clusters_own_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere := tmp_path / "elsewhere").touch(0o644)
    (notes := tmp_path / "notes.txt").touch(0o644)
    (tmp_path / "link.journal").symlink_to(elsewhere)
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)
    keep_private(tmp_path)
    assert (mode(tmp_path), mode(elsewhere), mode(notes)) == (0o755, 0o644, 0o644)


def test_a_folder_that_is_not_there_yet_is_born_private(tmp_path: Path) -> None:
    keep_private(tmp_path / "new")
    (tmp_path / "new" / "logs").mkdir(parents=True)
    assert mode(tmp_path / "new") == mode(tmp_path / "new" / "logs") == 0o700


def test_a_key_that_others_could_read_is_left_to_be_refused(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "keys"
    folder.mkdir(parents=True)
    (key := folder / "server.key").touch(0o644)
    keep_private(tmp_path / "var")
    assert mode(key) == 0o644
