"""The status node's records: whatever becomes of the file, the node starts and goes on recording."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from twsmq_nodes.status import records as module
from twsmq_nodes.status.records import FILE, EquityPoint, Records

NS = 10**9
FILL = {"exec_id": "1", "time": 7 * NS, "strategy": "a", "mid": 10.0, "slippage": 0.1, "latency_s": 1.0}


def much(folder: Path) -> None:
    records = Records(folder)
    records.keep_outside({("DU1", number): 1.0 for number in range(3000)})
    records.keep_fills({**FILL, "exec_id": str(number)} for number in range(3000))
    records.close()


def damaged_pages(path: Path) -> None:
    """As a disk does it: its head is well, so that it opens."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10_000])


def other_columns(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE fills (a TEXT)")
    database.close()


def no_database(path: Path) -> None:
    path.write_bytes(b"no database" * 100)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("harm", [damaged_pages, cut, other_columns, no_database, a_folder])
def test_a_damaged_file_is_put_aside_and_recording_goes_on(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    much(tmp_path)
    harm(tmp_path / FILE)
    records = Records(tmp_path)
    assert records.outside() is None
    assert records.costs(8 * NS) == {}
    records.keep_outside({("DU1", 7): 2.0})
    records.keep_fills([FILL])
    records.close()
    again = Records(tmp_path)
    assert again.outside() == {("DU1", 7): 2.0}
    assert again.costs(8 * NS) == {"1": 10.0}
    again.close()
    assert len(list(tmp_path.glob("*.unreadable-*"))) == 1


def test_a_link_is_put_aside_and_what_it_leads_to_stays_as_it_is(tmp_path: Path) -> None:
    (elsewhere := tmp_path / "elsewhere").write_bytes(b"")
    for target in (elsewhere, tmp_path / "nowhere"):
        (tmp_path / FILE).unlink(missing_ok=True)
        (tmp_path / FILE).symlink_to(target)
        much(tmp_path)
        assert (tmp_path / FILE).is_file()
        assert not (tmp_path / FILE).is_symlink()
    assert elsewhere.read_bytes() == b""
    assert not (tmp_path / "nowhere").exists()


def test_a_file_that_cannot_be_used_for_now_stays_and_is_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    much(tmp_path)
    (in_the_way := tmp_path / f"{FILE}-wal").mkdir()  # as without room, or where nothing may be written
    records = Records(tmp_path)
    assert records.outside() is None
    records.keep_outside({("DU1", 7): 2.0})
    records.keep_setting("a", "b")
    monkeypatch.setattr(module, "AGAIN_S", 0.0)
    records.close()
    assert not list(tmp_path.glob("*.unreadable-*"))
    records = Records(tmp_path)
    in_the_way.rmdir()
    records.keep_setting("a", "c")
    records.close()
    records = Records(tmp_path)
    assert records.setting("a") == "c"
    assert len(records.outside() or {}) == 3000
    records.close()


def test_a_folder_that_cannot_be_made_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("in the way")
    records = Records(tmp_path / "status")
    records.keep_setting("a", "b")
    records.close()


def test_a_file_that_is_damaged_while_it_is_written_is_put_aside_too(tmp_path: Path) -> None:
    much(tmp_path)
    records = Records(tmp_path)
    damaged_pages(tmp_path / FILE)
    (tmp_path / f"{FILE}-wal").write_bytes(b"")
    for minute in range(3):
        records.keep_equity([EquityPoint(60 * minute, "DU1", 1.0, None, None, None)])
    records.keep_fills([FILL])
    records.close()
    again = Records(tmp_path)
    assert again.costs(8 * NS) == {"1": 10.0}
    again.close()


def test_values_of_another_kind_are_passed_over(tmp_path: Path) -> None:
    much(tmp_path)
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("INSERT INTO outside VALUES ('DU2', 'x', 'y')")
        database.execute("INSERT INTO outside VALUES (x'ff', 1, 1)")
        database.execute("INSERT INTO fills VALUES ('z', 7000000000, 'a', 'high', 1, 1)")
    database.close()
    records = Records(tmp_path)
    assert len(records.outside() or {}) == len(records.costs(8 * NS)) == 3000
    records.close()


def test_a_text_that_is_none_is_put_aside(tmp_path: Path) -> None:
    Records(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE)) as database, database:
        database.execute("INSERT INTO settings VALUES ('alerts', CAST(x'ff' AS TEXT))")
    records = Records(tmp_path)
    assert records.setting("alerts") is None
    records.close()
    assert list(tmp_path.glob("*.unreadable-*"))
