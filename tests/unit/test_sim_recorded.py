"""What a recording of `twsmq record` makes of the simulated market."""

from __future__ import annotations

from pathlib import Path

import pytest
from twsmq_protocol import codec
from twsmq_protocol.envelope import Event
from twsmq_protocol.instruments import Instrument
from twsmq_protocol.market_events import Quote, Stream, Ticks
from twsmq_protocol.recording import Recorder
from twsmq_simulator.market.recorded import is_recording, read_recording
from twsmq_simulator.market.replay import BadTickFile, Tick

AAPL_TICKS, AAPL_QUOTE = "tick/STK:AAPL:SMART:USD/", "quote/CONID:265598/"
MSFT_QUOTE = "quote/STK:MSFT:SMART:USD/"
CON_IDS = {"AAPL": 265598, "MSFT": 272093}
BID, ASK, LAST = 1, 2, 4


def find(con_id: int | None, spelling: Instrument) -> int | None:
    return con_id or spelling.con_id or CON_IDS.get(spelling.symbol)


def recording(path: Path, *events: tuple[int, str, Event]) -> Path:
    recorder = Recorder(path, ["tick/", "quote/"], now=0)
    for at, topic, event in events:
        recorder.write(at, codec.encode_event(topic, event))
    recorder.close()
    return path


@pytest.mark.parametrize("name", ["day.msgpack", "day.msgpack.zst"])
def test_each_instrument_is_taken_from_one_topic_and_all_keep_their_common_time(tmp_path: Path, name: str):
    path = recording(
        tmp_path / name,
        (1000, MSFT_QUOTE, Stream(state="active")),
        (1000, MSFT_QUOTE, Quote(bid=400.0, ask=400.1, bid_size=5.0, ask_size=6.0, volume=10.0)),
        (1010, AAPL_QUOTE, Quote(con_id=265598, bid=187.0, bid_size=100.0)),
        (1010, AAPL_TICKS, Ticks(con_id=265598, ticks=[(1, 187.0, 1), (0, 100.0, 0), (0, 100.0, 0)])),
        (1020, MSFT_QUOTE, Quote(bid=400.0, ask=400.2, bid_size=5.0, ask_size=6.0, volume=10.0)),
        (1030, "order/alpha/alpha-1/", Stream(state="active")),
    )
    assert is_recording(path)
    assert read_recording(path, find) == {
        265598: [Tick(10, BID, 187.0, 100)],
        272093: [Tick(0, BID, 400.0, 5), Tick(0, ASK, 400.1, 6), Tick(20, ASK, 400.2, 6)],
    }


def test_a_price_and_the_size_behind_it_are_one_change_and_a_size_alone_is_another(tmp_path: Path):
    path = recording(
        tmp_path / "ticks",
        (
            0,
            AAPL_TICKS,
            Ticks(ticks=[(66, 10.0, 0), (69, 1.0, 0), (69, 1.0, 0), (66, 11.0, 0), (69, 1.0, 0)]),
        ),
        (1, AAPL_TICKS, Ticks(ticks=[(5, 9.0, 0), (3, 7.0, 0), (2, 12.0, 0)])),  # sizes of nothing known
        (2, AAPL_TICKS, Ticks(ticks=[(0, 4.0, 0), (8, 100.0, 0), (45, "1776270000", 0), (1, None, 0)])),
        (3, AAPL_TICKS, Ticks(ticks=[(4, 11.0, 0), (5, 2.0, 0)])),
        (4, AAPL_TICKS, Ticks(ticks=[(5, 2.0, 0)])),
        (5, AAPL_TICKS, Ticks(ticks=[(1, 11.0, 0), (0, 4.0, 0), (4, 11.0, 0), (5, 2.0, 0)], snapshot=True)),
        (6, AAPL_TICKS, Ticks(ticks=[(1, -1.0, 0), (0, 0.0, 0)])),
    )
    assert read_recording(path, find) == {
        265598: [
            Tick(0, BID, 10.0, 1),
            Tick(0, BID, 11.0, 1),
            Tick(1, ASK, 12.0, 0),
            Tick(2, BID, 11.0, 4),
            Tick(3, LAST, 11.0, 2),
            Tick(4, LAST, 11.0, 2),
        ]
    }


def test_of_quotes_a_trade_at_the_same_price_shows_in_the_volume(tmp_path: Path):
    quotes = [Quote(last=400.0, last_size=5.0, volume=volume) for volume in (10.0, 15.0, 15.0)]
    path = recording(tmp_path / "quotes", *((at, MSFT_QUOTE, quote) for at, quote in enumerate(quotes)))
    assert read_recording(path, find) == {272093: [Tick(0, LAST, 400.0, 5), Tick(1, LAST, 400.0, 5)]}


def test_a_recording_of_nothing_that_is_wanted_is_refused(tmp_path: Path):
    path = recording(tmp_path / "quotes", (0, MSFT_QUOTE, Quote(bid=400.0)))
    with pytest.raises(BadTickFile, match="no ticks or quotes"):
        read_recording(path, lambda *_: None)


@pytest.mark.parametrize("content", [b"\x81\xa1a\x01", b"\x84", b"\xc1"])
def test_what_only_looks_like_a_recording_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "other"
    path.write_bytes(content)
    assert is_recording(path)
    with pytest.raises(BadTickFile, match="twsmq record"):
        read_recording(path, find)


def test_a_text_of_ticks_and_no_file_at_all_are_no_recordings(tmp_path: Path):
    path = tmp_path / "ticks.tsv"
    path.write_text("0\t1\t300.0\t100\n")
    assert not is_recording(path)
    assert not is_recording(tmp_path / "none")
