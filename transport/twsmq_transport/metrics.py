"""A process's own counts, gathered when somebody asks.

Invariant: counting is an addition to a plain integer, and never takes a lock, a clock or an allocation of its
own. What is counted elsewhere already (a list's length, a topic's last number) is not counted here again but
read by a collector at the moment of asking.

Every name stands in `twsmq_protocol.metrics.METRICS`; another one is refused at once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable

from twsmq_protocol.metrics import METRICS, MetricSamples, Sample

Labels = tuple[str, ...]
Reading = tuple[str, Labels, float]
"""Name of a counter or gauge, its labels' values in the table's order, its value."""
Collector = Callable[[], Iterable[Reading]]


class Counter:
    """`n` may be added to directly."""

    __slots__ = ("n",)

    def __init__(self) -> None:
        self.n = 0


class Histogram:
    """How many observations fell between the bounds, and their sum."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    @property
    def total(self) -> int:
        return sum(self.counts)

    def quantile(self, share: float) -> float | None:
        """The bound below which `share` of all lie; None without any, the last bound if beyond it."""
        return quantile(self._bounds, self.counts, share)


def quantile(bounds: Iterable[float], counts: Iterable[int], share: float) -> float | None:
    """The bound below which `share` of what `counts` has per bucket lies."""
    counted, limits = list(counts), list(bounds)
    total = sum(counted)
    if not total:
        return None
    seen = 0
    for bound, count in zip(limits, counted, strict=False):
        seen += count
        if seen >= share * total:
            return bound
    return limits[-1]


class Registry:
    """All counts of one process."""

    def __init__(self) -> None:
        self._counters: dict[str, dict[Labels, Counter]] = {}
        self._histograms: dict[str, dict[Labels, Histogram]] = {}
        self._collectors: list[Collector] = []

    def counter(self, name: str, *labels: str) -> Counter:
        """The same object for the same labels; keep it where it is counted often."""
        _require(name, "counter", labels)
        family = self._counters.setdefault(name, {})
        if labels not in family:
            family[labels] = Counter()
        return family[labels]

    def histogram(self, name: str, *labels: str) -> Histogram:
        _require(name, "histogram", labels)
        family = self._histograms.setdefault(name, {})
        if labels not in family:
            family[labels] = Histogram(METRICS[name].bounds)
        return family[labels]

    def adopt(self, name: str, histogram: Histogram, *labels: str) -> None:
        """Gather a histogram that somebody else made."""
        _require(name, "histogram", labels)
        self._histograms.setdefault(name, {})[labels] = histogram

    def collect(self, collector: Collector) -> None:
        """`collector` is called for each answer."""
        self._collectors.append(collector)

    def gather(self) -> list[MetricSamples]:
        """Every metric that has a value, in the table's order."""
        found: dict[str, list[Sample]] = {}
        for name, counters in self._counters.items():
            for labels, counter in counters.items():
                found.setdefault(name, []).append(Sample(labels=_named(name, labels), value=counter.n))
        for name, histograms in self._histograms.items():
            for labels, histogram in histograms.items():
                found.setdefault(name, []).append(_sample(name, labels, histogram))
        for collector in self._collectors:
            for name, labels, value in collector():
                _require(name, METRICS[name].kind, labels)
                found.setdefault(name, []).append(Sample(labels=_named(name, labels), value=float(value)))
        return [
            MetricSamples(
                name=name,
                kind=metric.kind,
                text=metric.text,
                bounds=list(metric.bounds),
                samples=found[name],
            )
            for name, metric in METRICS.items()
            if name in found
        ]


def _named(name: str, labels: Labels) -> dict[str, str]:
    return dict(zip(METRICS[name].labels, labels, strict=True))


def _sample(name: str, labels: Labels, histogram: Histogram) -> Sample:
    buckets: list[int] = []
    seen = 0
    for count in histogram.counts:
        seen += count
        buckets.append(seen)
    return Sample(labels=_named(name, labels), value=histogram.sum, buckets=buckets)


def _require(name: str, kind: str, labels: Labels) -> None:
    metric = METRICS.get(name)
    if metric is None:
        raise KeyError(f"no metric is called {name!r}: add it to twsmq_protocol.metrics.METRICS")
    if metric.kind != kind or len(labels) != len(metric.labels):
        raise ValueError(f"{name} is a {metric.kind} with the labels {metric.labels}, not {kind} {labels}")
