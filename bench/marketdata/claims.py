"""What was promised, and whether it was found.

A ratio of two sides is the median of the ratios of their turns, not the ratio of their medians: turns that
followed each other had the same machine, whatever else it did in between. Each peer is compared by itself: of
two that swing, the better one of each turn is better than either is.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from . import sides
from .experiments import Findings, Table
from .sides import Kind, Result

Figure = Callable[[Result], float | None]


@dataclass(frozen=True)
class Claim:
    """`found` must be at least (or at most) `wanted`."""

    text: str
    found: float
    wanted: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        return self.found >= self.wanted if self.at_least else self.found <= self.wanted


def rate(result: Result) -> float:
    return result.rate


def seconds(result: Result) -> float:
    return result.seconds


def p50(result: Result) -> float | None:
    return result.p50


def p99(result: Result) -> float | None:
    return result.p99


def ratio(table: Table, figure: Figure, *others: Kind) -> float:
    """The node's figure, turn by turn, over the sum of the others'."""
    ours = _turns(table, sides.TWSMQ, figure)
    theirs = zip(*(_turns(table, kind, figure) for kind in others), strict=True)
    return statistics.median(own / sum(other) for own, other in zip(ours, theirs, strict=True))


def _turns(table: Table, kind: Kind, figure: Figure) -> list[float]:
    return [value for run in table[kind.name].runs if (value := figure(run)) is not None]


def claims(found: Findings) -> Iterator[Claim]:
    for instruments, table in found.throughput.items():
        for kind, factor in ((sides.IBAPI, 12), (sides.IB_ASYNC, 3), (sides.COUNT, 4)):
            text = f"lossless ticks/s, {instruments} instruments: × {kind.name}"
            yield Claim(text, ratio(table, rate, kind), factor)
        yield Claim(f"ticks lost, {instruments} instruments", table[sides.TWSMQ.name].lost, 0, at_least=False)
    for subscribers, by_rate in found.latency.items():
        for each, table in by_rate.items():
            yield from _ages(table, subscribers, each)
    if found.burst:
        share = ratio(found.burst, seconds, sides.IBAPI)
        yield Claim("burst, until the last is delivered: share of ibapi's time", share, 0.2, at_least=False)
    for kind, factor in ((sides.VNPY, 5), (sides.NATS, 3)):
        if kind.name in found.fan_out:
            text = f"ticks/s to {found.settings.fan_out} subscribers: × {kind.name}"
            yield Claim(text, ratio(found.fan_out, rate, kind), factor)
    yield from _endurance(found)


def _ages(table: Table, subscribers: int, each: int) -> Iterator[Claim]:
    for name, figure in (("p50", p50), ("p99", p99)):
        shares = {kind.name: ratio(table, figure, kind) for kind in (sides.IBAPI, sides.IB_ASYNC)}
        closer = max(shares, key=lambda peer: shares[peer])
        text = f"{name} at {each:,}/s, {subscribers} subscribers: share of {closer}'s, the closer peer's"
        yield Claim(text, shares[closer], 1, at_least=False)
    if sides.HOP.name in table:
        bare = ratio(table, p50, sides.TCP, sides.HOP)
        yield Claim(f"p50 at {each:,}/s ÷ (bare TCP + bare ZeroMQ hop)", bare, 1.25, at_least=False)


def _endurance(found: Findings) -> Iterator[Claim]:
    if found.crowd is not None:
        grown = found.crowd.rss_mb[-1] / found.crowd.rss_mb[1]
        yield Claim(f"{found.settings.crowd} subscribers: ticks lost", found.crowd.lost, 0, at_least=False)
        kept = found.crowd.kept / found.crowd.rate  # the last batch of each 10 s waits up to 0.1 s
        yield Claim("the same: taken as fast as sent at the best peer's rate", kept, 0.98)
        yield Claim("the same: memory at the end ÷ after the first slice", grown, 1.02, at_least=False)
    if found.rest is not None:
        yield Claim("at rest: % CPU", found.rest.cpu_percent, 1, at_least=False)
        yield Claim("at rest: MB RSS", found.rest.rss_mb, 80, at_least=False)
