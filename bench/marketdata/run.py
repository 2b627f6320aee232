"""`python -m bench.marketdata.run`: everything, or the experiments named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from . import experiments, plot, report
from .experiments import QUICK, Findings, Settings

RESULTS = Path(__file__).parents[1] / "results"
NAMES = ("throughput", "burst", "fan_out", "rest", "latency", "crowd")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--quick", is_flag=True, help="a few seconds, to see that it works; the figures mean nothing")
@click.option("--repeats", type=click.IntRange(min=1), help="runs of each side (default 5, for latency 15)")
@click.option("--crowd-seconds", type=float, help="how long many subscribers are served (default 600)")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, show_default=True)
def main(
    names: tuple[str, ...], quick: bool, repeats: int | None, crowd_seconds: float | None, results: Path
) -> None:
    """Measure the market-data node beside its peers; write a table and a plot."""
    settings = QUICK if quick else Settings()
    if repeats is not None:
        settings = replace(settings, repeats=repeats, latency_repeats=repeats)
    if crowd_seconds is not None:
        settings = replace(settings, crowd_s=crowd_seconds)
    results.mkdir(parents=True, exist_ok=True)
    found = Findings(settings, os.getloadavg()[0])
    for _ in measure(found, set(names or NAMES)):  # a long run that is broken off leaves what it has found
        (results / "marketdata.md").write_text(report.markdown(found))
        plot.draw(found, results / "marketdata.png")
    print(report.markdown(found))


def measure(found: Findings, names: set[str]) -> Iterator[None]:
    """Fills `found`; yields after each experiment."""

    def say(text: str) -> None:
        print(text, flush=True)

    settings = found.settings
    if "throughput" in names:
        for instruments in settings.instruments:
            found.throughput[instruments] = experiments.throughput(settings, instruments, say)
            yield
    if "burst" in names:
        found.burst = experiments.burst(settings, say)
        yield
    if "fan_out" in names:
        found.fan_out, found.lacking = experiments.fan_out(settings, say)
        yield
    if "rest" in names:
        found.rest = experiments.rest(settings, say)
        yield
    if "latency" in names:
        for subscribers in settings.subscribers:
            found.latency[subscribers] = experiments.latency(settings, subscribers, say)
            yield
    if "crowd" in names:
        found.crowd = experiments.crowd(settings, say)
        yield


if __name__ == "__main__":
    main()
