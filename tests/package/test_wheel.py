"""The wheel as a user meets it: built, installed into a fresh environment, run in an empty folder.

Slow: it builds and installs from the package index. `.ci/run` runs it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import venv
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import GATEWAY_OFFSET, orphans_refused, reserved_ports

ROOT = Path(__file__).parents[2]
FIRST_QUOTE_S = 15
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Installed(NamedTuple):
    bin: Path
    wheel: Path
    folder: Path

    def run(self, *words: str, timeout: float = 100) -> str:
        done = subprocess.run(
            [str(self.bin / words[0]), *words[1:]],
            cwd=self.folder,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def _environment() -> dict[str, str]:
    """Nothing of the checkout may help."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    base = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(base), str(ROOT)], check=True)
    (wheel,) = base.glob("twsmq-*.whl")
    venv.create(base / "venv", with_pip=True)
    subprocess.run(
        [str(base / "venv" / "bin" / "pip"), "install", "--quiet", str(wheel)], check=True, env=_environment()
    )
    (base / "empty").mkdir()
    return Installed(base / "venv" / "bin", wheel, base / "empty")


def test_the_wheel_holds_what_runs_and_no_test_bench_or_document(installed: Installed) -> None:
    names = zipfile.ZipFile(installed.wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "twsmq",
        "twsmq_nodes",
        "twsmq_protocol",
        "twsmq_simulator",
        "twsmq_supervisor",
        "twsmq_transport",
        "twsmq_web",
    }
    assert any(name.endswith("py.typed") for name in names)
    assert any(name.startswith("twsmq_protocol/vectors/") for name in names)


def test_the_base_install_is_small_and_says_what_an_extra_would_bring(installed: Installed) -> None:
    listed = {row["name"].lower() for row in json.loads(installed.run("pip", "list", "--format", "json"))}
    assert not listed & {"starlette", "uvicorn", "textual", "pandas", "polars", "pyarrow", "apprise"}
    extras = re.findall(r"^Provides-Extra: (.+)$", _metadata(installed.wheel), re.MULTILINE)
    assert {"web", "tui", "alerts", "record", "polars", "pandas", "parquet"} <= set(extras)


def _metadata(wheel: Path) -> str:
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        return opened.read(name).decode()


def test_up_in_an_empty_folder_gives_a_quote_within_seconds(installed: Installed) -> None:
    with reserved_ports() as base, orphans_refused():
        (installed.folder / "twsmq.toml").write_text(
            f"[cluster]\nport_base = {base}\n[gateway]\nport = {base + GATEWAY_OFFSET}\n"
        )
        installed.run("python", "-c", "import twsmq.cli")  # warm: what is compiled once is not measured
        began = time.monotonic()
        try:
            installed.run("twsmq", "up", "--detach")
            quote = installed.run("twsmq", "watch", "quote/STK:AAPL:SMART:USD/", "--count", "3", "--json")
            took = time.monotonic() - began
            assert "quote/STK:AAPL:SMART:USD/" in quote
            assert took < FIRST_QUOTE_S, f"{took:.1f} s"
        finally:
            installed.run("twsmq", "down")
