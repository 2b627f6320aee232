"""One publisher to many subscribers with the same quote: `python fanout.py NAME SUBSCRIBERS MESSAGES`.

    twsmq    the node's own outbox and publisher: topic NUL map in one frame
    vnpy     the shape of vnpy's RpcServer.publish: `send_pyobj([topic, tick])`, subscribers unpickle
    nats     nats-server with nats-py on both sides, msgpack payload
Prints messages a second that all subscribers together have taken and decoded, and what they lost.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing as mp
import pickle
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import zmq

TOPIC = "quote/STK:AAPL:SMART:USD/"


@dataclass
class Tick:
    """The fields of vnpy's TickData."""

    symbol: str = "AAPL"
    exchange: str = "SMART"
    datetime: datetime = field(default_factory=lambda: datetime.now(UTC))
    name: str = "APPLE INC"
    volume: float = 48_120_300.0
    turnover: float = 0.0
    open_interest: float = 0.0
    last_price: float = 187.42
    last_volume: float = 100.0
    limit_up: float = 0.0
    limit_down: float = 0.0
    open_price: float = 186.1
    high_price: float = 188.05
    low_price: float = 185.83
    pre_close: float = 186.72
    bids: list[float] = field(default_factory=lambda: [187.41, 0.0, 0.0, 0.0, 0.0])
    asks: list[float] = field(default_factory=lambda: [187.43, 0.0, 0.0, 0.0, 0.0])
    bid_volumes: list[float] = field(default_factory=lambda: [300.0, 0.0, 0.0, 0.0, 0.0])
    ask_volumes: list[float] = field(default_factory=lambda: [200.0, 0.0, 0.0, 0.0, 0.0])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def zmq_subscriber(port: int, prefix: bytes, pickled: bool, messages: int, ready: Any, out: Any) -> None:
    sub: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
    sub.setsockopt(zmq.RCVHWM, 0)
    sub.connect(f"tcp://127.0.0.1:{port}")
    sub.subscribe(prefix)
    decode = msgspec.msgpack.Decoder().decode
    seen = 0
    ready.release()
    while seen < messages and sub.poll(60_000 if not seen else 4000):
        while seen < messages:
            try:
                frame = sub.recv(zmq.NOBLOCK)
            except zmq.Again:
                break
            if pickled:
                pickle.loads(frame)
                seen += 1
            else:
                seen += "bid" in decode(frame.partition(b"\0")[2])
    out.put((seen, time.monotonic()))


async def twsmq_publisher(port: int, messages: int, go: Any) -> float:
    from twsmq_nodes.marketdata.publisher import Publisher
    from twsmq_nodes.marketdata.quotes import QuoteRow
    from twsmq_nodes.runtime.outbox import Outbox

    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    outbox = Outbox(
        context, f"tcp://127.0.0.1:{port}", name="marketdata-0", incarnation=1, send_queue=10_000_000
    )
    loop = asyncio.get_running_loop()
    publisher = Publisher(outbox, loop.time, quote_interval_s=0, call_later=loop.call_later)
    outlet, row = publisher.outlet(TOPIC), QuoteRow(src="marketdata-0", inc=1, con_id=265598, bid=187.41)
    await asyncio.to_thread(go.wait)
    began = time.monotonic()
    publisher.begin()
    for number in range(messages):
        row.bid = 187.41 + number % 7
        publisher.send(outlet, row)
    return began


def vnpy_publisher(port: int, messages: int, go: Any) -> float:
    pub: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PUB)
    pub.setsockopt(zmq.SNDHWM, 0)
    pub.bind(f"tcp://127.0.0.1:{port}")
    tick = Tick()
    go.wait()
    began = time.monotonic()
    for number in range(messages):
        tick.last_price = 187.41 + number % 7
        pub.send_pyobj(["eTick.AAPL.SMART", tick])
    return began


def nats_subscriber(port: int, messages: int, ready: Any, out: Any) -> None:
    async def listen() -> None:
        import nats

        link = await nats.connect(f"nats://127.0.0.1:{port}")
        decode = msgspec.msgpack.Decoder().decode
        seen, done = 0, asyncio.Event()

        async def taken(message: Any) -> None:
            nonlocal seen
            decode(message.data)
            seen += 1
            if seen >= messages:
                done.set()

        await link.subscribe("quote.AAPL", cb=taken, pending_msgs_limit=-1, pending_bytes_limit=-1)
        await link.flush()
        ready.release()
        await asyncio.wait_for(done.wait(), 60)
        out.put((seen, time.monotonic()))
        await link.close()

    asyncio.run(listen())


async def nats_publisher(port: int, messages: int, go: Any) -> float:
    import nats
    from twsmq_nodes.marketdata.quotes import QuoteRow

    link = await nats.connect(f"nats://127.0.0.1:{port}")
    encode = msgspec.msgpack.Encoder().encode
    row = QuoteRow(src="marketdata-0", inc=1, con_id=265598, bid=187.41)
    await asyncio.to_thread(go.wait)
    began = time.monotonic()
    for number in range(messages):
        row.bid, row.seq = 187.41 + number % 7, number
        await link.publish("quote.AAPL", encode(row))
    await link.flush()
    await link.close()
    return began


def measure(name: str, subscribers: int, messages: int) -> dict[str, Any]:
    context = mp.get_context("spawn")
    port, go, ready, out = free_port(), context.Event(), context.Semaphore(0), context.Queue()
    server = None
    if name == "nats":
        server = subprocess.Popen(
            ["nats-server", "-a", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL
        )
        time.sleep(0.5)
    target: Any = nats_subscriber if name == "nats" else zmq_subscriber
    args: tuple[Any, ...] = (port, messages, ready, out)
    if name != "nats":
        args = (port, TOPIC.encode() if name == "twsmq" else b"", name == "vnpy", messages, ready, out)
    children = [context.Process(target=target, args=args) for _ in range(subscribers)]
    for child in children:
        child.start()
    publisher = context.Process(target=publish, args=(name, port, messages, go, out))
    publisher.start()
    for _ in children:
        ready.acquire()
    time.sleep(1.5)  # ZeroMQ has no other way to tell that all subscriptions have arrived
    go.set()
    results = [out.get(timeout=120) for _ in range(subscribers + 1)]
    publisher.kill()
    for child in children:
        child.join(10)
    if server is not None:
        server.terminate()
        server.wait()
    began = next(at for seen, at in results if seen is None)
    taken = [seen for seen, _ in results if seen is not None]
    ended = max(at for seen, at in results if seen is not None)
    return {"rate": sum(taken) / (ended - began), "lost": subscribers * messages - sum(taken)}


def publish(name: str, port: int, messages: int, go: Any, out: Any) -> None:
    match name:
        case "twsmq":
            began = asyncio.run(twsmq_publisher(port, messages, go))
        case "vnpy":
            began = vnpy_publisher(port, messages, go)
        case _:
            began = asyncio.run(nats_publisher(port, messages, go))
    out.put((None, began))
    time.sleep(120)  # until killed: what is queued must leave


def available(name: str) -> str | None:
    """What is missing, if anything."""
    if name == "nats":
        if shutil.which("nats-server") is None:
            return "nats-server (Debian: apt install nats-server)"
        try:
            import nats  # noqa: F401
        except ImportError:
            return "nats-py (pip install nats-py)"
    return None


if __name__ == "__main__":
    missing = available(sys.argv[1])
    result = {"missing": missing} if missing else measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps(result))
