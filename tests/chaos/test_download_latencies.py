"""A download at gateways that take the time that people have measured of theirs, on a clock that jumps: the
real client and the history process's real core, killed again and again.

    TWSMQ_SLOW_DOWNLOAD=50:1826:50 pytest tests/chaos/test_download_latencies.py -s

are 50 instruments, 1826 days and 50 kills (the default is small).
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.history_of_a_desk import DAY, NEW_YEARS_EVE, NS, DyingDisk, Killed, order
from support.jumping_loop import run_jumping
from support.slow_gateway import MINUTES, Days, SlowGateway
from twsmq.download.run import Download
from twsmq.download.store import format_named
from twsmq.download.verify import verify
from twsmq_protocol.history_requests import MOST_BARS

INSTRUMENTS, DAYS, KILLS = map(int, os.environ.get("TWSMQ_SLOW_DOWNLOAD", "3:90:5").split(":"))
BEGIN = NEW_YEARS_EVE - DAYS * DAY
PER_INSTRUMENT, LEARNED = 2, 10
"""Requests beside those for bars: when its history begins, and its sessions. And those that it takes to learn
how much may be asked for at a time."""


def quick(bars: int) -> float:
    """A second, and one more for 20,000 bars: whole answers pay."""
    return 1 + bars / 20_000


def reported(bars: int) -> float | None:
    """A day of minutes in 0.6 s, five in 8.3 s, six not within a minute (ib_insync issue 268)."""
    days = bars / MINUTES
    return None if days > 5 else 0.6 * days**1.63


class Outcome:
    def __init__(self, gateway: SlowGateway, kills: int, hours: float, notes: list[str]) -> None:
        self.gateway, self.kills, self.hours, self.notes = gateway, kills, hours, notes


async def killed_on_its_way(folder: Path, takes: Callable[[int], float | None]) -> Outcome:
    loop, chance, notes = asyncio.get_running_loop(), random.Random(7), list[str]()

    def wall() -> int:
        return NEW_YEARS_EVE + 60 * DAY + int(loop.time() * NS)

    node = folder / "node"
    node.mkdir()
    gateway = SlowGateway(Days(BEGIN, NEW_YEARS_EVE), node, takes, wall)
    names = [f"STK:S{number:03}:SMART:USD" for number in range(INSTRUMENTS)]
    wanted, kills = order(BEGIN, NEW_YEARS_EVE, *names), 0
    while True:
        disk = DyingDisk(chance.randrange(5, 5 + 8 * INSTRUMENTS) if kills < KILLS else -1)
        try:
            download = Download(
                folder / "bars",
                wanted,
                format_named("parquet"),
                gateway,
                disk=disk,
                wall=wall,
                note=notes.append,
            )
            assert await download.run()
        except Killed:
            kills += 1
        else:
            gateway.close()
            return Outcome(gateway, kills, loop.time() / 3600, notes)


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("takes", [quick, reported])
def test_nothing_is_lost_and_little_asked_twice_at_a_gateway_that_takes_its_time(
    tmp_path: Path, takes: Callable[[int], float | None]
) -> None:
    done = run_jumping(killed_on_its_way(tmp_path, takes))
    found = verify(tmp_path / "bars")
    bars = sum(one.bars for one in found.instruments)
    most = MOST_BARS if takes is quick else 5 * MINUTES
    least = sum(-(-one.bars // most) + PER_INSTRUMENT for one in found.instruments)
    sys.stdout.write(
        f"\n{takes.__name__}: {bars:,} bars of {len(found.instruments)} instruments, {done.kills} kills, "
        f"{done.hours:.1f} hours of the clock; {done.gateway.requests} requests, of which "
        f"{done.gateway.unanswered} were never answered, {least} at least\n"
    )
    assert found.complete
    assert bars == len(Days(BEGIN, NEW_YEARS_EVE).opens) * MINUTES * INSTRUMENTS
    assert done.kills == KILLS, "it was over before: choose more days"
    # What is halved after a silence ends where it may, and not where the gateway would still answer.
    assert done.gateway.requests <= (1.1 if takes is quick else 2.5) * least + LEARNED
