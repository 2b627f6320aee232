"""A captured tick file as the market of one instrument.

One tick per line, tab-separated: time (ns, any origin), tick type (1 bid, 2 ask, 4 last, as in the API),
price, size; lines starting with # are comments. The book's own process rests while a file is replayed.
"""

from pathlib import Path

import msgspec
from twsmq_protocol.plain_file import read_plain

from twsmq_simulator.errors import SimulatorError
from twsmq_simulator.market.book import ASK, BID, LAST, Book

CHANGES = {1: BID, 2: ASK, 4: LAST}


class BadTickFile(SimulatorError):
    """The file is no tick file; the text names the line."""


LONGEST = 256 << 20
"""Bytes of a file of ticks."""


class Tick(msgspec.Struct, frozen=True):
    at: int
    kind: int
    price: float
    size: int


def read(path: Path) -> list[Tick]:
    """The ticks of a file, times from 0. Raises BadTickFile."""
    ticks: list[Tick] = []
    try:
        lines = read_plain(path, LONGEST).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadTickFile(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        try:
            at, kind, price, size = line.split("\t")
            tick = Tick(int(at), int(kind), float(price), int(size))
        except ValueError as error:
            raise BadTickFile(f"{path}:{number}: time, type, price and size are wanted") from error
        if tick.kind not in CHANGES or tick.price <= 0 or tick.size < 0:
            raise BadTickFile(f"{path}:{number}: no bid, ask or last with a price and a size")
        ticks.append(tick)
    if not ticks:
        raise BadTickFile(f"{path} has no ticks")
    return rebased(ticks, ticks[0].at)


def rebased(ticks: list[Tick], start: int) -> list[Tick]:
    """With times from `start` on."""
    return [Tick(tick.at - start, tick.kind, tick.price, tick.size) for tick in ticks]


class Replay:
    """Plays ticks into a book from a start time on; `speed` times as fast as recorded."""

    def __init__(self, book: Book, ticks: list[Tick], start: int, speed: float) -> None:
        self.book = book
        self._ticks = ticks
        self._start = start
        self._speed = speed
        self._next = 0
        book.replayed = True

    @property
    def done(self) -> bool:
        return self._next == len(self._ticks)

    def step(self, now: int) -> int:
        """Shows the book the next tick that is due and returns what it changed; 0 when none is."""
        if self.done or self._start + self._ticks[self._next].at / self._speed > now:
            return 0
        tick = self._ticks[self._next]
        self._next += 1
        self.book.show(CHANGES[tick.kind], tick.price, tick.size)
        if self.done:
            self.book.replayed = False
            self.book.settle_here()
        return CHANGES[tick.kind]
