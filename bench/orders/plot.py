"""The plot of a run: how many orders had arrived after how long, and durable orders per second."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from measured import Run
from report import NAMES, ORDERS_PER_S

FILE = "orders.png"
COLOURS = {
    "twsmq": "#1f77b4", "ib_async": "#2ca02c", "ibapi": "#d62728", "relay": "#7f7f7f", "process": "#17becf",
    "unsaved": "#bcbd22",
}  # fmt: skip


def write(run: Run, folder: Path) -> None:
    figure, (latency, rate) = plt.subplots(1, 2, figsize=(11, 4.2), width_ratios=(3, 1), layout="constrained")
    for delay, line in zip(run.terms.delays_ms, ("-", ":"), strict=False):
        for side, name in NAMES.items():
            took = sorted(value for one in run.of(side, delay) for value in one.took)
            if not took:
                continue
            shares = [(number + 1) / len(took) for number in range(len(took))]
            label = f"{name.partition(',')[0]}, answers after {delay:g} ms"
            latency.plot(took, shares, line, color=COLOURS[side], label=label)
    latency.set(xscale="log", xlabel="client's send to the gateway's socket, µs", ylabel="orders arrived")
    latency.set_title(f"{run.terms.rate:g} orders/s")
    latency.grid(alpha=0.3, which="both")
    latency.legend(fontsize=8)
    rate.bar(
        [str(n + 1) for n in range(len(run.bursts))], [burst.rate for burst in run.bursts], color="#1f77b4"
    )
    rate.axhline(ORDERS_PER_S, color="black", linestyle="--", linewidth=1)
    rate.set(xlabel="round", title=f"durable orders/s, {run.terms.strategies} strategies")
    figure.savefig(folder / FILE, dpi=120)
    plt.close(figure)
