"""Clients nobody here wrote trade with the simulated gateway. The short form plays some scenarios with IBKR's
own ibapi (the oldest and the current release) and ib_async as `make venv` has set them up; `make conformance`
is the long one."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from conformance.catalogue import SCENARIOS
from conformance.clients import CLIENTS, HERE, Client
from conformance.judge import GATEWAY_OPTIONS, Verdict, play, play_at
from conformance.table import markdown
from support import simulated_gateway
from support.simulated_gateway import running_gateway

SHORT = (
    "connect",
    "contract_details",
    "level1",
    "market_order",
    "limit_order",
    "cancel",
    "executions",
    "completed_orders",
    "account",
    "reconnect",
)


@dataclass(frozen=True)
class SetUpByVenv(Client):
    """A client that is installed with ours, or in a folder beside it."""

    @property
    def folder(self) -> Path:
        return simulated_gateway.CLIENTS / self.package

    def command(self) -> list[str]:
        return [sys.executable, str(HERE / "drivers" / self.driver)]


OLDEST = SetUpByVenv("ibapi==9.81.1.post1", 157, "ibapi_driver.py")
CURRENT = SetUpByVenv("ibapi as installed", 200, "ibapi_driver.py")
IB_ASYNC = SetUpByVenv("ib_async as installed", 178, "ib_async_driver.py")


@dataclass(frozen=True)
class Scripted(Client):
    """A driver that says what the test wants once it is told to connect, and stays until its stdin ends."""

    lines: tuple[str, ...] = ()

    def command(self) -> list[str]:
        program = "import sys; sys.stdin.readline(); print(sys.argv[1], flush=True); sys.stdin.read()"
        return [sys.executable, "-c", program, "\n".join(self.lines)]


HELLO = '{"event": "hello", "callbacks": "raw"}'
CONNECTED = ('{"event": "connected", "serverVersion": 200}', '{"event": "nextValidId", "orderId": 1}')


@pytest.mark.parametrize("name", SHORT)
@pytest.mark.parametrize("client", [OLDEST, CURRENT, IB_ASYNC], ids=["9.81.1", "current", "ib_async"])
def test_a_client_observes_what_the_evidence_asks_for(client: Client, name: str) -> None:
    if client is OLDEST:
        assert client.folder.is_dir(), f"{client.package} is not installed: make venv"
    verdict = play(client, name)
    assert verdict.outcome == "pass", verdict.detail


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_every_client_plays_every_scenario(client: Client) -> None:
    client.install()
    verdicts = {name: play(client, name) for name in SCENARIOS}
    assert not {name: v.detail for name, v in verdicts.items() if v.outcome == "fail"}


@pytest.mark.parametrize(
    ("fault", "args", "name", "said"),
    [
        ("roll_back_next_id", {"client_id": 7, "order_id": 50}, "connect", "nextValidId: 50 instead of 1"),
        ("double_perm_id", {}, "modify", "permId"),
        ("swallow_next_order", {}, "cancel", "no orderStatus"),
        ("lose_next_acknowledgement", {}, "transmit_false", "no orderStatus"),
        ("reject_next_order", {"reason": "no margin"}, "bracket", "Submitted"),
        ("read_only", {"on": True}, "what_if", "no openOrder"),
        ("competing_session", {"on": True}, "level1", "no tickPrice"),
    ],
)
def test_a_gateway_that_deviates_is_found_out(
    tmp_path: Path, fault: str, args: dict[str, object], name: str, said: str
) -> None:
    with running_gateway(tmp_path, *GATEWAY_OPTIONS, "--control-port", "0") as gateway:
        gateway.command(fault, **args)
        verdict = play_at(gateway.port, CURRENT, name, deadline=3)
    assert verdict.outcome == "fail"
    assert said in verdict.detail


@pytest.mark.parametrize(
    ("lines", "verdict"),
    [
        (
            (*CONNECTED, '{"event": "unsupported", "reason": "it has no such request"}'),
            Verdict("unsupported", "it has no such request"),
        ),
        (
            (*CONNECTED, '{"event": "crashed", "text": "ValueError"}'),
            Verdict("fail", "the library failed on what the gateway sent: ValueError"),
        ),
        (
            (CONNECTED[0].replace("200", "199"), CONNECTED[1]),
            Verdict("fail", "negotiated server version: 199 instead of 200"),
        ),
        (("no JSON",), Verdict("fail", "the driver said what is no observation: no JSON")),
    ],
    ids=["unsupported", "crashed", "version", "garbage"],
)
def test_the_judge_tells_a_client_that_cannot_from_one_that_fails(
    lines: tuple[str, ...], verdict: Verdict
) -> None:
    client = Scripted("scripted", 200, "", lines=(HELLO, *lines))
    assert play_at(0, client, "what_if", deadline=3) == verdict


def test_the_table_shows_every_verdict_and_numbers_the_remarks() -> None:
    passed = Verdict("pass")
    results = {
        package: dict.fromkeys(SCENARIOS, passed) for package in ("ib_async==2.1.0", "ibapi==9.81.1.post1")
    }
    results["ib_async==2.1.0"]["modify"] = Verdict("pass", notes=("refused by the library",))
    results["ibapi==9.81.1.post1"]["depth"] = Verdict("fail", "crossed:\n2 1")
    results["ibapi==9.81.1.post1"]["history"] = Verdict("unsupported", "no history")
    rows = markdown(results).splitlines()
    assert "| modify | ✓ (3) | ✓ |" in rows
    assert "| depth | ✓ | ✗ (1) |" in rows
    assert "| history | ✓ | – (2) |" in rows
    assert "| *server version* | 178 | 157 |" in rows
    assert rows[-3:] == ["1. crossed: 2 1", "2. no history", "3. refused by the library"]
