"""What is measured. Every experiment has a stage of its own; on it the sides take turns, another one first
each time.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from . import sides
from .sides import Result, Side, Stage

Say = Callable[[str], None]

GATEWAY_CLIENTS = (sides.TWSMQ, sides.IBAPI, sides.IB_ASYNC)


@dataclass(frozen=True)
class Settings:
    """`run_s` is about how long one run of an experiment lasts. Latencies of one side and another are close
    together, and swing: they are taken more often."""

    repeats: int = 5
    latency_repeats: int = 15
    run_s: float = 1.0
    instruments: tuple[int, ...] = (10, 100)
    rates: tuple[int, ...] = (1_000, 10_000, 50_000)
    subscribers: tuple[int, ...] = (1, 4, 16)
    burst: int = 5_000
    fan_out: int = 16
    crowd: int = 64
    crowd_s: float = 600.0
    rest_s: float = 30.0


QUICK = Settings(
    repeats=1,
    latency_repeats=1,
    run_s=0.2,
    instruments=(10,),
    rates=(1_000,),
    subscribers=(1,),
    burst=500,
    fan_out=2,
    crowd=2,
    crowd_s=1.0,
    rest_s=1.0,
)


@dataclass
class Series:
    """The results of one side's runs."""

    runs: list[Result] = field(default_factory=list)

    def median(self, figure: Callable[[Result], float | None]) -> float:
        return statistics.median(value for run in self.runs if (value := figure(run)) is not None)

    @property
    def rate(self) -> float:
        return self.median(lambda run: run.rate)

    @property
    def lost(self) -> int:
        return sum(run.lost for run in self.runs)


Table = dict[str, Series]
"""By the side's name."""


@contextmanager
def staged() -> Generator[Stage]:
    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder)) as stage:
        yield stage


def _take_turns(standing: list[Side], repeats: int, measure: Callable[[Side], Result], say: Say) -> Table:
    table: Table = {side.kind.name: Series() for side in standing}
    for turn in range(repeats):
        first = turn % len(standing)
        for side in standing[first:] + standing[:first]:
            result = measure(side)
            table[side.kind.name].runs.append(result)
            say(f"  {side.kind.name}: {result}")
    return table


def _full_speed(settings: Settings) -> Callable[[Side], Result]:
    """As fast as the side takes the ticks, as many as keep it busy for `run_s`."""
    frames: dict[str, int] = {}

    def measure(side: Side) -> Result:
        if side.kind.name not in frames:
            trial = side.measure(2_000)
            frames[side.kind.name] = max(2_000, int(trial.rate * settings.run_s))
        return side.measure(frames[side.kind.name])

    return measure


def throughput(settings: Settings, instruments: int, say: Say) -> Table:
    """To one subscriber; the last side has none and only counts."""
    say(f"throughput, {instruments} instruments")
    with staged() as stage:
        standing = [stage.side(kind, instruments, 1) for kind in (*GATEWAY_CLIENTS, sides.COUNT)]
        return _take_turns(standing, settings.repeats, _full_speed(settings), say)


def burst(settings: Settings, say: Say) -> Table:
    """Ticks that come all at once, on as many instruments as there are."""
    say(f"burst of {settings.burst} ticks")
    with staged() as stage:
        standing = [stage.side(kind, max(settings.instruments), 1) for kind in GATEWAY_CLIENTS]
        return _take_turns(standing, settings.repeats, lambda side: side.measure(settings.burst), say)


def latency(settings: Settings, subscribers: int, say: Say) -> dict[int, Table]:
    """By rate. At the lowest rate with one subscriber the bare hops stand beside the sides."""
    tables: dict[int, Table] = {}
    lowest = min(settings.rates)
    with staged() as stage:
        standing = [stage.side(kind, min(settings.instruments), subscribers) for kind in GATEWAY_CLIENTS]
        hops = [stage.side(kind, 1, 1) for kind in (sides.TCP, sides.HOP)] if subscribers == 1 else []
        for rate in settings.rates:
            say(f"latency at {rate}/s, {subscribers} subscribers")
            seconds = settings.run_s * (2 if rate == lowest else 1)
            tables[rate] = _take_turns(
                standing + hops if rate == lowest else standing,
                settings.latency_repeats,
                lambda side, rate=rate, seconds=seconds: side.measure(int(rate * seconds), rate, ages=True),
                say,
            )
    return tables


def fan_out(settings: Settings, say: Say) -> tuple[Table, dict[str, str]]:
    """To many subscribers, beside publishers that are no gateway clients; and which of those are lacking."""
    say(f"{settings.fan_out} subscribers")
    kinds = (sides.TWSMQ, sides.OUTBOX, sides.VNPY, sides.NATS)
    lacking = {kind.name: what for kind in kinds if (what := sides.lacking(kind)) is not None}
    with staged() as stage:
        instruments = min(settings.instruments)
        standing = [
            stage.side(kind, instruments, settings.fan_out) for kind in kinds if kind.name not in lacking
        ]
        return _take_turns(standing, settings.repeats, _full_speed(settings), say), lacking


@dataclass
class Crowd:
    """`kept`: at what rate the slowest subscriber took what was sent at `rate`. `rss_mb`: of the node, after
    each slice of the time.
    """

    peers: Table
    rate: int
    seconds: float
    kept: float
    lost: int
    rss_mb: list[float]


def crowd(settings: Settings, say: Say) -> Crowd:
    """Many subscribers of all instruments: the node at the best rate that a peer reaches there."""
    instruments = max(settings.instruments)
    peers: Table = {}
    for kind in (sides.IBAPI, sides.IB_ASYNC):
        say(f"{settings.crowd} subscribers, {kind.name}")
        with staged() as stage:
            side = stage.side(kind, instruments, settings.crowd)
            peers |= _take_turns([side], settings.repeats, _full_speed(settings), say)
    rate = int(max(series.rate for series in peers.values()))
    say(f"{settings.crowd} subscribers, twsmq at {rate}/s for {settings.crowd_s:.0f} s")
    with staged() as stage:
        side = stage.side(sides.CROWDED, instruments, settings.crowd)
        slices = max(1, round(settings.crowd_s / 10))
        slice_s = settings.crowd_s / slices
        lost, memory, rates = 0, [_rss_mb(side)], list[float]()
        for _ in range(slices):
            result = side.measure(int(rate * slice_s), rate)
            rates.append(result.rate)
            lost += result.lost
            memory.append(_rss_mb(side))
            say(f"  {result.rate:,.0f}/s lost {result.lost}, {memory[-1]:.1f} MB")
    return Crowd(peers, rate, settings.crowd_s, statistics.median(rates), lost, memory)


@dataclass
class Rest:
    lines: int
    cpu_percent: float
    rss_mb: float


def rest(settings: Settings, say: Say) -> Rest:
    """A node whose lines are silent, with a subscriber."""
    lines = max(settings.instruments)
    say(f"at rest with {lines} lines")
    with staged() as stage:
        side = stage.side(sides.TWSMQ, lines, 1)
        process = _process(side)
        begun, before = time.monotonic(), process.cpu_times()
        time.sleep(settings.rest_s)
        after, seconds = process.cpu_times(), time.monotonic() - begun
        busy = after.user + after.system - before.user - before.system
        return Rest(lines, 100 * busy / seconds, _rss_mb(side))


def _process(side: Side) -> psutil.Process:
    assert side.publisher is not None
    return side.publisher


def _rss_mb(side: Side) -> float:
    return _process(side).memory_info().rss / 1e6


@dataclass
class Findings:
    """Of one run. `latency` by subscribers, then rate; `throughput` by instruments."""

    settings: Settings
    load_before: float
    throughput: dict[int, Table] = field(default_factory=dict)
    latency: dict[int, dict[int, Table]] = field(default_factory=dict)
    burst: Table = field(default_factory=dict)
    fan_out: Table = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)
    crowd: Crowd | None = None
    rest: Rest | None = None
