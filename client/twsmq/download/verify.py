"""What is there against what should be. Needs no cluster, and may look while a download runs.

A bar is missing if it was fetched and is in no data file, or if it lies in a session that nobody has fetched
yet. Minutes of a session for which the gateway has no bar are not missing: they were asked for, and the whole
answer came; they are counted as `absent`. Where there is no schedule nobody knows how many bars there should
be: such a stretch only counts as fetched or not.

Beside a running download files and ledger change between two looks. So a verdict of an instrument then counts
only if its lines were the same before and after, and no file of it was on its way to its place.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path
from urllib.parse import unquote

from msgspec import Struct, field
from twsmq_protocol.counted import counted
from twsmq_protocol.packed_bars import rising
from twsmq_protocol.streams import seconds_of

from .disk import digest_of
from .ledger import PieceEnded, Records, State, read
from .lock import running
from .planner import Interval, Span, shown
from .store import FOLDER, Format, format_named, instrument_folder, year_file
from .wanted import spans_wanted, still_missing

MOST_HOLES = 20
"""Named of each instrument."""
_TRIES, _PAUSE_S = 10, 0.1
"""For a moment in which a running download leaves an instrument as it is; it works on few at a time."""


_AWAY = "move it away"


class Hole(Struct, frozen=True, rename={"begin": "from", "end": "to"}):
    """`bars` are missing between `from` and `to`, ns; nil: nobody knows how many."""

    begin: int
    end: int
    bars: int | None
    why: str


class Verdict(Struct):
    """`bars`: in the data files, each once. `missing`: None where nobody knows. `absent`: room for bars in
    the schedule that the gateway has none for."""

    instrument: str
    bars: int = 0
    missing: int | None = 0
    doubled: int = 0
    absent: int = 0
    complete: bool = True
    holes: list[Hole] = field(default_factory=list[Hole])
    problems: list[str] = field(default_factory=list[str])


class Report(Struct):
    """`running`: a download worked in the folder meanwhile."""

    complete: bool
    instruments: list[Verdict]
    running: bool = False


def verify(folder: Path, seen: Callable[[int, int], None] = lambda done, of: None) -> Report:
    """Raises `NotOurs`, `LedgerDamaged`, `Unreadable`, `ParquetMissing`. `seen`: how many instruments were
    looked at, of how many."""
    busy = running(folder)
    state = read(folder)
    assert state.begun is not None
    form = format_named(state.begun.format)
    names = sorted(state.instruments)
    look = _Look(folder, form, len(names), seen)
    verdicts = _settled(look, state, names) if busy else [look(state, name) for name in names]
    if not busy and running(folder):
        return verify(folder, seen)  # it has begun meanwhile
    foreign = _foreign(folder, form, state)
    if foreign and busy:
        foreign = _foreign(folder, form, read(folder))  # or it was begun meanwhile
    verdicts += foreign
    complete = bool(verdicts) and all(verdict.complete for verdict in verdicts)
    return Report(complete, verdicts, busy)


def _foreign(folder: Path, form: Format, state: State) -> list[Verdict]:
    """Of folders that look like an instrument's and are none: whoever reads all files reads theirs too."""
    ours = {instrument_folder(folder, name) for name in state.instruments}
    return [
        Verdict(
            unquote(there.name.removeprefix(FOLDER)),
            missing=None,
            complete=False,
            problems=[f"{there} holds data files of no instrument of this download: {_AWAY}"],
        )
        for there in sorted(folder.glob(f"{FOLDER}*"))
        if there not in ours and any(there.rglob(f"*.{form.suffix}"))
    ]


class _Look(Struct):
    """Looks at one instrument after the other."""

    folder: Path
    form: Format
    all: int
    seen: Callable[[int, int], None]
    done: int = 0

    def __call__(self, state: State, name: str) -> Verdict:
        verdict = _instrument(self.folder, state, self.form, name)
        self.done += 1
        self.seen(min(self.done, self.all), self.all)
        return verdict


def _settled(look: _Look, state: State, names: Sequence[str]) -> list[Verdict]:
    """Of each that is left as it is while it is looked at; the others are looked at again, together."""
    found: dict[str, Verdict] = {}
    for _ in range(_TRIES):
        looked = {name: look(state, name) for name in names}
        after = read(look.folder)
        names = [name for name in names if name in after.instruments]  # or it was withdrawn
        settled = {
            name: looked[name]
            for name in names
            if (known := state.instruments[name]) == after.instruments[name]
            and not _midway(look.folder, look.form, name, known)
        }
        found |= settled
        names = [name for name in names if name not in settled]
        state = after
        if not names:
            break
        time.sleep(_PAUSE_S)
    text = "the download that is running changes it: verify again when that is over"
    for name in names:
        found[name] = Verdict(name, missing=None, complete=False, problems=[text])
    return [found[name] for name in sorted(found)]


def _midway(folder: Path, form: Format, instrument: str, records: Records) -> bool:
    """Whether a year's line is there and its file not yet."""
    return any(
        (digest_of(year_file(folder, instrument, year, form.suffix)) or "") == merged.old != merged.sha256
        for year, merged in records.years.items()
    )


def _instrument(folder: Path, state: State, form: Format, instrument: str) -> Verdict:
    assert state.begun is not None
    records, size = state.instruments[instrument], state.begun.size
    verdict = Verdict(instrument)
    times = _times(folder, form, instrument, records, verdict)
    _changed(folder, form, instrument, records, verdict)
    if records.schedule is None:
        verdict.complete, verdict.missing = False, None
        refused = f"refused: {records.unknown}; correct it, or leave it out of the next download"
        verdict.problems.append(refused if records.unknown else "nothing was fetched yet")
        return verdict
    spans = spans_wanted(records, size)
    known = records.schedule
    for begin, end in records.wanted_parts():
        if begin < known.begin or end > known.end:
            verdict.problems.append(f"{shown(begin)} to {shown(end)} is not planned yet: download again")
    _lost(records, spans, times, size, verdict)
    _unfetched(records, size, spans, verdict)
    fetched = sum(piece.rows for piece in records.pieces.values())
    verdict.absent = max(0, _room_covered(records, spans) - fetched)
    verdict.holes.sort(key=lambda hole: hole.begin)
    verdict.complete = not (verdict.holes or verdict.problems or verdict.doubled)
    return verdict


def _times(
    folder: Path, form: Format, instrument: str, records: Records, verdict: Verdict
) -> list[Sequence[int]]:
    """Of each data file, sorted, each once; `bars` and `doubled` are counted on the way."""
    found: list[Sequence[int]] = []
    ours = {year_file(folder, instrument, year, form.suffix) for year in records.years}
    for file in sorted(instrument_folder(folder, instrument).rglob(f"*.{form.suffix}")):
        try:
            times = form.times(file)
        except (OSError, ValueError) as error:
            verdict.problems.append(f"{file} cannot be read ({error}): download again")
            continue
        if file not in ours:
            verdict.problems.append(f"{file} is no file of this download: download again, or {_AWAY}")
        unique = times if rising(times) else sorted(set(times))
        if unique is not times and any(later < earlier for earlier, later in pairwise(times)):
            verdict.problems.append(f"{file} is not in the order of time: download again")
        verdict.doubled += len(times) - len(unique)
        found.append(unique)
    found.sort(key=lambda times: times[0] if times else 0)
    for before, after in pairwise(found):
        if before and after and after[0] <= before[-1]:
            whole = sorted(set(chain.from_iterable(found)))
            verdict.doubled += sum(map(len, found)) - len(whole)
            found = [whole]
            break
    verdict.bars = sum(map(len, found))
    return found


def _changed(folder: Path, form: Format, instrument: str, records: Records, verdict: Verdict) -> None:
    """Data files that are not what was written: what they say of their times proves nothing of their bars."""
    for year, merged in sorted(records.years.items()):
        file = year_file(folder, instrument, year, form.suffix)
        there = digest_of(file)
        undone = (merged.sha256, merged.old)  # a download that was killed in between goes on from the old one
        if merged.sha256 and there is not None and there not in undone:
            verdict.problems.append(f"{file} is not as it was written: download again")


def _count(times: Sequence[Sequence[int]], begin: int, end: int) -> int:
    return sum(bisect_left(part, end) - bisect_left(part, begin) for part in times)


def _lost(
    records: Records, spans: Sequence[Span], times: list[Sequence[int]], size: str, verdict: Verdict
) -> None:
    """Bars that were fetched and are in no data file."""
    for piece in sorted(records.pieces.values(), key=lambda piece: piece.begin):
        gone = piece.rows - _count(times, piece.begin, piece.end)
        if gone == 0:
            continue
        if gone < 0:
            verdict.problems.append(
                f"{counted(-gone, 'bar')} between {shown(piece.begin)} and {shown(piece.end)} "
                "that nobody fetched"
            )
            continue
        _miss(verdict, gone)
        waiting = piece.name not in records.merged
        why = "fetched, not yet in a data file" if waiting else "gone from the data file"
        verdict.holes += _narrowed(piece, spans, times, gone, why)


def _narrowed(
    piece: PieceEnded, spans: Sequence[Span], times: list[Sequence[int]], gone: int, why: str
) -> Iterator[Hole]:
    """The sessions of a piece in which bars are missing, where that is known to the bar."""
    found: list[Hole] = []
    for span in spans:
        begin, end = max(span.begin, piece.begin), min(span.end, piece.end)
        if begin >= end or span.bars is None or (begin, end) != (span.begin, span.end):
            continue
        lacks = span.bars - _count(times, begin, end)
        if lacks > 0:
            found.append(Hole(begin, end, lacks, why))
    if sum(hole.bars or 0 for hole in found) == gone:
        yield from found
    else:
        yield Hole(piece.begin, piece.end, gone, why)


def _unfetched(records: Records, size: str, spans: Sequence[Span], verdict: Verdict) -> None:
    for begin, end in _joined(still_missing(records, size), spans):
        bars = _room(spans, begin, end, size)
        refused = next((one for one in records.refused.values() if one.begin < end and one.end > begin), None)
        why = f"refused: {refused.text}" if refused is not None else "not fetched yet"
        _miss(verdict, bars)
        verdict.holes.append(Hole(begin, end, bars, why))


def _joined(parts: Sequence[Interval], spans: Sequence[Span]) -> list[Interval]:
    """Sessions that follow each other make one hole."""
    begins = [span.begin for span in spans]
    found: list[Interval] = []
    for begin, end in parts:
        nth = bisect_left(begins, found[-1][1]) if found else len(begins)
        if nth < len(begins) and begins[nth] >= begin:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found


def _room(spans: Sequence[Span], begin: int, end: int, size: str) -> int | None:
    step, bars = seconds_of(size) * 10**9, 0
    for span in spans:
        first, last = max(span.begin, begin), min(span.end, end)
        if first >= last:
            continue
        if span.bars is None:
            return None
        bars += span.bars if (first, last) == (span.begin, span.end) else -(-(last - first) // step)
    return bars


def _room_covered(records: Records, spans: Sequence[Span]) -> int:
    covered = records.covered()
    return sum(span.bars or 0 for span in spans if not list(covered.missing(span.begin, span.end)))


def _miss(verdict: Verdict, bars: int | None) -> None:
    verdict.missing = None if bars is None or verdict.missing is None else verdict.missing + bars
