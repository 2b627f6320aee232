"""With keys on, whoever has none, or one that is not let in, or a good one and bad manners, floods: no order
of the others is lost or late, nothing grows, nothing is restarted.

Short: 20 s. Slow: ten minutes (`TWSMQ_FUZZ_S` for another time), where orders' p99 is held to twice what it
is alone. The flood takes only processor time that nobody else wants; see `support.keyed_flood`.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from support.keyed_cluster import Keyed, running_keyed
from support.patience import patient
from twsmq import Client, RequestRefused

SECONDS = float(os.environ.get("TWSMQ_FUZZ_S", "600"))
FLOOD = Path(__file__).parents[1] / "support" / "keyed_flood.py"
GROWTH = 100 * 1024 * 1024
AT_LEAST = 200
"""Orders, so that there is a p99."""


class Flooding:
    def __init__(self) -> None:
        self.done: dict[str, int] = {}


@contextmanager
def flooding(keyed: Keyed) -> Iterator[Flooding]:
    files = [str(keyed.folder / f"{name}.key") for name in ("reader", "alpha", "gone")]
    flood = subprocess.Popen(
        [sys.executable, str(FLOOD), str(keyed.port_base), *files],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    found = Flooding()
    try:
        assert flood.stdout is not None
        assert flood.stdout.readline() == "started\n"
        yield found
        out, _ = flood.communicate("over\n", timeout=patient(60))
        assert flood.returncode == 0, "somebody got what is not theirs"
        found.done = json.loads(out)
    finally:
        if flood.poll() is None:
            flood.kill()
            flood.communicate()


def p99(client: Client, name: str, seconds: float) -> float:
    """Of an order's round trip, one after the other. Each must be taken in the end. They end at once: ten
    thousands that rest would be the simulated gateway's burden, not the flood's."""
    took: list[float] = []
    until, number = time.monotonic() + seconds, 0
    while time.monotonic() < until or number < AT_LEAST:
        number += 1
        began = time.monotonic()
        while not taken(client, f"{name}-{number}"):
            assert time.monotonic() - began < patient(30)
            time.sleep(0.05)
        took.append(time.monotonic() - began)
        time.sleep(0.01)  # a strategy, not another flood
    return statistics.quantiles(took, n=100)[98]


def taken(client: Client, name: str) -> bool:
    """False where its gateway, which shares the machine with the flood, stands still and the node says so."""
    try:
        client.place_order(
            timeout=patient(30),
            strategy="alpha",
            client_order_id=name,
            instrument="STK:AAPL:SMART:USD",
            side="BUY",
            quantity=1,
            order_type="LMT",
            limit_price=1,
            tif="IOC",
        )
    except RequestRefused as refused:
        if refused.code != "not_ready":
            raise
        return False
    return True


@pytest.mark.parametrize(
    ("seconds", "held"),
    [
        pytest.param(20, False, id="short", marks=pytest.mark.timeout(400)),
        pytest.param(SECONDS, True, id="long", marks=[pytest.mark.slow, pytest.mark.timeout(SECONDS + 400)]),
    ],
)
def test_a_flood_of_every_kind_is_nobody_else_s_trouble(tmp_path: Path, seconds: float, held: bool) -> None:
    with running_keyed(tmp_path) as keyed:
        for name in ("reader", "gone"):
            keyed.run("keys", "add", name, "--rights", "reader")
        keyed.run("keys", "revoke", "gone")
        before = processes(tmp_path)
        with Client(keys=keyed.alpha) as trader:
            p99(trader, "warm", 2)
            alone = p99(trader, "alone", 10 if held else 3)
            sizes = {pid: psutil.Process(pid).memory_info().rss for pid in before}
            with flooding(keyed) as flood:
                flooded = p99(trader, "flooded", seconds)
        assert min(flood.done.values()) >= 1, flood.done
        assert processes(tmp_path) == before, "nothing was restarted"
        grown = {before[pid]: psutil.Process(pid).memory_info().rss - sizes[pid] for pid in before}
        print(f"order p99 {alone * 1e3:.1f} ms alone, {flooded * 1e3:.1f} ms flooded; {flood.done}")
        print(f"the most that one grew: {max(grown.values()) / 1e6:.1f} MB")
        assert max(grown.values()) < GROWTH, grown
        if held:
            assert flooded < 2 * alone


def processes(folder: Path) -> dict[int, str]:
    """Every process of the cluster in `folder`, with its command line, by pid."""
    found: dict[int, str] = {}
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if str(folder) in line and "keyed_flood" not in line:
            found[process.pid] = line
    return found
