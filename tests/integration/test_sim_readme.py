"""simulator/README.md says what the simulator does: its options, its control operations, its program."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import click
from twsmq_simulator.cli import main
from twsmq_simulator.command import Command, arguments
from twsmq_simulator.commands import COMMANDS

README = (Path(__file__).parents[2] / "simulator" / "README.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a line that starts so, without its head."""
    table = README[README.index(f"\n| {heading} |") :].split("\n\n")[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[3:]]


def shown(name: str, argument: dict[str, object]) -> str:
    if argument["required"]:
        return f"`{name}`"
    default = argument["default"]
    if default in (None, "") or len(str(default)) > 20:
        return f"`{name}?`"
    return f"`{name}={default if isinstance(default, str) else json.dumps(default)}`"


def written(kind: type[Command]) -> str:
    return ", ".join(shown(name, argument) for name, argument in arguments(kind).items())


def test_every_control_operation_is_there_with_its_arguments() -> None:
    table = {row[0].strip("`"): row[1] for row in rows("op")}
    assert table == {name: written(kind) for name, kind in COMMANDS.items()}


def test_every_option_of_the_process_is_there() -> None:
    named = [name for row in rows("option") for name in re.findall(r"`(--[a-z-]+)`", row[0])]
    options = [parameter for parameter in main.params if isinstance(parameter, click.Option)]
    assert sorted(named) == sorted(option.opts[0] for option in options)


def test_the_program_runs_as_it_stands(tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(r"clients connect to 127\.0\.0\.1:\d+", run.stdout.splitlines()[-1])
