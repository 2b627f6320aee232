"""The control socket of a running simulator, its speed, and a replayed tick file."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import psutil
import pytest
import zmq
from support.sim_client import Wire
from support.simulated_gateway import GatewayProcess, running_gateway
from twsmq_protocol import codec
from twsmq_protocol.market_events import Ticks
from twsmq_protocol.recording import Recorder

AAPL = ["0", "AAPL", "STK", "", "", "", "", "SMART", "", "USD", "", "", "0", "", "0", "0", ""]
LONGEST_TICK = 40  # bytes, length included


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    with running_gateway(tmp_path, "--control-port", "0", "--tick-rate", "20") as gateway:
        yield gateway


class Control:
    """A REQ or DEALER client of the control socket."""

    def __init__(self, gateway: GatewayProcess, kind: int = zmq.DEALER) -> None:
        self._context = zmq.Context()
        self.socket = self._context.socket(kind)
        self.socket.linger = 0
        self.socket.rcvtimeo = 10_000
        self.socket.connect(f"tcp://127.0.0.1:{gateway.control_port}")

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.destroy(linger=0)

    def ask(self, op: str, **args: object) -> dict[str, Any]:
        return self.raw(msgpack.packb({"v": 1, "id": op, "op": op, "args": args}))

    def raw(self, body: bytes) -> dict[str, Any]:
        self.socket.send(body)
        return msgpack.unpackb(self.socket.recv())


@pytest.mark.parametrize("kind", [zmq.DEALER, zmq.REQ])
def test_a_command_gets_one_reply_under_its_id(gateway: GatewayProcess, kind: int) -> None:
    with Control(gateway, kind) as control, Wire(gateway.port, client_id=9):
        reply = control.ask("status")
        assert (reply["v"], reply["id"], reply["ok"]) == (1, "status", True)
        assert reply["result"]["clients"] == [9]


def test_status_is_answered_in_the_midst_of_a_long_command_and_nothing_else_is(
    gateway: GatewayProcess,
) -> None:
    with Control(gateway) as one, Control(gateway) as other:
        assert gateway.process is not None
        assert other.ask("status")["result"]["pid"] == gateway.process.pid
        one.socket.send(msgpack.packb({"v": 1, "id": 1, "op": "step", "args": {"seconds": 8_000}}))
        one.socket.send(msgpack.packb({"v": 1, "id": 2, "op": "status"}))
        assert msgpack.unpackb(one.socket.recv())["id"] == 2
        other.socket.send(msgpack.packb({"v": 1, "id": 3, "op": "read_only"}))
        first = other.ask("status")
        assert (first["id"], first["result"]["faults"]) == ("status", [])
        assert msgpack.unpackb(one.socket.recv())["id"] == 1
        assert msgpack.unpackb(other.socket.recv())["id"] == 3


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed"),
        (b"\xc1", "malformed"),
        (msgpack.packb([1]), "malformed"),
        (msgpack.packb({"v": 2, "id": 1, "op": "status"}), "unsupported_version"),
        (msgpack.packb({"v": 1, "id": 1, "op": "explode"}), "unknown_op"),
        (msgpack.packb({"v": 1, "id": 1, "op": ["status"]}), "unknown_op"),
        (msgpack.packb({"v": 1, "id": 1, "op": "drop", "args": {"client": 3}}), "invalid_argument"),
        (msgpack.packb({"v": 1, "id": 1, "op": "step", "args": {"seconds": -1}}), "invalid_argument"),
    ],
)
def test_a_bad_request_gets_its_one_error(gateway: GatewayProcess, body: bytes, code: str) -> None:
    with Control(gateway) as control:
        assert control.raw(body)["error"]["code"] == code
        assert control.ask("status")["ok"]


def test_a_million_encoded_ticks_a_second_reach_a_client(gateway: GatewayProcess) -> None:
    """Measured at a client that only counts bytes, in processor time: the machine may be busy."""
    with Control(gateway) as control, Wire(gateway.port, client_id=1) as client:
        client.send(
            "1",
            "11",
            "7",
            *AAPL,
        )
        client.until("1")
        begun = cpu_seconds(gateway)
        reply = control.ask("flood", symbol="AAPL", messages=6_000_000)
        assert reply["result"] == {"subscribers": 1}
        received = taken(client.socket, 5_000_000 * 20)
        rate = received / LONGEST_TICK / (cpu_seconds(gateway) - begun)
        print(f"more than {rate:,.0f} messages per second of one core")
        assert rate > 1_000_000


def cpu_seconds(gateway: GatewayProcess) -> float:
    """What the simulator has used of a core so far."""
    assert gateway.process is not None
    used = psutil.Process(gateway.process.pid).cpu_times()
    return used.user + used.system


def taken(sock: socket.socket, at_least: int) -> int:
    """Reads until so many bytes have come."""
    buffer = bytearray(1024 * 1024)
    count = 0
    while count < at_least:
        count += sock.recv_into(buffer)
    return count


def test_a_hundred_thousand_live_ticks_a_second(tmp_path: Path) -> None:
    """Generated from the moving books of several instruments."""
    with (
        running_gateway(tmp_path, "--tick-rate", "20000", "--limits", "none") as gateway,
        Wire(gateway.port, client_id=1) as client,
    ):
        for nth, symbol in enumerate(("AAPL", "MSFT", "TSLA", "NVDA")):
            client.send("1", "11", str(nth + 1), *["0", symbol, *AAPL[2:]])
        while len(client.seen) < 2000:
            client.receive()
        length = sum(len("\0".join(fields)) + 5 for fields in client.seen[-1000:]) / 1000
        begun = cpu_seconds(gateway)
        rate = taken(client.socket, 10_000_000) / length / (cpu_seconds(gateway) - begun)
        print(f"{rate:,.0f} messages of {length:.1f} bytes per second of one core")
        assert rate > 100_000


def test_a_captured_tick_file_is_the_market(gateway: GatewayProcess, tmp_path: Path) -> None:
    ticks = tmp_path / "ticks.tsv"
    rows = [(0, 1, 300.0, 100), (0, 2, 300.1, 200), (10**7, 4, 300.1, 50), (2 * 10**7, 1, 300.05, 70)]
    ticks.write_text("# time\tkind\tprice\tsize\n" + "\n".join("\t".join(map(str, row)) for row in rows))
    with Control(gateway) as control, Wire(gateway.port, client_id=1) as client:
        client.send(
            "1",
            "11",
            "7",
            *AAPL,
        )
        client.until("1")
        assert control.ask("replay", symbol="AAPL", path=str(ticks), speed=2.0)["result"] == {"ticks": 4}
        client.until("1", lambda f: f[3:6] == ["1", "300.0", "100"])
        client.until("1", lambda f: f[3:6] == ["2", "300.1", "200"])
        client.until("1", lambda f: f[3:6] == ["4", "300.1", "50"])
        client.until("1", lambda f: f[3:6] == ["1", "300.05", "70"])
        refused = control.ask("replay", symbol="AAPL", path=str(tmp_path / "none"))
        assert refused["error"]["field"] == "path"
        assert control.ask("replay", path=str(ticks))["error"]["field"] == "symbol"


def test_a_recording_of_twsmq_is_the_market_of_all_it_holds(gateway: GatewayProcess, tmp_path: Path) -> None:
    recorder = Recorder(path := tmp_path / "day.msgpack.zst", ["tick/"], now=0)
    for at, (symbol, con_id, bid) in enumerate((("AAPL", 265598, 300.0), ("MSFT", None, 500.0))):
        ticks = Ticks(con_id=con_id, ticks=[(1, bid, 1), (0, 100.0, 0), (2, bid + 1, 1), (3, 100.0, 0)])
        recorder.write(at, codec.encode_event(f"tick/STK:{symbol}:SMART:USD/", ticks))
    recorder.close()
    with Control(gateway) as control, Wire(gateway.port, client_id=1) as client:
        client.send("1", "11", "7", *AAPL)
        client.send("1", "11", "8", "0", "MSFT", *AAPL[2:])
        client.until("1")
        assert control.ask("replay", path=str(path))["result"] == {"ticks": 4}
        client.until("1", lambda f: f[2:6] == ["7", "1", "300.0", "100"])
        client.until("1", lambda f: f[2:6] == ["8", "1", "500.0", "100"])
        assert control.ask("replay", path=str(path), symbol="MSFT", speed=100.0)["result"] == {"ticks": 2}
        assert control.ask("replay", path=str(path), symbol="TSLA")["error"]["field"] == "path"


def test_the_same_seed_and_requests_give_the_same_bytes(tmp_path: Path) -> None:
    """On a stepped clock nothing is left to chance: two runs, byte for byte."""

    def conversation(folder: str) -> list[list[str]]:
        options = ["--control-port", "0", "--clock-speed", "0", "--start", "1776270000", "--seed", "5"]
        with (
            running_gateway(tmp_path / folder, *options) as gateway,
            Control(gateway) as control,
            Wire(gateway.port, client_id=1) as client,
        ):
            client.send(
                "1",
                "11",
                "7",
                *AAPL,
            )
            client.place(1, "BUY", 150, "MKT")
            client.until_status(1, "PreSubmitted")
            for _ in range(3):
                control.ask("step", seconds=10)
            client.send("61", "1")
            client.until("62")
            return client.seen

    first = conversation("one")
    assert first == conversation("two")
    assert ["3", "1", "Filled"] in [fields[:3] for fields in first]
