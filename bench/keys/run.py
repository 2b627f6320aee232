"""`python bench/keys/run.py [--seconds N] [--rounds N] [-o FILE]`: CURVE on against off, in one run.

Orders: limit orders placed at a whole cluster with the simulated gateway, a number of them under way at once,
counted by their answers. Ticks: events of 200 bytes from an outbox in a process of its own to one reader.
Each round measures both ways one after the other, so that what else the machine does falls on both; the ratio
of a round is what counts, and the median of the rounds is shown.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgpack
import zmq
from twsmq_protocol.config import Cluster, Config
from twsmq_protocol.key_folder import KeyFolder
from twsmq_protocol.keys import ClientFile

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.marketdata.processes import free_port  # noqa: E402

RESULT = ROOT / "bench" / "results" / "keys.md"
TWSMQ = [sys.executable, "-m", "twsmq.cli"]
CONTEXT: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
UNDER_WAY = 64
ORDER = {
    "strategy": "bench",
    "instrument": "STK:AAPL:SMART:USD",
    "side": "BUY",
    "quantity": 1,
    "order_type": "LMT",
    "limit_price": 1.0,
}
TARGETS = {"orders": 85, "ticks": 45}


def connected(kind: int, endpoint: str, keys: ClientFile | None) -> zmq.Socket[bytes]:
    made = CONTEXT.socket(kind)
    made.setsockopt(zmq.LINGER, 0)
    made.setsockopt(zmq.RCVHWM, 0)
    if keys is not None:
        made.curve_serverkey = keys.server_key.encode()
        made.curve_publickey, made.curve_secretkey = keys.public_key.encode(), keys.secret_key.encode()
    made.connect(endpoint)
    return made


class Running:
    """A cluster, with keys or without."""

    def __init__(self, folder: Path, *, keyed: bool) -> None:
        self.folder = folder
        self.base = free_port(100)
        folder.mkdir()
        self.config = folder / "twsmq.toml"
        self.config.write_text(
            f"[cluster]\nport_base = {self.base}\n[gateway]\nport = {self.base + 95}\n"
            "messages_per_second = 0\n[web]\nenabled = false\n"
        )
        if keyed:
            self.command("keys", "init")
        self.command("up", "--detach")
        self.keys = KeyFolder(folder / "var").local() if keyed else None

    def command(self, *words: str) -> None:
        subprocess.run(
            [*TWSMQ, *words, "--config", str(self.config)], check=True, stdout=subprocess.DEVNULL, timeout=120
        )

    def orders_per_second(self, seconds: float) -> float:
        dealer = connected(zmq.DEALER, f"tcp://127.0.0.1:{self.base + 30}", self.keys)
        run, sent, answered = time.time_ns(), 0, 0
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            while sent - answered < UNDER_WAY:
                sent += 1
                args = ORDER | {"client_order_id": f"{run}-{sent}"}
                dealer.send(msgpack.packb({"v": 1, "id": sent, "op": "place_order", "args": args}))
            if not dealer.poll(10_000):
                raise RuntimeError("no answer within 10 s")
            reply = msgpack.unpackb(dealer.recv())
            if not reply["ok"]:
                raise RuntimeError(f"an order was refused: {reply['error']}")
            answered += 1
        rate = answered / (time.monotonic() - began)
        while answered < sent and dealer.poll(10_000):
            dealer.recv()
            answered += 1
        dealer.close()
        return rate


def ticks_per_second(folder: Path, seconds: float, keys: ClientFile | None) -> float:
    """What one reader gets of an outbox that publishes as fast as it can."""
    base = free_port(100)
    mode = "on" if keys is not None else "off"
    command = [
        sys.executable,
        str(Path(__file__)),
        "--publish",
        str(base),
        "--keys",
        mode,
        "--folder",
        str(folder),
    ]
    publisher = subprocess.Popen(command)
    try:
        sub = connected(zmq.SUB, f"tcp://127.0.0.1:{base + 31}", keys)
        sub.subscribe(b"quote/")
        if not sub.poll(20_000):
            raise RuntimeError("no tick within 20 s")
        count, began = 0, time.monotonic()
        while time.monotonic() - began < seconds:
            for _ in range(1000):
                sub.recv()
            count += 1000
        rate = count / (time.monotonic() - began)
        sub.close()
        return rate
    finally:
        publisher.kill()
        publisher.wait()


async def publish(base: int, folder: Path, *, keyed: bool) -> None:
    from twsmq_transport import security
    from twsmq_transport.door import Door
    from twsmq_transport.outbox import Outbox

    config = Config(cluster=Cluster(port_base=base, keys="on" if keyed else "off"))
    guard = security.load(config, folder, "orders")
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    outbox = Outbox(
        context,
        f"tcp://127.0.0.1:{base + 31}",
        name="orders",
        incarnation=1,
        send_queue=10_000,
        security=guard,
    )
    door = Door(context, guard, outbox.reopen) if guard.on else None
    assert door is not None or not keyed
    frame = b"quote/STK:AAPL:SMART:USD/\0" + bytes(174)
    while True:
        for _ in range(200):
            outbox.send_frame(frame)
        await asyncio.sleep(0)


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("-o", "--output", type=Path, default=RESULT)
    options.add_argument("--publish", type=int, help=argparse.SUPPRESS)
    options.add_argument("--keys", choices=["on", "off"], help=argparse.SUPPRESS)
    options.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.publish is not None:
        asyncio.run(publish(chosen.publish, chosen.folder, keyed=chosen.keys == "on"))
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), chosen.seconds, chosen.rounds)
    chosen.output.write_text(report(rows, chosen.seconds))
    sys.stdout.write(chosen.output.read_text())


Rows = dict[str, list[tuple[float, float]]]


def measure(folder: Path, seconds: float, rounds: int) -> Rows:
    """(off, on) of each round."""
    plain, keyed = Running(folder / "off", keyed=False), Running(folder / "on", keyed=True)
    rows: Rows = {"orders": [], "ticks": []}
    try:
        for _ in range(rounds):
            rows["orders"].append((plain.orders_per_second(seconds), keyed.orders_per_second(seconds)))
    finally:
        for cluster in (plain, keyed):
            cluster.command("down")
    for _ in range(rounds):
        off = ticks_per_second(keyed.folder / "var", seconds, None)
        rows["ticks"].append((off, ticks_per_second(keyed.folder / "var", seconds, keyed.keys)))
    return rows


def report(rows: Rows, seconds: float) -> str:
    lines = [
        "# What keys cost",
        "",
        f"`python bench/keys/run.py`: {len(rows['orders'])} rounds of {seconds:g} s each way, in turns; "
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, libzmq "
        f"{zmq.zmq_version()}. Medians; the ratio is the median of the rounds' own.",
        "",
        "| | off, a second | on, a second | on / off | wanted |",
        "|---|---|---|---|---|",
    ]
    for name, found in rows.items():
        off, on = (statistics.median(column) for column in zip(*found, strict=True))
        ratio = statistics.median(one / other for other, one in found) * 100
        lines.append(f"| {name} | {off:,.0f} | {on:,.0f} | {ratio:.0f} % | {TARGETS[name]} % |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
