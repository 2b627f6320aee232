"""`twsmq simulator fault` and `faults` against a running simulator, and against none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import Command
from support.sim_client import Wire
from support.simulated_gateway import GatewayProcess, running_gateway
from twsmq_simulator.commands import COMMANDS

CONTROL_OFFSET = 90


@pytest.fixture
def twsmq(tmp_path: Path, port_base: int) -> Command:
    config = tmp_path / "twsmq.toml"
    config.write_text(f"[cluster]\nport_base = {port_base}\n")
    return Command(config)


@pytest.fixture
def gateway(tmp_path: Path, port_base: int) -> Iterator[GatewayProcess]:
    control = str(port_base + CONTROL_OFFSET)
    with running_gateway(tmp_path / "sim", "--control-port", control) as gateway:
        yield gateway


def test_a_fault_happens(twsmq: Command, gateway: GatewayProcess) -> None:
    with Wire(gateway.port, client_id=1) as client:
        lost = twsmq.run("simulator", "fault", "connectivity_lost")
        assert (lost.returncode, lost.stdout) == (0, "connectivity_lost: done\n")
        client.until_error(1100)
        twsmq.run("simulator", "fault", "connectivity_restored", "data_lost=true")
        client.until_error(1101)
        twsmq.run("simulator", "fault", "notify", "code=2148", "text=100", "client_id=1")
        assert client.until_error(2148)[3] == "100", "a text may look like a number"
        dropped = twsmq.run("simulator", "fault", "drop", "client_id=1")
        assert '"dropped": 1' in dropped.stdout
        with pytest.raises((EOFError, ConnectionError)):
            client.until("never")


def test_every_fault_is_listed_with_its_arguments(twsmq: Command, gateway: GatewayProcess) -> None:
    listed = twsmq.run("simulator", "faults")
    assert listed.returncode == 0, listed.stderr
    heads = {line.split()[0]: line for line in listed.stdout.splitlines() if not line.startswith(" ")}
    assert set(heads) == set(COMMANDS)
    assert heads["price_jump"] == "price_jump symbol=TEXT percent=NUMBER [sec_type=STK]"
    assert heads["drop"] == "drop [client_id=INTEGER]"
    assert "Resets the socket of a client, or of all of them." in listed.stdout


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("explode",), 2, ["'explode'", *COMMANDS]),
        (("drop", "client=1"), 2, ["'client'", "drop takes client_id"]),
        (("drop", "now"), 2, ["'now'", "KEY=VALUE"]),
        (("drop", "client_id=me"), 2, ["client_id: 'me'", "integer"]),
        (("price_jump", "symbol=AAPL"), 2, ["needs percent", "symbol, percent, sec_type"]),
        (("price_jump", "symbol=NOSUCH", "percent=1"), 1, ["no STK NOSUCH is listed"]),
    ],
    ids=["unknown op", "unknown argument", "no value", "no number", "missing", "refused"],
)
def test_what_is_wrong_is_one_line(
    twsmq: Command, gateway: GatewayProcess, words: tuple[str, ...], code: int, told: list[str]
) -> None:
    refused = twsmq.run("simulator", "fault", *words)
    assert refused.returncode == code
    assert refused.stderr.count("\n") == 1
    assert all(part in refused.stderr for part in told), refused.stderr


@pytest.mark.parametrize("words", [("fault", "drop"), ("faults",)])
def test_no_simulator_is_one_line(twsmq: Command, port_base: int, words: tuple[str, ...]) -> None:
    refused = twsmq.run("simulator", *words)
    assert refused.returncode == 3
    assert refused.stderr.count("\n") == 1
    assert f"no simulator takes commands at 127.0.0.1:{port_base + CONTROL_OFFSET}" in refused.stderr


def test_somebody_else_on_the_port_is_one_line(twsmq: Command, port_base: int) -> None:
    with socket.create_server(("127.0.0.1", port_base + CONTROL_OFFSET)):
        refused = twsmq.run("simulator", "faults")
    assert refused.returncode == 3
    assert "does not answer" in refused.stderr


def test_another_control_port_can_be_named(tmp_path: Path, twsmq: Command) -> None:
    with running_gateway(tmp_path / "sim", "--control-port", "0") as gateway:
        options = ("--control-port", str(gateway.control_port))
        assert '"clients": []' in twsmq.run("simulator", "fault", "status", *options).stdout
