"""A disk that does not give the journal at present says nothing of what is in it."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from support.orders_desk import Desk
from twsmq_nodes.orders.journal import thread as journals
from twsmq_nodes.orders.journal.thread import SqliteJournal
from twsmq_protocol.errors import ConfigError, Unmendable


def full() -> sqlite3.Error:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


@pytest.mark.parametrize("name", ["connect", "lay_out", "migrate"])
@pytest.mark.parametrize("error", [full(), OSError(errno.EMFILE, "Too many open files")])
def test_a_disk_that_takes_nothing_at_present_is_no_journal_to_be_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, name: str
) -> None:
    path = tmp_path / "j"
    SqliteJournal(path).close()

    def refuse(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(journals, name, refuse)
        with pytest.raises(ConfigError, match=f"{error.args[-1]}; make room on that disk") as refused:
            SqliteJournal(path)
    assert not isinstance(refused.value, Unmendable)
    assert "forget" not in str(refused.value)
    SqliteJournal(path).close()


@pytest.mark.parametrize("harm", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_no_journal(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    harm(tmp_path / "j")
    with pytest.raises(Unmendable, match="is no plain file; remove what is there"):
        SqliteJournal(tmp_path / "j")


def test_a_log_that_another_program_has_moved_into_the_database_is_no_loss(tmp_path: Path) -> None:
    desk = Desk()
    desk.place()
    desk.accepted()

    async def trade() -> list[object]:
        journal = SqliteJournal(tmp_path / "j")
        told: asyncio.Queue[object] = asyncio.Queue()
        journal.run(told.put_nowait, told.put_nowait)
        journal.append((desk.committed[0],))
        first = await told.get()
        other = sqlite3.connect(tmp_path / "j")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        other.close()
        assert not (tmp_path / "j-wal").stat().st_size
        journal.append((desk.committed[1],))
        second = await told.get()
        journal.close()
        return [first, second]

    assert asyncio.run(asyncio.wait_for(trade(), 30)) == [1, 2]
