"""SPEC's tables that are written from the code: the endpoints from `PROCESSES`, the limits from `RiskLimits`.

Each stands between two marks. Whatever else is in SPEC is its own, and the code is held to it.
"""

from __future__ import annotations

from msgspec import inspect
from twsmq_protocol.field_docs import field_docs
from twsmq_protocol.processes import PROCESSES
from twsmq_protocol.risk_limits import RiskLimits

_NAMES: tuple[tuple[type[inspect.Type], str], ...] = (
    (inspect.BoolType, "bool"),
    (inspect.FloatType, "float"),
    (inspect.IntType, "int"),
    (inspect.StrType, "str"),
    (inspect.LiteralType, "str"),
    (inspect.VarTupleType, "list"),
)


def with_tables(spec: str) -> str:
    for name, table in (("endpoints", _endpoints()), ("limits", _limits())):
        begin, end = f"<!-- {name}: written by make vectors -->", f"<!-- end of {name} -->"
        before, _, rest = spec.partition(begin)
        _, found, after = rest.partition(end)
        assert found, f"SPEC.md has lost the marks around its table of {name}"
        spec = f"{before}{begin}\n\n{table}\n\n{end}{after}"
    return spec


def _endpoints() -> str:
    rows = ["| process | requests | events | client ID |", "|---|---|---|---|"]
    for row in sorted(PROCESSES, key=lambda each: each.port):
        number = "none" if row.client_id is None else f"+{row.client_id}"
        if row.shards:
            name, n, nth = f"`{row.name}-n` (n = 0 … {row.shards - 1})", " + 2n", " + n"
        else:
            name, n, nth = f"`{row.name}`", "", ""
        rows.append(f"| {name} | +{row.port}{n} | +{row.port + 1}{n} | {number}{nth} |")
    return "\n".join(rows)


def _limits() -> str:
    info = inspect.type_info(RiskLimits)
    assert isinstance(info, inspect.StructType)
    meanings = field_docs(RiskLimits)
    rows = ["| limit | type | meaning |", "|---|---|---|"]
    for field in info.fields:
        assert field.name in meanings, f"{field.name} has no text below it that says what it means"
        rows.append(f"| `{field.name}` | {_type(field.type)} | {' '.join(meanings[field.name].split())} |")
    return "\n".join(rows)


def _type(of: inspect.Type) -> str:
    if isinstance(of, inspect.Metadata):
        return _type(of.type)
    if isinstance(of, inspect.UnionType):
        return _type(next(each for each in of.types if not isinstance(each, inspect.NoneType)))
    return next(name for kind, name in _NAMES if isinstance(of, kind))
