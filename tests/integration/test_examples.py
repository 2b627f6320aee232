"""Every example, and the program in SPEC.md, runs to its end against a whole cluster."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.cluster import Cluster

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "protocol" / "SPEC.md"


def run(program: Path, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, str(program), *args], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("example", "says"),
    [
        ("plain_pyzmq.py", ["accepted as order", "USD", "filled", "submitted", "cancelled"]),
        ("python_client.py", ["accepted as order", "filled", "submitted", "cancelled", "orders "]),
        ("asyncio_client.py", ["AAPL-", "MSFT-", "filled", "0 events lost"]),
    ],
)
def test_an_example_runs_to_its_end(cluster: Cluster, example: str, says: list[str]):
    told = run(ROOT / "examples" / example, str(cluster.port_base))
    for words in says:
        assert words in told


def programs(page: Path, cluster: Cluster, folder: Path) -> list[Path]:
    """The Python programs of a page, with this cluster's ports."""
    found: list[Path] = []
    for source in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        mine = re.sub(r"\b55(?=[23][01]\b)", str(cluster.port_base // 100), source)
        mine = mine.replace("Client()", f"Client(port_base={cluster.port_base})")
        found.append(folder / f"{page.stem}_{len(found)}.py")
        found[-1].write_text(mine)
    return found


DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.glob("*.md") if "```python" in page.read_text(encoding="utf-8"))


OWN_CLUSTER = ("risk", "keys")
"""Their programs want a cluster with limits, with keys: test_orders_risk_live, test_keys_cluster."""


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.stem not in OWN_CLUSTER], ids=lambda page: page.stem
)
def test_the_programs_in_the_documentation_run_to_their_ends(cluster: Cluster, tmp_path: Path, page: Path):
    for program in programs(page, cluster, tmp_path):
        run(program)


def test_the_program_in_the_specification_runs_to_its_end(cluster: Cluster, tmp_path: Path):
    (program,) = programs(SPEC, cluster, tmp_path)
    assert "filled" in run(program)


def test_the_programs_in_the_readme_run_to_their_ends(cluster: Cluster, tmp_path: Path):
    plain, client, operator = programs(ROOT / "README.md", cluster, tmp_path)
    told = run(plain)
    assert "'bid'" in told
    assert "'ok': True" in told
    assert "Quote(" in run(client)
    assert "still working: []" in run(operator)
