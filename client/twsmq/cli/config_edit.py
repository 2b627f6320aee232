"""Set keys of one table in `twsmq.toml` and leave every other byte of it, comments too. Text in, text out."""

from __future__ import annotations

import json
import re

from twsmq_protocol.config import parse_config
from twsmq_protocol.errors import ConfigError


def with_values(text: str, table: str, values: dict[str, str], file: str) -> str:
    """`text` with `[table] key = "value"` for each of `values`. Raises `ConfigError` where that cannot be
    done so that nothing else changes."""
    lines = text.splitlines()
    header = next(
        (at for at, line in enumerate(lines) if re.fullmatch(rf"\s*\[\s*{table}\s*\]\s*(#.*)?", line)), None
    )
    if header is None:
        lines += [*([""] if lines else []), f"[{table}]"]
        header = len(lines) - 1
    for key, value in values.items():
        written = f"{key} = {json.dumps(value)}"
        end = next((at for at in range(header + 1, len(lines)) if re.match(r"\s*\[", lines[at])), len(lines))
        at = next((at for at in range(header + 1, end) if re.match(rf"\s*{key}\s*=", lines[at])), None)
        if at is None:
            lines.insert(header + 1, written)
        else:
            lines[at] = written + _comment(lines[at])
    changed = "\n".join(lines) + "\n"
    made = getattr(parse_config(changed, file), table)
    if any(getattr(made, key) != value for key, value in values.items()):
        wanted = " and ".join(f"{key} = {json.dumps(value)}" for key, value in values.items())
        raise ConfigError(f"could not be changed safely: write {wanted} under [{table}] yourself", file=file)
    return changed


def _comment(line: str) -> str:
    """With the space before it; empty if there is none for certain."""
    tail = line[max(line.rfind('"'), line.rfind("'")) + 1 :]
    before, sign, _ = tail.partition("#")
    spaces = len(before) - len(before.rstrip())
    return tail[len(before) - spaces :] if sign and spaces else ""
