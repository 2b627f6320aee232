"""Who copied what went over a connection has nothing that a process would take from it."""

from __future__ import annotations

import select
import socket
import time
from contextlib import suppress
from pathlib import Path

import msgpack
import zmq
from support.keyed_node import Plain, add, await_ready, running_orders, switch_on


def test_what_was_recorded_of_a_connection_opens_nothing_and_asks_nothing_again(
    config_file: Path, port_base: int, tmp_path: Path
) -> None:
    """Every handshake has keys of its own, so the bytes of an order are worth nothing to who copied them."""
    keyed = switch_on(config_file)
    alpha = add(keyed, "alpha", "operator")
    with running_orders(keyed, port_base, tmp_path):
        await_ready(keyed, port_base)
        replay(alpha, port_base)


def replay(alpha: Path, port_base: int) -> None:
    requests = ("127.0.0.1", port_base + 30)

    def asked() -> int:
        with Plain(alpha, port_base) as client:
            reply = client.ask(30, "metrics")
        assert reply is not None
        metrics = {metric["name"]: metric for metric in reply["result"]["metrics"]}
        samples = metrics["requests_total"]["samples"]
        return sum(one["value"] for one in samples if one["labels"]["op"] == "get_orders")

    with socket.create_server(("127.0.0.1", 0)) as tap, Plain(alpha, port_base) as client:
        dealer = client.socket(zmq.DEALER)
        dealer.connect(f"tcp://127.0.0.1:{tap.getsockname()[1]}")
        dealer.send(msgpack.packb({"v": 1, "id": 1, "op": "get_orders", "args": {}}))
        theirs, _ = tap.accept()
        with theirs, socket.create_connection(requests) as ours:
            copied, deadline = b"", time.monotonic() + 60
            while not dealer.poll(0):
                assert time.monotonic() < deadline, "the request is answered through the tap"
                ready, _, _ = select.select([theirs, ours], [], [], 0.05)
                for source in ready:
                    data = source.recv(65_536)
                    (ours if source is theirs else theirs).sendall(data)
                    copied += data if source is theirs else b""
        assert msgpack.unpackb(dealer.recv())["ok"]
        dealer.close()
    before = asked()
    assert before >= 1
    for again in (copied, copied[:64] + copied[64:] * 2):
        with socket.create_connection(requests) as thief:
            thief.settimeout(30)
            thief.sendall(again)
            answer = b""
            with suppress(ConnectionResetError):
                while data := thief.recv(65_536):
                    answer += data
            assert b"READY" not in answer, "the handshake did not come to its end"
    assert asked() == before
