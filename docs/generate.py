"""Pages that are never typed: ops, events, error codes, the command line's help.

Written when the documentation is built, from the structs, docstrings and commands themselves.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click
from twsmq.cli.root import main
from twsmq_protocol.codec import EVENT_TYPES
from twsmq_protocol.errors import ErrorCode
from twsmq_protocol.processes import PROCESSES
from twsmq_protocol.requests import OPS

SPEC = Path(__file__).parents[1] / "protocol" / "SPEC.md"
_SITE = "https://github.com/twsmq/twsmq/blob/main/"


def write(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    written = pages()
    for stale in set(folder.glob("*.md")) - {folder / name for name in written}:
        stale.unlink()
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    return {
        "ops.md": _ops(),
        "events.md": _events(),
        "command-line.md": _command_line(),
        "spec.md": _spec(),
    }


# --- the protocol ----------------------------------------------------------------------------------------------


def _ops() -> str:
    rows = ["# Ops\n", "Every request there is; [the protocol](spec.md#ops) has arguments and results.\n"]
    for process in dict.fromkeys(op.process for op in OPS.values()):
        rows += [f"## {process or 'Every process'}\n", "| op | what it does | right |", "|---|---|---|"]
        rows += [
            f"| `{name}` | {op.summary} | {', '.join(op.rights)} |"
            for name, op in OPS.items()
            if op.process == process
        ]
        rows.append("")
    rows += ["## Processes\n", "| process | requests | events | client ID |", "|---|---|---|---|"]
    for row in PROCESSES:
        number = "none" if row.client_id is None else f"base + {row.client_id}"
        rows.append(f"| `{row.name}` | +{row.port} | +{row.port + 1} | {number} |")
    codes = ", ".join(f"`{code}`" for code in ErrorCode)
    return "\n".join([*rows, "\n## Error codes\n", f"{codes}: [what each means](spec.md#error-codes).\n"])


def _events() -> str:
    rows = ["# Events\n", "| type | what it is |", "|---|---|"]
    for tag, kind in EVENT_TYPES.items():
        first = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
        rows.append(f"| [`{tag}`](spec.md#events) | {first} |")
    return "\n".join(rows) + "\n"


def _spec() -> str:
    """SPEC.md as it stands; what it links to in the repository is linked there."""
    text = SPEC.read_text(encoding="utf-8")
    return text.replace("](../../", f"]({_SITE}").replace("](vectors/", f"]({_SITE}protocol/vectors/")


# --- the command line ------------------------------------------------------------------------------------------


def _command_line() -> str:
    parts = ["# The command line\n", "Every command says more with `--help`; this is what it says.\n"]
    with main.make_context("twsmq", ["--help"], resilient_parsing=True) as context:
        for path, help_text in _helps(main, context, "twsmq"):
            parts.append(f"## `{path}`\n\n```text\n{help_text}\n```\n")
    return "\n".join(parts)


def _helps(command: click.Command, context: click.Context, path: str) -> Iterator[tuple[str, str]]:
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                with click.Context(inner, parent=context, info_name=name) as below:
                    yield from _helps(inner, below, f"{path} {name}")
