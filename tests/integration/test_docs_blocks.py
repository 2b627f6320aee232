"""What stands on the project's pages runs: every shell, Python, TypeScript and C++ block, against a cluster.

Blocks of one page run in its order in a folder of its own; see `support.doc_blocks`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from conftest import running_cluster
from support.client_programs import needs_cpp, needs_typescript
from support.cluster import Cluster
from support.doc_blocks import PAGES, READ, ROOT, RUN, Runner, blocks, runnable
from support.keyed_cluster import running_keyed

KEYS = ROOT / "docs/keys.md"
COMMANDS = ("twsmq ", ".venv/bin/", "make ", "docker ", "pip ", "python ")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """With the page."""
    with running_cluster(tmp_path_factory.mktemp("cluster"), "[web]\nenabled = true") as running:
        yield running


ALL = [block for page in PAGES for block in blocks(page)]


def pages(*languages: str) -> list[Path]:
    """A page that needs a cluster with keys has a test of its own."""
    return [page for page in PAGES if page != KEYS and runnable(page, *languages)]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_every_block_names_its_language() -> None:
    for block in ALL:
        where = f"{name(block.page)}:{block.line}"
        known = (*RUN, *READ)
        assert block.language in known or block.language[:1] in ("{", ""), where
        if block.language not in RUN:
            commands = [line for line in block.source.splitlines() if line.startswith(COMMANDS)]
            assert not commands, f"{where}: commands are `sh`, and run"


def test_most_blocks_run_and_the_others_say_why() -> None:
    written = {language: [block for block in ALL if block.language == language] for language in RUN}
    kept_out = [block for found in written.values() for block in found if block.not_run]
    for block in kept_out:
        print(f"{name(block.page)}:{block.line}: {block.not_run}")
        assert len(block.not_run.split()) >= 3, block
    for language, found in written.items():
        ran = [block for block in found if not block.not_run]
        print(f"{language}: {len(ran)} of {len(found)} run")
        assert len(ran) > len(found) / 2, language
        assert len(ran) >= 2, language
    assert len(kept_out) <= sum(map(len, written.values())) / 3


@pytest.mark.parametrize("page", pages("sh", "python"), ids=name)
def test_the_commands_and_programs_of_a_page_run_one_after_the_other(
    cluster: Cluster, tmp_path: Path, page: Path
) -> None:
    runner = Runner(tmp_path, cluster.port_base, cluster.config)
    for block in runnable(page, "sh", "python"):
        printed = runner.run(block)
        for where, mark, words in EXPECTED:
            if where == name(page) and mark in block.source:
                assert all(word in printed for word in words), printed


EXPECTED = (
    ("README.md", "import msgpack", ("'bid'", "'ok': True")),
    ("README.md", ".done(", ("Quote(", "filled")),
    ("README.md", "stop everything", ("still working: []",)),
    ("protocol/SPEC.md", "import msgpack", ("filled",)),
    ("docs/first_strategy.md", "too-much", ("risk_rejected",)),
    ("docs/first_strategy.md", "steps.py", ("step 3: filled", "step 4: risk_rejected")),
    ("docs/first_strategy.md", ".done(", ("filled",)),
    ("docs/coming_from.md", ".done(", ("filled",)),
)
"""Page, a word by which a block of its is known, what that prints."""


@needs_typescript
@pytest.mark.parametrize("page", pages("ts"), ids=name)
def test_the_typescript_of_a_page_compiles_and_runs(cluster: Cluster, tmp_path: Path, page: Path) -> None:
    runner = Runner(tmp_path, cluster.port_base)
    for block in runnable(page, "ts"):
        assert "filled" in runner.run(block)


@needs_cpp
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
@pytest.mark.parametrize("page", pages("cpp"), ids=name)
def test_the_cpp_of_a_page_compiles_and_runs(cluster: Cluster, tmp_path: Path, page: Path) -> None:
    runner = Runner(tmp_path, cluster.port_base)
    for block in runnable(page, "cpp"):
        assert "filled" in runner.run(block)


def test_the_page_of_keys_runs_against_a_cluster_with_keys(tmp_path: Path) -> None:
    with running_keyed(tmp_path) as keyed:  # which has run the first block
        runner = Runner(tmp_path, keyed.port_base)
        first, *rest = runnable(KEYS, "sh", "python")
        assert "keys init" in first.source
        for block in rest:
            public = zmq.curve_keypair()[0].decode()
            mine = block._replace(source=block.source.replace("PUBLIC-KEY", public))
            assert runner.run(mine)


NOTEBOOKS = {
    "quotes": ("bid ", " 0 lost", "APPLE", "LinkChanged"),
    "orders": ("filled 10.0 at", "True 1", "conflict", "cancelled"),
    "history": ("close", "bars in"),
    "risk": ("risk_rejected", "remaining: []", "halted", "orders         ready"),
}
"""What each prints, among other things."""


def test_every_notebook_is_run() -> None:
    assert {path.stem for path in (ROOT / "docs/notebooks").glob("*.ipynb")} == set(NOTEBOOKS)


@pytest.mark.skipif(
    importlib.util.find_spec("nbclient") is None or importlib.util.find_spec("pandas") is None,
    reason="notebooks run where pip install -e '.[docs,pandas]' was done",
)
@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_notebook_runs_from_its_first_cell_to_its_last(
    cluster: Cluster, tmp_path: Path, notebook: str
) -> None:
    shutil.copy(cluster.config, tmp_path / "twsmq.toml")
    keep = ["--write"] if os.environ.get("TWSMQ_WRITE_NOTEBOOKS") else []
    command = [sys.executable, str(ROOT / "docs/execute_notebooks.py"), *keep]
    done = subprocess.run(
        [*command, str(ROOT / f"docs/notebooks/{notebook}.ipynb")],
        cwd=tmp_path,
        env=os.environ | {"IPYTHONDIR": str(tmp_path / "ipython")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for words in NOTEBOOKS[notebook]:
        assert words in done.stdout, done.stdout
