"""What has happened in a folder of downloads: lines of JSON that are only ever appended, and what follows.

A line is there once `append` has returned. A last line that is cut off was never there: it is taken away
before the next is written. Whatever a line says of a file is true of a file that is safe on the disk; of a
`YearMerged` see the package.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct, field
from twsmq_protocol.market_events import BarRow
from twsmq_protocol.plain_file import open_plain

from .disk import Disk
from .errors import LedgerDamaged, NotOurs, Unreadable
from .planner import Covered, Interval, Session

VERSION = 1
LONGEST_LINE = 64 << 20
LEDGER = Path(".twsmq") / "ledger.jsonl"
Outcome = Literal["data", "empty", "retry", "refused"]


class _Line(Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    pass


class Begun(_Line, frozen=True, kw_only=True):
    """The first line: what all of the folder is made of."""

    version: int = 0  # never left out: it is never 0
    size: str
    what: str | None
    rth: bool
    format: str


class Wanted(_Line, frozen=True, kw_only=True):
    """Somebody asked for an instrument from `begin` to `end`, ns."""

    instrument: str
    begin: int
    end: int


class Scheduled(_Line, frozen=True, kw_only=True):
    """The sessions from `begin` to `end`; `head`: when history begins, nil where nobody knows. No sessions:
    the gateway has no schedule of it."""

    instrument: str
    begin: int
    end: int
    time_zone: str
    sessions: list[Session]
    head: int | None = None


class PieceEnded(_Line, frozen=True, kw_only=True):
    """What came of a piece. `data`: `rows` of them are in the file `name`; `empty`: proved, by two answers;
    `retry`, `refused`: not fetched, `text` has the cause. `before`: the last bar before the piece, as it was
    sent with it; `last`: the last bar in it. `at`: when it was fetched, ns."""

    instrument: str
    begin: int
    end: int
    outcome: Outcome
    at: int
    rows: int = 0
    name: str = ""
    sha256: str = ""
    before: BarRow | None = None
    last: BarRow | None = None
    con_id: int | None = None
    what: str = ""
    text: str = ""


class YearMerged(_Line, frozen=True, kw_only=True):
    """All that was fetched of a year is in one data file, of that digest; an empty digest: there is none.
    `old`: the digest of the file that it takes the place of."""

    instrument: str
    year: int
    rows: int
    sha256: str
    old: str = ""
    names: list[str] = []


class MergeUndone(_Line, frozen=True, kw_only=True):
    """A year's last merge never took place: its file is the old one, or none, and its pieces are there."""

    instrument: str
    year: int


class Dropped(_Line, frozen=True, kw_only=True):
    """What was fetched between these is not there any more, or not as it was: fetch it again. `year`: the
    data file of that year went with it."""

    instrument: str
    begin: int
    end: int
    text: str
    year: int | None = None


class Restarted(_Line, frozen=True, kw_only=True):
    """The gateway has adjusted the instrument's past: all of it is fetched anew."""

    instrument: str
    text: str


class Unknown(_Line, frozen=True, kw_only=True):
    """The gateway knows no such instrument; nothing of it is there."""

    instrument: str
    text: str


class Withdrawn(_Line, frozen=True, kw_only=True):
    """Nobody wants an instrument any more that the gateway did not know."""

    instrument: str


Line = (
    Begun
    | Wanted
    | Scheduled
    | PieceEnded
    | YearMerged
    | MergeUndone
    | Dropped
    | Restarted
    | Unknown
    | Withdrawn
)
_DECODER = msgspec.json.Decoder(Line)
_ENCODER = msgspec.json.Encoder()


class Year(Struct):
    """`names`: of the pieces that the last merge took in."""

    rows: int
    sha256: str
    old: str
    names: list[str]


class Records(Struct):
    """What is known of one instrument. `pieces` are those that are done, by where they begin."""

    wanted: list[Interval] = field(default_factory=list[Interval])
    schedule: Scheduled | None = None
    pieces: dict[int, PieceEnded] = field(default_factory=dict[int, PieceEnded])
    refused: dict[int, PieceEnded] = field(default_factory=dict[int, PieceEnded])
    years: dict[int, Year] = field(default_factory=dict[int, Year])
    merged: set[str] = field(default_factory=set[str])
    restarts: int = 0
    unknown: str = ""
    """What the gateway said when it knew no such instrument."""

    def covered(self) -> Covered:
        return Covered((piece.begin, piece.end) for piece in self.pieces.values())

    def wanted_parts(self) -> list[Interval]:
        """What was asked for, joined where it touches."""
        parts: list[Interval] = []
        for begin, end in sorted(self.wanted):
            if parts and begin <= parts[-1][1]:
                parts[-1] = (parts[-1][0], max(parts[-1][1], end))
            else:
                parts.append((begin, end))
        return parts

    def unmerged(self, year: int, begin: int, end: int) -> list[PieceEnded]:
        """Pieces of a year, between its `begin` and `end`, whose bars are in no data file yet, in order."""
        found = [
            piece
            for piece in self.pieces.values()
            if begin <= piece.begin < end and piece.rows and piece.name not in self.merged
        ]
        return sorted(found, key=lambda piece: piece.begin)


class State:
    """What follows from the lines, in their order."""

    def __init__(self) -> None:
        self.begun: Begun | None = None
        self.instruments: dict[str, Records] = {}

    def of(self, instrument: str) -> Records:
        return self.instruments.setdefault(instrument, Records())

    def apply(self, line: Line) -> None:
        match line:
            case Begun():
                self.begun = line
            case Wanted():
                self.of(line.instrument).wanted.append((line.begin, line.end))
            case Scheduled():
                records = self.of(line.instrument)
                records.schedule, records.unknown = line, ""
            case PieceEnded():
                self._piece(self.of(line.instrument), line)
            case YearMerged():
                records = self.of(line.instrument)
                records.years[line.year] = Year(line.rows, line.sha256, line.old, line.names)
                records.merged.update(line.names)
            case MergeUndone():
                _undo(self.of(line.instrument), line.year)
            case Dropped():
                _drop(self.of(line.instrument), line)
            case Restarted():
                records = self.of(line.instrument)
                records.pieces, records.refused, records.years, records.merged = {}, {}, {}, set()
                records.restarts += 1
            case Unknown():
                self.of(line.instrument).unknown = line.text
            case Withdrawn():
                self.instruments.pop(line.instrument, None)

    def _piece(self, records: Records, line: PieceEnded) -> None:
        if line.outcome in ("data", "empty"):
            records.pieces[line.begin] = line
            records.refused.pop(line.begin, None)
        elif line.outcome == "refused":
            records.refused[line.begin] = line


def _undo(records: Records, year: int) -> None:
    undone = records.years.pop(year)
    records.merged.difference_update(undone.names)
    if undone.old:
        records.years[year] = Year(0, undone.old, "", [])


def _drop(records: Records, line: Dropped) -> None:
    gone = [piece for piece in records.pieces.values() if line.begin <= piece.begin < line.end]
    for piece in gone:
        del records.pieces[piece.begin]
        records.merged.discard(piece.name)
    if line.year is not None:
        records.years.pop(line.year, None)


class Ledger:
    """`state` follows from the lines on the disk, once those that `write` wrote are applied to it."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._path = folder / LEDGER
        self._disk = disk
        self.state = State()
        whole = 0
        for line, end in _lines(self._path):
            self.state.apply(line)
            whole = end
        if self._path.exists() and self._path.stat().st_size > whole:
            disk.truncate(self._path, whole)

    def append(self, line: Line) -> None:
        """Raises `Unwritable`; then the line was not written."""
        self.write(line)
        self.state.apply(line)

    def write(self, line: Line) -> None:
        """The same for another thread: `state` is left to whoever reads it."""
        self._disk.append(self._path, _ENCODER.encode(line) + b"\n")


def read(folder: Path) -> State:
    """Of a folder that somebody else may be writing. Raises `NotOurs`, `LedgerDamaged`, `Unreadable`."""
    state = State()
    for line, _ in _lines(folder / LEDGER):
        state.apply(line)
    if state.begun is None:
        raise NotOurs(f"{folder} holds no download: there is no {LEDGER} in it")
    return state


def _lines(path: Path) -> Iterator[tuple[Line, int]]:
    """Each whole line and where it ends."""
    try:
        opened = open_plain(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise Unreadable(path, error) from error
    with opened as file:
        end = 0
        for number, raw in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), 1):
            if len(raw) == LONGEST_LINE:
                raise LedgerDamaged(path, number, "it is longer than any line of ours")
            if not raw.endswith(b"\n"):
                return
            end += len(raw)
            try:
                line = _DECODER.decode(raw)
            except (msgspec.DecodeError, RecursionError) as error:
                raise LedgerDamaged(path, number, str(error)) from error
            if isinstance(line, Begun) and line.version != VERSION:
                raise LedgerDamaged(path, number, f"version {line.version} of the ledger is not known here")
            yield line, end
