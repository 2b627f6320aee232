"""Rows of one kind, as they came: a sequence of typed structs that becomes a frame of the library you use.

    bars = client.bars("STK:AAPL:SMART:USD", "1m", duration="2D")
    bars[0].close, len(bars), bars.column("close")
    bars.polars(), bars.pandas(), bars.arrow()          # pip install 'twsmq[tables]'

In each frame times are nanoseconds, UTC; what is absent is null. Columns that hold more than one value
(lists, maps) are JSON text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any, Generic, Literal, TypeAlias, TypeVar, cast, overload

import msgspec
from msgspec import Struct, inspect

from .errors import NotInstalled

R = TypeVar("R", bound=Struct)
Kind: TypeAlias = Literal["time", "int", "float", "bool", "text", "json"]
_TIMES = frozenset(("time", "open", "close", "ts", "last_time", "fetched_at"))
"""Integers of these names are ns since the epoch."""
_KINDS: dict[type[inspect.Type], Kind] = {
    inspect.IntType: "int",
    inspect.FloatType: "float",
    inspect.BoolType: "bool",
    inspect.StrType: "text",
    inspect.LiteralType: "text",
}


class Table(Sequence[R], Generic[R]):
    """`kind`: the struct of its rows, whose fields are the columns."""

    def __init__(self, kind: type[R], rows: Iterable[R] = ()) -> None:
        self.kind = kind
        self.rows = list(rows)
        shape = inspect.type_info(kind)
        assert isinstance(shape, inspect.StructType)
        self.columns: dict[str, Kind] = {
            field.encode_name: _kind_of(field.encode_name, field.type) for field in shape.fields
        }
        self._names = {field.encode_name: field.name for field in shape.fields}

    @overload
    def __getitem__(self, index: int) -> R: ...
    @overload
    def __getitem__(self, index: slice) -> Table[R]: ...
    def __getitem__(self, index: int | slice) -> R | Table[R]:
        return self.rows[index] if isinstance(index, int) else Table(self.kind, self.rows[index])

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Table):
            return NotImplemented
        same = cast("Table[Any]", other)
        return self.kind is same.kind and self.rows == same.rows

    def __hash__(self) -> int:
        raise TypeError("a table is mutable")

    def __repr__(self) -> str:
        return f"<Table of {len(self.rows)} {self.kind.__name__}: {', '.join(self.columns)}>"

    def column(self, name: str) -> list[Any]:
        """The values of one column, None where there is none. Raises KeyError for a name there is not."""
        attribute = self._names[name]
        values = [getattr(row, attribute) for row in self.rows]
        if self.columns[name] != "json":
            return values
        return [None if value is None else msgspec.json.encode(value).decode() for value in values]

    def dicts(self) -> list[dict[str, Any]]:
        """Each row as plain data, every column in it."""
        return [msgspec.to_builtins(row) for row in self.rows]

    def arrow(self) -> Any:
        """A `pyarrow.Table`."""
        pa = _library("pyarrow")
        types = {
            "time": pa.timestamp("ns", tz="UTC"),
            "int": pa.int64(),
            "float": pa.float64(),
            "bool": pa.bool_(),
            "text": pa.string(),
            "json": pa.string(),
        }
        columns = {name: pa.array(self.column(name), type=types[kind]) for name, kind in self.columns.items()}
        return pa.table(columns)

    def polars(self) -> Any:
        """A `polars.DataFrame`."""
        pl = _library("polars")
        types = {
            "time": pl.Int64,
            "int": pl.Int64,
            "float": pl.Float64,
            "bool": pl.Boolean,
            "text": pl.String,
            "json": pl.String,
        }
        columns = {name: self.column(name) for name in self.columns}
        frame = pl.DataFrame(columns, schema={name: types[kind] for name, kind in self.columns.items()})
        moment = pl.Datetime("ns", "UTC")
        return frame.with_columns(pl.col(name).cast(moment) for name in self._of("time"))

    def pandas(self) -> Any:
        """A `pandas.DataFrame`; its columns are of pandas' nullable types."""
        pd = _library("pandas")
        types = {"int": "Int64", "float": "Float64", "bool": "boolean", "text": "string", "json": "string"}
        columns: dict[str, Any] = {}
        for name, kind in self.columns.items():
            values = self.column(name)
            if kind == "time":
                columns[name] = pd.to_datetime(pd.Series(values, dtype="Int64"), unit="ns", utc=True)
            else:
                columns[name] = pd.Series(values, dtype=types[kind])
        return pd.DataFrame(columns)

    def _of(self, kind: Kind) -> list[str]:
        return [name for name, one in self.columns.items() if one == kind]


def _kind_of(name: str, at: inspect.Type) -> Kind:
    if isinstance(at, inspect.UnionType):
        kinds: set[Kind] = {_kind_of(name, one) for one in at.types if not isinstance(one, inspect.NoneType)}
        return kinds.pop() if len(kinds) == 1 else "json"
    kind: Kind = _KINDS.get(type(at), "json")
    return "time" if kind == "int" and name in _TIMES else kind


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise NotInstalled(name, "tables") from error
