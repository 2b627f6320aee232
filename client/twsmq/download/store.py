"""Bars as files: small ones for pieces while the download runs, one for each instrument and year at last.

DIR/instrument=<quoted>/year=<year>/bars.parquet (or .csv), in the order of time, each bar once. DIR/.twsmq is
ours: the ledger, the lock, and the pieces that are in no year's file yet. Readers of data sets pass over it.

pyarrow, because it writes the types and metadata that every reader of Parquet agrees on, in wheels for all
systems; it is an extra, and CSV needs nothing.
"""

from __future__ import annotations

import csv
import importlib
import importlib.util
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct
from twsmq_protocol.counted import counted
from twsmq_protocol.history_requests import PackedBars
from twsmq_protocol.packed_bars import columns_of
from twsmq_protocol.plain_file import open_plain

from .disk import Disk
from .errors import ParquetMissing
from .planner import NS

PIECES, ASIDE = Path(".twsmq") / "pieces", Path(".twsmq") / "before"
FOLDER = "instrument="
COLUMNS = ("time", "open", "high", "low", "close", "volume", "wap", "count")

_BARS = msgspec.msgpack.Decoder(PackedBars)


class Description(Struct, frozen=True, kw_only=True):
    """What a data file records of its bars. `adjusted`: for what, as IBKR documents it (21.04)."""

    instrument: str
    con_id: int | None
    size: str
    what: str
    rth: bool
    adjusted: str
    time_zone: str
    fetched_from: int
    fetched_to: int

    def texts(self) -> dict[str, str]:
        return {
            "instrument": self.instrument,
            "con_id": str(self.con_id or ""),
            "size": self.size,
            "what": self.what,
            "rth": str(self.rth).lower(),
            "adjusted": self.adjusted,
            "time_zone": self.time_zone,
            "fetched_at": iso(self.fetched_to),
            "first_fetched_at": iso(self.fetched_from),
        }


def adjusted_for(what: str) -> str:
    return {"TRADES": "splits", "ADJUSTED_LAST": "splits and dividends"}.get(what, "as the gateway sends it")


def instrument_folder(folder: Path, instrument: str) -> Path:
    return folder / f"{FOLDER}{quote(instrument, safe='')}"


def year_file(folder: Path, instrument: str, year: int, suffix: str) -> Path:
    return instrument_folder(folder, instrument) / f"year={year}" / f"bars.{suffix}"


def set_aside(folder: Path, disk: Disk, instrument: str) -> Path | None:
    """Where its data files are from now on; None where there are none."""
    there = instrument_folder(folder, instrument)
    if not any(there.glob("year=*/*")):
        return None
    numbers = count(1)
    while (kept := folder / ASIDE / f"{there.name}.{next(numbers)}").exists():
        pass
    disk.move(there, kept)
    return kept


def encode_piece(bars: PackedBars) -> bytes:
    return msgspec.msgpack.encode(bars)


def decode_piece(content: bytes) -> PackedBars:
    return _BARS.decode(content)


class Format(ABC):
    """How a year's bars are written and read."""

    suffix: str

    def warm_up(self) -> None:
        """What takes a moment the first time, so that another thread may do it before."""
        return

    @abstractmethod
    def encode(self, old: bytes | None, bars: PackedBars, description: Description) -> tuple[bytes, int]:
        """The content of a year's file, of the bars in the content `old` and of `bars`, which are in order,
        and how many they are. A bar that is in both is taken from `bars`."""

    @abstractmethod
    def times(self, file: Path) -> Sequence[int]:
        """When its bars begin, ns, in the order of the file. Raises `OSError`, `ValueError`."""


def format_named(name: str) -> Format:
    """Raises `ParquetMissing`."""
    return Csv() if name == "csv" else Parquet()


class Parquet(Format):
    suffix = "parquet"

    def __init__(self) -> None:
        if importlib.util.find_spec("pyarrow") is None:
            raise ParquetMissing

    @cached_property
    def _arrow(self) -> Any:
        return importlib.import_module("pyarrow")

    @cached_property
    def _compute(self) -> Any:
        return importlib.import_module("pyarrow.compute")

    @cached_property
    def _parquet(self) -> Any:
        return importlib.import_module("pyarrow.parquet")

    def warm_up(self) -> None:
        _ = self._arrow, self._compute, self._parquet

    def encode(self, old: bytes | None, bars: PackedBars, description: Description) -> tuple[bytes, int]:
        pa = self._arrow
        schema = self._schema(description)
        table = self._table(bars, schema)
        if old is not None:
            before = self._parquet.read_table(pa.BufferReader(old)).cast(self._schema(None))
            again = table.column("time").combine_chunks()
            fresh = self._compute.is_in(before.column("time"), value_set=again)
            before = before.filter(self._compute.invert(fresh)).replace_schema_metadata(schema.metadata)
            table = pa.concat_tables([before, table]).sort_by("time")
        sink = pa.BufferOutputStream()
        # Prices hardly repeat within a year, times and counts differ little: a dictionary would only cost.
        self._parquet.write_table(
            table, sink, compression="zstd", coerce_timestamps=None, version="2.6", use_dictionary=False,
            column_encoding=dict.fromkeys(("time", "count"), "DELTA_BINARY_PACKED"),
        )  # fmt: skip
        return sink.getvalue().to_pybytes(), table.num_rows

    def times(self, file: Path) -> Sequence[int]:
        try:
            with open_plain(file) as opened:
                column = self._parquet.read_table(opened, columns=["time"]).column("time")
            column = column.cast(self._arrow.int64()).combine_chunks()
        except self._arrow.ArrowException as error:
            raise ValueError(str(error).splitlines()[0]) from error
        if column.null_count:
            raise ValueError(f"{counted(column.null_count, 'bar has', 'bars have')} no time")
        if not len(column):
            return ()
        numbers = memoryview(column.buffers()[1]).cast("q")
        return numbers[column.offset : column.offset + len(column)]

    def _schema(self, description: Description | None) -> Any:
        pa = self._arrow
        fields = [("time", pa.timestamp("ns", tz="UTC"))]
        fields += [(name, pa.int64() if name == "count" else pa.float64()) for name in COLUMNS[1:]]
        metadata = None if description is None else {f"twsmq.{k}": v for k, v in description.texts().items()}
        return pa.schema(fields, metadata=metadata)

    def _table(self, bars: PackedBars, schema: Any) -> Any:
        """Over the memory of `bars`, without a copy where nothing is absent."""
        pa, count = self._arrow, len(bars)
        columns: list[Any] = []
        for name in COLUMNS:
            buffers = [None, pa.py_buffer(getattr(bars, name))]
            column = pa.Array.from_buffers(pa.int64() if name == "time" else pa.float64(), count, buffers)
            if name != "time" and self._compute.any(absent := self._compute.is_nan(column)).as_py():
                column = self._compute.if_else(absent, None, column)
            columns.append(column.cast(schema.field(name).type))
        return pa.table(columns, schema=schema)


class Csv(Format):
    """Times as `2026-01-05T14:30:00Z`; nothing where there is nothing. What Parquet has as metadata stands in
    `bars.json` beside."""

    suffix = "csv"

    def encode(self, old: bytes | None, bars: PackedBars, description: Description) -> tuple[bytes, int]:
        lines: dict[int, list[Any]] = {}
        if old is not None:
            reader = csv.reader(io.StringIO(old.decode(), newline=""))
            next(reader, None)
            lines = {time_of(line[0]): list(line) for line in reader}
        for time, *values in zip(*msgspec.structs.astuple(columns_of(bars)), strict=True):
            lines[time] = [iso(time), *("" if value is None else value for value in values)]
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(lines[time] for time in sorted(lines))
        return out.getvalue().encode(), len(lines)

    def times(self, file: Path) -> Sequence[int]:
        with io.TextIOWrapper(open_plain(file), encoding="utf-8", newline="") as opened:
            reader = csv.reader(opened)
            try:
                if next(reader, None) != list(COLUMNS):
                    raise ValueError("its first line does not name our columns")
                return [time_of(line[0] if line else "") for line in reader]
            except csv.Error as error:
                raise ValueError(f"line {reader.line_num}: {error}") from error


def sidecar(description: Description) -> bytes:
    return json.dumps(description.texts(), indent=2).encode() + b"\n"


def iso(ns: int) -> str:
    moment = datetime.fromtimestamp(ns // NS, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def time_of(text: str) -> int:
    """Raises ValueError."""
    return int(datetime.fromisoformat(text).timestamp()) * NS
