"""Code blocks of the project's pages, and how each language's are run against a cluster.

A block that cannot run says why in a comment on the line before it, which no reader sees:
`<!-- not run: REASON -->`; `<!-- file: NAME -->` there is the name by which later blocks call it. Blocks of a
page run in its order, in a folder of the page's own that holds the cluster's `twsmq.toml`. `twsmq watch` runs
until Ctrl-C: here it ends after its first event.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

from support.client_programs import ROOT
from support.patience import patient

PAGES = sorted(
    [
        ROOT / "README.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "docs/runbook").glob("*.md"),
        *(ROOT / "clients").glob("*/README.md"),
        ROOT / "client/README.md",
        ROOT / "simulator/README.md",
        ROOT / "protocol/SPEC.md",
    ]
)
RUN = ("sh", "python", "ts", "cpp")
READ = ("toml", "text", "ini", "go", "rust", "java")
TYPESCRIPT, CPP = ROOT / "clients/typescript", ROOT / "clients/cpp"
FENCE = re.compile(r"^( *)(`{3,})(\S*)$")
FILE = re.compile(r"^ *<!-- file: (\S+) -->$")
REASON = re.compile(r"^ *<!-- not run: (.+) -->$")
WRAPPER = """\
#!/bin/sh
case "$1" in
watch) shift; exec {python} -m twsmq.cli watch --count 1 "$@" ;;
esac
exec {python} -m twsmq.cli "$@"
"""


class Block(NamedTuple):
    page: Path
    line: int
    language: str
    source: str
    not_run: str
    """Why, or nothing."""
    file: str
    """Its name, if others use it."""

    @property
    def name(self) -> str:
        return f"{self.page.parent.name}-{self.page.stem}-{self.line}"


def blocks(page: Path) -> list[Block]:
    found: list[Block] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    at = 0
    while at < len(lines):
        opened = FENCE.match(lines[at])
        at += 1
        if opened is None:
            continue
        first = at
        while lines[at].strip() != opened[2]:
            at += 1
        above = lines[first - 2] if first > 1 else ""
        reason, file = REASON.match(above), FILE.match(above)
        source = dedent("\n".join(lines[first:at])) + "\n"
        known = (reason[1] if reason else "", file[1] if file else "")
        found.append(Block(page, first, opened[3], source, *known))
        at += 1
    return found


def runnable(page: Path, *languages: str) -> list[Block]:
    return [block for block in blocks(page) if block.language in languages and not block.not_run]


class Runner:
    """Runs blocks in `folder`, against the cluster whose first port is `port_base`."""

    def __init__(self, folder: Path, port_base: int, config: Path | None = None) -> None:
        self._folder = folder
        self._port_base = port_base
        if config is not None:
            shutil.copy(config, folder / "twsmq.toml")
        for place in ("bin", ".venv/bin"):
            (folder / place).mkdir(parents=True)
            (folder / place / "twsmq").write_text(WRAPPER.format(python=shlex.quote(sys.executable)))
            (folder / place / "twsmq").chmod(0o755)
            (folder / place / "python").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
            (folder / place / "python").chmod(0o755)
        mine = folder / "my-client"  # the page's reader has one
        mine.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -m twsmq.conform.python\n")
        mine.chmod(0o755)

    def run(self, block: Block) -> str:
        """What it printed. It must end well."""
        command = getattr(self, f"_{block.language}")(block)
        path = f"{self._folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            command,
            cwd=self._folder,
            env=os.environ | {"PATH": path, "COLUMNS": "80"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=patient(60),
            check=False,
        )
        where = f"{block.page.relative_to(ROOT)}:{block.line}"
        assert done.returncode == 0, f"{where}\n{block.source}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _sh(self, block: Block) -> list[str]:
        return ["bash", "-euxo", "pipefail", "-c", block.source]

    def _python(self, block: Block) -> list[str]:
        return [sys.executable, str(self._written(block, "py", self._ported(block.source)))]

    def _ts(self, block: Block) -> list[str]:
        (self._folder / "node_modules").mkdir(exist_ok=True)
        for name, target in (("twsmq", TYPESCRIPT), ("@types", TYPESCRIPT / "node_modules/@types")):
            if not (self._folder / "node_modules" / name).exists():
                (self._folder / "node_modules" / name).symlink_to(target)
        source = self._of_its_own(block).replace(
            "new Client()", f"new Client({{ portBase: {self._port_base} }})"
        )
        program = self._written(block, "mts", source)
        options = "--target ES2022 --module NodeNext --strict --skipLibCheck --lib ES2022,ESNext.Disposable"
        tsc = ["node", str(TYPESCRIPT / "node_modules/typescript/bin/tsc"), *options.split(), str(program)]
        self._compile(block, tsc)
        return ["node", str(program.with_suffix(".mjs"))]

    def _cpp(self, block: Block) -> list[str]:
        """Statements become a program. Its standard library is what the header includes."""
        lines = (
            self._of_its_own(block)
            .replace(
                "twsmq::Client client;", f"twsmq::Client client(twsmq::Cluster::local({self._port_base}));"
            )
            .splitlines(keepends=True)
        )
        above = "".join(line for line in lines if line.startswith("#include"))
        rest = "".join(line for line in lines if not line.startswith("#include"))
        source = f"#include <iostream>\n{above}int main() {{\n{rest}\n}}\n"
        program = self._written(block, "cpp", source)
        flags = ["-std=c++17", "-O0", "-DMSGPACK_NO_BOOST", f"-I{CPP / 'include'}"]
        self._compile(block, ["g++", *flags, str(program), "-o", str(program.with_suffix("")), "-lzmq"])
        return [str(program.with_suffix(""))]

    def _compile(self, block: Block, command: list[str]) -> None:
        done = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, f"{block.name}\n{block.source}\n{done.stdout}\n{done.stderr}"

    def _written(self, block: Block, suffix: str, source: str) -> Path:
        program = self._folder / (block.file or f"{block.name}.{suffix}")
        program.write_text(source)
        return program

    def _ported(self, source: str) -> str:
        """`Client()` reads the folder's twsmq.toml; who does without the client names ports."""
        return re.sub(r"\b55(?=[23][01]\b)", str(self._port_base // 100), source)

    def _of_its_own(self, block: Block) -> str:
        """Whose orders are no other page's."""
        return block.source.replace("alpha-0001", f"{block.name}-0001")
