"""The table of a run, in Markdown: targets first, then what was measured, then the terms."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil
import stages
from measured import Latency, Run, median

FILE = "orders.md"
P50_FACTOR, P99_FACTOR, CPU_US, P99_SHARE, ORDERS_PER_S = 1.25, 1.75, 180.0, 1 / 8, 5000.0
NAMES = {
    "twsmq": "twsmq: client, orders node, durable",
    "ib_async": "ib_async, in process, not durable",
    "ibapi": "IBKR's ibapi as shipped, in process, not durable",
    "relay": "a bare relay: client, ROUTER, one commit, socket",
    "process": 'twsmq with durability = "process"',
    "unsaved": "the bare relay without its commit",
}
PACKAGES = ("ib_async", "nautilus-ibapi", "pyzmq", "uvloop")
TERMS = """\
## Terms

- {date}, {cores}, shared with others: load average {load} at the end, niceness {nice}.
  Only ratios within a run mean something.
- Python {python}, {packages}; journals on {disk}.
- {rounds} rounds, each with every side in turn in fresh processes, the first one another each time; {orders}
  orders counted after a warm-up. Shown are the median of the rounds (least–most).
- The gateway is the bench's own process: the simulated one books and stores each order before it reads the
  next, and its time would be in everybody's. It stamps right after the read, by the machine's monotonic
  clock, which the clients use as well, and answers each order with openOrder and orderStatus.
- twsmq: a client process (pyzmq, DEALER, hears all order events) and the orders node as it ships (SQLite,
  WAL, synchronous=FULL; the bytes leave after the commit) without a message budget. The time starts before
  the request is encoded.
- With durability = "process" the intent outlives the end of any process, not a loss of power
  (synchronous=NORMAL): beside it stands the relay that commits nothing at all.
- The bare relay shows what is left when everything is taken away that makes it safe to use (`relay_side.py`):
  the way through ZeroMQ, one commit to the same kind of journal, the socket, on one thread.
- The node's processor time counts from when it is ready: until 2026-11-28 it had the node's start in it, some
  30 µs for each of 16,000 orders.
- The others: one process; the time starts before `placeOrder`. ib_async's throttle of 45 messages/s is off.
  ibapi does not set TCP_NODELAY: what it sends waits until what it sent before is acknowledged, which happens
  with the gateway's next answer or after 40 ms; therefore two delays of the answer. The targets are judged at
  the first.
"""


@dataclass(frozen=True)
class Target:
    text: str
    measured: str
    met: bool


def targets(run: Run) -> list[Target]:
    delay = run.terms.delays_ms[0]
    ours, _, ibapi, relay, process, unsaved = (run.of(side, delay) for side in NAMES)
    p50 = median([mine.p50 / peer.p50 for mine, peer in zip(ours, relay, strict=True)])
    worst = median([mine.p99 / peer.p99 for mine, peer in zip(ours, relay, strict=True)])
    unsafe = median([mine.p50 / peer.p50 for mine, peer in zip(process, unsaved, strict=True)])
    p99 = median([mine.p99 / peer.p99 for mine, peer in zip(ours, ibapi, strict=True)])
    rate = median([burst.rate for burst in run.bursts])
    cpu = median([burst.cpu for burst in run.bursts])
    return [
        Target("p50 at most 1.25 × the bare relay's", f"{p50:.2f} ×", p50 <= P50_FACTOR),
        Target("p99 at most 1.75 × the bare relay's", f"{worst:.2f} ×", worst <= P99_FACTOR),
        Target(
            'with durability = "process": p50 at most 1.25 × the bare relay\'s without its commit',
            f"{unsafe:.2f} ×",
            unsafe <= P50_FACTOR,
        ),
        Target("at most 180 µs of the node's processor for an order", f"{cpu:.0f} µs", cpu <= CPU_US),
        Target("p99 at most 1/8 of ibapi's", f"1/{1 / p99:.1f}", p99 <= P99_SHARE),
        Target("at least 5,000 durable orders/s, 8 strategies", f"{rate:,.0f}/s", rate >= ORDERS_PER_S),
    ]


def write(run: Run, folder: Path, disk: Path) -> None:
    """`disk`: a folder on the disk of the journals."""
    lines = ["# Orders: from the client's send to the bytes at the gateway's socket", ""]
    lines += ["| target | measured | |", "|---|---|---|"]
    lines += [f"| {t.text} | {t.measured} | {'met' if t.met else '**missed**'} |" for t in targets(run)]
    lines += ["", "Each ratio is the median of the ratios within each round."]
    for delay in run.terms.delays_ms:
        lines += ["", *latency_table(run, delay)]
    lines += ["", *stages.way_table(run.ways)]
    lines += ["", *burst_table(run), "", *stages.work_table(run.works), "", *terms(run, disk)]
    (folder / FILE).write_text("\n".join(lines) + "\n")


def latency_table(run: Run, delay: float) -> list[str]:
    lines = [
        f"## {run.terms.rate:g} orders/s, the gateway answers after {delay:g} ms",
        "",
        "| | p50 µs | p99 µs | orders/s |",
        "|---|---|---|---|",
    ]
    for side, name in NAMES.items():
        rounds = run.of(side, delay)
        if not rounds:
            continue
        rate = median([one.rate for one in rounds])
        lines.append(f"| {name} | {spread(rounds, 'p50')} | {spread(rounds, 'p99')} | {rate:.0f} |")
    return lines


def spread(rounds: list[Latency], name: str) -> str:
    """Median of the rounds, and the least and the most."""
    values: list[float] = [getattr(one, name) for one in rounds]
    return f"{median(values):,.0f} ({min(values):,.0f}–{max(values):,.0f})"


def burst_table(run: Run) -> list[str]:
    t = run.terms
    alone = median([commit.p50 for commit in run.commits])
    worst = median([commit.p99 for commit in run.commits])
    rates = [burst.rate for burst in run.bursts]
    cpu = median([burst.cpu for burst in run.bursts])
    return [
        f"## As fast as the node takes them: {t.strategies} strategies, {t.window} unanswered each",
        "",
        "| | |",
        "|---|---|",
        f"| durable orders/s, first send to last arrival | {median(rates):,.0f} "
        f"({min(rates):,.0f}–{max(rates):,.0f}) |",
        f"| processor time of the node for each, its answers and events included | {cpu:,.0f} µs |",
        f"| one commit alone on this disk, p50 and p99 | {alone:,.0f} µs, {worst:,.0f} µs |",
        f"| so without groups at most | {1e6 / alone:,.0f} orders/s |",
    ]


def terms(run: Run, disk: Path) -> list[str]:
    t = run.terms
    kind = max(
        (part for part in psutil.disk_partitions(all=True) if disk.resolve().is_relative_to(part.mountpoint)),
        key=lambda part: len(part.mountpoint),
    ).fstype
    text = TERMS.format(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        cores=f"{os.cpu_count()} cores ({platform.machine()})",
        load=", ".join(f"{value:.1f}" for value in os.getloadavg()),
        nice=os.nice(0),
        python=platform.python_version(),
        packages=", ".join(f"{name} {version(name)}" for name in PACKAGES),
        disk=kind,
        rounds=t.rounds,
        orders=t.orders,
    )
    return text.splitlines()
