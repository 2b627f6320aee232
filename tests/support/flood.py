"""A client that means no good, as a process of its own: `python flood.py KIND HOST_PORT COUNT`.

describes: small requests from a DEALER that reads nothing, then exit.
subscriptions: COUNT subscriptions of 7.9 MB each.
costly: requests of 160 KB that are costly to refuse, from a DEALER that reads nothing.
deaf: `contract_details` whose replies may be long, from a DEALER that reads nothing but stays.
many: COUNT unlike subscriptions of 600 bytes.
"""

from __future__ import annotations

import random
import sys

import msgpack
import zmq


def main(kind: str, address: str, count: int) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.SUB if kind in ("subscriptions", "many") else zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDTIMEO, 5000)
    if kind in ("describes", "costly", "deaf"):
        socket.setsockopt(zmq.RCVHWM, 1)
    socket.connect(f"tcp://{address}")
    chance = random.Random(count)
    print("started", flush=True)
    try:
        for number in range(count):
            if kind == "describes":
                socket.send(msgpack.packb({"v": 1, "id": number, "op": "describe"}))
            elif kind == "deaf":
                args = {"instrument": "STK:AAPL:SMART:USD"}
                socket.send(msgpack.packb({"v": 1, "id": number, "op": "contract_details", "args": args}))
            elif kind == "costly":
                args = {"orders": [{"strategy": "s" * 16, "quantity": n} for n in range(4500)]}
                socket.send(msgpack.packb({"v": 1, "id": number, "op": "place_orders", "args": args}))
            elif kind == "subscriptions":
                socket.subscribe(bytes([number % 256]) * 7_900_000)
            else:
                socket.subscribe(chance.randbytes(600).hex()[:600].encode())
    except zmq.Again:
        print("not taken any more", flush=True)
    print("done", flush=True)
    if kind in ("subscriptions", "many", "deaf"):  # what it sent leaves from the background
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
