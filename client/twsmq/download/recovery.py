"""What a folder needs before a download goes on in it: files and ledger made to agree.

A kill may have come at any moment, a file may have been cut off, changed or removed since. Where a
file that the ledger names is missing or damaged, its bars are fetched again; files that it does not name are
removed.
"""

from __future__ import annotations

from pathlib import Path

from .disk import TEMPORARY, Disk, digest_of
from .ledger import Dropped, Ledger, MergeUndone, PieceEnded, Records, Year
from .planner import year_begin
from .store import PIECES, year_file


def recover(folder: Path, ledger: Ledger, disk: Disk, suffix: str) -> list[str]:
    """Returns a sentence for each thing that was not as it should be."""
    found: list[str] = []
    for instrument, records in ledger.state.instruments.items():
        for year, merged in sorted(records.years.items()):
            file = year_file(folder, instrument, year, suffix)
            found += _year(folder, ledger, disk, instrument, records, year, merged, file)
        found += _pieces(folder, ledger, instrument, records)
    _sweep(folder, ledger, disk)
    return found


def _year(
    folder: Path,
    ledger: Ledger,
    disk: Disk,
    instrument: str,
    records: Records,
    year: int,
    merged: Year,
    file: Path,
) -> list[str]:
    there = digest_of(file)
    if (there or "") == merged.sha256:
        return []
    names = set(merged.names)
    pieces = [piece for piece in records.pieces.values() if piece.name in names]
    base = not merged.old or there == merged.old
    if base and len(pieces) == len(names) and all(_intact(folder, piece) for piece in pieces):
        ledger.append(MergeUndone(instrument=instrument, year=year))
        return []
    text = f"{file} is {'missing' if there is None else 'not as it was written'}: fetched again"
    begin, end = year_begin(year), year_begin(year + 1)
    ledger.append(Dropped(instrument=instrument, begin=begin, end=end, text=text, year=year))
    disk.remove(file)
    return [text]


def _pieces(folder: Path, ledger: Ledger, instrument: str, records: Records) -> list[str]:
    found: list[str] = []
    for piece in list(records.pieces.values()):
        if not piece.rows or piece.name in records.merged or _intact(folder, piece):
            continue
        text = f"{folder / PIECES / piece.name} is missing or damaged: fetched again"
        ledger.append(Dropped(instrument=instrument, begin=piece.begin, end=piece.end, text=text))
        found.append(text)
    return found


def _intact(folder: Path, piece: PieceEnded) -> bool:
    return digest_of(folder / PIECES / piece.name) == piece.sha256


def _sweep(folder: Path, ledger: Ledger, disk: Disk) -> None:
    """Remove what a kill left behind: pieces that the ledger does not name any more, or not yet, and files
    that were never put into their place."""
    named = {
        piece.name
        for records in ledger.state.instruments.values()
        for piece in records.pieces.values()
        if piece.rows and piece.name not in records.merged
    }
    for file in sorted((folder / PIECES).glob("*")):
        if file.name not in named:
            disk.remove(file)
    for file in sorted(folder.glob(f"instrument=*/year=*/*{TEMPORARY}")):
        disk.remove(file)
