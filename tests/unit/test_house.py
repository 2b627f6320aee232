"""The house's own rules: files of one subject, no import circles, and an ARCHITECTURE that is true."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
from twsmq_protocol.processes import PROCESSES

ROOT = Path(__file__).parents[2]
ROOMS = ("", "_protocol", "_transport", "_nodes", "_supervisor", "_simulator", "_web")
MOST_LINES = 400
A_SCREEN = 60
GENERATED = ("client/twsmq/_sync/",)
TEXTS = (
    "py",
    "pyi",
    "ts",
    "js",
    "mjs",
    "cpp",
    "hpp",
    "md",
    "ipynb",
    "html",
    "toml",
    "yaml",
    "yml",
    "json",
    "sh",
)
ZMTP_HEARTBEATS = re.compile("heartbeat" + "_?(ivl|ttl|timeout|interval|time_?to_?live)", re.IGNORECASE)
FORBIDDING = re.compile(r"\b(never|no socket)\b", re.IGNORECASE)
PURE = re.compile(r"\bPure\b")
IMPURE = {"asyncio", "ibapi", "logging", "socket", "sqlite3", "structlog", "threading", "zmq"}
WALK = re.compile(r"^\| (`[\w/]+\.py: .*?) \| ", re.MULTILINE)


def python_files() -> Iterator[str]:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    yield from (name for name in listed.stdout.split() if (ROOT / name).exists())


def lines_of(name: str) -> int:
    return len((ROOT / name).read_text(encoding="utf-8").splitlines())


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout")
def test_nothing_sets_the_heartbeats_of_zmtp_nor_recommends_them() -> None:
    """In no language, example or page (docs/decisions/0009): with a bounded queue libzmq ends the process."""
    wanted = [f"*.{ending}" for ending in TEXTS]
    listed = subprocess.run(
        ["git", "ls-files", *wanted], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = [name for name in listed.stdout.split("\n") if name and (ROOT / name).exists()]
    assert {"clients/cpp", "clients/typescript", "examples"} <= {
        "/".join(n.split("/")[:2]) for n in names
    } | {n.split("/")[0] for n in names}
    found: list[str] = []
    for name in names:
        text = (ROOT / name).read_text(encoding="utf-8")
        if not ZMTP_HEARTBEATS.search(text):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            forbidden_here = name.endswith(".md") and FORBIDDING.search(line)
            if ZMTP_HEARTBEATS.search(line) and not forbidden_here:
                found.append(f"{name}:{number}: {line.strip()}")
    assert found == []


@pytest.mark.parametrize(
    ("line", "sets"),
    [("socket.setsockopt(zmq.%s_IVL, 1)", True), ("zmq_setsockopt(s, ZMQ_%s_TTL, &n, 4)", True),
     ("new Dealer({%sInterval: 1})", True), ("socket.%s_timeout = 1", True), ("a %s every second", False)],
)  # fmt: skip
def test_that_would_be_found_in_every_language(line: str, sets: bool) -> None:
    assert all(bool(ZMTP_HEARTBEATS.search(line % word)) is sets for word in ("HEARTBEAT", "heartbeat"))


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout")
def test_a_file_has_one_subject_and_at_most_400_lines() -> None:
    longer = {
        name for name in python_files() if lines_of(name) > MOST_LINES and not name.startswith(GENERATED)
    }
    assert sorted(longer) == [], "split it by what its parts mean"


def body_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    return function.body[1:] if ast.get_docstring(function) is not None else function.body


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout")
def test_what_a_function_does_fits_a_screen() -> None:
    """Its parameters and its docstring, which may be a command's help, apart."""
    longer: list[str] = []
    for name in python_files():
        if name.startswith(("tests/", "bench/", "docs/")):
            continue
        for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (body := body_of(node)):
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1
                if lines > A_SCREEN:
                    longer.append(f"{name}:{node.lineno} {node.name}: {lines} lines")
    assert longer == []


def test_no_module_imports_one_that_imports_it_be_it_for_types_only() -> None:
    graph = grimp.build_graph(
        *(f"twsmq{room}" for room in ROOMS), exclude_type_checking_imports=False, cache_dir=None
    )
    left = {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}
    while free := [module for module, imported in left.items() if not imported & left.keys()]:
        for module in free:
            del left[module]
    # What is left imports in a circle, or imports one that does: the circles are among what is imported.
    assert sorted(left) == []


def modules_called_pure() -> Iterator[str]:
    """Those that say so in their docstring, and every core."""
    for name in python_files():
        parts = Path(name.removesuffix("/__init__.py")).with_suffix("").parts[1:]
        if not parts or parts[0] not in {f"twsmq{room}" for room in ROOMS}:
            continue
        text = ast.get_docstring(ast.parse((ROOT / name).read_text(encoding="utf-8"))) or ""
        if PURE.search(text) or parts[-1] == "core" or parts[-1].endswith("_core"):
            yield ".".join(parts)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout")
def test_what_calls_itself_pure_reaches_no_clock_socket_thread_file_or_log() -> None:
    graph = grimp.build_graph(
        *(f"twsmq{room}" for room in ROOMS), include_external_packages=True, cache_dir=None
    )
    claims = sorted(modules_called_pure())
    assert len(claims) > 60
    assert {name: there for name in claims if (there := graph.find_upstream_modules(name) & IMPURE)} == {}
    assert [name for name in claims if "time" in graph.find_modules_directly_imported_by(name)] == []


def functions_of(file: Path) -> dict[str, ast.FunctionDef]:
    found: dict[str, ast.FunctionDef] = {}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            own = [each for each in node.body if isinstance(each, ast.FunctionDef)]
            found |= {f"{node.name}.{each.name}": each for each in own}
        elif isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, node)
    return found


def only_forwards(function: ast.FunctionDef) -> bool:
    """Its one statement hands its own parameters on, as they are. To keep them is to do something."""
    does = body_of(function)
    call = getattr(does[0], "value", None) if len(does) == 1 else None
    if not isinstance(call, ast.Call) or getattr(call.func, "attr", "") == "append":
        return False
    handed = [arg.id if isinstance(arg, ast.Name) else "" for arg in call.args]
    return handed == [each.arg for each in function.args.args if each.arg != "self"]


def test_every_hop_of_the_walks_in_architecture_is_there_and_does_something() -> None:
    hops = WALK.findall((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    assert len(hops) > 25
    for cell in hops:
        functions: dict[str, ast.FunctionDef] = {}
        for named in re.findall(r"`([^`]+)`", cell):
            path, _, function = named.rpartition(": ")
            if path:
                functions = functions_of(
                    next(
                        each for each in (ROOT / path, ROOT / "nodes" / "twsmq_nodes" / path) if each.exists()
                    )
                )
            assert function in functions, named
            assert not only_forwards(functions[function]), f"{named} only forwards: leave it out"


@pytest.mark.parametrize(
    ("source", "forwards"),
    [
        ("def f(self, a, b): return self.core.f(a, b)", True),
        ("def f(self, a): self._there.g(a)", True),
        ("def f(self, a): self._held.append(a)", False),
        ("def f(self, a, b): return self.core.f(a)", False),
        ("def f(self, a):\n    self.n += 1\n    self.g(a)", False),
    ],
)
def test_what_a_hop_is_that_only_forwards(source: str, forwards: bool) -> None:
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    assert only_forwards(function) is forwards


def test_architecture_says_what_each_process_owns() -> None:
    table = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("| process | owns |")[2]
    named = re.findall(r"^\| ([a-z]+)(?:-n)? \| ", table.partition("\n\n")[0], re.MULTILINE)
    assert sorted(named) == sorted(row.name for row in PROCESSES)
