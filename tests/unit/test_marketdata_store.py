"""What a market-data shard remembers when it is started again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from twsmq_nodes.marketdata.store import Store

NS = 1_000_000_000
AAPL, MSFT = "quote/STK:AAPL:SMART:USD/", "quote/STK:MSFT:SMART:USD/"


@pytest.fixture
def topics_file(tmp_path: Path) -> Path:
    return tmp_path / "marketdata-0.topics.jsonl"


def restarted(folder: Path, now: float = 10_000_000_000.0) -> Store:
    return Store(folder, "marketdata-0", now)


def test_who_listened_when_the_earlier_life_ended_is_missing_data_since_it_was_last_alive(
    tmp_path: Path, topics_file: Path
) -> None:
    life = restarted(tmp_path)
    life.remember_topic(AAPL, True, None)
    life.remember_topic(MSFT, True, None)
    os.utime(topics_file, ns=(0, 5 * NS))
    life.remember_alive()
    alive_at = topics_file.stat().st_mtime_ns
    assert alive_at > 5 * NS
    life.remember_topic(MSFT, False, None)  # left before the end
    os.utime(topics_file, ns=(0, alive_at))
    assert restarted(tmp_path).missed == {AAPL: alive_at}


def test_who_has_had_no_data_since_the_restart_before_keeps_its_beginning(
    tmp_path: Path, topics_file: Path
) -> None:
    restarted(tmp_path).remember_topic(AAPL, True, None)
    os.utime(topics_file, ns=(0, 5 * NS))
    second = restarted(tmp_path)
    assert second.missed == {AAPL: 5 * NS}
    assert restarted(tmp_path).missed == {AAPL: 5 * NS}, "died before anybody came back"
    second.remember_topic(AAPL, True, 5 * NS)
    assert restarted(tmp_path).missed == {AAPL: 5 * NS}, "died before data came"
    second.remember_topic(AAPL, True, None)
    os.utime(topics_file, ns=(0, 9 * NS))
    assert restarted(tmp_path).missed == {AAPL: 9 * NS}


def test_a_clock_that_was_set_back_tells_nothing(tmp_path: Path) -> None:
    restarted(tmp_path).remember_topic(AAPL, True, None)
    assert restarted(tmp_path, now=1000.0).missed == {AAPL: None}


def test_a_clock_that_was_set_back_past_an_earlier_restart_tells_nothing_either(tmp_path: Path) -> None:
    restarted(tmp_path).remember_topic(AAPL, True, 9_000_000_000 * NS)
    assert restarted(tmp_path, now=8_000_000_000.0).missed == {AAPL: None}


def test_where_nothing_can_be_written_it_goes_on_without_memory(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    life = Store(blocked, "marketdata-0", 1000.0)
    life.remember_topic(AAPL, True, None)
    life.remember_alive()
    assert life.missed == {}
