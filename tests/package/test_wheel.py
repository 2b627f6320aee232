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


# --- the client alone ----------------------------------------------------------------------------------

IMPORT_S = 0.030
ORDER = """
import sys
from twsmq import Client
with Client(port_base=int(sys.argv[1])) as client:
    print(client.wait_quote("STK:AAPL:SMART:USD"))
    order = client.place(strategy="light", client_order_id="1", instrument="STK:AAPL:SMART:USD", side="BUY",
                         quantity=1, order_type="MKT")
    print(order.done(timeout=60).status)
"""


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    base = tmp_path_factory.mktemp("light")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(base), str(ROOT / "client")], check=True)
    (wheel,) = base.glob("twsmq_client-*.whl")
    venv.create(base / "venv", with_pip=True)
    subprocess.run(
        [str(base / "venv" / "bin" / "pip"), "install", "--quiet", str(wheel)], check=True, env=_environment()
    )
    (base / "empty").mkdir()
    return Installed(base / "venv" / "bin", wheel, base / "empty")


def test_the_client_alone_brings_two_libraries_and_nothing_else(light: Installed) -> None:
    listed = {row["name"].lower() for row in json.loads(light.run("pip", "list", "--format", "json"))}
    assert listed - {"pip", "setuptools"} == {"twsmq-client", "msgspec", "pyzmq"}


def test_the_client_alone_is_the_whole_one_s_files_of_the_same_version(
    light: Installed, installed: Installed
) -> None:
    with zipfile.ZipFile(light.wheel) as small, zipfile.ZipFile(installed.wheel) as whole:
        files = [name for name in small.namelist() if ".dist-info/" not in name]
        assert {name.split("/")[0] for name in files} == {"twsmq", "twsmq_protocol"}
        assert all(small.read(name) == whole.read(name) for name in files)
        left_out = {name.split("/")[1] for name in whole.namelist() if name.startswith("twsmq/")}
        left_out -= {name.split("/")[1] for name in files if name.startswith("twsmq/")}
        assert left_out == {"cli", "conform", "download", "report"}
    assert light.wheel.name.split("-")[1] == installed.wheel.name.split("-")[1]


def test_every_module_of_the_client_alone_can_be_imported(light: Installed) -> None:
    modules = (name.removesuffix(".py") for name in zipfile.ZipFile(light.wheel).namelist())
    names = [name.replace("/", ".").removesuffix(".__init__") for name in modules if "dist-info" not in name]
    program = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    light.run("python", "-W", "error", "-c", program, *(name for name in names if "py.typed" not in name))


def test_to_import_the_client_alone_costs_next_to_nothing(light: Installed) -> None:
    timed = (
        "import time; began = time.process_time(); import twsmq; imported = time.process_time(); "
        "twsmq.Client; print(imported - began, time.process_time() - imported)"
    )
    took = [tuple(map(float, light.run("python", "-c", timed).split())) for _ in range(6)]
    package, client = (min(column) for column in zip(*took, strict=True))
    print(f"import twsmq: {package * 1e3:.1f} ms; twsmq.Client then: {client * 1e3:.1f} ms")
    assert package < IMPORT_S


def test_the_client_alone_trades_with_a_cluster(light: Installed, installed: Installed) -> None:
    with reserved_ports() as base, orphans_refused():
        (installed.folder / "twsmq.toml").write_text(
            f"[cluster]\nport_base = {base}\n[gateway]\nport = {base + GATEWAY_OFFSET}\n"
        )
        try:
            installed.run("twsmq", "up", "--detach")
            assert "filled" in light.run("python", "-c", ORDER, str(base))
        finally:
            installed.run("twsmq", "down")
