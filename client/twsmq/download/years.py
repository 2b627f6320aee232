"""A year of an instrument put into its data file, of the pieces that were fetched of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from twsmq_protocol.history_requests import PackedBars
from twsmq_protocol.packed_bars import EMPTY, joined
from twsmq_protocol.plain_file import open_plain

from .asking import Order
from .disk import Disk, digest
from .errors import Changed
from .ledger import Ledger, PieceEnded, Records, Year, YearMerged
from .planner import year_begin, year_of
from .store import (
    PIECES,
    Description,
    Format,
    adjusted_for,
    decode_piece,
    instrument_folder,
    sidecar,
    year_file,
)

MOST_AT_HAND = 300_000
"""Bars of pieces, 64 bytes each."""


class Years:
    """The data files below `folder`. Raises `Unwritable`, `Changed`."""

    def __init__(self, folder: Path, order: Order, form: Format, disk: Disk, ledger: Ledger) -> None:
        self._folder, self._order, self._form = folder, order, form
        self._disk, self._ledger = disk, ledger
        self._at_hand: dict[str, PackedBars] = {}
        self._count_at_hand = 0

    def wanted(self, records: Records) -> range:
        """The years of everything that was asked for."""
        parts = records.wanted_parts()
        return range(year_of(parts[0][0]), year_of(max(parts[-1][1] - 1, parts[0][0])) + 1)

    def prepared(self, instrument: str, records: Records, year: int) -> Callable[[], YearMerged] | None:
        """What puts into the year's file what of it is in no data file yet, and writes the line that it
        returns, before the file is put in its place: work for any thread. None: there is nothing."""
        pieces = records.unmerged(year, year_begin(year), year_begin(year + 1))
        if not pieces:
            return None
        old = records.years.get(year)
        bars = [self._at_hand_of(piece) for piece in pieces]
        description = self._description(instrument, records, pieces)
        return lambda: self._merge(instrument, year, old, pieces, bars, description)

    def _merge(
        self, instrument: str, year: int, old: Year | None, pieces: Sequence[PieceEnded],
        at_hand: Sequence[PackedBars | None], description: Description,
    ) -> YearMerged:  # fmt: skip
        file = year_file(self._folder, instrument, year, self._form.suffix)
        files = [self._folder / PIECES / piece.name for piece in pieces]
        bars = joined(
            decode_piece(_as_written(path, piece.sha256)) if known is None else known
            for path, piece, known in zip(files, pieces, at_hand, strict=True)
        )
        before = None if old is None else _as_written(file, old.sha256)
        content, count = self._form.encode(before, bars, description)
        staged = self._disk.stage(file, content)
        line = YearMerged(
            instrument=instrument,
            year=year,
            rows=count,
            sha256=digest(content),
            old=old.sha256 if old is not None else "",
            names=[piece.name for piece in pieces],
        )
        self._ledger.write(line)
        if self._form.suffix == "csv":
            self._disk.put(file.with_suffix(".json"), sidecar(description))
        self._disk.commit(staged, file)
        for piece in files:
            self._disk.remove(piece)
        return line

    def keep_at_hand(self, piece: PieceEnded, bars: PackedBars) -> None:
        """What was just written need not be read again, within bounds."""
        gone = self._at_hand.pop(piece.name, EMPTY)  # of before its past was adjusted
        self._count_at_hand -= len(gone)
        if self._count_at_hand + len(bars) <= MOST_AT_HAND:
            self._at_hand[piece.name] = bars
            self._count_at_hand += len(bars)

    def _at_hand_of(self, piece: PieceEnded) -> PackedBars | None:
        bars = self._at_hand.pop(piece.name, None)
        if bars is not None:
            self._count_at_hand -= len(bars)
        return bars

    def remove_stale(self, instrument: str, records: Records) -> None:
        """Files of years that have no bars since the instrument was begun anew."""
        for folder in instrument_folder(self._folder, instrument).glob("year=*"):
            year = folder.name.removeprefix("year=")
            if year.isascii() and year.isdecimal() and len(year) == 4 and int(year) not in records.years:
                self._disk.remove(folder / f"bars.{self._form.suffix}")

    def _description(self, instrument: str, records: Records, pieces: Sequence[PieceEnded]) -> Description:
        everything = [piece for piece in records.pieces.values() if piece.rows]
        schedule = records.schedule
        what = pieces[-1].what
        return Description(
            instrument=instrument,
            con_id=pieces[-1].con_id,
            size=self._order.size,
            what=what,
            rth=self._order.rth,
            adjusted=adjusted_for(what),
            time_zone=schedule.time_zone if schedule is not None else "",
            fetched_from=min(piece.at for piece in everything),
            fetched_to=max(piece.at for piece in everything),
        )


def _as_written(path: Path, sha256: str) -> bytes:
    """Raises `Changed`."""
    try:
        with open_plain(path) as file:
            content = file.read()
    except OSError as error:
        raise Changed(path) from error
    if digest(content) != sha256:
        raise Changed(path)
    return content
