"""What a run of the bench measured."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field, replace
from typing import Self


@dataclass(frozen=True)
class Terms:
    """`delays_ms`: after which the gateway answers an order; the first are the terms of the targets.
    `staged`: in how many rounds the stages are looked at as well."""

    rounds: int = 7
    staged: int = 3
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
class Way:
    """One side's run of one round, stage by stage: µs of each order until it came to the end of each."""

    side: str
    stages: dict[str, list[float]] = field(repr=False)

    @property
    def p50(self) -> dict[str, float]:
        return {stage: percentile(took, 0.5) for stage, took in self.stages.items()}

    def __str__(self) -> str:
        return f"{self.side}, p50 µs: " + ", ".join(f"{name} {took:.0f}" for name, took in self.p50.items())


@dataclass(frozen=True)
class Work:
    """Processor time of the node in µs for an order: of each stage, of the loop's thread and of all."""

    spent: dict[str, float]
    loop: float
    process: float

    def __str__(self) -> str:
        spent = ", ".join(f"{name} {took:.1f}" for name, took in self.spent.items())
        return f"CPU µs for an order: {self.process:.0f}, the loop's {self.loop:.0f}: {spent}"


@dataclass(frozen=True)
class Run:
    terms: Terms
    latencies: list[Latency] = field(default_factory=list)
    bursts: list[Burst] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)

    def of(self, side: str, delay_ms: float) -> list[Latency]:
        return [one for one in self.latencies if (one.side, one.delay_ms) == (side, delay_ms)]


def median(values: list[float]) -> float:
    return statistics.median(values)
