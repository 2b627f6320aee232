"""Clients in every language of ours understand the same bytes and end the same sessions alike."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TYPESCRIPT = ROOT / "clients" / "typescript" / "dist" / "conform.js"
CPP = ROOT / "clients" / "cpp" / "build" / "conform"

needs_typescript = pytest.mark.skipif(
    shutil.which("node") is None or not TYPESCRIPT.exists(),
    reason="the TypeScript client is not built: (cd clients/typescript && npm install && npm run build)",
)
needs_cpp = pytest.mark.skipif(
    not CPP.exists(), reason="the C++ client is not built: make -C clients/cpp (g++, cppzmq, msgpack-cxx)"
)


def conform(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "twsmq.cli", "conform", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


@pytest.mark.parametrize(
    "program",
    [
        pytest.param([sys.executable, "-m", "twsmq.conform.python"], id="python"),
        pytest.param(["node", str(TYPESCRIPT)], id="typescript", marks=needs_typescript),
        pytest.param([str(CPP)], id="cpp", marks=needs_cpp),
    ],
)
def test_a_client_conforms(program: list[str]) -> None:
    proved = conform("--json", *program)
    verdicts = [json.loads(line) for line in proved.stdout.splitlines()]
    assert [verdict for verdict in verdicts if verdict["problem"] is not None] == [], proved.stderr
    assert proved.returncode == 0
    kinds = {verdict["name"].split(":")[0].split()[0] for verdict in verdicts}
    assert kinds == {"event", "reply", "request", "refused", "session"}
    assert len(verdicts) > 140


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
