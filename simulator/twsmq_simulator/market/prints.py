"""The single trades of a minute: as many as the minute counts, from its open to its close, by way of its high
and low, with its volume. Made from the minute alone, so that ticks, bars of seconds and the minute agree.
"""

from __future__ import annotations

from hashlib import shake_128

from twsmq_simulator.market.path import Minute

Print = tuple[int, int, int]  # second of the minute, price in ticks, size


def prints_of(key: str, minute: Minute) -> list[Print]:
    """Oldest first. `key` names instrument and minute. A burst puts its trades into one second."""
    opened, high, low, closed, volume, count, _ = minute
    drawn = memoryview(shake_128(key.encode()).digest(4 * count + 4)).cast("H")
    seconds = _seconds(drawn, count)
    first, second = (high, low) if drawn[-1] & 1 else (low, high)
    turns = [0, count // 3, 2 * count // 3, count - 1]
    levels = [opened, first, second, closed]
    sizes = _sizes(drawn, count, volume)
    found: list[Print] = []
    leg = 0
    for nth in range(count):
        while leg < 2 and nth > turns[leg + 1]:
            leg += 1
        begin, end = turns[leg], turns[leg + 1]
        price = levels[leg]
        if end > begin:
            price += round((levels[leg + 1] - levels[leg]) * (nth - begin) / (end - begin))
        found.append((seconds[nth], price, sizes[nth]))
    found[-1] = (seconds[-1], closed, sizes[-1])
    return found


def _seconds(drawn: memoryview, count: int) -> list[int]:
    if count > 1000:
        usual, burst = count - 1200, drawn[0] % 60
        return sorted([drawn[n] % 60 for n in range(usual)] + [burst] * 1200)
    return sorted(drawn[n] % 60 for n in range(count))


def _sizes(drawn: memoryview, count: int, volume: int) -> list[int]:
    """Sizes of at least one unit that add up to the volume."""
    volume -= count
    weights = [1 + (drawn[count + 1 + n] & 15) for n in range(count)]
    total = sum(weights)
    sizes = [1 + volume * weight // total for weight in weights]
    for n in range(volume + count - sum(sizes)):
        sizes[n % count] += 1
    return sizes
