"""`twsmq doctor` as a user runs it, at gateways in every state: simulated ones, and sockets that are none."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.scripted_port import framed, listening
from support.simulated_gateway import running_gateway

Checks = dict[str, dict[str, Any]]
ENOUGH_S = 15.0


def doctor(*words: str) -> tuple[int, Checks, str]:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "twsmq.cli", "doctor", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert time.monotonic() - began < ENOUGH_S
    assert "Traceback" not in done.stderr
    found: Checks = {}
    if "--json" in words and done.stdout:
        result = json.loads(done.stdout)
        found = {check["id"]: check for check in result["checks"]}
        assert result["ok"] is (done.returncode == 0)
    return done.returncode, found, done.stdout + done.stderr


def say(data: bytes) -> Callable[[socket.socket], None]:
    def answer(connected: socket.socket) -> None:
        connected.recv(1024)
        connected.sendall(data)
        while connected.recv(1024):
            pass

    return answer


def close_at_once(_: socket.socket) -> None:
    """It says nothing at all."""


def test_nothing_there(port_base: int) -> None:
    code, found, _ = doctor("--json", "--gateway", f"127.0.0.1:{port_base}")
    assert code == 1
    assert found["port-open"]["verdict"] == "fail"
    assert found["handshake"]["verdict"] == "skip"
    code, _, text = doctor("--gateway", f"127.0.0.1:{port_base}")
    assert code == 1
    assert "Enable ActiveX" in text
    assert "twsmq up" not in text


def test_nothing_there_where_the_simulated_gateway_is_meant(config_file: Path) -> None:
    code, found, _ = doctor("--json", "--config", str(config_file))
    assert code == 1
    assert found["port-open"]["cure"].startswith("`twsmq up`")


def test_a_healthy_gateway_and_one_that_is_read_only(tmp_path: Path) -> None:
    with running_gateway(tmp_path, "--tick-rate", "20", "--control-port", "0") as gateway:
        code, found, _ = doctor("--json", "--gateway", f"127.0.0.1:{gateway.port}")
        assert {name for name, check in found.items() if check["verdict"] == "fail"} == set()
        assert code == 0
        for name in ("handshake", "client-id", "accounts", "farms", "clock", "market-data", "orders-allowed"):
            assert found[name]["verdict"] == "ok", found[name]
        gateway.command("read_only", on=True)
        code, found, _ = doctor("--json", "--gateway", f"127.0.0.1:{gateway.port}")
        assert code == 1
        assert found["orders-allowed"]["verdict"] == "fail"
        assert "ReadOnlyApi=no" in found["orders-allowed"]["cure"]


def test_data_that_are_not_subscribed_or_delayed(tmp_path: Path) -> None:
    with running_gateway(tmp_path, "--tick-rate", "20", "--unsubscribed", "NASDAQ") as gateway:
        _, found, _ = doctor("--json", "--gateway", f"127.0.0.1:{gateway.port}")
    assert found["market-data"]["verdict"] == "warn"


def test_a_client_id_that_another_holds(tmp_path: Path) -> None:
    with (
        running_gateway(tmp_path) as gateway,
        socket.create_connection(("127.0.0.1", gateway.port)) as holder,
    ):
        holder.sendall(b"API\0" + len(b"v157..200").to_bytes(4, "big") + b"v157..200")
        holder.recv(1024)
        holder.sendall(framed("71", "2", "109", ""))
        holder.recv(1024)
        code, found, _ = doctor("--json", "--gateway", f"127.0.0.1:{gateway.port}")
    assert code == 1
    assert found["client-id"]["verdict"] == "fail"


@pytest.mark.parametrize(
    ("answer", "cure"),
    [
        pytest.param(say(b""), "dialog", id="silent"),
        pytest.param(close_at_once, "Trusted IPs", id="closed"),
        pytest.param(say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "Client Portal", id="http"),
        pytest.param(say(b"SSH-2.0-OpenSSH_9.2\r\n"), "lsof", id="ssh"),
        pytest.param(say(b"\0\0\0\x10" + b"\xff" * 16), "lsof", id="rubbish"),
    ],
)
def test_what_is_no_gateway(answer: Callable[[socket.socket], None], cure: str) -> None:
    with listening(answer) as port:
        code, found, _ = doctor("--json", "--gateway", f"127.0.0.1:{port}")
    assert code == 1
    assert found["handshake"]["verdict"] == "fail"
    assert cure in found["handshake"]["cure"]


def test_a_program_that_only_has_the_port_is_named(tmp_path: Path) -> None:
    """In a process of its own, as whatever else takes a gateway's port is."""
    code = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); "
        "c = [s.accept() for _ in range(9)]"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            port = int(other.stdout.readline())
            config = tmp_path / "twsmq.toml"
            config.write_text(f"[gateway]\nport = {port}\n")
            code, found, _ = doctor("--json", "--gateway", f"127.0.0.1:{port}")
            said = found["handshake"]
            assert code == 1
            assert f"pid {other.pid}, listens there" in said["evidence"]
            assert "does not look like a gateway" in said["cure"]
            _, found, _ = doctor("--json", "--config", str(config))
            assert found["handshake"]["cure"].startswith("another program has the port of the simulated")
        finally:
            other.kill()


def test_an_old_gateway() -> None:
    with listening(say(framed("151", "20200102 10:00:00 EST"))) as port:
        code, found, _ = doctor("--json", "--gateway", f"127.0.0.1:{port}")
    assert (code, found["server-version"]["verdict"]) == (1, "fail")


def a_gateway_that_tells_its_settings(connected: socket.socket, told: bytes | None = None) -> None:
    """IBKR's own protobuf classes make the answer unless it is `told`; up to 200 it speaks text."""
    from ibapi.protobuf import ConfigResponse_pb2

    hello = connected.recv(1024)
    newest = int(hello.rsplit(b"..", 1)[1].split(b" ")[0])
    version = min(newest, 222)
    connected.sendall(framed(str(version), "20261128 10:00:00 US/Eastern"))
    if version <= 200:
        connected.recv(1024)
        connected.sendall(framed("15", "1", "DU1234567") + framed("9", "1", "7"))
        connected.sendall(framed("4", "2", "-1", "2104", "Market data farm connection is OK:usfarm", "", "0"))
        while connected.recv(1024):
            pass
        return
    connected.recv(4096)
    made: Any = vars(ConfigResponse_pb2)["ConfigResponse"](reqId=1)
    made.api.settings.readOnlyApi = True
    made.api.settings.sendMarketDataInLotsForUsStocks = True
    made.api.settings.masterClientId = 101
    made.api.settings.maintainAndResubmitOrdersOnReconnect = True
    made.api.settings.createApiMessageLogFile = False
    made.api.settings.downloadOpenOrdersOnConnection = False
    made.api.settings.allowLocalhostOnly = True
    made.api.settings.socketPort = 4002
    made.api.precautions.bypassOrderPrecautions = False
    made.lockAndExit.autoLogoffTime = "11:45 PM"
    made.lockAndExit.autoLogoffType = "logoff"
    body = made.SerializeToString() if told is None else told
    from ibapi.message import IN

    answer: int = vars(IN)["CONFIG_RESPONSE"] + 200
    payload = answer.to_bytes(4, "big") + body
    connected.sendall(len(payload).to_bytes(4, "big") + payload)
    while connected.recv(1024):
        pass


def test_a_gateway_that_tells_its_settings() -> None:
    with listening(a_gateway_that_tells_its_settings) as port:
        code, found, _ = doctor("--json", "--gateway", f"127.0.0.1:{port}")
    assert code == 1
    verdicts = {name: check["verdict"] for name, check in found.items()}
    expected = {
        "settings": "ok",
        "orders-allowed": "fail",
        "lots": "fail",
        "master-client-id": "fail",
        "auto-restart": "warn",
        "order-dialogs": "warn",
        "resubmit-orders": "warn",
        "message-log": "warn",
        "open-orders": "warn",
        "trusted-ips": "ok",
        "socket-port": "ok",
    }
    assert {name: verdicts[name] for name in expected} == expected
    assert verdicts["max-rate"] == "skip", "what the gateway did not say is not judged"


def test_settings_that_cannot_be_read_are_skipped() -> None:
    with listening(lambda connected: a_gateway_that_tells_its_settings(connected, b"\xff" * 9)) as port:
        code, found, _ = doctor("--json", "--gateway", f"127.0.0.1:{port}")
    assert found["settings"]["verdict"] == "skip"
    assert "cannot be read" in found["settings"]["evidence"]
    assert code == (1 if any(check["verdict"] == "fail" for check in found.values()) else 0)


def test_a_wrong_address_is_one_line() -> None:
    code, _, text = doctor("--gateway", "nonsense")
    assert code == 2
    assert len(text.strip().splitlines()) == 1
