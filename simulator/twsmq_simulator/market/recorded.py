"""A recording of `twsmq record` as the market of every instrument it holds.

Of each instrument one topic is taken: `tick/`, which has every tick, before `quote/`, which has the state
after each burst. The gateway follows the price of a bid, ask or last with its size (captured), and sends the
size again in a message of its own: both are one change here. Delayed ticks count like live ones.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from twsmq_protocol.errors import FieldError
from twsmq_protocol.instruments import Instrument as Spelling
from twsmq_protocol.plain_file import open_plain
from twsmq_protocol.recording import BadRecording, Recording
from twsmq_protocol.topics import StreamTopic, parse_stream_topic

from twsmq_simulator.market.replay import BadTickFile, Tick, rebased

_BID, _ASK, _LAST = 1, 2, 4
_PRICES = {1: _BID, 2: _ASK, 4: _LAST, 66: _BID, 67: _ASK, 68: _LAST}
_SIZES = {0: _BID, 3: _ASK, 5: _LAST, 69: _BID, 70: _ASK, 71: _LAST}


class _Event(msgspec.Struct):
    """What a replay needs of `ticks` and `quote` events."""

    type: str
    con_id: int | None = None
    snapshot: bool = False
    ticks: list[tuple[int, Any, int]] = []
    bid: float | None = None
    ask: float | None = None
    last: float | None = None
    bid_size: float | None = None
    ask_size: float | None = None
    last_size: float | None = None
    volume: float | None = None


def is_recording(path: Path) -> bool:
    """Whether a file is to be read as a recording, not as a text of ticks."""
    if path.suffix == ".zst":
        return True
    try:
        with open_plain(path) as file:
            return (file.read(1) or b"#") >= b"\x80"  # a msgpack map; the other kind of file is ASCII
    except OSError:
        return False


def read_recording(path: Path, find: Callable[[int | None, Spelling], int | None]) -> dict[int, list[Tick]]:
    """The ticks of each instrument, all times from one 0. Raises BadTickFile.

    `find` gives the conId here of what was recorded with a conId (None: not known) under a spelling, None
    for what is not to be played.
    """
    tapes: dict[str, _Tape | None] = {}
    try:
        open_plain(path).close()  # a pipe would hold the gateway up
        recording = Recording(path)
        try:
            for recorded in recording:
                tape = tapes.get(recorded.topic)
                if recorded.topic not in tapes:
                    parsed = _parsed(recorded.topic)
                    tape = tapes[recorded.topic] = _Tape(parsed) if parsed else None
                if tape is not None:
                    tape.take(recorded.at, msgspec.msgpack.decode(recorded.event, type=_Event))
        finally:
            recording.close()
    except (OSError, BadRecording, msgspec.MsgspecError, RecursionError) as error:
        raise BadTickFile(f"{path} cannot be read: {error}") from error
    chosen: dict[int, list[Tick]] = {}
    for tape in sorted(filter(None, tapes.values()), key=lambda tape: tape.topic.kind != "tick"):
        assert tape.topic.instrument is not None
        con_id = find(tape.con_id, tape.topic.instrument)
        if con_id is not None and tape.ticks:
            chosen.setdefault(con_id, tape.ticks)
    if not chosen:
        raise BadTickFile(f"{path} has no ticks or quotes of such an instrument")
    start = min(ticks[0].at for ticks in chosen.values())
    return {con_id: rebased(ticks, start) for con_id, ticks in chosen.items()}


def _parsed(topic: str) -> StreamTopic | None:
    try:
        parsed = parse_stream_topic(topic)
    except FieldError:
        return None
    return parsed if parsed and parsed.kind in ("tick", "quote") and parsed.instrument else None


class _Tape:
    """One topic's events as ticks."""

    def __init__(self, topic: StreamTopic) -> None:
        self.topic = topic
        self.con_id: int | None = None
        self.ticks: list[Tick] = []
        self._known: dict[int, tuple[float, float]] = {}
        self._volume: float | None = None

    def take(self, at: int, event: _Event) -> None:
        if event.type == "ticks":
            self._take_ticks(at, event)
        elif event.type == "quote":
            self._take_quote(at, event)

    def _take_ticks(self, at: int, event: _Event) -> None:
        self.con_id = event.con_id
        priced: dict[int, float] = {}  # without their sizes, which come next
        sized: dict[int, float] = {}
        for number, value, _ in event.ticks:
            if number in _PRICES:
                kind = _PRICES[number]
                if kind in priced:
                    self._add(at, kind, priced.pop(kind), self._size(kind), event)
                if isinstance(value, int | float):
                    priced[kind] = value
                    sized.pop(kind, None)
            elif number in _SIZES and isinstance(value, int | float):
                kind = _SIZES[number]
                if kind in priced:
                    self._add(at, kind, priced.pop(kind), value, event)
                elif kind in self._known and sized.get(kind) != value:
                    self._add(at, kind, self._known[kind][0], value, event)
                sized[kind] = value
        for kind, price in priced.items():
            self._add(at, kind, price, self._size(kind), event)

    def _take_quote(self, at: int, event: _Event) -> None:
        self.con_id = event.con_id
        traded = event.volume != self._volume
        self._volume = event.volume
        for kind, price, size in (
            (_BID, event.bid, event.bid_size),
            (_ASK, event.ask, event.ask_size),
            (_LAST, event.last, event.last_size),
        ):
            news = self._known.get(kind) != (price, size or 0.0) or (kind == _LAST and traded)
            if price is not None and news:
                self._add(at, kind, price, size or 0.0, event)

    def _size(self, kind: int) -> float:
        return self._known[kind][1] if kind in self._known else 0.0

    def _add(self, at: int, kind: int, price: float, size: float, event: _Event) -> None:
        if price <= 0 or size < 0 or (event.snapshot and self._known.get(kind) == (price, size)):
            return  # what a combo may be worth, no book here can show; a snapshot repeats known things
        self._known[kind] = (price, size)
        self.ticks.append(Tick(at, kind, price, int(size)))
