"""How well the message budget is used: `make bench-budget [ARGS="--rate 45 --seconds 20"]`.

    idle   100 orders at once while all others have nothing to send: how long until the last is written,
           against the whole rate, and against what the share of the orders node alone would take
    busy   orders, market data, reference and history all want more than their share: what each gets of what
           there is, and how long a cancel waits meanwhile

A real cluster with the simulated gateway. Results go to bench/results/budget.md and budget.png. Exit code 1,
and in words what, if a promise is not kept: 100 orders within 1.1 times what the whole rate takes, each of
the busy within a tenth of its part, and a cancel before all that waits.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgpack
import zmq

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.marketdata.processes import free_port  # noqa: E402

OFFSETS = {"connection": 10, "marketdata-0": 20, "orders": 30, "status": 40, "reference": 50, "history": 60}
SHARES = {
    "connection": 0.05,
    "reference": 0.10,
    "history": 0.05,
    "marketdata-0": 0.30,
    "status": 0.10,
    "orders": 0.40,
}
BUSY = ("orders", "marketdata-0", "reference", "history")
SYMBOLS = ("AAPL", "MSFT", "NVDA", "AMZN", "GOOG", "META", "TSLA", "SPY")
ORDERS = 100
MOST_TIMES_BEST, MOST_OFF = 1.1, 0.1
MOST_CANCEL_S = 0.25
"""Behind the 100 orders that wait with it, a cancel would take some seconds."""
CHANGES_PER_S = 24
"""How often somebody comes or goes on a stream: more than the share of market data lets out."""
RESULTS = ROOT / "bench" / "results"


class Desk:
    """A cluster and a plain client of it."""

    def __init__(self, folder: Path, rate: float) -> None:
        self.base = free_port(100)
        config = folder / "twsmq.toml"
        config.write_text(
            f"[cluster]\nport_base = {self.base}\n"
            f"[gateway]\nport = {self.base + 95}\nmessages_per_second = {rate}\n"
            "[marketdata]\ngrace_s = 0\n[simulator]\ntick_rate = 1\n[web]\nenabled = false\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "twsmq_supervisor", "--config", str(config)], stdout=subprocess.DEVNULL
        )
        self.context = zmq.Context()
        self.ids = itertools.count(1)
        self.dealers = {name: self.dealer(name) for name in OFFSETS}
        self.sub = self.context.socket(zmq.SUB)
        self.sub.connect(f"tcp://127.0.0.1:{self.base + 21}")

    def dealer(self, name: str) -> Any:
        made = self.context.socket(zmq.DEALER)
        made.setsockopt(zmq.SNDHWM, 0)
        made.setsockopt(zmq.RCVHWM, 0)
        made.connect(f"tcp://127.0.0.1:{self.base + OFFSETS[name]}")
        return made

    def send(self, name: str, op: str, args: dict[str, Any]) -> int:
        number = next(self.ids)
        self.dealers[name].send(msgpack.packb({"v": 1, "id": number, "op": op, "args": args}))
        return number

    def reply(self, name: str, within: float = 60.0) -> dict[str, Any]:
        if not self.dealers[name].poll(int(within * 1000)):
            raise SystemExit(f"{name} did not answer")
        return msgpack.unpackb(self.dealers[name].recv_multipart()[-1])

    def await_ready(self) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            self.send("status", "health", {})
            answer = self.reply("status", 120)
            if answer["ok"] and answer["result"]["ready"]:
                return
            time.sleep(0.2)
        raise SystemExit("the cluster is not ready")

    def sent(self) -> dict[str, float]:
        """Messages each process has written to the gateway, by a socket of its own."""
        counts: dict[str, float] = {}
        for name in OFFSETS:
            asking = self.dealer(name)
            asking.send(msgpack.packb({"v": 1, "id": 1, "op": "metrics", "args": {}}))
            if not asking.poll(60_000):
                raise SystemExit(f"{name} did not answer")
            metrics = msgpack.unpackb(asking.recv_multipart()[-1])["result"]["metrics"]
            counts[name] = next(
                one["samples"][0]["value"] for one in metrics if one["name"] == "gateway_messages_sent_total"
            )
            asking.close()
        return counts

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.context.destroy(linger=0)


def order(name: str) -> dict[str, Any]:
    return {
        "client_order_id": name,
        "strategy": "bench",
        "instrument": "STK:AAPL:SMART:USD",
        "side": "BUY",
        "quantity": 1,
        "order_type": "LMT",
        "limit_price": 1.0,
    }


def idle(desk: Desk, prefix: str) -> list[float]:
    """When each order was written, seconds after they were asked for."""
    began = time.monotonic()
    for number in range(ORDERS):
        desk.send("orders", "place_order", order(f"{prefix}-{number}"))
    return [time.monotonic() - began for _ in range(ORDERS) if desk.reply("orders")["ok"]]


def busy(desk: Desk, seconds: float) -> tuple[dict[str, float], list[float]]:
    """Messages per second of each process, and how long each cancel waited to be written."""
    waiting = 0
    cancels: dict[int, float] = {}
    waits: list[float] = []
    numbers = itertools.count()
    resting = [f"b-rest-{number}" for number in range(int(seconds / 2))]
    for name in resting:
        desk.send("orders", "place_order", order(name))
    for _ in resting:
        desk.reply("orders")
    time.sleep(1.0)
    before, began = desk.sent(), time.monotonic()
    next_cancel = began + 1.0
    topics = itertools.cycle([f"quote/STK:{symbol}:SMART:USD/".encode() for symbol in SYMBOLS])
    held: list[bytes] = []
    toggled = 0
    asked = {"reference": 0, "history": 0}
    while (now := time.monotonic()) < began + seconds:
        while waiting < 100:
            desk.send("orders", "place_order", order(f"b-{next(numbers)}"))
            waiting += 1
        if now >= next_cancel and resting:
            key = {"strategy": "bench", "client_order_id": resting.pop()}
            cancels[desk.send("orders", "cancel_order", key)] = now
            next_cancel = now + 2.0
        for name, most in (("reference", 60), ("history", 40)):
            while asked[name] < most:
                number = next(numbers)
                if name == "reference":
                    desk.send(name, "contract_details", {"instrument": f"STK:Q{number}:SMART:USD"})
                else:
                    end = time.time_ns() - number * 86_400 * 10**9
                    what = {"instrument": "STK:AAPL:SMART:USD", "size": "1d", "duration": "5D", "to": end}
                    desk.send(name, "bars", what)
                asked[name] += 1
            while desk.dealers[name].poll(0):
                desk.reply(name)
                asked[name] -= 1
        # A line that nobody wants any more is ended at once: a message at each change, if it is let out in
        # time.
        while toggled < (now - began) * CHANGES_PER_S:
            toggled += 1
            topic = next(topics)
            if topic in held:
                desk.sub.unsubscribe(topic)
                held.remove(topic)
            else:
                desk.sub.subscribe(topic)
                held.append(topic)
        while desk.dealers["orders"].poll(0):
            answer = desk.reply("orders")
            if answer["id"] in cancels:
                waits.append(time.monotonic() - cancels.pop(answer["id"]))
            else:
                waiting -= 1
        time.sleep(0.02)
    after, took = desk.sent(), time.monotonic() - began
    return {name: (after[name] - before[name]) / took for name in OFFSETS}, waits


def report(
    rate: float, runs: list[list[float]], shares: dict[str, float], waits: list[float], seconds: float
) -> str:
    best, alone = ORDERS / rate, ORDERS / (rate * SHARES["orders"])
    took = sorted(run[-1] for run in runs)
    median = took[len(took) // 2]
    total = sum(shares.values())
    wanted = sum(SHARES[name] for name in BUSY)
    machine = f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the end of the run"
    lines = [
        f"# Message budget: {rate:g} messages/s for all",
        "",
        f"`python bench/budget/run.py`, {machine}.",
        "",
        f"## {ORDERS} orders at once, all others idle",
        "",
        "| | seconds | of the whole rate |",
        "|---|---|---|",
        f"| measured, median of {len(runs)} ({took[0]:.2f}-{took[-1]:.2f}) | {median:.2f} "
        f"| {median / best:.2f} x |",
        f"| target | {1.1 * best:.2f} | 1.10 x |",
        f"| the whole rate | {best:.2f} | 1 x |",
        f"| the orders node's share alone | {alone:.2f} | {alone / best:.2f} x |",
        "",
        f"## Four processes want all they can get, for {seconds:g} s",
        "",
        "What the two that are idle leave is divided among the four by their shares.",
        "",
        "| process | share | its part of what there is | measured | |",
        "|---|---|---|---|---|",
    ]
    for name in BUSY:
        part = rate * SHARES[name] / wanted
        lines.append(
            f"| {name} | {rate * SHARES[name]:.2f}/s | {part:.2f}/s | {shares[name]:.2f}/s | "
            f"{100 * (shares[name] / part - 1):+.0f} % |"
        )
    lines += ["", f"All together {total:.1f} messages/s."]
    if waits:
        waits.sort()
        lines.append(
            f"A cancel among 100 waiting orders was written after {1000 * waits[len(waits) // 2]:.0f} ms "
            f"(median of {len(waits)}, at most {1000 * waits[-1]:.0f} ms)."
        )
    return "\n".join(lines) + "\n"


def broken(rate: float, runs: list[list[float]], shares: dict[str, float], waits: list[float]) -> list[str]:
    """The promises that were not kept, in words."""
    found: list[str] = []
    median = sorted(run[-1] for run in runs)[len(runs) // 2]
    if median > MOST_TIMES_BEST * ORDERS / rate:
        found.append(f"{ORDERS} orders took {median * rate / ORDERS:.2f} times what the whole rate takes")
    wanted = sum(SHARES[name] for name in BUSY)
    for name in BUSY:
        off = shares[name] * wanted / (rate * SHARES[name]) - 1
        if abs(off) > MOST_OFF:
            found.append(f"{name} was {100 * off:+.0f} % off its part")
    if not waits or max(waits) > MOST_CANCEL_S:
        found.append(f"a cancel waited for {1000 * max(waits):.0f} ms" if waits else "no cancel was written")
    return found


def plot(rate: float, runs: list[list[float]], shares: dict[str, float]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for number, run in enumerate(runs):
        left.plot(run, range(1, len(run) + 1), color="#1f77b4", label="measured" if not number else None)
    for label, pace, style in (("the whole rate", rate, "--"), ("share alone", rate * SHARES["orders"], ":")):
        left.plot([0, ORDERS / pace], [0, ORDERS], style, color="black", linewidth=1, label=label)
    left.set(xlabel="seconds", ylabel="orders written", title=f"{ORDERS} orders at once, others idle")
    left.legend(fontsize=8)
    wanted = sum(SHARES[name] for name in BUSY)
    places = range(len(BUSY))
    right.bar([at - 0.2 for at in places], [shares[name] for name in BUSY], 0.4, label="measured")
    parts = [rate * SHARES[name] / wanted for name in BUSY]
    right.bar([at + 0.2 for at in places], parts, 0.4, color="#aaaaaa", label="its part")
    right.set(xticks=list(places), xticklabels=BUSY, ylabel="messages/s", title="all busy")
    right.legend(fontsize=8)
    figure.savefig(RESULTS / "budget.png", dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=45.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder), options.rate)
        try:
            desk.await_ready()
            runs: list[list[float]] = []
            for number in range(options.rounds):
                time.sleep(2.0)
                runs.append(idle(desk, f"i{number}"))
                print(f"{runs[-1][-1]:.2f} s for {ORDERS} orders, {ORDERS / options.rate:.2f} s at best")
            shares, waits = busy(desk, options.seconds)
        finally:
            desk.close()
    text = report(options.rate, runs, shares, waits, options.seconds)
    failed = broken(options.rate, runs, shares, waits)
    text += "".join(f"\n**Not kept:** {words}.\n" for words in failed)
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "budget.md").write_text(text)
    plot(options.rate, runs, shares)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
