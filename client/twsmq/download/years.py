"""A year of an instrument put into its data file, of the pieces that were fetched of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from twsmq_protocol.history_requests import PackedBars
from twsmq_protocol.packed_bars import EMPTY, joined

from .asking import Order
from .disk import Disk, digest
from .ledger import Ledger, PieceEnded, Records, YearMerged
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
    """The data files below `folder`. Raises `Unwritable`."""

    def __init__(self, folder: Path, order: Order, form: Format, disk: Disk, ledger: Ledger) -> None:
        self._folder, self._order, self._form = folder, order, form
        self._disk, self._ledger = disk, ledger
        self._at_hand: dict[str, PackedBars] = {}
        self._count_at_hand = 0

    def merge_all(self, instrument: str, records: Records) -> None:
        parts = records.wanted_parts()
        first, last = year_of(parts[0][0]), year_of(max(parts[-1][1] - 1, parts[0][0]))
        for year in range(first, last + 1):
            self.merge(instrument, records, year)

    def merge(self, instrument: str, records: Records, year: int) -> None:
        """What of it is in no data file yet. The ledger's line comes before the file is put in its place."""
        pieces = records.unmerged(year, year_begin(year), year_begin(year + 1))
        if not pieces:
            return
        file = year_file(self._folder, instrument, year, self._form.suffix)
        old = records.years.get(year)
        files = [self._folder / PIECES / piece.name for piece in pieces]
        bars = joined(map(self._bars_of, pieces))
        description = self._description(instrument, records, pieces)
        content, count = self._form.encode(file if old is not None else None, bars, description)
        staged = self._disk.stage(file, content)
        self._ledger.append(
            YearMerged(
                instrument=instrument,
                year=year,
                rows=count,
                sha256=digest(content),
                old=old.sha256 if old is not None else "",
                names=[piece.name for piece in pieces],
            )
        )
        if self._form.suffix == "csv":
            self._disk.put(file.with_suffix(".json"), sidecar(description))
        self._disk.commit(staged, file)
        for piece in files:
            self._disk.remove(piece)

    def keep_at_hand(self, piece: PieceEnded, bars: PackedBars) -> None:
        """What was just written need not be read again, within bounds."""
        gone = self._at_hand.pop(piece.name, EMPTY)  # of before its past was adjusted
        self._count_at_hand -= len(gone)
        if self._count_at_hand + len(bars) <= MOST_AT_HAND:
            self._at_hand[piece.name] = bars
            self._count_at_hand += len(bars)

    def _bars_of(self, piece: PieceEnded) -> PackedBars:
        bars = self._at_hand.pop(piece.name, None)
        if bars is None:
            return decode_piece((self._folder / PIECES / piece.name).read_bytes())
        self._count_at_hand -= len(bars)
        return bars

    def remove_stale(self, instrument: str, records: Records) -> None:
        """Files of years that have no bars since the instrument was begun anew."""
        for folder in instrument_folder(self._folder, instrument).glob("year=*"):
            year = folder.name.removeprefix("year=")
            if year.isdigit() and int(year) not in records.years:
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
