"""A whole cluster with keys on, made from nothing by the commands that the documentation names."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from conftest import GATEWAY_OFFSET, orphans_refused, reserved_ports
from twsmq_protocol.config import parse_config
from twsmq_protocol.keys import parse_client, written
from twsmq_protocol.processes import node_names

from support.cluster import TWSMQ

ROOT = Path(__file__).parents[2]
FIRST_BLOCK = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/keys.md").read_text(), re.DOTALL)[0]
THREE_COMMANDS = re.findall(r"^twsmq [^#\n]+", FIRST_BLOCK, re.MULTILINE)
NODES = node_names(parse_config("[web]\nenabled = true"))


class Keyed(NamedTuple):
    folder: Path
    port_base: int

    @property
    def alpha(self) -> Path:
        return self.folder / "alpha.key"

    def run(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [*TWSMQ, *words], cwd=self.folder, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def altered(self, name: str, **values: Any) -> Path:
        """A copy of alpha's file with something else in it."""
        keys = parse_client(self.alpha.read_text(), "")
        target = self.folder / f"{name}.key"
        fields = {field: getattr(keys, field) for field in keys.__struct_fields__} | values
        target.touch(mode=0o600)
        target.write_text(written(type(keys)(**fields)))
        return target


@contextmanager
def running_keyed(folder: Path) -> Generator[Keyed]:
    with reserved_ports() as base, orphans_refused():
        (folder / "twsmq.toml").write_text(
            f"[cluster]\nport_base = {base}  # a comment\n[gateway]\nport = {base + GATEWAY_OFFSET}\n"
            "messages_per_second = 0\n"
        )
        made = Keyed(folder, base)
        try:
            for command in THREE_COMMANDS:
                made.run(*shlex.split(command)[1:])
            yield made
        finally:
            made.run("down")
