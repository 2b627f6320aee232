"""What was fetched before: kept, aged, confirmed, forgotten, bounded; a damaged file costs only requests."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from twsmq_nodes.history.plan import DAY_S, NS
from twsmq_nodes.history.store import LONGEST, Store
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


def keep(store: Store, first: int, last: int, series: str = "a", **more: float) -> None:
    store.keep(series, at(first), at(last), bars(first, last, **more), confirmed=False)


def known(
    store: Store, first: int, last: int, series: str = "a", age_s: float = 1e9
) -> list[tuple[int, int]]:
    found = store.bars(series, at(first), at(last), age_s)
    for one in found:
        assert one.bars == between(bars(0, 100_000), one.begin, one.end)
    return [((one.begin - START) // MINUTE, (one.end - START) // MINUTE) for one in found]


def test_what_was_kept_is_known_and_stretches_that_touch_are_one(store: Store) -> None:
    keep(store, 0, 10)
    keep(store, 20, 30)
    assert known(store, 0, 100) == [(0, 10), (20, 30)]
    assert known(store, 12, 18) == []
    keep(store, 10, 20)
    assert known(store, 5, 6) == [(0, 30)]
    assert known(store, 0, 100, "b") == []


def test_a_new_stretch_takes_the_place_of_what_it_covers(store: Store) -> None:
    keep(store, 0, 30, price=99.0)
    keep(store, 0, 12)
    keep(store, 12, 30)
    assert known(store, 0, 30) == [(0, 30)]


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


def test_a_series_is_confirmed_once_a_day(store: Store, wall: Wall) -> None:
    keep(store, 0, 10)
    wall.now += 2 * DAY_S * NS
    assert known(store, 0, 10) == [(0, 9)]  # the last is asked for again
    store.keep("a", at(9), at(10), bars(9, 10), confirmed=True)
    assert known(store, 0, 10) == [(0, 10)]


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
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert size < 2 * most


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


def test_a_place_that_cannot_be_written_costs_nothing_but_requests(tmp_path: Path, wall: Wall) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "history.store", LARGE, wall)
    keep(store, 0, 10)
    assert known(store, 0, 10) == []
    off = Store(tmp_path / "off.store", 0, wall)
    keep(off, 0, 10)
    assert known(off, 0, 10) == []
    assert not (tmp_path / "off.store").exists()
