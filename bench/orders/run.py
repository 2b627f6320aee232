"""From a client's send to the bytes at the gateway's socket: twsmq, ib_async and ibapi in one run.

    python bench/orders/run.py [--quick] [--rounds N] [--out FOLDER]

Each round runs every side once, in turn, each in fresh processes (ours with a fresh journal), before the same
gateway (`gateway.py`, whose clock stamps the arrivals; both clocks are the machine's monotonic one). Then the
strategies send as fast as the node takes their orders. Between the runs a plain SQLite commit is timed on the
same disk. Results are medians over rounds; `report.py` writes them down.
"""

from __future__ import annotations

import argparse
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import plot
import psutil
import report
import stages
from measured import Burst, Commit, Latency, Run, Terms, Way, Work
from side import WARM_UP, reference

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from bench.marketdata.processes import free_port  # noqa: E402

SIDES = ("twsmq", "ib_async", "ibapi", "relay")
WITHOUT_DISK = ("process", "unsaved")
"""Those that do not wait for the disk: measured at the first delay alone."""
OURS = {"twsmq": "disk", "process": "process"}
"""Each by its durability."""
TIMEOUT_S = 120
CLOCKS = "clocks.json"


class Speaker:
    """A process that says JSON lines on stdout and hears lines on stdin."""

    def __init__(self, script: str, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")

    def hear(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"{self.process.args} ended with {self.process.wait()}"
        return json.loads(line)

    def ask(self, **command: Any) -> Any:
        self.say(json.dumps(command))
        return self.hear()

    def end(self) -> None:
        """By the end of its stdin, or at once."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(TIMEOUT_S)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()


@contextmanager
def speaking(script: str, *arguments: object) -> Iterator[Speaker]:
    speaker = Speaker(script, *arguments)
    try:
        yield speaker
    finally:
        speaker.end()


@contextmanager
def orders_node(
    folder: Path, gateway_port: int, durability: str = "disk", clocks: str = ""
) -> Iterator[tuple[psutil.Process, int]]:
    """An orders node with a new journal in `folder`: its process and its port base. `clocks`: which of
    `staged_node.py` it is to have; see `clocked`."""
    base = free_port(100)
    config = folder / "twsmq.toml"
    config.write_text(
        f"[cluster]\nport_base = {base}\ndata_dir = {json.dumps(str(folder))}\n"
        f"[gateway]\nport = {gateway_port}\nmessages_per_second = 0\n"
        f'[orders]\ndurability = "{durability}"\n'
    )
    staged = [str(HERE / "staged_node.py"), clocks, str(folder / CLOCKS)]
    program = staged if clocks else ["-m", "twsmq_nodes.orders"]
    with (folder / "orders.log").open("wb") as log:
        node = subprocess.Popen(
            [sys.executable, *program, "--config", str(config), "--log-level", "warning"], stderr=log
        )
    try:
        yield psutil.Process(node.pid), base
        node.send_signal(signal.SIGTERM)
        assert node.wait(TIMEOUT_S) == 0, (folder / "orders.log").read_text()
    finally:
        node.kill()
        node.wait()


class Bench:
    def __init__(self, terms: Terms, gateway: Speaker, port: int, folder: Path) -> None:
        self.terms = terms
        self.gateway = gateway
        self.port = port
        self.folder = folder

    def run(self) -> Run:
        run = Run(self.terms)
        for number in range(self.terms.rounds):
            turn = number % len(SIDES)
            for delay_ms in self.terms.delays_ms:
                self.gateway.ask(delay_ms=delay_ms)
                sides = SIDES + (WITHOUT_DISK if delay_ms == self.terms.delays_ms[0] else ())
                for side in sides[turn:] + sides[:turn]:
                    run.latencies.append(self.latency(side, delay_ms))
                    progress(f"round {number + 1}: {run.latencies[-1]}")
            self.gateway.ask(delay_ms=self.terms.delays_ms[0])
            run.bursts.append(self.burst())
            progress(f"round {number + 1}: {run.bursts[-1]}")
            if number < self.terms.staged:
                self.look_at_stages(run, number)
            run.commits.append(self.commits())
            progress(f"round {number + 1}: {run.commits[-1]}")
        return run

    def look_at_stages(self, run: Run, number: int) -> None:
        for side in stages.SIDES:
            run.ways.append(self.way(side))
            progress(f"round {number + 1}: {run.ways[-1]}")
        run.works.append(self.work())
        progress(f"round {number + 1}: {run.works[-1]}")

    def latency(self, side: str, delay_ms: float) -> Latency:
        count = WARM_UP + self.terms.orders
        if side in OURS:
            with self.fresh_folder() as folder, orders_node(folder, self.port, OURS[side]) as (_, base):
                sent, arrived = self.trade("twsmq_side.py", base, self.terms.rate, count)
        elif side == "unsaved":
            sent, arrived = self.trade("relay_side.py", self.port, self.terms.rate, count)
        elif side == "relay":
            with self.fresh_folder() as folder:
                sent, arrived = self.trade("relay_side.py", self.port, self.terms.rate, count, folder)
        else:
            sent, arrived = self.trade(f"{side}_side.py", self.port, self.terms.rate, count)
        counted = [reference(1, number) for number in range(WARM_UP, count)]
        took = [(arrived[ref] - sent[ref]) / 1e3 for ref in counted]
        span = (sent[counted[-1]] - sent[counted[0]]) / 1e9
        return Latency(side, delay_ms, took, (len(counted) - 1) / span)

    def way(self, side: str) -> Way:
        """The same at the first delay, with a clock at the end of each stage."""
        count = WARM_UP + self.terms.orders
        with self.fresh_folder() as folder:
            if side in OURS:
                with orders_node(folder, self.port, OURS[side], clocks="way") as (_, base):
                    said, arrived = self.trade_and_tell("twsmq_side.py", base, self.terms.rate, count)
                stamps = json.loads((folder / CLOCKS).read_text())["stamps"]
            else:
                disk = [folder] if side == "relay" else []
                said, arrived = self.trade_and_tell("relay_side.py", self.port, self.terms.rate, count, *disk)
                stamps = said["stamps"]
        stamps[stages.SENT] = list(said["sent"].values())
        stamps[stages.ARRIVED] = [arrived[ref] for ref in said["sent"]]
        return Way(side, stages.ways(stamps, slice(WARM_UP, count)))

    def work(self) -> Work:
        """As many orders at once as in a burst, with a clock around each stage."""
        terms = self.terms
        with self.fresh_folder() as folder:
            with orders_node(folder, self.port, clocks="work") as (_, base):
                self.trade("twsmq_side.py", base, 0, terms.burst, terms.strategies, terms.window)
            clocks = json.loads((folder / CLOCKS).read_text())
        spent = {stage: took / terms.burst / 1e3 for stage, took in clocks["spent"].items()}
        return Work(spent, clocks["loop"] / terms.burst / 1e3, clocks["process"] / terms.burst / 1e3)

    def burst(self) -> Burst:
        terms = self.terms
        with self.fresh_folder() as folder:
            with orders_node(folder, self.port) as (process, base):
                spent: list[float] = []  # once the node is ready: to start is no order's doing
                said, arrived = self.trade_and_tell(
                    "twsmq_side.py",
                    base,
                    0,
                    terms.burst,
                    terms.strategies,
                    terms.window,
                    ready=lambda: spent.append(cpu_s(process)),
                )
                cpu = cpu_s(process) - spent[0]
            with sqlite3.connect(folder / "orders.journal") as journal:
                orders = "SELECT DISTINCT strategy, client_order_id FROM entries WHERE fact IS NOT NULL"
                (durable,) = journal.execute(f"SELECT count(*) FROM ({orders})").fetchone()
            journal.close()
        assert durable == len(arrived) == terms.burst, (durable, len(arrived))
        seconds = (max(arrived.values()) - min(said["sent"].values())) / 1e9
        return Burst(terms.burst / seconds, cpu / terms.burst * 1e6)

    def trade(self, script: str, *arguments: object) -> tuple[dict[str, int], dict[str, int]]:
        """Let a side trade: when each order was sent and when it arrived."""
        said, arrived = self.trade_and_tell(script, *arguments)
        return said["sent"], arrived

    def trade_and_tell(
        self, script: str, *arguments: object, ready: Callable[[], object] = lambda: None
    ) -> tuple[dict[str, Any], dict[str, int]]:
        """The same with all that the side has to say. `ready` is called before it begins."""
        with speaking(script, *arguments) as side:
            assert side.hear()["ready"]
            ready()
            self.gateway.ask(take=True)
            side.say("go")
            said = side.hear()
        return said, self.gateway.ask(take=True)["arrivals"]

    def commits(self) -> Commit:
        """What one commit costs by itself here, as the journal makes them: WAL, synchronous=FULL."""
        took: list[float] = []
        with self.fresh_folder() as folder:
            database = sqlite3.connect(folder / "commits", isolation_level=None)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            database.execute("CREATE TABLE entries (number INTEGER PRIMARY KEY, event BLOB)")
            for number in range(self.terms.commits):
                began = time.monotonic_ns()
                database.execute("BEGIN IMMEDIATE")
                database.execute("INSERT INTO entries VALUES (?, ?)", (number, bytes(600)))
                database.execute("COMMIT")
                took.append((time.monotonic_ns() - began) / 1e3)
            database.close()
        return Commit(took)

    @contextmanager
    def fresh_folder(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            yield Path(name)


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="orders: client's send to the bytes at the gateway's socket")
    parser.add_argument(
        "--quick", action="store_true", help="only to see that it works: few orders, one round"
    )
    parser.add_argument("--rounds", type=int, default=None)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results")
    options = parser.parse_args()
    terms = Terms.quick() if options.quick else Terms()
    if options.rounds is not None:
        terms = terms.with_rounds(options.rounds)
    var = ROOT / "var"  # on a disk, which a folder for temporary files may not be
    var.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="bench-orders-", dir=var) as folder,
        speaking("gateway.py") as gateway,
    ):
        run = Bench(terms, gateway, gateway.hear()["port"], Path(folder)).run()
    options.out.mkdir(parents=True, exist_ok=True)
    report.write(run, options.out, var)
    plot.write(run, options.out)
    print((options.out / report.FILE).read_text())


if __name__ == "__main__":
    main()
