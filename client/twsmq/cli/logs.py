"""`twsmq logs`: what the processes have written, together and in the order of time.

Nodes log one JSON object a line; whatever else a process prints (a traceback, the simulator) is shown as it
is, under the time of the line before it. Following survives rotation, which copies a file and truncates it.
"""

from __future__ import annotations

import heapq
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import Struct
from rich.text import Text
from twsmq_protocol.plain_file import open_plain
from twsmq_supervisor.settings import Settings

from .options import Unusable, config_option, settings_from
from .rendering import show
from .terminal import echo, echo_json, printable

_POLL_S = 0.2
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_STYLES = {"warning": "yellow", "error": "red", "critical": "bold red", "debug": "dim"}
_OURS = frozenset(("event", "process", "level", "timestamp", "exception"))
_PLAIN_TIME = re.compile(r"(--- )?(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[,.]\d{1,6})?) ?")
_LONGEST = 64 * 1024
_LATEST = 2**35
"""Seconds since the epoch: what is later is no time that anybody logged."""


class Line(Struct, frozen=True, order=True):
    """`at`: seconds since the epoch. `words`: the text without its own time."""

    at: float
    process: str
    text: str
    entry: dict[str, Any] | None = None
    words: str = ""


@click.command()
@config_option
@click.argument("nodes", nargs=-1)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on, until Ctrl-C.")
@click.option("--since", metavar="WHEN", help="10m, 2h, 1d; or 2026-11-28T09:30 (local).")
@click.option("--grep", "pattern", metavar="REGEX", help="Only lines in which this is found.")
@click.option(
    "-n",
    "--lines",
    "most",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="The last so many; 0: all.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def logs(
    config: Path | None,
    nodes: tuple[str, ...],
    follow: bool,
    since: str | None,
    pattern: str | None,
    most: int,
    as_json: bool,
) -> None:
    """Show what the processes have logged, of NODES or of all. It reads files: no cluster has to run.

    \b
    Examples:
      twsmq logs                                  the last lines of all
      twsmq logs -f orders --grep 'refused|lost'
      twsmq logs --since 2h --json connection | jq -r .event
    """
    settings = settings_from(config)
    names = _names(settings, nodes)
    begin = None if since is None else _moment(since)
    try:
        wanted = None if pattern is None else re.compile(pattern)
    except re.error as error:
        raise click.UsageError(f"--grep {pattern!r} is no regular expression: {error}") from error
    files = [LogFile(settings.log_file(name), name) for name in names]
    found = [
        line
        for line in heapq.merge(*(file.all() for file in files))
        if (begin is None or line.at >= begin) and _is_wanted(line, wanted)
    ]
    for line in found if begin is not None or not most else found[-most:]:
        _show(line, as_json=as_json)
    while follow:
        fresh = sorted(line for file in files for line in file.fresh() if _is_wanted(line, wanted))
        for line in fresh:
            _show(line, as_json=as_json)
        time.sleep(_POLL_S)


def _names(settings: Settings, nodes: tuple[str, ...]) -> list[str]:
    there = sorted(path.stem for path in settings.log_dir.glob("*.log"))
    unknown = [name for name in nodes if name not in there]
    if unknown:
        known = ", ".join(there) or "none yet"
        raise Unusable(f"{settings.log_dir} holds no log of {unknown[0]!r}; there are {known}")
    if not there:
        raise Unusable(f"{settings.log_dir} holds no logs yet")
    return list(nodes) or there


def _moment(since: str) -> float:
    span = _SPAN.fullmatch(since)
    try:
        if span is not None:
            return time.time() - timedelta(**{_UNITS[span[2]]: float(span[1])}).total_seconds()
        return datetime.fromisoformat(since).astimezone().timestamp()
    except (ValueError, OverflowError) as error:
        raise click.UsageError(f"--since {since!r} is neither like 10m nor like 2026-11-28T09:30") from error


def _is_wanted(line: Line, wanted: re.Pattern[str] | None) -> bool:
    return wanted is None or wanted.search(line.text) is not None


class LogFile:
    """A log and its predecessor, read once, then as it grows."""

    def __init__(self, path: Path, process: str) -> None:
        self._path = path
        self._process = process
        self._offset = 0
        self._rest = b""
        self._at = 0.0  # of the last line that has a time

    def all(self) -> Iterator[Line]:
        """What is there by now, in order."""
        yield from self._lines(self._read(self._path.with_suffix(".log.1"), 0))
        yield from self.fresh()

    def fresh(self) -> Iterator[Line]:
        """What has been written since the last time."""
        try:
            size = self._path.stat().st_size
        except OSError:
            return
        if size < self._offset:  # rotated
            self._offset, self._rest = 0, b""
        data = self._read(self._path, self._offset)
        self._offset += len(data)
        yield from self._lines(data)

    def _read(self, path: Path, offset: int) -> bytes:
        try:
            with open_plain(path) as log:
                log.seek(offset)
                return log.read()
        except OSError:
            return b""

    def _lines(self, data: bytes) -> Iterator[Line]:
        *whole, self._rest = (self._rest + data).split(b"\n")
        for raw in whole:
            text = raw[:_LONGEST].decode("utf-8", "replace")
            if text.strip():
                yield self.line(text)

    def line(self, text: str) -> Line:
        """One that comes after those before."""
        entry = _entry(text)
        stamp = None if entry is None else entry.get("timestamp")
        plain = _PLAIN_TIME.match(text) if entry is None else None
        at = _time(stamp, UTC) if isinstance(stamp, str) else None
        if plain is not None:
            at = _time(plain[2], None)
        # In a file lines are in order, even where the clock was set back.
        self._at = max(self._at, at or 0.0)
        stamped = plain is not None and at is not None and at == self._at  # else its own time says more
        words = f"{plain[1] or ''}{text[plain.end() :]}" if plain is not None and stamped else text
        return Line(self._at, self._process, text, entry, words)


def _iso(at: float) -> str | None:
    """As the nodes write it; None for a line before which none had a time."""
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z") if at else None


def _time(text: str, zone: timezone | None) -> float | None:
    try:
        read = datetime.fromisoformat(text)
        at = (read if read.tzinfo is not None or zone is None else read.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        return None
    return at if 0 <= at < _LATEST else None


def _entry(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        entry = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return None
    return entry if "event" in entry else None


def said(line: Line) -> str:
    """Its words, without time and level."""
    if line.entry is None:
        return line.words
    rest = " ".join(f"{key}={value}" for key, value in line.entry.items() if key not in _OURS)
    return f"{line.entry['event']}" + (f"  {rest}" if rest else "")


def _show(line: Line, *, as_json: bool) -> None:
    if as_json:
        told = line.entry or {"timestamp": _iso(line.at), "event": line.words}
        echo_json({**told, "process": line.process})
        return
    at = datetime.fromtimestamp(line.at).strftime("%m-%d %H:%M:%S.%f")[:-3] if line.at else " " * 18
    entry = line.entry or {}
    level = str(entry.get("level", "info"))
    words = said(line)
    mark = "" if level == "info" else f"{level}: "
    _print((f"{at} ", "dim"), (f"{line.process:<13} ", "cyan"), (mark, _STYLES.get(level, "")), (words, ""))
    for each in str(entry.get("exception") or "").splitlines():
        _print((f"    {each}", "dim"))


def _print(*parts: tuple[str, str]) -> None:
    """In colour on a terminal; elsewhere one line is one line, however long."""
    if sys.stdout.isatty():
        show(Text.assemble(*((printable(text), style) for text, style in parts)))
    else:
        echo("".join(text for text, _ in parts))
