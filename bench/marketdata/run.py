"""`make bench-marketdata`: the market data path against its peers, all fed by the same gateway in one run.

Writes `bench/results/marketdata.md` (a table), `marketdata.json` (every run) and `marketdata.svg` (a plot).
Figures are medians of BENCH_RUNS runs (5); the sides take turns, so that a busy moment of the machine hits
all alike. `ARGS="throughput burst"` measures only these of throughput, burst, latency, fanout, many, rest.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from plot import bars

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results"
RUNS = int(os.environ.get("BENCH_RUNS", "5"))
PORT_BASE = 28_500
SIDES = ("twsmq", "ibapi", "ib_async")
THROUGHPUT = {"twsmq": 400_000, "ibapi": 40_000, "ib_async": 120_000, "ibapi-count": 60_000}
LATENCY_RATES = (1_000, 10_000, 50_000)
SUBSCRIBERS = (1, 4, 16)
FANOUT = 10_000


class Child:
    """A process that talks JSON lines."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE
        )

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args} ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self, **command: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.hear()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def side(name: str, feed_port: int, lines: int) -> Iterator[tuple[str, str, int]]:
    """Runs one side. Gives its endpoint, the topics to subscribe to, and its pid."""
    if name != "twsmq":
        endpoint = f"tcp://127.0.0.1:{PORT_BASE + 90}"
        peer = Child("peers.py", name, str(feed_port), str(lines), endpoint)
        try:
            yield endpoint, "t", peer.process.pid
        finally:
            peer.end()
        return
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "twsmq.toml")
        config.write_text(
            f"[cluster]\nport_base = {PORT_BASE}\nsend_queue = 10000000\n[gateway]\nport = {feed_port}\n"
            "messages_per_second = 0\n[marketdata]\nlines = 1000\n"
        )
        node = subprocess.Popen(
            [sys.executable, "-m", "twsmq_nodes.marketdata", "--config", str(config), "--log-level", "error"]
        )
        topics = "|".join(f"tick/BAG:X:SMART:USD:+1x{line + 1}/" for line in range(lines))
        try:
            yield f"tcp://127.0.0.1:{PORT_BASE + 21}", topics, node.pid
        finally:
            node.kill()
            node.wait()


def deliver(name: str, parts: list[tuple[int, float]], subscribers: int, lines: int) -> dict[str, Any]:
    """Send (ticks, rate) after (ticks, rate) through one side and gather what its subscribers saw."""
    feed = Child("feed.py")
    children: list[Child] = [feed]
    ticks = sum(number for number, _ in parts)
    counts = ",".join(str(number) for number, _ in parts)
    try:
        with side(name, feed.hear()["port"], lines) as (endpoint, topics, pid):
            listening = [Child("subscriber.py", endpoint, topics, counts) for _ in range(subscribers)]
            children += listening
            for child in listening:
                child.hear()
            wait_for(lambda: feed.ask()["lines"] >= lines)
            time.sleep(1.0)  # ZeroMQ has no other way to tell that all subscriptions have arrived
            process = psutil.Process(pid)
            before = process.cpu_times()
            began = [feed.ask(ticks=number, rate=rate)["began"] for number, rate in parts]
            reports = [child.hear() for child in listening]
            after = process.cpu_times()
            return {
                "rate": min(report["ticks"] / max(report["seconds"], 1e-9) for report in reports),
                "missing": sum(ticks - report["ticks"] for report in reports),
                "lost": sum(report["lost"] for report in reports),
                "until_last_s": (max(report["last"] for report in reports) - began[0]) / 1e9,
                "cpu_us": 1e6 * (after.user + after.system - before.user - before.system) / ticks,
                "latency_us": [
                    {key: statistics.mean(each[key] for each in part) for key in ("p50", "p99")}
                    for part in zip(*(report["latency_us"] for report in reports), strict=True)
                ],
            }
    finally:
        for child in children:
            child.end()


def count_in_process(ticks: int) -> dict[str, Any]:
    """IBKR's client whose callback only counts."""
    feed = Child("feed.py")
    peer = Child("peers.py", "ibapi-count", str(feed.hear()["port"]), "1", "-")
    try:
        wait_for(lambda: feed.ask()["lines"] >= 1)
        feed.ask(ticks=ticks, rate=0)
        report: dict[str, Any] = {"seen": 0}
        while report["seen"] < ticks - 1000:
            report = peer.hear()
        return {"rate": report["rate"]}
    finally:
        peer.end()
        feed.end()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("the side did not ask for its lines within 30 s")
        time.sleep(0.1)


def fan_out(name: str) -> dict[str, Any]:
    command = [sys.executable, "fanout.py", name, "16", str(FANOUT)]
    return json.loads(subprocess.run(command, cwd=HERE, capture_output=True, check=True).stdout)


def median(runs: list[dict[str, Any]], key: str) -> float | None:
    values = [run[key] for run in runs if run.get(key) is not None]
    return statistics.median(values) if values else None


def repeat(cases: dict[str, Callable[[], dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Every case RUNS times, in turn."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in cases}
    for number in range(RUNS):
        for name, case in cases.items():
            runs[name].append(case())
            print(f"{number + 1}/{RUNS} {name}: {runs[name][-1]}", flush=True)
    return runs


def main() -> None:
    only = set(sys.argv[1:])
    known = RESULTS / "marketdata.json"
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    if only and known.exists():
        found = json.loads(known.read_text())  # groups measured on their own replace only themselves

    def wanted(name: str) -> bool:
        return not only or name in only

    if wanted("throughput"):
        cases = {name: lambda name=name: deliver(name, [(THROUGHPUT[name], 0)], 1, 1) for name in SIDES}
        found["throughput"] = repeat(
            cases | {"ibapi-count": lambda: count_in_process(THROUGHPUT["ibapi-count"])}
        )
    if wanted("burst"):
        found["burst"] = repeat(
            {name: lambda name=name: deliver(name, [(5_000, 0)], 1, 100) for name in SIDES}
        )
    if wanted("latency"):
        parts = [(min(3 * rate, 30_000), float(rate)) for rate in LATENCY_RATES]
        found["latency"] = repeat(
            {
                f"{name}, {number} sub": lambda name=name, number=number: deliver(name, parts, number, 10)
                for number in SUBSCRIBERS
                for name in SIDES
            }
            | {"bare, 1 sub": lambda: deliver("bare", parts[:1], 1, 1)}
        )
    if wanted("fanout"):
        found["fanout"] = repeat(
            {name: lambda name=name: fan_out(name) for name in ("twsmq", "vnpy", "nats")}
        )
    if wanted("many"):
        rate = 20_000.0
        found["many"] = repeat({"twsmq": lambda: deliver("twsmq", [(60_000, rate)], 64, 100)})
    if wanted("rest"):
        found["rest"] = repeat({"twsmq": at_rest})
    RESULTS.mkdir(exist_ok=True)
    known.write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "marketdata.md").write_text(table(found))
    (RESULTS / "marketdata.svg").write_text(plot(found))
    print((RESULTS / "marketdata.md").read_text())


def at_rest() -> dict[str, Any]:
    """A node with 100 quiet lines that somebody listens to."""
    feed = Child("feed.py")
    try:
        with side("twsmq", feed.hear()["port"], 100) as (endpoint, topics, pid):
            listener = Child("subscriber.py", endpoint, topics, "1")
            listener.hear()
            wait_for(lambda: feed.ask()["lines"] >= 100)
            process = psutil.Process(pid)
            time.sleep(2)
            before = process.cpu_times()
            time.sleep(10)
            after = process.cpu_times()
            listener.end()
            busy = after.user + after.system - before.user - before.system
            return {"cpu_percent": 10 * busy, "rss_mb": process.memory_info().rss / 1e6}
    finally:
        feed.end()


def table(found: dict[str, dict[str, list[dict[str, Any]]]]) -> str:
    lines = [
        "# Market data: figures",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, {platform.platform()}, Python "
        f"{platform.python_version()}; load before: {os.getloadavg()[0]:.1f}. Medians of {RUNS} runs.",
        "",
    ]
    heads = {
        "throughput": ("Lossless ticks, gateway socket to subscriber in another process", "rate", "frames/s"),
        "burst": (
            "Opening burst of 5,000 ticks on 100 lines: until the last is delivered",
            "until_last_s",
            "s",
        ),
        "fanout": ("One quote a message to 16 subscribers, taken and decoded", "rate", "messages/s"),
        "many": ("64 subscribers, 100 instruments, 20,000 ticks/s: lost", "missing", "ticks"),
    }
    for group, (title, key, unit) in heads.items():
        if group in found:
            lines += [f"## {title}", "", f"| side | {unit} | of twsmq |", "|---|---|---|"]
            ours = median(found[group]["twsmq"], key)
            for name, runs in found[group].items():
                value = median(runs, key)
                if value is None:
                    lines.append(f"| {name} | not measured: {runs[0].get('missing')} is missing | |")
                else:
                    share = f"{value / ours:.2f}" if ours else ""
                    lines.append(f"| {name} | {value:,.4g} | {share} |")
            lines.append("")
    if "latency" in found:
        rates = " | ".join(f"{rate:,}/s p50 | p99" for rate in LATENCY_RATES)
        lines += ["## Age of a tick, in µs, when a subscriber has decoded it", "", f"| side | {rates} |"]
        lines.append("|---" * (1 + 2 * len(LATENCY_RATES)) + "|")
        for name, runs in found["latency"].items():
            cells = [
                f"{statistics.median(run['latency_us'][at][key] for run in runs):,.0f}"
                for at in range(len(runs[0]["latency_us"]))
                for key in ("p50", "p99")
            ]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    if "rest" in found:
        runs = found["rest"]["twsmq"]
        lines += [
            f"## At rest with 100 quiet lines: {median(runs, 'cpu_percent'):.2f} % CPU, "
            f"{median(runs, 'rss_mb'):.0f} MB",
            "",
        ]
    return "\n".join(lines)


def plot(found: dict[str, dict[str, list[dict[str, Any]]]]) -> str:
    series = [
        (name, median(runs, "rate") or 0.0)
        for group in ("throughput",)
        for name, runs in found.get(group, {}).items()
    ]
    return bars("Lossless ticks to one subscriber, frames a second", series)


if __name__ == "__main__":
    main()
