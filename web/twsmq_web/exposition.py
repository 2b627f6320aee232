"""`/metrics`: the counts of all processes in Prometheus's text form, each with the label `process`.

A metric whose own labels name a process (those of the status node about others) keeps it. Whoever does not
answer in time is absent: Prometheus's `absent()` and the alert NothingHeard are for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from twsmq_protocol.metrics import METRICS, PREFIX, Metrics, Sample

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Answers(Collector):
    def __init__(self, answers: Iterable[Metrics]) -> None:
        self._answers = list(answers)

    def collect(self) -> Iterator[Metric]:
        for name, metric in METRICS.items():
            samples = [
                (answer.name, sample)
                for answer in self._answers
                for family in answer.metrics
                if family.name == name
                for sample in family.samples
            ]
            if samples:
                yield _family(name, metric.kind, metric.text, metric.bounds, samples)


def exposition(answers: Iterable[Metrics]) -> bytes:
    """What a scrape gets."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Answers(answers))
    return generate_latest(registry)


def _family(
    name: str, kind: str, text: str, bounds: tuple[float, ...], samples: list[tuple[str, Sample]]
) -> Metric:
    names = list(METRICS[name].labels)
    labels = names if "process" in names else ["process", *names]

    def values(process: str, sample: Sample) -> list[str]:
        return [sample.labels.get(each, process if each == "process" else "") for each in labels]

    full = PREFIX + name
    if kind == "histogram":
        histogram = HistogramMetricFamily(full, text, labels=labels)
        edges = [*(repr(bound) for bound in bounds), "+Inf"]
        for process, sample in samples:
            buckets = list(zip(edges, map(float, sample.buckets or []), strict=True))
            histogram.add_metric(values(process, sample), buckets, sample.value)
        return histogram
    family = (CounterMetricFamily if kind == "counter" else GaugeMetricFamily)(full, text, labels=labels)
    for process, sample in samples:
        family.add_metric(values(process, sample), sample.value)
    return family
