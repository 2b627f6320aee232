"""`python -m bench.marketdata.run`: everything, or the experiments named."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import click

from . import experiments, plot, report
from .experiments import QUICK, Settings

RESULTS = Path(__file__).parents[1] / "results"
NAMES = ("throughput", "latency", "burst", "fan_out", "crowd", "rest")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--quick", is_flag=True, help="a few seconds, to see that it works; the figures mean nothing")
@click.option("--repeats", type=click.IntRange(min=1), help="runs of each side (default 5)")
@click.option("--crowd-seconds", type=float, help="how long many subscribers are served (default 60)")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, show_default=True)
def main(
    names: tuple[str, ...], quick: bool, repeats: int | None, crowd_seconds: float | None, results: Path
) -> None:
    """Measure the market-data node beside its peers; write a table and a plot."""
    settings = QUICK if quick else Settings()
    if repeats is not None:
        settings = replace(settings, repeats=repeats)
    if crowd_seconds is not None:
        settings = replace(settings, crowd_s=crowd_seconds)
    found = measure(settings, set(names or NAMES))
    results.mkdir(parents=True, exist_ok=True)
    table = report.markdown(found)
    (results / "marketdata.md").write_text(table)
    plot.draw(found, results / "marketdata.png")
    print(table)


def measure(settings: Settings, names: set[str]) -> report.Findings:
    def say(text: str) -> None:
        print(text, flush=True)

    found = report.Findings(settings, os.getloadavg()[0])
    if "throughput" in names:
        found.throughput = {
            each: experiments.throughput(settings, each, say) for each in settings.instruments
        }
    if "latency" in names:
        found.latency = {each: experiments.latency(settings, each, say) for each in settings.subscribers}
    if "burst" in names:
        found.burst = experiments.burst(settings, say)
    if "fan_out" in names:
        found.fan_out, found.lacking = experiments.fan_out(settings, say)
    if "crowd" in names:
        found.crowd = experiments.crowd(settings, say)
    if "rest" in names:
        found.rest = experiments.rest(settings, say)
    return found


if __name__ == "__main__":
    main()
