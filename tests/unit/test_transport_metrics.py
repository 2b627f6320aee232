"""What a process counts, and what a scrape makes of it."""

from __future__ import annotations

import re

import pytest
from twsmq_protocol.metrics import METRICS, PREFIX, Metrics
from twsmq_transport.metrics import Registry
from twsmq_web.exposition import exposition


def test_names_are_as_prometheus_wants_them() -> None:
    for name, metric in METRICS.items():
        assert re.fullmatch(r"[a-z][a-z_]*", name)
        assert name.endswith("_total") == (metric.kind == "counter"), name
        assert bool(metric.bounds) == (metric.kind == "histogram"), name
        assert list(metric.bounds) == sorted(metric.bounds)
        assert not {"instrument", "con_id", "order_id", "peer", "text"} & set(metric.labels)


def test_counts_histograms_and_collectors_are_gathered() -> None:
    registry = Registry()
    registry.counter("requests_total", "board", "ok").n += 2
    registry.counter("requests_total", "board", "ok").n += 1
    for seconds in (0.0002, 0.002, 7.0):
        registry.histogram("request_seconds", "board").observe(seconds)
    registry.collect(lambda: [("orders", ("alpha", "unknown"), 1)])
    found = {each.name: each.samples for each in registry.gather()}
    assert [(each.labels, each.value) for each in found["requests_total"]] == [
        ({"op": "board", "code": "ok"}, 3)
    ]
    (histogram,) = found["request_seconds"]
    assert histogram.buckets is not None
    assert (histogram.buckets[-1], histogram.buckets[-2], round(histogram.value, 4)) == (3, 2, 7.0022)
    assert found["orders"][0].labels == {"strategy": "alpha", "state": "unknown"}


def test_a_metric_that_is_in_no_table_or_of_another_shape_is_refused() -> None:
    registry = Registry()
    with pytest.raises(KeyError, match="METRICS"):
        registry.counter("nothing_total")
    with pytest.raises(ValueError, match="histogram"):
        registry.counter("request_seconds", "board")
    with pytest.raises(ValueError, match="labels"):
        registry.counter("requests_total", "board")


def test_a_scrape_names_the_process_unless_the_metric_does() -> None:
    registry = Registry()
    registry.counter("requests_total", "board", "ok").n += 1
    registry.histogram("loop_lag_seconds").observe(0.002)
    registry.collect(lambda: [("heartbeat_age_seconds", ("orders",), 0.25)])
    text = exposition([Metrics(name="status", incarnation=1, metrics=registry.gather())]).decode()
    assert f'{PREFIX}requests_total{{code="ok",op="board",process="status"}} 1.0' in text
    assert f'{PREFIX}heartbeat_age_seconds{{process="orders"}} 0.25' in text
    assert f'{PREFIX}loop_lag_seconds_bucket{{le="+Inf",process="status"}} 1.0' in text
    assert "_created" not in text
