"""What was fetched before: kept, aged, confirmed, forgotten, bounded; a damaged file costs only requests."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from twsmq_nodes.history.memory import Memory
from twsmq_nodes.history.plan import DAY_S, NS
from twsmq_nodes.history.store import LONGEST, MOST_TO_CONFIRM, Store
from twsmq_protocol.config import Config
from twsmq_protocol.history_requests import Head, PackedBars
from twsmq_protocol.packed_bars import between, packed

MINUTE = 60 * NS
START = 1_790_553_600 * NS
LARGE = 100_000_000


class Wall:
    def __init__(self) -> None:
        self.now = START + 400 * DAY_S * NS

    def __call__(self) -> int:
        return self.now


def bars(first: int, last: int, price: float = 10.0) -> PackedBars:
    """Of the minutes from `first` to, not including, `last`."""
    times = [START + minute * MINUTE for minute in range(first, last)]
    prices: list[float | None] = [price + minute % 7 for minute in range(first, last)]
    return packed(times, prices, prices, prices, prices, prices, prices, [1] * len(times))


def at(minute: int) -> int:
    return START + minute * MINUTE


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def store(tmp_path: Path, wall: Wall) -> Store:
    return Store(tmp_path / "history.store", LARGE, wall)


def keep(
    store: Store, first: int, last: int, series: str = "a", confirmed: tuple[int, ...] = (), **more: float
) -> None:
    store.keep(series, at(first), at(last), bars(first, last, **more), [at(one) for one in confirmed])


def known(
    store: Store, first: int, last: int, series: str = "a", age_s: float = 1e9
) -> list[tuple[int, int]]:
    found = store.bars(series, at(first), at(last), age_s)
    for one in found:
        whole = between(bars(0, 100_000), one.begin, one.end)
        assert between(one.bars, one.begin, one.end) == whole
    return [((one.begin - START) // MINUTE, (one.end - START) // MINUTE) for one in found]


def test_what_was_kept_is_known_and_stretches_that_agree_are_one(store: Store) -> None:
    keep(store, 0, 10)
    keep(store, 20, 30)
    assert known(store, 0, 100) == [(0, 10), (20, 30)]
    assert known(store, 12, 18) == []
    keep(store, 10, 20, confirmed=(0, 20))
    assert known(store, 5, 6) == [(0, 30)]
    assert known(store, 0, 100, "b") == []


def test_a_new_stretch_takes_the_place_of_what_it_covers(store: Store) -> None:
    keep(store, 0, 30, price=99.0)
    keep(store, 0, 12)
    keep(store, 12, 30)
    assert known(store, 0, 30) == [(0, 12), (12, 30)]


def test_stretches_do_not_grow_without_end(store: Store) -> None:
    keep(store, 0, LONGEST)
    keep(store, LONGEST, LONGEST + 10)
    keep(store, LONGEST - 5, LONGEST + 3)
    found = known(store, 0, 2 * LONGEST)
    assert found[0][0] == 0
    assert found[-1][1] == LONGEST + 10
    assert [one[1] for one in found[:-1]] == [one[0] for one in found[1:]]
    assert len(found) > 1


def test_it_is_known_as_long_as_it_is_young_enough(store: Store, wall: Wall) -> None:
    keep(store, 0, 10)
    wall.now += 100 * NS
    assert known(store, 0, 10, age_s=99) == []
    assert known(store, 0, 10, age_s=101) == [(0, 10)]
    (one,) = store.bars("a", at(0), at(10), 1e9)
    assert one.at == wall.now - 100 * NS


def test_a_stretch_is_confirmed_once_a_day(store: Store, wall: Wall) -> None:
    keep(store, 0, 10)
    wall.now += 2 * DAY_S * NS
    assert known(store, 0, 10) == [(0, 9)]  # the last is asked for again
    assert known(store, 2, 5) == [(0, 4)]  # of whatever part is wanted
    keep(store, 9, 10, confirmed=(0,))
    assert known(store, 0, 10) == [(0, 10)]


def test_each_side_of_what_was_never_compared_is_confirmed_by_itself(store: Store, wall: Wall) -> None:
    """A split between two requests that follow each other: the newer bars prove nothing of the older."""
    keep(store, 0, 10)
    wall.now += DAY_S // 8 * NS
    keep(store, 10, 20, price=1.0)
    assert [(one.begin, one.end) for one in store.bars("a", at(0), at(20), 1e9)] == [
        (at(0), at(10)),
        (at(10), at(20)),
    ]
    wall.now += (DAY_S // 8 + 60) * NS
    (older, newer) = store.bars("a", at(0), at(20), 1e9)
    assert (older.end, newer.end) == (at(9), at(20))
    assert older.bars == bars(0, 10), "its last bar is there to be compared"
    (touching, _) = store.bars("a", at(10), at(20), 1e9)
    assert touching.bars == older.bars


def test_of_many_that_want_to_be_confirmed_none_is_believed(store: Store, wall: Wall) -> None:
    for hour in range(MOST_TO_CONFIRM + 1):
        keep(store, 60 * hour, 60 * hour + 60)
    assert len(known(store, 0, 1000)) == MOST_TO_CONFIRM + 1
    wall.now += 2 * DAY_S * NS
    assert known(store, 0, 1000) == []


def test_what_was_adjusted_is_forgotten(store: Store) -> None:
    keep(store, 0, 10)
    keep(store, 0, 10, "b")
    store.forget("a")
    assert known(store, 0, 10) == []
    assert known(store, 0, 10, "b") == [(0, 10)]


def test_answers_have_an_age_too(store: Store, wall: Wall) -> None:
    store.keep_answer("head|AAPL", Head(time=5, what="TRADES"))
    wall.now += 50 * NS
    found = store.answer("head|AAPL", Head, 60)
    assert found is not None
    assert (found.result, found.at) == (Head(time=5, what="TRADES"), wall.now - 50 * NS)
    assert store.answer("head|AAPL", Head, 40) is None
    assert store.answer("head|MSFT", Head, 60) is None


def test_it_outlives_the_process(tmp_path: Path, wall: Wall) -> None:
    first = Store(tmp_path / "history.store", LARGE, wall)
    keep(first, 0, 10)
    first.close()
    assert known(Store(tmp_path / "history.store", LARGE, wall), 0, 10) == [(0, 10)]


def test_its_size_is_bounded_and_what_was_used_least_lately_goes_first(tmp_path: Path, wall: Wall) -> None:
    most = 400_000
    store = Store(tmp_path / "history.store", most, wall)
    for series in range(40):
        wall.now += NS
        keep(store, 0, 500, str(series))
        assert known(store, 0, 500, "0") == [(0, 500)], "it is in use all the time"
    kept = [series for series in range(40) if known(store, 0, 500, str(series))]
    assert 39 in kept
    assert 1 not in kept
    store.close()
    before = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert before < 2 * most
    smaller = Store(tmp_path / "history.store", most // 4, wall)
    keep(smaller, 0, 10, "new")
    smaller.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 0.7 * before, "it gives room back"


@pytest.mark.parametrize("damage", ["none of ours", "cut off", "overwritten"])
def test_a_damaged_file_is_set_aside_and_begun_anew(tmp_path: Path, wall: Wall, damage: str) -> None:
    path = tmp_path / "history.store"
    store = Store(path, LARGE, wall)
    keep(store, 0, 5000)
    store.close()
    whole = path.read_bytes()
    if damage == "none of ours":
        path.write_bytes(b"not a database at all" * 1000)
    elif damage == "cut off":
        path.write_bytes(whole[: len(whole) // 2 // 4096 * 4096])
    else:
        path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    again = Store(path, LARGE, wall)
    assert known(again, 0, 5000) == []
    keep(again, 0, 10)
    assert known(again, 0, 10) == [(0, 10)]
    assert again.set_aside == 1
    assert path.with_suffix(".damaged").exists()


def test_a_stretch_whose_bytes_changed_is_not_believed(tmp_path: Path, wall: Wall) -> None:
    path = tmp_path / "history.store"
    store = Store(path, LARGE, wall)
    keep(store, 0, 10)
    store.close()
    database = sqlite3.connect(path)
    with database:
        body = bytearray(database.execute("SELECT body FROM stretch").fetchone()[0])
        body[len(body) // 2] ^= 1
        database.execute("UPDATE stretch SET body = ?", (bytes(body),))
    database.close()
    again = Store(path, LARGE, wall)
    assert known(again, 0, 10) == []
    keep(again, 0, 10)
    assert known(again, 0, 10) == [(0, 10)]


def test_a_stretch_whose_bytes_changed_lends_its_range_to_no_other(tmp_path: Path, wall: Wall) -> None:
    """What is put beside it, or over a part of it, would stand for bars that are lost."""
    path = tmp_path / "history.store"
    store = Store(path, LARGE, wall)
    for series in ("beside", "over"):
        keep(store, 0, 10, series)
    store.close()
    database = sqlite3.connect(path)
    with database:
        database.execute("UPDATE stretch SET crc = crc + 1")
    database.close()
    again = Store(path, LARGE, wall)
    keep(again, 10, 20, "beside", confirmed=(0,))
    keep(again, 5, 20, "over", confirmed=(0,))
    assert known(again, 10, 20, "beside") == [(10, 20)]
    assert known(again, 0, 20, "beside") == [(10, 20)]
    assert known(again, 0, 20, "over") == [(5, 20)]


def test_a_place_that_cannot_be_written_costs_nothing_but_requests(tmp_path: Path, wall: Wall) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "history.store", LARGE, wall)
    keep(store, 0, 10)
    assert known(store, 0, 10) == []
    off = Store(tmp_path / "off.store", 0, wall)
    keep(off, 0, 10)
    assert known(off, 0, 10) == []
    assert not (tmp_path / "off.store").exists()


def test_nothing_is_written_through_a_link(tmp_path: Path, wall: Wall) -> None:
    other = sqlite3.connect(tmp_path / "other")
    with other:
        other.execute("CREATE TABLE answer (mine)")
    (tmp_path / "other").chmod(0o644)
    for target in ("other", "nowhere"):
        (path := tmp_path / f"{target}.store").symlink_to(tmp_path / target)
        store = Store(path, LARGE, wall)
        keep(store, 0, 10)
        assert known(store, 0, 10) == []
        store.close()
    assert other.execute("SELECT mine FROM answer").fetchall() == []
    other.close()
    assert (tmp_path / "other").stat().st_mode & 0o777 == 0o644
    assert not (tmp_path / "nowhere").exists()


def test_a_simulated_gateways_past_is_not_that_of_another_at_its_address(tmp_path: Path) -> None:
    """First a simulated gateway listens at 4002, then IB Gateway: the same configuration, other prices."""

    async def named(accounts: tuple[str, ...]) -> tuple[str, str]:
        memory = Memory(Config(), Store(tmp_path / "history.store", LARGE))
        before = memory.name("bars", "STK:AAPL:SMART:USD", "1d")
        memory.logged_in(accounts)
        name = memory.name("bars", "STK:AAPL:SMART:USD", "1d")
        memory.close()
        return before, name

    logins = (("DU1234567",), ("U7654321", "U1"), ("U1", "U7654321"))
    found = [asyncio.run(named(accounts)) for accounts in logins]
    unknown, (simulated, real, again) = [one[0] for one in found], (one[1] for one in found)
    assert simulated != real
    assert real == again
    assert len({*unknown, simulated, real}) == 5, "what is not known yet is nobody's"


def test_other_bars_than_were_kept_end_all_that_was_kept_of_a_series(store: Store) -> None:
    """Somebody asked the gateway itself, after a split: what was kept elsewhere is of before it too."""
    keep(store, 0, 10)
    keep(store, 50, 60)
    keep(store, 0, 10, series="b")
    keep(store, 58, 60, price=5.0)
    assert store.bars("a", at(0), at(57), 1e9) == []
    assert known(store, 0, 10, "b") == [(0, 10)]
