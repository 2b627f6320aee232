"""A journal that is not the one that was written here, whole, is never taken for it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.orders_desk import Desk, encoder
from support.orders_reports import execution, open_order, order_status
from twsmq_nodes.orders.core import OrdersCore
from twsmq_nodes.orders.journal import thread as journals
from twsmq_nodes.orders.journal import watermark
from twsmq_nodes.orders.journal.thread import UNFLUSHED, SqliteJournal
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq
from twsmq_protocol.errors import Unmendable


def entries(count: int = 4) -> tuple[journals.Entry, ...]:
    desk = Desk()
    desk.place()
    desk.accepted()
    first = desk.committed[0]
    return (
        first,
        *(
            replace(first, event=replace(first.event, event_no=no, strategy_no=no))
            for no in range(2, count + 1)
        ),
    )


async def _write(journal: SqliteJournal, *groups: tuple[journals.Entry, ...]) -> None:
    told: asyncio.Queue[int] = asyncio.Queue()
    journal.run(told.put_nowait, lambda _why: None)
    for group in groups:
        journal.append(group)
        assert await told.get() == group[-1].event.event_no


def written(path: Path, *groups: tuple[journals.Entry, ...]) -> None:
    async def write() -> None:
        journal = SqliteJournal(path)
        await _write(journal, *groups)
        journal.close()

    asyncio.run(write())


def killed_copy(source: Path, target: Path) -> Path:
    """The folder as `kill -9` leaves it: nothing was closed."""

    async def write() -> None:
        journal = SqliteJournal(source / "j")
        some = entries()
        await _write(journal, some[:2], some[2:])
        shutil.copytree(source, target)
        journal.close()

    asyncio.run(write())
    return target / "j"


def remove(path: Path) -> None:
    for each in (path, path.with_name("j-wal"), path.with_name("j-shm")):
        each.unlink(missing_ok=True)


def empty(path: Path) -> None:
    remove(path)
    path.touch()


def begin_anew(path: Path) -> None:
    """As an older version would."""
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM entries")
    database.close()


@pytest.mark.parametrize("harm", [remove, empty, begin_anew])
def test_a_journal_that_is_gone_or_empty_is_not_begun_anew(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    path = tmp_path / "j"
    written(path, entries())
    harm(path)
    before = path.stat().st_size if path.exists() else None
    with pytest.raises(Unmendable, match=r"4 order events were recorded.*orders forget --yes"):
        SqliteJournal(path)
    assert (path.stat().st_size if path.exists() else None) == before, "left as it was found"


def test_another_clusters_journal_is_refused(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine" / "j", tmp_path / "other" / "j"
    written(mine, entries())
    written(other, entries(9))
    shutil.copy(other, mine)
    with pytest.raises(Unmendable, match="another journal than the one this folder was used with"):
        SqliteJournal(mine)


def test_an_older_copy_is_refused(tmp_path: Path) -> None:
    path, some = tmp_path / "j", entries()
    written(path, some[:2])
    shutil.copy(path, tmp_path / "backup")
    written(path, some[2:])
    shutil.copy(tmp_path / "backup", path)
    with pytest.raises(Unmendable, match="ends at order event 2, but 4 were recorded"):
        SqliteJournal(path)


def test_the_end_of_the_log_lost_after_a_kill_is_noticed(tmp_path: Path) -> None:
    path = killed_copy(tmp_path / "alive", tmp_path / "dead")
    journal = SqliteJournal(path)  # whole as long as its log is there
    assert len(list(journal.entries())) == 4
    journal.close()
    path = killed_copy(tmp_path / "alive2", tmp_path / "dead2")
    path.with_name("j-wal").unlink()
    path.with_name("j-shm").unlink(missing_ok=True)
    with pytest.raises(Unmendable, match=r"is empty|-wal file was removed"):
        SqliteJournal(path)


def test_a_mark_that_cannot_be_read_refuses_the_start(tmp_path: Path) -> None:
    path = tmp_path / "j"
    written(path, entries())
    path.with_name("j.mark").write_text("no mark")
    with pytest.raises(Unmendable, match=r"j\.mark cannot be read"):
        SqliteJournal(path)
    path.with_name("j.mark").unlink()
    path.with_name("j.mark").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unmendable, match=r"j\.mark cannot be opened: it is no plain file"):
        SqliteJournal(path)
    assert not (tmp_path / "elsewhere").exists()
    path.with_name("j.mark").unlink()
    os.mkfifo(path.with_name("j.mark"))
    with pytest.raises(Unmendable, match=r"j\.mark cannot be opened: it is no plain file"):
        SqliteJournal(path)


def test_a_journal_from_before_the_mark_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "j"
    written(path, entries())
    path.with_name("j.mark").unlink()
    SqliteJournal(path).close()
    remove(path)
    with pytest.raises(Unmendable, match="4 order events"):
        SqliteJournal(path)


def rename(folder: Path) -> None:
    (folder / "j").rename(folder / "k")


def rename_folder(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))


def remove_log(folder: Path) -> None:
    (folder / "j-wal").unlink()


def replace_file(folder: Path) -> None:
    shutil.copy(folder / "j", folder / "copy")
    (folder / "copy").rename(folder / "j")


def cut_log(folder: Path) -> None:
    os.truncate(folder / "j-wal", 0)


def cut_file(folder: Path) -> None:
    os.truncate(folder / "j", 0)


@pytest.mark.parametrize("harm", [rename, rename_folder, remove_log, replace_file, cut_log, cut_file])
def test_nothing_counts_as_durable_where_nobody_would_find_it(
    tmp_path: Path, harm: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "CLOSE_S", 0.1)
    folder, some = tmp_path / "data", entries()

    async def trade() -> object:
        journal = SqliteJournal(folder / "j")
        told: asyncio.Queue[object] = asyncio.Queue()
        journal.run(told.put_nowait, told.put_nowait)
        journal.append(some[:2])
        assert await told.get() == 2
        harm(folder)
        journal.append(some[2:])
        why = [await told.get(), await told.get()]  # and again, without committing it twice
        journal.close()
        return why

    why = str(asyncio.run(asyncio.wait_for(trade(), 30)))
    assert "no order is safe any more" in why
    assert "UNIQUE" not in why


def test_orders_go_on_once_the_file_is_back(tmp_path: Path) -> None:
    some = entries()

    async def trade() -> None:
        journal = SqliteJournal(tmp_path / "j")
        told: asyncio.Queue[object] = asyncio.Queue()
        journal.run(told.put_nowait, told.put_nowait)
        (tmp_path / "j").rename(tmp_path / "k")
        journal.append(some)
        assert "renamed" in str(await told.get())
        (tmp_path / "k").rename(tmp_path / "j")
        heard = await told.get()
        while isinstance(heard, str):
            heard = await told.get()
        assert (heard, await told.get()) == (None, 4)
        journal.close()

    asyncio.run(asyncio.wait_for(trade(), 30))
    journal = SqliteJournal(tmp_path / "j")
    assert list(journal.entries()) == list(some)
    journal.close()


def test_only_a_power_loss_excuses_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not flushed is gone: of a journal that promises no more, the end may be missing."""
    path, some = tmp_path / "j", entries()
    written(path, some[:2])
    shutil.copy(path, tmp_path / "flushed")
    written(path, some[2:])
    shutil.copy(tmp_path / "flushed", path)
    with pytest.raises(Unmendable):
        SqliteJournal(path, "process")
    monkeypatch.setattr(journals, "boot_id", lambda: "another boot")
    with pytest.raises(Unmendable):
        SqliteJournal(path, "disk")
    journal = SqliteJournal(path, "process")
    assert journal.opened.end_is_lost
    assert (journal.opened.skipped, journal.opened.order_id) == (4 + UNFLUSHED, 1)
    journal.close()
    journal = SqliteJournal(path, "process")  # by the same boot, before anything was recorded
    assert journal.opened.end_is_lost
    assert journal.opened.skipped == 4 + UNFLUSHED
    journal.close()


def test_after_a_power_loss_what_the_gateway_has_is_taken_over_before_new_orders() -> None:
    desk = Desk(up=False, mark=watermark.Mark("j", 8, 7, skipped=10))
    desk.session_up(3)
    desk.snapshot(open_order(7, "a"), order_status(7, "Submitted"))
    assert desk.core.state == ("ready", None)
    order = desk.order("a")
    assert (order.order_id, order.status, order.event_no) == (7, "submitted", 11)
    assert desk.place("a").answer.order_id == 7, "the same request is a repeat"
    assert desk.place("a", limit_price=2.0).code == "conflict"
    assert desk.place("b").answer.order_id == 8
    assert [request.order_id for request in desk.wire if isinstance(request, rq.PlaceOrder)] == [8]


def test_after_a_power_loss_nothing_is_sent_while_executions_are_not_answered_for() -> None:
    """What was executed of an order that the journal has lost is in no other list: it would be sent twice."""
    desk = Desk(up=False, mark=watermark.Mark("j", 10, 7, skipped=11))
    desk.session_up(3)
    for _ in range(2):
        desk.says(tws.OpenOrderEnd(), tws.OpenOrderEnd())
        desk.later(10.1)
    desk.says(tws.CompletedOrdersEnd())
    assert desk.core.state[0] == "reconciling"
    assert "power loss" in str(desk.core.state[1])
    assert desk.place("a").code == "not_ready"
    desk.later(60.1)
    desk.snapshot(executions=[execution(7)])
    assert desk.core.state == ("ready", None)
    assert desk.place("a").code == "conflict", "it was executed"
    assert desk.place("b").answer.order_id == 8


def test_this_run_of_the_machine_has_a_name() -> None:
    assert watermark.boot_id() == watermark.boot_id() != ""


def test_who_removes_the_journal_by_one_pattern_does_not_remove_its_mark(tmp_path: Path) -> None:
    path = tmp_path / "orders.journal"
    written(path, entries())
    for each in tmp_path.glob("orders.journal*"):
        each.unlink()
    with pytest.raises(Unmendable, match="4 order events were recorded"):
        SqliteJournal(path)


def test_a_mark_that_an_earlier_version_wrote_still_holds(tmp_path: Path) -> None:
    path = tmp_path / "orders.journal"
    written(path, entries())
    (tmp_path / "orders.mark").rename(tmp_path / "orders.journal.mark")
    remaining = [each for each in tmp_path.glob("orders.journal*") if not each.name.endswith(".mark")]
    for each in remaining:
        each.unlink()
    with pytest.raises(Unmendable, match="4 order events were recorded"):
        SqliteJournal(path)


def test_a_mark_that_is_removed_while_the_node_runs_is_written_anew(tmp_path: Path) -> None:
    path, some = tmp_path / "j", entries()

    async def write() -> None:
        journal = SqliteJournal(path)
        await _write(journal, some[:2])
        path.with_name("j.mark").unlink()
        await _write_more(journal, some[2:])
        journal.close()

    asyncio.run(write())
    remove(path)
    with pytest.raises(Unmendable, match="4 order events were recorded"):
        SqliteJournal(path)


async def _write_more(journal: SqliteJournal, group: tuple[journals.Entry, ...]) -> None:
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    journal.append(group, lambda: loop.call_soon_threadsafe(done.set) and None)
    await done.wait()


@pytest.mark.parametrize("event", [b"\x81\xa1a" * 100_000, b"\xc1", None, 5, "text"])
def test_an_entry_that_is_none_refuses_the_start_for_good(tmp_path: Path, event: object) -> None:
    path = tmp_path / "j"
    written(path, entries())
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        if event is None:
            database.execute("UPDATE entries SET fact = x'c1' WHERE event_no = 2")
        else:
            database.execute("UPDATE entries SET event = ? WHERE event_no = 2", (event,))
    database.close()
    journal = SqliteJournal(path)
    with pytest.raises(Unmendable, match="the entry after event 1 cannot be read"):
        list(journal.entries())
    journal.close()


def test_halts_and_limits_on_a_damaged_page_refuse_the_start_for_good(tmp_path: Path) -> None:
    path = tmp_path / "j"
    written(path, entries())
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE kept")
    database.close()
    journal = SqliteJournal(path)
    with pytest.raises(Unmendable, match="halts and limits cannot be read"):
        journal.settings()
    journal.close()


@pytest.mark.parametrize("harm", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("elsewhere")])
def test_a_lock_that_is_no_plain_file_refuses_the_start_for_good(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    harm(tmp_path / "j.lock")
    with pytest.raises(Unmendable, match="remove what is there"):
        SqliteJournal(tmp_path / "j")


def test_an_entry_under_another_number_refuses_the_start_for_good(tmp_path: Path) -> None:
    """As if somebody had copied one: the numbers after it would be there already."""
    written(tmp_path / "j", entries())
    with sqlite3.connect(tmp_path / "j") as database:
        database.execute("UPDATE entries SET event_no = 90, strategy_no = 90 WHERE event_no = 2")
    database.close()
    journal = SqliteJournal(tmp_path / "j")
    with pytest.raises(Unmendable, match=r"the entry after event 4 cannot be read .number 90 has event 2"):
        list(journal.entries())
    journal.close()


@pytest.mark.parametrize("missing", [1, 2])
def test_an_entry_without_those_before_it_refuses_the_start_for_good(tmp_path: Path, missing: int) -> None:
    """As after a repair that left rows out."""
    desk = Desk()
    desk.place()
    desk.accepted()
    desk.says(execution(1))
    path = tmp_path / "j"
    written(path, tuple(desk.committed))
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM entries WHERE event_no <= ?", (missing,))
    database.close()
    journal = SqliteJournal(path)
    with pytest.raises(Unmendable, match="does not follow from those before it"):
        OrdersCore(101, encoder(), entries=journal.entries(), settings={})
    journal.close()
