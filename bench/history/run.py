"""One-minute bars from the gateway's socket into Parquet: twsmq, ib_async with pandas, nautilus's catalogue.

    python bench/history/run.py [--quick] [--rounds N] [--instruments N] [--nautilus PYTHON] [--out FILE]

Every round runs each side once, in fresh processes, before the same gateway (`gateway.py`), which answers
from bytes that it made before. twsmq is what a user starts: a history node and `twsmq history download`; its
time is from the start of that command to its end, interpreter, plan, ledger and fsyncs included, and its
processor time is of both processes. The others are timed from their first request to their last file. Nothing
is asked of a message budget or a pacing rule. `bare_side.py` asks for the same and only reads the socket:
what it takes is the gateway's own.

Beside that, look-ups of contracts at a reference node are timed while nothing else happens, while programs
that only turn keep as many processors busy as a download does, as nice as that, and while a download of the
same size runs at the history node: what takes longer there than beside the programs is not the processor's
doing.

`--nautilus`: a Python that has nautilus_trader and its ibapi; left out, that side is not run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from bench.marketdata.processes import free_port  # noqa: E402

YEAR = 2025
TIMEOUT_S = 1_800
AIM = 5.0
TURN = "from twsmq_protocol.niceness import stand_back\nstand_back({})\nwhile True: pass"
LOOK_UPS, LOOK_UP_EVERY_S, LOOK_UP_AIM = 1_000, 0.005, 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of two instruments")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--instruments", type=int, default=40)
    parser.add_argument("--nautilus", metavar="PYTHON")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "history.md")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.instruments = 1, 2
    sides = ["twsmq", "ib_async", "bare", *(["nautilus"] if given.nautilus else [])]
    found: list[dict[str, dict[str, Any]]] = []
    for number in range(given.rounds):
        order = sides[number % len(sides) :] + sides[: number % len(sides)]
        with gateway() as port:
            found.append({side: one(side, port, given) for side in order})
        print(json.dumps(found[-1]), flush=True)
    with gateway() as port, tempfile.TemporaryDirectory() as name:
        looked_up = look_ups(port, Path(name), given.instruments)
    text = report(found, sides, given, looked_up)
    print(text)
    if not given.quick:
        given.out.write_text(text)


def one(side: str, port: int, given: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if side == "twsmq":
            return twsmq(port, folder, given.instruments)
        python = given.nautilus if side == "nautilus" else sys.executable
        words = [python, str(HERE / f"{side}_side.py"), port, folder, YEAR, given.instruments]
        done = subprocess.run(
            [*map(str, words)], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def gateway() -> Iterator[int]:
    words = [sys.executable, str(HERE / "gateway.py"), str(YEAR - 1), str(YEAR)]
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["port"]
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(30)


def configured(port: int, folder: Path) -> tuple[int, Path]:
    base, config = free_port(100), folder / "twsmq.toml"
    config.write_text(
        f"[cluster]\nport_base = {base}\n[gateway]\nport = {port}\nmessages_per_second = 0\n"
        "[history]\nstore_mb = 100\n"
    )
    return base, config


@contextmanager
def node_process(name: str, base: int, config: Path) -> Iterator[psutil.Process]:
    with (config.parent / f"{name}.log").open("wb") as log:
        node = subprocess.Popen(
            [sys.executable, "-m", f"twsmq_nodes.{name}", "--config", str(config), "--log-level", "warning"],
            stderr=log,
            start_new_session=True,  # as the supervisor does
        )
    try:
        await_ready(base, name)
        yield psutil.Process(node.pid)
    finally:
        node.send_signal(signal.SIGTERM)
        node.wait(30)


def download(config: Path, instruments: int) -> list[str]:
    """The command."""
    universe = config.parent / "universe.txt"
    universe.write_text("".join(f"STK:S{number:03}:SMART:USD\n" for number in range(instruments)))
    return [
        sys.executable, "-m", "twsmq.cli", "history", "download", "--universe", str(universe), "--rth",
        "--from", f"{YEAR}-01-01", "--to", f"{YEAR + 1}-01-01", "--size", "1m",
        "-o", str(config.parent / "bars"), "--config", str(config),
    ]  # fmt: skip


def twsmq(port: int, folder: Path, instruments: int) -> dict[str, Any]:
    base, config = configured(port, folder)
    with node_process("history", base, config) as of_node:
        before, used_before = time.monotonic(), _cpu() + _cpu_of(of_node)
        words = download(config, instruments)
        done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        seconds = time.monotonic() - before
        assert done.returncode == 0, done.stderr[-2000:]
        return {
            "bars": counted(folder / "bars"),
            "seconds": seconds,
            "cpu": _cpu() + _cpu_of(of_node) - used_before,
            "rss_mb": max(of_node.memory_info().rss / 2**20, _largest_child_mb()),
        }


@contextmanager
def turning() -> Iterator[None]:
    """A program for each process of a download, as nice as that one, which only turns."""
    from twsmq.cli.history import DOWNLOAD_NICE
    from twsmq_protocol.processes import HISTORY, process_of

    programs = [
        subprocess.Popen([sys.executable, "-c", TURN.format(nice)], start_new_session=own_session)
        for nice, own_session in ((process_of(HISTORY).nice, True), (DOWNLOAD_NICE, False))
    ]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait(30)


def look_ups(port: int, folder: Path, instruments: int) -> dict[str, list[float]]:
    """How long look-ups took, in seconds: while nothing else happened, while programs turned, and while a
    download ran."""
    from twsmq import Client

    base, config = configured(port, folder)
    number = 0

    def one_more() -> float:
        nonlocal number
        number += 1
        began = time.monotonic()
        client.request("reference", "contract_details", {"instrument": f"STK:L{number}:SMART:USD"})
        took = time.monotonic() - began
        time.sleep(LOOK_UP_EVERY_S)
        return took

    with (
        node_process("history", base, config), node_process("reference", base, config),
        Client(port_base=base) as client,
    ):  # fmt: skip
        for _ in range(50):
            one_more()
        idle = [one_more() for _ in range(LOOK_UPS)]
        with turning():
            loaded = [one_more() for _ in range(LOOK_UPS)]
        with subprocess.Popen(download(config, instruments), stderr=subprocess.DEVNULL) as running:
            busy: list[float] = []
            while running.poll() is None:
                busy.append(one_more())
        assert running.returncode == 0
    return {"idle": idle, "loaded": loaded, "busy": busy}


def counted(folder: Path) -> int:
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(file).num_rows for file in folder.rglob("*.parquet"))


def _p(took: list[float], percent: int) -> float:
    """Of sorted values."""
    return took[min(len(took) - 1, len(took) * percent // 100)]


def _row(took: list[float]) -> str:
    return f"{len(took)} | {_p(took, 50) * 1e3:.2f} | {_p(took, 99) * 1e3:.2f} | {took[-1] * 1e3:.2f}"


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _largest_child_mb() -> float:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def await_ready(base: int, name: str) -> None:
    from twsmq import Client

    with Client(port_base=base) as client:
        client.subscribe(f"node/{name}/")
        for _, event, _ in client.events(within=30):
            if getattr(event, "state", "") == "ready":
                return
    raise SystemExit(f"the {name} node is not ready")


def report(
    found: list[dict[str, dict[str, Any]]],
    sides: list[str],
    given: argparse.Namespace,
    looked_up: dict[str, list[float]],
) -> str:
    def per_million(side: str, what: str) -> list[float]:
        return [one[side][what] / one[side]["bars"] * 1e6 for one in found]

    def shown(values: list[float]) -> str:
        return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"

    def ratio(side: str, what: str = "seconds") -> float:
        pairs = zip(per_million(side, what), per_million("twsmq", what), strict=True)
        return statistics.median(theirs / ours for theirs, ours in pairs)

    bars = {side: found[0][side]["bars"] for side in sides if side != "bare"}
    assert len(set(bars.values())) == 1, f"not the same bars: {bars}"
    names = {
        "twsmq": "twsmq: history node and `twsmq history download`",
        "ib_async": "ib_async, `util.df`, `to_parquet`",
        "bare": "the gateway alone: its answers read off the socket",
        "nautilus": "ibapi, nautilus's `Bar` and catalogue",
    }
    rows = [
        f"| {names[side]} | {shown(per_million(side, 'seconds'))} | {shown(per_million(side, 'cpu'))} "
        f"| {max(one[side]['rss_mb'] for one in found):.0f} | "
        f"{'' if side in ('twsmq', 'bare') else f'{ratio(side):.1f} ×'} |"
        for side in sides
    ]
    reached = ratio("ib_async")
    missing = "" if "nautilus" in sides else "\n- nautilus_trader was not installed: that side did not run."
    verdict = "met" if reached >= AIM else "**missed**"
    idle, loaded, busy = (sorted(looked_up[name]) for name in ("idle", "loaded", "busy"))
    slower, beside = (_p(busy, 99) / _p(other, 99) for other in (idle, loaded))
    kept_up = "met" if slower <= LOOK_UP_AIM else "**missed**"
    libraries = ", ".join(f"{name} {version(name)}" for name in ("ib_async", "pandas", "pyarrow"))
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return f"""# History: one-minute bars from the gateway's socket into Parquet

| target | measured | |
|---|---|---|
| at least {AIM:g} × as fast as ib_async with pandas | {reached:.1f} × | {verdict} |
| look-ups' p99 while a download runs at most {LOOK_UP_AIM:g} × that of idle | {slower:.1f} × | {kept_up} |

{bars["twsmq"]:,} bars of {given.instruments} instruments, the same answers for every side.

| | s per million bars | processor s per million | largest process, MB | our advantage |
|---|---|---|---|---|
{chr(10).join(rows)}

Each ratio is the median of the ratios within each round; beside medians stand least and most. In processor
time ib_async takes {ratio("ib_async", "cpu"):.1f} × ours.

| look-ups of a contract, one after the other | number | median, ms | p99, ms | longest, ms |
|---|---|---|---|---|
| nothing else happens | {_row(idle)} |
| programs turn, as many and as nice as a download's processes | {_row(loaded)} |
| a download runs at the history node | {_row(busy)} |

While a download runs the p99 is {beside:.1f} × that beside programs that only turn.

## Terms

- {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({platform.machine()}), load average {load} at the end.
  Only ratios within a run mean something.
- Python {platform.python_version()}, {libraries}.
- {given.rounds} rounds, every side in each, in fresh processes, in turn. `python bench/history/run.py`.
- The gateway is the bench's own process and answers from bytes made before, each connection in a process: the
  simulated one makes each bar when it is asked for. No message budget, no pacing.
- twsmq's time is that of the whole command, from its start to its end: interpreter, plan, ledger, fsyncs; its
  processor time is of both its processes. The others' is from the first request to the last file.{missing}
"""


if __name__ == "__main__":
    main()
