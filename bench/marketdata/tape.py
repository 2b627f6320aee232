"""The ticks that every side gets, and how a subscriber tells them apart.

Frame k belongs to instrument `k % instruments` and is its `k // instruments`-th. Its size is that number
modulo `CYCLE`, plus one (0 means "no size"): so whoever hears an instrument's sizes in order knows what is
missing, and which frame, sent when, each was. Prices and sizes come from as few values as in a real market.
In turn: bid price with its size, bid size, ask price with its size, ask size.
"""

from __future__ import annotations

from twsmq_simulator.wire import tick_messages

CYCLE = 1000
SIZES = frozenset((0, 3))
"""Tick types of the sizes of bid and ask."""

FIRST_CON_ID = 700_000
_BID, _ASK, _PRICES = 1, 2, 100


def symbol(instrument: int) -> str:
    return f"B{instrument:03d}"


def topic(instrument: int) -> str:
    return f"tick/STK:{symbol(instrument)}:SMART:USD/"


def size_of(number: int) -> int:
    """The size in an instrument's `number`-th frame."""
    return number % CYCLE + 1


def frame(request_id: int, instrument: int, number: int) -> bytes:
    """The `number`-th frame of an instrument as the gateway writes it."""
    kind, size = _BID + number // 2 % 2, b"%d" % size_of(number)
    if number % 2:
        return tick_messages.tick_size(request_id, 0 if kind == _BID else 3, size)
    cents = number * 7 % _PRICES + (kind == _ASK)
    return tick_messages.tick_price(
        request_id, kind, b"%d.%02d" % (100 + instrument + cents // 100, cents % 100), size
    )


class Loop:
    """All frames of `CYCLE` rounds over the instruments, encoded; after the last comes the first again."""

    def __init__(self, request_ids: list[int]) -> None:
        """`request_ids`: of each instrument, in order."""
        self._ends = [0]
        parts: list[bytes] = []
        for number in range(CYCLE):
            for instrument, request_id in enumerate(request_ids):
                parts.append(frame(request_id, instrument, number))
                self._ends.append(self._ends[-1] + len(parts[-1]))
        self._bytes = memoryview(b"".join(parts))
        self.frames = len(parts)

    def cut(self, first: int, end: int) -> tuple[memoryview, int]:
        """The bytes of frames `first` up to `end` or the end of the loop; and the frame that comes next."""
        at = first % self.frames
        stop = min(at + end - first, self.frames)
        return self._bytes[self._ends[at] : self._ends[stop]], first + stop - at
