"""In a network namespace of its own: publish to subscribers in another one, then cut the cable between them.

Prints how long it took until each subscription was given back (`idle`: nothing was published to it; `busy`:
much was), and until a subscriber noticed that its publisher is gone (`client`). Exit code 77: no namespaces.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Any

import zmq
from twsmq_transport import sockets
from twsmq_transport.outbox import Outbox

OURS, THEIRS = "10.99.0.1", "10.99.0.2"


def sh(command: str) -> None:
    done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"no network namespace here: {command}: {done.stderr}")
        sys.exit(77)


async def peer() -> None:
    """The other side: subscribes to both, and watches its connection to the idle one."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    ears = [
        sockets.subscribe(context, [f"tcp://{OURS}:{port}"], [topic], lambda _: None, queue=100_000)
        for port, topic in ((7001, "idle/"), (7002, "busy/"))
    ]
    monitor = ears[0].socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    await asyncio.to_thread(monitor.poll)
    print(time.monotonic(), flush=True)
    await asyncio.sleep(3600)


def lay_cable(there: int) -> str:
    """Between our network and that of the process `there`; how to run something over there."""
    sh("ip link add va type veth peer name vb")
    sh(f"ip link set vb netns {there}")
    sh(f"ip addr add {OURS}/24 dev va")
    sh("ip link set va up")
    inside = f"nsenter --net=/proc/{there}/ns/net"
    sh(f"{inside} ip addr add {THEIRS}/24 dev vb")
    sh(f"{inside} ip link set vb up")
    return inside


async def story(inside: str, client: subprocess.Popen[str]) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    presence: dict[str, asyncio.Queue[bool]] = {"idle/": asyncio.Queue(), "busy/": asyncio.Queue()}

    def told(topic: str, wanted: bool) -> None:
        presence[topic].put_nowait(wanted)

    options: dict[str, Any] = {"name": "marketdata-0", "incarnation": 1, "send_queue": 100_000}
    idle = Outbox(context, f"tcp://{OURS}:7001", on_presence=told, **options)
    busy = Outbox(context, f"tcp://{OURS}:7002", on_presence=told, **options)
    for queue in presence.values():
        assert await asyncio.wait_for(queue.get(), 30)
    sh(f"{inside} ip link set vb down")
    cut = time.monotonic()

    async def gone(topic: str) -> None:
        assert not await presence[topic].get()
        print(topic[:-1], time.monotonic() - cut, flush=True)

    async def publish() -> None:
        while True:
            busy.send_frame(b"busy/\0" + b"x" * 1000)
            await asyncio.sleep(0.01)

    async def noticed() -> None:
        assert client.stdout is not None
        line = await asyncio.to_thread(client.stdout.readline)
        print("client", float(line) - cut, flush=True)

    publishing = asyncio.create_task(publish())
    await asyncio.wait_for(asyncio.gather(gone("idle/"), gone("busy/"), noticed()), 60)
    publishing.cancel()
    idle.close()
    busy.close()
    context.destroy(linger=0)


def main() -> None:
    holder = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(
        ["unshare", "--net", *holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as there:
        try:
            assert there.stdout is not None
            there.stdout.readline()  # its network is there
            inside = lay_cable(there.pid)
            command = [*inside.split(), sys.executable, __file__, "peer"]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
                try:
                    asyncio.run(story(inside, client))
                finally:
                    client.kill()
        finally:
            there.kill()


if __name__ == "__main__":
    if "peer" in sys.argv:
        asyncio.run(peer())
    else:
        main()
