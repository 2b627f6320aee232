"""Clients in every language of ours understand the same bytes and end the same sessions alike."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import zmq
from msgspec.structs import replace
from support.client_programs import PROGRAMS, running_program
from twsmq.conform.cast import free_port_base
from twsmq_protocol.keys import ClientFile, written
from twsmq_transport.gatekeeper import new_pair


def conform(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "twsmq.cli", "conform", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_client_conforms(program: list[str]) -> None:
    proved = conform("--json", *program)
    verdicts = [json.loads(line) for line in proved.stdout.splitlines()]
    assert [verdict for verdict in verdicts if verdict["problem"] is not None] == [], proved.stderr
    assert proved.returncode == 0
    kinds = {verdict["name"].partition(":")[0] for verdict in verdicts}
    kinds = {"session" if kind.startswith("session ") else kind for kind in kinds}
    assert kinds == {"event", "odd event", "reply", "request", "refused", "session"}
    assert len(verdicts) > 280


LIES = """\
import json, sys
for line in sys.stdin:
    command = json.loads(line)
    answer = {"topic": "quote/X/", "event": {"type": "quote"}, "hex": "80", "reply": {"id": 0, "ok": True}}
    print(json.dumps({} if command["do"] in ("connect", "close") else answer), flush=True)
"""


def test_a_client_that_gets_everything_wrong_passes_nothing() -> None:
    proved = conform("--only", "quote", sys.executable, "-c", LIES)
    assert proved.returncode == 1
    assert proved.stdout.splitlines()[-1].startswith("0 passed")


def test_a_program_that_ends_or_is_missing_is_one_line() -> None:
    for program in (["/nowhere/at/all"], [sys.executable, "-c", "pass"]):
        proved = conform(*program)
        assert proved.returncode == 1
        assert len(proved.stderr.splitlines()) == 1
        assert "Traceback" not in proved.stderr


@pytest.mark.parametrize("command", PROGRAMS)
def test_a_key_file_that_cannot_be_is_refused_with_its_name_and_ends_nothing(
    command: list[str], tmp_path: Path
) -> None:
    public, secret = new_pair()
    good = ClientFile(name="a", public_key=public, secret_key=secret, server_key=new_pair()[0])
    file = tmp_path / "spoilt.key"
    file.touch(mode=0o600)
    with running_program(command) as program:
        for wrong, named in (
            ({"server_key": public[:39]}, "server_key"),
            ({"server_key": "#" * 40}, "server_key"),  # the characters of a key, and no key
            ({"secret_key": secret + "0"}, "secret_key"),
            ({"secret_key": new_pair()[1]}, "its secret_key does not belong to its public_key"),
            ({"public_key": new_pair()[0]}, "its secret_key does not belong to its public_key"),
            ({"public_key": "~" * 40}, "public_key"),
            ({"host": "fe80::1%eth0"}, "host"),
            ({"host": "my desk"}, "host"),
            ({"port_base": 80}, "port_base"),
            ({"port_base": 70_000}, "port_base"),
            ({"marketdata": 9}, "marketdata"),
        ):
            file.write_text(written(replace(good, **wrong)))
            why = program.ask("connect", keys=str(file))["failed"]
            assert f"spoilt.key: {named}" in why, (wrong, why)
            assert "twsmq keys add" in why, (wrong, why)
            assert "[0-9a-z" not in why, "a pattern is no sentence"
            assert secret not in why
        file.write_text(written(good).replace("secret_key", "other_key"))
        assert "secret_key" in program.ask("connect", keys=str(file))["failed"]
        file.write_text(written(good))
        for mode in (0o644, 0o640, 0o622):
            file.chmod(mode)
            assert f"chmod 600 {file}" in program.ask("connect", keys=str(file))["failed"]
        file.chmod(0o400)
        assert program.ask("connect", keys=str(file)) == {}
        assert program.ask("close") == {}


@pytest.mark.parametrize("command", PROGRAMS)
def test_as_many_subscriptions_as_a_connection_may_hold_get_there(command: list[str]) -> None:
    """libzmq drops those that its queue has no room for, while nobody listens yet, without a word."""
    topics = [f"quote/STK:S{number}:SMART:USD/" for number in range(1_900)]
    with (
        free_port_base() as base,
        zmq.Context[zmq.Socket[bytes]]() as context,
        running_program(command) as program,
        context.socket(zmq.XPUB) as marketdata,
    ):
        assert program.ask("connect", port_base=base) == {}
        assert program.ask("subscribe", topics=topics) == {}
        marketdata.bind(f"tcp://127.0.0.1:{base + 21}")
        found: set[str] = set()
        while len(found) < len(topics) and marketdata.poll(20_000):
            found.add(marketdata.recv()[1:].decode())
        assert len(found) == len(topics)
        assert program.ask("close") == {}
