"""What a run of the bench measured."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field, replace
from typing import Self


@dataclass(frozen=True)
class Terms:
    """`delays_ms`: after which the gateway answers an order; the first are the terms of the targets."""

    rounds: int = 7
    rate: float = 500.0
    orders: int = 1500
    delays_ms: tuple[float, ...] = (50.0, 2.0)
    strategies: int = 8
    window: int = 64
    burst: int = 16_000
    commits: int = 500

    @classmethod
    def quick(cls) -> Self:
        return cls(rounds=1, orders=100, burst=800, commits=20)

    def with_rounds(self, rounds: int) -> Terms:
        return replace(self, rounds=rounds)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


@dataclass(frozen=True)
class Latency:
    """One side's run of one round. `took` in µs."""

    side: str
    delay_ms: float
    took: list[float] = field(repr=False)
    rate: float

    @property
    def p50(self) -> float:
        return percentile(self.took, 0.5)

    @property
    def p99(self) -> float:
        return percentile(self.took, 0.99)

    def __str__(self) -> str:
        return (
            f"{self.side}, answers after {self.delay_ms:g} ms, {self.rate:.0f} orders/s: "
            f"p50 {self.p50:.0f} µs, p99 {self.p99:.0f} µs"
        )


@dataclass(frozen=True)
class Burst:
    """`rate` in orders/s, from the first send to the last arrival; `cpu` of the node in µs per order, until
    the gateway's answers are published."""

    rate: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.rate:.0f} durable orders/s, {self.cpu:.0f} µs of CPU in the node for each"


@dataclass(frozen=True)
class Commit:
    """µs."""

    took: list[float] = field(repr=False)

    @property
    def p50(self) -> float:
        return percentile(self.took, 0.5)

    @property
    def p99(self) -> float:
        return percentile(self.took, 0.99)

    def __str__(self) -> str:
        return f"one commit alone: p50 {self.p50:.0f} µs, p99 {self.p99:.0f} µs"


@dataclass(frozen=True)
class Run:
    terms: Terms
    latencies: list[Latency] = field(default_factory=list)
    bursts: list[Burst] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)

    def of(self, side: str, delay_ms: float) -> list[Latency]:
        return [one for one in self.latencies if (one.side, one.delay_ms) == (side, delay_ms)]


def median(values: list[float]) -> float:
    return statistics.median(values)
