"""Keys on, over a whole cluster as it is really run: from nothing to a client, and who is kept out."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from conftest import GATEWAY_OFFSET, reserved_ports
from support.client_programs import PROGRAMS, running_program
from support.examples import EXAMPLES, SAYS, run_example
from support.keyed_cluster import NODES, THREE_COMMANDS, Keyed, running_keyed
from twsmq import Client, ConnectionRefused, RequestRefused, aio
from twsmq.admission import Mistake
from twsmq.incidents import NotLetIn
from twsmq_protocol.keys import parse_client

APPLE = "STK:AAPL:SMART:USD"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    with running_keyed(tmp_path_factory.mktemp("keyed")) as running:
        yield running


def test_the_documented_commands_are_three_and_the_configuration_keeps_the_rest(keyed: Keyed) -> None:
    assert [shlex.split(command)[1] for command in THREE_COMMANDS] == ["keys", "up", "keys"]
    text = (keyed.folder / "twsmq.toml").read_text()
    assert f"port_base = {keyed.port_base}  # a comment" in text
    assert 'keys = "on"' in text


def test_every_process_is_ready_with_keys_the_page_too(keyed: Keyed) -> None:
    rows = json.loads(keyed.run("status", "--json"))["processes"]
    states = {row["name"]: row["state"] for row in rows}
    assert states == dict.fromkeys(("supervisor", "simulator", *NODES), "ready")


def test_the_file_alone_makes_a_trading_client(keyed: Keyed) -> None:
    with Client(keys=keyed.alpha) as client:
        order = client.place(
            strategy="alpha",
            client_order_id="a-1",
            instrument=APPLE,
            side="BUY",
            quantity=1,
            order_type="MKT",
        )
        assert order.done(timeout=30).status == "filled"
        with pytest.raises(RequestRefused) as refused:
            client.request("supervisor", "stop")
        assert refused.value.code == "unauthorized"


def test_no_socket_of_any_process_speaks_without_keys(keyed: Keyed) -> None:
    """Every port the cluster listens on with ZeroMQ, found by looking and not by a list."""
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00"  # then the other side names its mechanism
    mechanisms: dict[int, str] = {}
    for offset in range(GATEWAY_OFFSET):
        with socket.socket() as probe:
            probe.settimeout(3)
            if probe.connect_ex(("127.0.0.1", keyed.port_base + offset)) != 0:
                continue
            probe.sendall(greeting)
            answer = b""
            try:
                while len(answer) < 64 and (more := probe.recv(64 - len(answer))):
                    answer += more
            except (TimeoutError, ConnectionError):
                pass
            if answer[:1] == b"\xff":
                mechanisms[offset] = answer[12:32].rstrip(b"\0").decode()
    assert set(mechanisms.values()) == {"CURVE"}
    assert len(mechanisms) >= 17, "requests and events of eight processes, and the simulator's commands"


MISTAKES = {
    "no keys": lambda keyed: {"port_base": keyed.port_base},
    "unknown key": lambda keyed: {"keys": str(keyed.altered("unknown", **fresh_pair()))},
    "wrong server key": lambda keyed: {
        "keys": str(keyed.altered("wrong", server_key=zmq.curve_keypair()[0].decode()))
    },
}


QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("request", {"process": "orders", "op": "describe"}),
    ("next", {}),
]


def fresh_pair() -> dict[str, str]:
    public, secret = zmq.curve_keypair()
    return {"public_key": public.decode(), "secret_key": secret.decode()}


@pytest.mark.parametrize("command", PROGRAMS)
def test_each_client_says_which_mistake_it_is(keyed: Keyed, command: list[str]) -> None:
    gone = f"gone-{Path(command[0]).name}"
    keyed.run("keys", "add", gone, "--rights", "reader")
    keyed.run("keys", "revoke", gone)
    cases = MISTAKES | {"refused key": lambda keyed: {"keys": str(keyed.folder / f"{gone}.key")}}
    for mistake, where in cases.items():
        with running_program(command) as program:
            assert program.ask("connect", 60, **where(keyed)) == {}
            program.ask("decode_event", hex="00")  # whatever a language loads at first
            for do, asked in QUESTIONS:
                began = time.monotonic()
                assert program.ask(do, 60, **asked, timeout_ms=20_000) == {"connection_refused": mistake}
                assert time.monotonic() - began < 2, (mistake, do)
            program.ask("close")


@pytest.mark.parametrize("example", SAYS)
def test_where_keys_are_wanted_an_example_takes_the_file_its_first_lines_name(
    keyed: Keyed, example: str
) -> None:
    assert "twsmq keys add" in run_example(example, str(keyed.port_base), code=1)
    assert "no.key" in run_example(example, str(keyed.folder / "no.key"), code=1)
    (add,) = re.findall(r"`twsmq (keys add \w+ [^`]+)`", (EXAMPLES / example).read_text().split('"""')[1])
    keyed.run(*add.split())
    told = run_example(example, str(keyed.folder / f"{add.split()[2]}.key"))
    for words in SAYS[example]:
        assert words in told


def test_a_key_that_is_accepted_meanwhile_gets_in_with_the_same_client(keyed: Keyed) -> None:
    pair = fresh_pair()
    with Client(keys=keyed.altered("late", **pair)) as client:
        with pytest.raises(ConnectionRefused) as refused:
            client.request("orders", "describe")
        assert refused.value.mistake is Mistake.UNKNOWN_KEY
        keyed.run("keys", "accept", pair["public_key"], "--name", "late", "--rights", "reader")
        assert client.describe("orders", timeout=30).name == "orders"


def test_the_asyncio_client_says_it_too(keyed: Keyed) -> None:
    wrong = keyed.altered("wrong", server_key=zmq.curve_keypair()[0].decode())

    async def ask() -> None:
        async with aio.Client(keys=wrong) as client:
            for waiting in (client.request("orders", "describe", timeout=20), client.receive(20)):
                began = time.monotonic()
                with pytest.raises(ConnectionRefused) as refused:
                    await waiting
                assert refused.value.mistake is Mistake.WRONG_SERVER_KEY
                assert time.monotonic() - began < 2
            assert any(
                isinstance(found, NotLetIn) and found.mistake is Mistake.WRONG_SERVER_KEY
                for found in client.incidents()
            )

    asyncio.run(ask())


def test_the_simulated_gateway_takes_commands_of_operators_only(keyed: Keyed) -> None:
    assert "describe" in keyed.run("simulator", "faults")
    outsider = zmq.Context()
    try:
        control = outsider.socket(zmq.DEALER)
        keys = parse_client(keyed.alpha.read_text(), "")
        control.curve_serverkey = keys.server_key.encode()
        control.curve_publickey, control.curve_secretkey = keys.public_key.encode(), keys.secret_key.encode()
        control.connect(f"tcp://127.0.0.1:{keyed.port_base + 90}")
        control.send(msgpack.packb({"v": 1, "id": 1, "op": "describe", "args": {}}))
        assert not control.poll(700), "a trader's key does not even get in"
    finally:
        outsider.destroy(linger=0)


def test_keys_that_are_missing_stop_the_start_before_anything_runs(tmp_path: Path) -> None:
    with reserved_ports() as base:
        (tmp_path / "twsmq.toml").write_text(f'[cluster]\nkeys = "on"\nport_base = {base}\n')
        refused = Keyed(tmp_path, base).run("up", "--detach", code=2)
        assert "twsmq keys init" in refused
        assert not (tmp_path / "var" / "supervisor.lock").exists()


def test_beyond_loopback_only_with_keys(tmp_path: Path) -> None:
    (tmp_path / "twsmq.toml").write_text('[cluster]\nbind = "0.0.0.0"\n')
    assert "keys" in Keyed(tmp_path, 0).run("status", code=2)
