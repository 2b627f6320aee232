"""The findings as a picture: throughput on the left, ages over the rate on the right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

from . import sides
from .claims import p50, p99
from .experiments import Findings

COLOURS = {sides.TWSMQ.name: "tab:blue", sides.IBAPI.name: "tab:red", sides.IB_ASYNC.name: "tab:orange"}


def draw(found: Findings, path: Path) -> None:
    panels = 1 + len(found.latency)
    figure, axes = plt.subplots(1, panels, figsize=(4.5 * panels, 4), squeeze=False, layout="constrained")
    _throughput(axes[0][0], found)
    for axis, (subscribers, by_rate) in zip(axes[0][1:], found.latency.items(), strict=True):
        _ages(axis, subscribers, by_rate)
    figure.savefig(path, dpi=110)  # pyright: ignore[reportUnknownMemberType]
    plt.close(figure)


def _throughput(axis: Any, found: Findings) -> None:
    if not found.throughput:
        return
    instruments, table = next(iter(found.throughput.items()))
    names = list(reversed(table))
    colours = [COLOURS.get(name, "tab:gray") for name in names]
    bars = axis.barh(names, [table[name].rate / 1000 for name in names], color=colours)
    axis.bar_label(bars, fmt="%.0f", padding=3)
    axis.set_xlabel("thousand ticks/s, lossless")
    axis.set_title(f"{instruments} instruments, one subscriber")
    axis.margins(x=0.15)


def _ages(axis: Any, subscribers: int, by_rate: Any) -> None:
    rates = list(by_rate)
    for name, colour in COLOURS.items():
        for figure, style in ((p50, "-o"), (p99, "--^")):
            ages = [by_rate[rate][name].median(figure) / 1000 for rate in rates]
            label = name if figure is p50 else None
            axis.plot(rates, ages, style, color=colour, label=label, markersize=4)
    axis.set(xscale="log", yscale="log", xlabel="ticks/s", ylabel="ms, p50 (line) and p99 (dashes)")
    axis.set_title(f"age, {subscribers} subscriber{'s' if subscribers > 1 else ''}")
    axis.legend(fontsize="small")
