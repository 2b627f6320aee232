"""`python bench/keys/run.py [--seconds N] [--rounds N] [-o FILE]`: CURVE on against off, in one run.

Orders: limit orders placed at an orders node before the gateway of bench/orders, a number of them under way
at once, counted by their answers. Ticks: events of 200 bytes from an outbox in a process of its own to one
reader, from a publisher that waits while the reader's queue is full (nothing is lost: what a reader can
follow), and from one that does not (it spends its processor on what is dropped). The same two by a bare
XPUB without anything of ours are the floor: what libzmq's own sealing costs here. Each round measures both
ways one after the other, so that what else the machine does falls on both; the ratio of a round is what
counts, and the median of the rounds is shown.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import msgpack
import psutil
import zmq
from twsmq_protocol.config import Cluster, Config
from twsmq_protocol.key_folder import KeyFolder
from twsmq_protocol.keys import ClientFile

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.marketdata.processes import free_port  # noqa: E402

RESULT = ROOT / "bench" / "results" / "keys.md"
GATEWAY = ROOT / "bench" / "orders" / "gateway.py"
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
TARGETS = {"orders": 85, "outbox, waits": 45}
FRAME = b"quote/STK:AAPL:SMART:USD/\0" + bytes(174)
TICKS = ("outbox, waits", "bare XPUB, waits", "outbox, drops", "bare XPUB, drops")
SEND_QUEUE = 10_000


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
    """An orders node, with keys or without, before the gateway of the bench of orders."""

    def __init__(self, folder: Path, gateway_port: int, *, keyed: bool) -> None:
        self.folder = folder
        self.base = free_port(100)
        folder.mkdir()
        config = folder / "twsmq.toml"
        config.write_text(
            f"[cluster]\nport_base = {self.base}\n[gateway]\nport = {gateway_port}\nmessages_per_second = 0\n"
        )
        words = ["--config", str(config)]
        if keyed:
            init = [sys.executable, "-m", "twsmq.cli", "keys", "init", *words]
            subprocess.run(init, check=True, stdout=subprocess.DEVNULL, timeout=60)
        self.keys = KeyFolder(folder / "var").local() if keyed else None
        with (folder / "orders.log").open("wb") as log:
            node = [sys.executable, "-m", "twsmq_nodes.orders", "--log-level", "warning", *words]
            self._node = subprocess.Popen(node, stderr=log)

    def end(self) -> None:
        self._node.terminate()
        try:
            self._node.wait(30)
        finally:
            self._node.kill()
            self._node.wait()

    def _await_taken(self, dealer: zmq.Socket[bytes], run: int) -> None:
        """The first order, asked again while the node is not ready."""
        args = ORDER | {"client_order_id": f"{run}-{0:07}"}
        deadline = time.monotonic() + 60
        while True:
            dealer.send(msgpack.packb({"v": 1, "id": 0, "op": "place_order", "args": args}))
            if not dealer.poll(10_000):
                raise RuntimeError("no answer within 10 s")
            reply = msgpack.unpackb(dealer.recv())
            if reply["ok"]:
                return
            if reply["error"]["code"] != "not_ready" or time.monotonic() > deadline:
                raise RuntimeError(f"an order was refused: {reply['error']}")
            time.sleep(0.2)

    def orders_per_second(self, seconds: float) -> float:
        dealer = connected(zmq.DEALER, f"tcp://127.0.0.1:{self.base + 30}", self.keys)
        run, sent, answered = time.time_ns(), 0, 0
        self._await_taken(dealer, run)
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            while sent - answered < UNDER_WAY:
                sent += 1
                args = ORDER | {"client_order_id": f"{run}-{sent:07}"}
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


class Heard(NamedTuple):
    """What one reader got: events a second, and the processor time that each cost, in µs."""

    rate: float
    publisher_us: float
    reader_us: float


def ticks(folder: Path, seconds: float, keys: ClientFile | None, way: str) -> Heard:
    """What one reader gets of a publisher of this way that publishes as fast as it can."""
    base = free_port(100)
    mode = "on" if keys is not None else "off"
    program = [sys.executable, str(Path(__file__))]
    asked = ["--publish", str(base), "--keys", mode, "--folder", str(folder), "--way", way]
    publisher = subprocess.Popen([*program, *asked])
    try:
        sub = connected(zmq.SUB, f"tcp://127.0.0.1:{base + 31}", keys)
        sub.subscribe(b"quote/")
        if not sub.poll(20_000):
            raise RuntimeError("no tick within 20 s")
        count, began = 0, time.monotonic()
        theirs, ours = processor_s(publisher.pid), processor_s(os.getpid())
        while time.monotonic() - began < seconds:
            for _ in range(1000):
                sub.recv()
            count += 1000
        took = time.monotonic() - began
        theirs, ours = processor_s(publisher.pid) - theirs, processor_s(os.getpid()) - ours
        sub.close()
        return Heard(count / took, theirs / count * 1e6, ours / count * 1e6)
    finally:
        publisher.kill()
        publisher.wait()


def processor_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def send_all(socket: zmq.Socket[bytes], *, waits: bool) -> None:
    """200 events; one that waits loses none."""
    for _ in range(200):
        try:
            socket.send(FRAME, zmq.NOBLOCK)
        except zmq.Again:
            assert waits
            socket.poll(1000, zmq.POLLOUT)


def publish_bare(base: int, folder: Path, *, keyed: bool, waits: bool) -> None:
    socket = CONTEXT.socket(zmq.XPUB)
    socket.setsockopt(zmq.SNDHWM, SEND_QUEUE)
    socket.setsockopt(zmq.XPUB_NODROP, int(waits))
    if keyed:
        pair = KeyFolder(folder).server()
        socket.curve_server = True
        socket.curve_publickey, socket.curve_secretkey = pair.public_key.encode(), pair.secret_key.encode()
    socket.bind(f"tcp://127.0.0.1:{base + 31}")
    socket.recv()
    while True:
        send_all(socket, waits=waits)


async def publish(base: int, folder: Path, *, keyed: bool, waits: bool) -> None:
    from twsmq_transport import security
    from twsmq_transport.door import Door
    from twsmq_transport.outbox import Outbox

    config = Config(cluster=Cluster(port_base=base, keys="on" if keyed else "off"))
    guard = security.load(config, folder, "orders")
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    endpoint = f"tcp://127.0.0.1:{base + 31}"
    wished = asyncio.Event()
    outbox = Outbox(
        context,
        endpoint,
        name="orders",
        incarnation=1,
        send_queue=SEND_QUEUE,
        on_presence=lambda _topic, _wanted: wished.set(),
        security=guard,
    )
    door = Door(context, guard, outbox.reopen) if guard.on else None
    assert door is not None or not keyed
    await wished.wait()
    socket = outbox._socket.socket
    socket.setsockopt(zmq.XPUB_NODROP, int(waits))
    while True:
        if waits:
            send_all(socket, waits=True)
        else:
            for _ in range(200):
                outbox.send_frame(FRAME)
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
    options.add_argument("--way", choices=TICKS, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.publish is not None:
        what, _, how = chosen.way.partition(", ")
        wanted = {"keyed": chosen.keys == "on", "waits": how == "waits"}
        if what == "outbox":
            asyncio.run(publish(chosen.publish, chosen.folder, **wanted))
        publish_bare(chosen.publish, chosen.folder, **wanted)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), chosen.seconds, chosen.rounds)
    chosen.output.write_text(report(rows, chosen.seconds))
    sys.stdout.write(chosen.output.read_text())


Rows = dict[str, list[tuple[Heard, Heard]]]


def measure(folder: Path, seconds: float, rounds: int) -> Rows:
    """(off, on) of each round. Orders have a rate only."""
    gateway = subprocess.Popen([sys.executable, GATEWAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert gateway.stdin is not None
    assert gateway.stdout is not None
    port = json.loads(gateway.stdout.readline())["port"]
    plain, keyed = Running(folder / "off", port, keyed=False), Running(folder / "on", port, keyed=True)
    rows: Rows = {"orders": [], **{way: [] for way in TICKS}}
    try:
        for _ in range(rounds):
            off, on = plain.orders_per_second(seconds), keyed.orders_per_second(seconds)
            rows["orders"].append((Heard(off, 0, 0), Heard(on, 0, 0)))
    finally:
        for node in (plain, keyed):
            node.end()
        gateway.stdin.close()  # ends it
        gateway.wait(30)
        gateway.stdout.close()
    for _ in range(rounds):
        for way in TICKS:
            off = ticks(keyed.folder / "var", seconds, None, way)
            rows[way].append((off, ticks(keyed.folder / "var", seconds, keyed.keys, way)))
    return rows


def report(rows: Rows, seconds: float) -> str:
    lines = [
        "# What keys cost",
        "",
        f"`python bench/keys/run.py`: {len(rows['orders'])} rounds of {seconds:g} s each way, in turns; "
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, libzmq "
        f"{zmq.zmq_version()}. Medians; the ratio is the median of the rounds' own.",
        "",
        "| | off, /s | on, /s | on / off | wanted | publisher, µs an event | reader, µs an event |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, found in rows.items():
        off, on = (
            Heard(*(statistics.median(field) for field in zip(*column, strict=True)))
            for column in zip(*found, strict=True)
        )
        ratio = statistics.median(on.rate / off.rate for off, on in found) * 100
        wanted = f"{TARGETS[name]} %" if name in TARGETS else ""
        costs = ["", ""]
        if name in TICKS:
            costs = [
                f"{off.publisher_us:.2f} → {on.publisher_us:.2f}",
                f"{off.reader_us:.2f} → {on.reader_us:.2f}",
            ]
        label = f"ticks: {name}" if name in TICKS else name
        cells = [label, f"{off.rate:,.0f}", f"{on.rate:,.0f}", f"{ratio:.0f} %", wanted, *costs]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *NOTES]
    return "\n".join(lines) + "\n"


NOTES = [
    "*waits*: the publisher waits while the reader's queue is full, so nothing is lost; *drops*: it does",
    "not, as no process does, and spends its processor on what is dropped. *bare XPUB* is pyzmq alone",
    "with the same frames: the floor, since sealing is libzmq's own, one message after the other in its",
    "thread for the network, and one event is one message (decision 1). Readers are sealed for one by",
    "one: N of them cost N times the sealing; `[marketdata] batch_interval_s` makes fewer events.",
]


if __name__ == "__main__":
    main()
