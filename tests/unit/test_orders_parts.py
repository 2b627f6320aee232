"""The small parts of the orders node: states, ids, codes, times, gate, journal."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from msgspec.structs import replace
from support.orders_desk import Desk
from support.orders_reports import execution
from twsmq_nodes.orders import codes, states
from twsmq_nodes.orders.entries import to_row
from twsmq_nodes.orders.ids import OrderIds, parse_ref, split_exec_id
from twsmq_nodes.orders.journal import thread as journals
from twsmq_nodes.orders.journal.thread import MOST_ROWS, SqliteJournal
from twsmq_nodes.orders.pipeline.gate import Gate
from twsmq_nodes.orders.reconciliation import times
from twsmq_nodes.orders.states import TABLE, Trigger
from twsmq_nodes.tws import gateway_times
from twsmq_protocol.errors import ConfigError, Unmendable
from twsmq_protocol.order_events import TERMINAL_STATUSES, OrderStatus

HOUR = 3_600_000_000_000


def test_the_table_has_every_state_and_leads_only_to_states() -> None:
    known = set(get_args(OrderStatus))
    assert set(TABLE) == known
    assert {state for row in TABLE.values() for state in row.values()} <= known


def test_filled_is_left_by_nothing() -> None:
    assert all(states.after("filled", trigger) == "filled" for trigger in Trigger)


def test_only_the_gateway_a_snapshot_a_new_attempt_or_a_cancel_leaves_not_sent_and_unknown() -> None:
    ours = {Trigger.CONNECTION_LOST, Trigger.NOT_WRITTEN, Trigger.VANISHED}
    for state in ("unknown", "not_sent"):
        assert not ours & set(TABLE[state])
    assert Trigger.PLACED_AGAIN not in TABLE["unknown"]


def test_a_cancel_under_way_covers_what_still_works_and_nothing_that_is_done() -> None:
    for state in TABLE:
        shown = states.shown(state, cancel_wanted=True)
        hidden = state not in TERMINAL_STATUSES | {"unknown", "pending_cancel"}
        assert shown == ("pending_cancel" if hidden else state)


def test_each_code_means_one_thing() -> None:
    """In the sources too: a code in two tuples would take the meaning of the later one."""
    source = Path(codes.__file__).read_text()
    listed = [int(code) for line in source.splitlines() if (code := line.strip().split(",")[0]).isdecimal()]
    assert len(listed) == len(set(listed))
    assert codes.meaning(2109) is codes.Meaning.INFORMS
    assert codes.meaning(2102) is codes.Meaning.CHANGE_REFUSED
    assert codes.meaning(99_999) is codes.Meaning.DOUBTFUL


@pytest.mark.parametrize(
    ("exec_id", "parts"),
    [
        ("0000e0d5.69e02bfb.01.01", ("0000e0d5.69e02bfb.01", 1)),
        ("0000e0d5.69e02bfb.01.12", ("0000e0d5.69e02bfb.01", 12)),
        ("late-exec-13", ("late-exec-13", 0)),
        ("a.b", ("a.b", 0)),
        ("a.²", ("a.²", 0)),
    ],
)
def test_an_execution_id_ends_in_its_correction_number(exec_id: str, parts: tuple[str, int]) -> None:
    assert split_exec_id(exec_id) == parts


def test_order_ids_never_fall() -> None:
    ids = OrderIds()
    ids.raise_floor(7)
    ids.raise_floor(3)
    assert [ids.take(), ids.take()] == [7, 8]


@pytest.mark.parametrize(
    ("ref", "key"), [("s/a", ("s", "a")), ("", None), ("manual", None), ("/a", None), ("s/", None)]
)
def test_references(ref: str, key: tuple[str, str] | None) -> None:
    assert parse_ref(ref) == key


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("20260928 05:04:56 US/Eastern", 1_790_586_296_000_000_000),
        ("20260413 21:27:03 Europe/Berlin", 1_776_108_423_000_000_000),
        ("20260413-19:27:03 UTC", 1_776_108_423_000_000_000),
        ("20230224  12:04:56", None),
        ("20260415 18:28:34 Central European Standard Time", 1_776_270_514_000_000_000),
        ("20260415 18:28:34 W. Europe Summer Time", 1_776_270_514_000_000_000),
        ("20260415 16:28:34 UTC", 1_776_270_514_000_000_000),
        ("20260415-16:28:34", 1_776_270_514_000_000_000),
        ("20260415 12:28:34 EST", 1_776_270_514_000_000_000),
        ("20260415 18:28:34 GMT+02:00", 1_776_270_514_000_000_000),
        ("20260416 00:28:34 CST (China Standard Time)", 1_776_270_514_000_000_000),
        ("20260415 11:28:34 CST (Central Standard Time)", 1_776_270_514_000_000_000),
        ("20260415 19:28:34 IST (Israel Standard Time)", 1_776_270_514_000_000_000),
        ("20260415 21:58:34 IST (India Standard Time)", 1_776_270_514_000_000_000),
        ("20260415 16:28:34 GMT (Greenwich Mean Time)", 1_776_270_514_000_000_000),
        ("20260415 12:28:34 EST (Somewhere Standard Time)", 1_776_270_514_000_000_000),
        ("20260415 18:28:34 Mars Standard Time", None),
        ("20261350 05:04:56 US/Eastern", None),
        ("20260413 21:27:03 ../../etc/passwd", None),
        ("", None),
    ],
)
def test_execution_times(text: str, ns: int | None) -> None:
    assert gateway_times.execution_time_ns(text) == ns


def test_a_zone_in_brackets_that_the_gateway_calls_its_own_is_not_taken_for_another():
    mexico = "Central Standard Time (Mexico)"
    found = gateway_times.execution_time_ns(f"20260715 10:00:00 {mexico}", (mexico, -6 * 3600))
    assert found == 1_784_131_200_000_000_000


def test_the_gateways_clock_is_known_by_its_difference_to_ours() -> None:
    now = 1_776_108_425_000_000_000
    handshake = "20260413 21:27:03 Central European Standard Time"
    assert gateway_times.gateway_offset_s(handshake, now) == 7200
    assert gateway_times.gateway_offset_s("soon", now) is None


@pytest.mark.parametrize(
    ("hours_ago", "offset_s", "covered"),
    [(11, 0, True), (13, 0, False), (11, 2 * 3600, True), (15, 2 * 3600, False), (1, None, False)],
)
def test_what_a_snapshot_taken_at_noon_utc_covers(
    hours_ago: int, offset_s: int | None, covered: bool
) -> None:
    noon = 20_000 * 24 * HOUR + 12 * HOUR
    assert times.covers(noon, noon - hours_ago * HOUR, offset_s) is covered


def test_cancels_first_then_strategies_in_turn() -> None:
    gate: Gate[str, str] = Gate()
    for item in ("a1", "a2", "a3"):
        gate.push("a", item)
    gate.push("b", "b1")
    gate.push_cancel("cancel")
    assert len(gate) == 5
    assert gate.pop_cancel() == "cancel"
    assert gate.pop_cancel() is None
    assert [gate.pop() for _ in range(4)] == ["a1", "b1", "a2", "a3"]
    assert not gate
    assert gate.pop() is None


def test_one_item_can_be_taken_out_of_the_gate() -> None:
    gate: Gate[str, str] = Gate()
    gate.push("a", "a1")
    gate.push("a", "a2")
    assert gate.remove("a", lambda item: item == "a1") == ["a1"]
    assert gate.remove("b", lambda _item: True) == []
    gate.push("b", "b1")
    gate.push_cancel("cancel")
    assert gate.drain("b") == ["b1"]
    assert gate.drain() == ["a2"]
    assert len(gate) == 1
    gate.clear_cancels()
    assert not gate


# -- the journal on disk


def traded() -> Desk:
    desk = Desk()
    desk.place()
    desk.accepted()
    desk.says(execution(1, shares=4.0))
    desk.modify(limit_price=2.0)
    return desk


async def commit(path: Path, desk: Desk) -> None:
    journal = SqliteJournal(path)
    committed: asyncio.Queue[int] = asyncio.Queue()
    journal.run(committed.put_nowait, lambda _reason: None)
    journal.append(tuple(desk.committed[:2]))
    journal.append(tuple(desk.committed[2:]))
    while await committed.get() < desk.committed[-1].event.event_no:
        pass
    journal.close()


def test_what_was_committed_is_read_back_and_replayed_from_any_number(tmp_path: Path) -> None:
    desk, path = traded(), tmp_path / "deep" / "orders.journal"
    asyncio.run(commit(path, desk))
    journal = SqliteJournal(path)
    assert list(journal.entries()) == desk.committed
    rows = [to_row(entry) for entry in desk.committed]
    assert journal.events(1, 2) == [(row.event_no, row.event) for row in rows[1:3]]
    assert journal.events(0, 100, "s") == [(row.strategy_no, row.event) for row in rows]
    assert journal.events(0, 100, "t") == []
    journal.close()


def test_a_long_journal_tells_how_far_it_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = traded()
    asyncio.run(commit(tmp_path / "j", desk))
    monkeypatch.setattr("twsmq_nodes.orders.journal.thread.PROGRESS", 2)
    told: list[tuple[int, int]] = []
    journal = SqliteJournal(tmp_path / "j")
    last = len(list(journal.entries(lambda number, of: told.append((number, of)))))
    journal.close()
    assert last > 2
    assert told == [(number, last) for number in range(2, last + 1, 2)]


@pytest.mark.parametrize("damage", ["event = X'c1'", "event = X'80'", "fact = X'a178'"])
def test_an_entry_that_cannot_be_read_is_named(tmp_path: Path, damage: str) -> None:
    desk, path = traded(), tmp_path / "j"
    asyncio.run(commit(path, desk))
    database = sqlite3.connect(path)
    database.execute(f"UPDATE entries SET {damage} WHERE event_no = 3")
    database.commit()
    database.close()
    journal = SqliteJournal(path)
    with pytest.raises(ConfigError, match=r"/j: the entry after event 2 cannot be read .*backup"):
        list(journal.entries())
    journal.close()


def test_more_than_fits_into_a_statement_is_committed_together(tmp_path: Path) -> None:
    first = traded().committed[0]
    entries = tuple(
        replace(first, event=replace(first.event, event_no=number, strategy_no=number))
        for number in range(1, 2 * MOST_ROWS + 10)
    )

    async def told() -> list[int]:
        journal = SqliteJournal(tmp_path / "j")
        committed: asyncio.Queue[int] = asyncio.Queue()
        journal.run(committed.put_nowait, lambda _reason: None)
        journal.append(entries)
        numbers = [await committed.get()]
        journal.close()
        return numbers

    assert asyncio.run(asyncio.wait_for(told(), 30)) == [len(entries)]
    journal = SqliteJournal(tmp_path / "j")
    assert list(journal.entries()) == list(entries)
    journal.close()


def test_the_log_has_its_full_length_before_the_first_order(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j")
    assert (tmp_path / "j-wal").stat().st_size > 1000 * 4096
    journal.close()


def test_nothing_counts_as_durable_in_a_journal_that_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "CLOSE_S", 0.1)
    desk = Desk()
    desk.place()
    desk.accepted()

    async def said() -> object:
        journal = SqliteJournal(tmp_path / "j")
        heard: asyncio.Queue[object] = asyncio.Queue()
        journal.run(heard.put_nowait, heard.put_nowait)
        journal.append((desk.committed[0],))
        assert await heard.get() == 1
        (tmp_path / "j").unlink()
        journal.append((desk.committed[1],))
        told = await heard.get()
        journal.close()
        return told

    assert "was removed" in str(asyncio.run(asyncio.wait_for(said(), 30)))


def test_two_nodes_cannot_share_a_journal(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j")
    with pytest.raises(ConfigError, match="another orders node"):
        SqliteJournal(tmp_path / "j")
    journal.close()
    SqliteJournal(tmp_path / "j").close()


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(Unmendable, match=r"restore the journal.*orders forget --yes"):
        SqliteJournal(path)
    assert path.read_bytes().startswith(b"not a database")


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "j"
    SqliteJournal(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(ConfigError, match="newer twsmq"):
        SqliteJournal(path)


def test_a_disk_that_refuses_loses_nothing_and_says_when_it_goes_on(tmp_path: Path) -> None:
    desk, path = traded(), tmp_path / "j"

    async def stall() -> list[str | None]:
        journal = SqliteJournal(path)
        told: asyncio.Queue[str | None] = asyncio.Queue()
        committed: asyncio.Queue[int] = asyncio.Queue()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        journal.run(committed.put_nowait, told.put_nowait)
        journal.append(tuple(desk.committed))
        reasons = [await told.get()]
        other.execute("ROLLBACK")
        other.close()
        reasons.append(await told.get())
        assert await committed.get() == desk.committed[-1].event.event_no
        journal.close()
        return reasons

    first, last = asyncio.run(asyncio.wait_for(stall(), 30))
    assert "locked" in (first or "")
    assert last is None
    journal = SqliteJournal(path)
    assert list(journal.entries()) == desk.committed
    journal.close()


def test_a_journal_of_the_first_schema_is_brought_up_to_date_with_all_it_holds(tmp_path: Path) -> None:
    desk, path = traded(), tmp_path / "j"
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE entries (event_no INTEGER PRIMARY KEY, strategy TEXT NOT NULL, strategy_no INTEGER "
            "NOT NULL, client_order_id TEXT NOT NULL, ts INTEGER NOT NULL, type TEXT NOT NULL, "
            "event BLOB NOT NULL, fact BLOB)"
        )
        rows = [msgspec.structs.astuple(to_row(entry))[:8] for entry in desk.committed]
        database.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        database.execute("PRAGMA user_version = 1")
    database.close()
    journal = SqliteJournal(path)
    assert list(journal.entries()) == desk.committed
    assert journal.settings() == {}
    journal.close()


def test_what_is_kept_outlives_the_journals_process(tmp_path: Path) -> None:
    async def keep(*settings: tuple[str, str | None]) -> dict[str, str]:
        journal = SqliteJournal(tmp_path / "j")
        kept: asyncio.Queue[str] = asyncio.Queue()
        journal.run(lambda _no: None, lambda _why: None, kept.put_nowait)
        for name, value in settings:
            journal.save_setting(name, value)
        assert [await kept.get() for _ in settings] == [name for name, _ in settings]
        found = journal.settings()
        journal.close()
        return found

    assert asyncio.run(keep(("a", "1"), ("b", "2"))) == {"a": "1", "b": "2"}
    assert asyncio.run(keep(("a", None), ("b", "3"))) == {"b": "3"}
