"""`twsmq doctor` at a gateway in each state that its users have met: right verdict, right cure, in time.

The gateways here are scripts that say what real ones were captured to say; see test_doctor.py for the
simulated gateway and for what is no gateway at all. On an address of its own the usual ports can
be played.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from support.patience import patient
from support.scripted_port import framed, listening
from twsmq_nodes.doctor.probe import HELLO_S, START_S, TOTAL_S

ENOUGH_S = 15.0
"""On an idle machine."""
OWN = f"127.{1 + os.getpid() % 250}.{os.getpid() // 250 % 250}.2"
"""Nobody else listens there, nor do tests of this file that run at the same time."""

START_API = "71"
ELSEWHERE = "Historical Market Data Service error message:" + (
    "Trading TWS session is connected from a different IP address"
)
READ_ONLY = "Error validating request.-'bY' : cause - The API interface is currently in Read-Only mode."


def error(request: int | str, code: int, text: str) -> bytes:
    return framed("4", request, code, text, "", "0")


class State(Struct, frozen=True, kw_only=True):
    """How a gateway is."""

    version: int = 200
    zone: str = "US/Eastern"
    accounts: str = "DU1234567"
    next_id: int = 7
    farms: tuple[tuple[int, str], ...] = ((2104, "Market data farm connection is OK:usfarm"),)
    skew_s: int = 0
    quote: tuple[int, str] | None = None
    """The error that asking for a quote gets; None: live data."""
    history: tuple[int, str] | None = None
    """The error that asking for a daily bar gets."""
    orders: tuple[int, str] | None = None
    starts: bool = True
    """False: it never says nextValidId."""
    closes: bool = False
    """It closes the connection as soon as a session starts."""


def served(state: State, connected: socket.socket) -> None:
    connected.recv(1024)
    hello = framed(state.version, f"20261128 10:00:00 {state.zone}")
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.sendall(hello[:7])  # a forwarder may cut it anywhere
    time.sleep(0.05)
    connected.sendall(hello[7:])
    rest = b""
    while data := connected.recv(4096):
        rest += data
        while len(rest) >= 4 and len(rest) >= 4 + int.from_bytes(rest[:4], "big"):
            length = int.from_bytes(rest[:4], "big")
            fields = rest[4 : 4 + length].decode("latin-1").split("\0")
            rest = rest[4 + length :]
            if fields[0] == START_API and state.closes:
                return
            connected.sendall(answered(state, fields))


def answered(state: State, fields: list[str]) -> bytes:
    match fields[0]:
        case "71" if state.starts:  # startApi
            said = framed("15", "1", state.accounts) + framed("9", "1", state.next_id)
            return said + b"".join(error(-1, code, text) for code, text in state.farms)
        case "49":  # reqCurrentTime
            return framed("49", "1", int(time.time()) + state.skew_s)
        case "1":  # reqMktData
            request = fields[2]
            if state.quote is not None:
                return error(request, *state.quote)
            return framed("58", "1", request, "1") + framed("1", "6", request, "1", "187.5", "100", "0")
        case "20":  # reqHistoricalData
            if state.history is not None:
                return error(fields[1], *state.history)
            bar = ("20261127", "187", "189", "186", "188", "1000", "187.5", "10")
            return framed("17", fields[1], "1", *bar) + framed("108", fields[1], "", "")
        case "5":  # reqOpenOrders
            return error(-1, *state.orders) if state.orders is not None else framed("53", "1")
        case _:
            return b""


def examined(host: str, port: int, *words: str) -> dict[str, dict[str, Any]]:
    command = [sys.executable, "-m", "twsmq.cli", "doctor", "--json", "--gateway", f"{host}:{port}", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=patient(60), check=False)
    assert "Traceback" not in done.stderr, done.stderr
    result = json.loads(done.stdout)
    assert done.returncode == (0 if result["ok"] else 1)
    return {check["id"]: check for check in result["checks"]}


@pytest.mark.parametrize(
    ("state", "check", "verdict", "cure"),
    [
        pytest.param(State(), "market-data", "ok", None, id="well"),
        pytest.param(State(accounts="U1234567"), "account-mode", "warn", "allow_live", id="live account"),
        pytest.param(State(accounts=""), "accounts", "fail", "Pro account", id="no account"),
        pytest.param(State(accounts="DU1,DU2"), "accounts", "warn", "account", id="several accounts"),
        pytest.param(State(starts=False), "client-id", "fail", "dialog", id="paper not confirmed"),
        pytest.param(State(closes=True), "client-id", "fail", "locked or closing", id="closed after start"),
        pytest.param(
            State(farms=((1100, "Connectivity between IBKR and Trader Workstation has been lost."),)),
            "farms",
            "fail",
            "RECONNECTACCOUNT",
            id="no broker",
        ),
        pytest.param(
            State(farms=((2103, "Market data farm connection is broken:usfarm"),)),
            "farms",
            "warn",
            "ISP",
            id="farm",
        ),
        pytest.param(State(farms=()), "farms", "warn", "minute", id="no farm yet"),
        pytest.param(State(skew_s=-90), "clock", "warn", "NTP", id="clock"),
        pytest.param(State(zone="Mitteleurop\u00e4ische Zeit"), "zone", "warn", "jts.ini", id="zone"),
        pytest.param(
            State(quote=(354, "Requested market data is not subscribed.")),
            "market-data",
            "warn",
            "paid",
            id="354",
        ),
        pytest.param(
            State(quote=(10197, "No market data during competing live session")),
            "market-data",
            "fail",
            "second username",
            id="competing session",
        ),
        pytest.param(State(history=(162, ELSEWHERE)), "market-data", "fail", "username", id="elsewhere"),
        pytest.param(
            State(quote=(10197, "No market data during competing live session")),
            "other-sessions",
            "warn",
            "username of its own",
            id="same user in Client Portal",
        ),
        pytest.param(
            State(history=(162, ELSEWHERE)), "other-sessions", "warn", "log the", id="another address"
        ),
        pytest.param(State(), "other-sessions", "ok", None, id="no other session"),
        pytest.param(State(starts=False), "login", "warn", "IBKR Lite", id="no API access"),
        pytest.param(State(zone="Canada/Eastern"), "region", "warn", "by hand", id="Canada"),
        pytest.param(
            State(orders=(321, READ_ONLY)),
            "orders-allowed",
            "fail",
            "Read-Only API",
            id="read-only",
        ),
        pytest.param(State(next_id=2**31 - 5), "order-ids", "fail", "Reset API order ID", id="order ids"),
        pytest.param(State(version=150), "server-version", "fail", "update TWS", id="too old"),
        pytest.param(State(version=4711), "handshake", "fail", "see what it is", id="plays a gateway"),
    ],
)
def test_each_state_has_its_verdict_and_its_cure(
    state: State, check: str, verdict: str, cure: str | None
) -> None:
    began = time.monotonic()
    with listening(lambda connected: served(state, connected)) as port:
        found = examined("127.0.0.1", port)
    assert time.monotonic() - began < patient(ENOUGH_S)
    assert (found[check]["verdict"], found[check]["evidence"] != "") == (verdict, True), found[check]
    if cure is not None:
        assert cure in found[check]["cure"]


def test_the_wrong_port_names_the_right_one() -> None:
    with listening(lambda connected: served(State(), connected), OWN, 7497):
        found = examined(OWN, 4002)
    assert found["port-open"]["verdict"] == "fail"
    assert "7497 (TWS paper, DU1234567)" in found["port-open"]["evidence"]
    assert f"--gateway {OWN}:7497" in found["port-open"]["cure"]


@pytest.mark.parametrize("state", [State(zone="Asia/Hong_Kong"), State(closes=True)])
def test_a_tws_that_locks_itself_is_told_from_a_gateway(state: State) -> None:
    with listening(lambda connected: served(state, connected), OWN, 7497):
        found = examined(OWN, 7497)
    assert found["screen-lock"]["verdict"] == "warn"
    assert "IB Gateway" in found["screen-lock"]["cure"]


def test_nothing_anywhere_names_the_four_ports_and_what_to_do() -> None:
    began = time.monotonic()
    found = examined(OWN, 4001)
    assert time.monotonic() - began < patient(ENOUGH_S)
    for port in ("4001", "4002", "7496", "7497"):
        assert port in found["port-open"]["evidence"]
    assert "IBKR Lite" in found["login"]["cure"]
    for words in ("login", "Enable ActiveX and Socket Clients", "Socket port"):
        assert words in found["port-open"]["cure"]


def test_a_gateway_that_is_slow_at_every_step_takes_no_longer() -> None:
    """Each answer comes just within its own bound; what is left over is skipped or warned of."""

    def slow(connected: socket.socket) -> None:
        connected.recv(1024)
        time.sleep(HELLO_S - 1)
        connected.sendall(framed(200, "20261128 10:00:00 US/Eastern"))
        connected.recv(4096)
        time.sleep(START_S - 1)
        connected.sendall(framed("15", "1", "DU1234567") + framed("9", "1", "7"))
        while connected.recv(4096):
            pass

    began = time.monotonic()
    examined(OWN, 4001)
    to_start = time.monotonic() - began  # the command itself, as fast as this machine is just now
    with listening(slow) as port:
        began = time.monotonic()
        found = examined("127.0.0.1", port)
        took = time.monotonic() - began
    assert took < TOTAL_S + 2 * to_start
    assert found["accounts"]["verdict"] == "ok"
    assert {found[name]["verdict"] for name in ("clock", "farms", "market-data")} == {"warn"}


def test_a_small_heap_of_a_gateway_on_this_machine_is_noticed() -> None:
    """Its command line tells; a process that only looks like one will do."""
    command = "import sys; sys.stdin.read()"
    words = [sys.executable, "-c", command, "java", "-Xmx100m", "-cp", "/opt/jts/ibgateway.jar"]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as gateway:
        found = examined(OWN, 4001)
        gateway.communicate()
    assert found["gateway-memory"]["verdict"] == "warn"
    assert "4000 MB" in found["gateway-memory"]["cure"]


def test_a_forwarder_without_a_gateway_is_named() -> None:
    with listening(lambda _: None, OWN, 4004):
        found = examined(OWN, 4004)
    assert found["handshake"]["verdict"] == "fail"
    assert "forwarder" in found["handshake"]["evidence"]
    assert "docker logs" in found["handshake"]["cure"]


def test_an_address_that_is_not_trusted_is_named() -> None:
    with listening(lambda _: None, OWN, 0) as port:
        found = examined(OWN, port)
    assert "Trusted IPs" in found["handshake"]["cure"]


def test_a_firewall_that_says_nothing_is_told_from_a_refusal() -> None:
    """A listener whose queue is full drops what comes, as a firewall does."""
    with ExitStack() as held:
        full = held.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        for _ in range(3):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        began = time.monotonic()
        found = examined("127.0.0.1", port)
    assert time.monotonic() - began < patient(ENOUGH_S)
    assert found["port-open"]["verdict"] == "fail"
    assert "firewall" in found["port-open"]["evidence"]


def test_a_host_that_is_none_is_named() -> None:
    found = examined("no-such-host.invalid", 4002)
    assert found["port-open"]["verdict"] == "fail"
    assert "--gateway" in found["port-open"]["cure"]


def test_one_of_the_clusters_own_client_ids_is_noticed() -> None:
    with listening(lambda connected: served(State(), connected)) as port:
        found = examined("127.0.0.1", port, "--client-id", "101")
    assert found["client-id"]["verdict"] == "warn"


def test_what_stands_in_the_way_of_ibapi_is_a_finding_not_the_end(tmp_path: Path) -> None:
    """Half of IBKR's own folder on PYTHONPATH, and a strategy's `signal.py` where the command is typed."""
    (tmp_path / "signal.py").write_text("raise SystemExit('a trading signal')\n")
    (tmp_path / "path" / "ibapi").mkdir(parents=True)
    (tmp_path / "path" / "ibapi" / "__init__.py").write_text("raise ImportError('half of it')\n")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "twsmq.cli", "doctor", "--json", "--gateway", f"{OWN}:4001"],
        capture_output=True,
        text=True,
        timeout=patient(60),
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "path")},
    )
    assert done.returncode == 1, done.stderr
    found = {check["id"]: check for check in json.loads(done.stdout)["checks"]}
    assert found["ibapi"]["verdict"] == "fail"
    assert "half of it" in found["ibapi"]["evidence"]
    assert found["port-open"]["verdict"] == "skip"
