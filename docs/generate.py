"""Pages that are never typed: configuration keys, ops, events, error codes, the command line's help.

Written when the documentation is built, from the structs, docstrings and commands themselves.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import Struct
from twsmq.cli.root import main
from twsmq_protocol import config
from twsmq_protocol.codec import EVENT_TYPES
from twsmq_protocol.errors import ErrorCode
from twsmq_protocol.field_docs import field_docs
from twsmq_protocol.processes import PROCESSES
from twsmq_protocol.requests import OPS

SPEC = Path(__file__).parents[1] / "protocol" / "SPEC.md"
_SITE = "https://github.com/twsmq/twsmq/blob/main/"


def write(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    return {
        "configuration.md": _configuration(),
        "ops.md": _ops(),
        "events.md": _events(),
        "command-line.md": _command_line(),
        "spec.md": _spec(),
    }


# --- configuration ---------------------------------------------------------------------------------------------


def _configuration() -> str:
    parts = [
        "# Configuration\n",
        "`twsmq.toml`, beside which the cluster keeps its data. Every key is optional; a key that is not known, or a "
        "value of another type, is refused with its line.\n",
    ]
    for table in msgspec.structs.fields(config.Config):
        parts += _table(table.encode_name, _struct(table.type))
    return "\n".join(parts)


def _table(name: str, kind: type[Struct]) -> list[str]:
    doc = inspect.cleandoc(kind.__doc__ or "")
    notes = field_docs(kind)
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for field in msgspec.structs.fields(kind):
        note = " ".join(notes.get(field.name, "").split())
        rows.append(f"| `{field.encode_name}` | {_default(field)} | {note} |")
    return [f"## `[{name}]`\n", doc + "\n", *rows, ""]


def _struct(kind: Any) -> type[Struct]:
    assert isinstance(kind, type)
    assert issubclass(kind, Struct)
    return kind


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default
    if value is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()  # pyright: ignore[reportCallIssue]
    if isinstance(value, Struct):
        return "see below"
    return f"`{msgspec.json.encode(value).decode()}`" if value is not msgspec.NODEFAULT else ""


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
