"""The only way to a person's terminal: texts of gateways, brokers, clients and files are escaped on it.

Such a text may hold ESC, BEL, a C1 control or a bidirectional override, which would move the cursor, hide a
line or turn the reading order round. `printable` writes each of them as a Python escape (`\\x1b`); JSON keeps
its values, because there an escape is part of the language (`\\u001b`). Lint forbids `click.echo` elsewhere.
"""

from __future__ import annotations

import re
from typing import Any

import click
from twsmq_protocol.printable import printable

_LAYOUT = "\n\t"
_DELETE_AND_C1 = re.compile(r"[^ -~]")


def number(value: float | None) -> str:
    """Up to twelve digits, no zeros that mean nothing; empty for what is not there."""
    return "" if value is None else f"{value:.12g}"


def money(value: float | None) -> str:
    """To the cent; less than that by its digits."""
    return "" if value is None else f"{value:,.2f}" if abs(value) >= 0.01 or not value else f"{value:.6g}"


def echo(text: str = "", *, err: bool = False, lines: bool = False) -> None:
    """Print one line, whatever texts of others it holds: a line break in one of them starts no other line.

    `lines`: it is text of our own, of several lines.
    """
    click.echo(printable(text, _LAYOUT if lines else ""), err=err)


_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Full-width ones too: a spreadsheet may take them for the same."""


def csv_cell(value: Any) -> Any:
    """For a CSV: a text that a spreadsheet would take for a formula begins with an apostrophe."""
    if not isinstance(value, str):
        return value
    shown = printable(value)
    return f"'{shown}" if shown[:1] in _FORMULA else shown


def json_text(value: Any) -> str:
    """One line of JSON in ASCII: any reader gets the value as it was, any terminal shows it harmlessly."""
    import msgspec  # heavy, and --help prints no JSON

    return _DELETE_AND_C1.sub(_json_escape, msgspec.json.encode(value).decode())


def overwrite(text: str) -> None:
    """Put `text` in the place of the last line on stderr, a terminal. The next call does so again."""
    click.echo(f"\r\x1b[K{printable(text)}", err=True, nl=False)


def echo_json(value: Any) -> None:
    click.echo(json_text(value))


def _json_escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
