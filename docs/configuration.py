"""docs/configuration.md from the configuration's own structs: `python docs/configuration.py`, or
`make configuration`.

Every key of every table with what it may be, its default and its meaning, which is the string below the key in the
source. A test holds the page to the structs, and every key to having a meaning.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec import inspect as shape
from twsmq_protocol.config import Config
from twsmq_protocol.field_docs import field_docs
from twsmq_protocol.risk_limits import Risk, RiskLimits

PAGE = Path(__file__).with_suffix(".md")
_INTRODUCTION = """\
# Configuration

`twsmq.toml`: every key there is. All are optional; a key that is not known, or a value that cannot be, is refused with its
line, by `twsmq up` before anything starts.

**Where it belongs.** Commands read `./twsmq.toml`, in the folder they are called in, or the file that `--config FILE` names;
without one the defaults below hold. `data_dir` lies beside the file, so each cluster has a folder of its own. A program with
`Client()` reads `./twsmq.toml` too; elsewhere give it `port_base` or a key file.

**When it counts.** A process takes up what concerns it when it starts; `twsmq reload` says which keys were changed since and
whom to restart for them. `data_dir`, `port_base`, `bind` and `keys` are the whole cluster's: `twsmq down`, then
`twsmq up`. So is where the gateway is: a process that restarts meanwhile keeps to the one that the cluster was started with.

**Ports.** Some ninety from `port_base` on (5500 to 5590), the page on `port_base` + 80 (5580), and the simulated gateway on
`[gateway] port` (4002). `twsmq up` says which one is taken, and by whom where the system tells; set `port_base` and
`port` otherwise then.

In names, `_s` is seconds, `_minutes` minutes, `_mb` megabytes, `_at` a time of day.
"""


def tables() -> Iterator[tuple[str, type[Struct]]]:
    """Every table by its heading in the file."""
    for field in msgspec.structs.fields(Config):
        yield from _below(field.encode_name, _struct(field.type))


def _below(name: str, kind: type[Struct]) -> Iterator[tuple[str, type[Struct]]]:
    yield name, kind
    for field in msgspec.structs.fields(kind):
        inner = _inner(field.type)
        if inner is not None:
            many = "" if isinstance(field.type, type) else ".NAME"
            yield from _below(f"{name}.{field.encode_name}{many}", inner)


def _inner(of: Any) -> type[Struct] | None:
    """The table that a key holds, or each of those that it holds by name."""
    told = shape.type_info(of)
    told = told.value_type if isinstance(told, shape.DictType) else told
    return told.cls if isinstance(told, shape.StructType) else None


def _struct(kind: Any) -> type[Struct]:
    assert isinstance(kind, type)
    assert issubclass(kind, Struct)
    return kind


def meanings(kind: type[Struct]) -> dict[str, str]:
    """Of each key, inherited ones too."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if each is not Struct and issubclass(each, Struct) and each.__module__.startswith("twsmq_protocol"):
            found |= field_docs(each)
    return {name: " ".join(text.split()) for name, text in found.items()}


def page() -> str:
    parts = [_INTRODUCTION]
    for name, kind in tables():
        parts += _table(name, kind)
    return "\n".join(parts)


def _table(name: str, kind: type[Struct]) -> list[str]:
    doc = inspect.cleandoc(kind.__doc__ or "")
    if kind is RiskLimits:
        doc = f"The same keys, and what they hold, for one {name.split('.')[-2]}: `[{name.replace('NAME', 'alpha')}]`."
    lines = [f"## `[{name}]`\n", doc + "\n"]
    keys = [field for field in msgspec.structs.fields(kind) if _inner(field.type) is None]
    if kind is RiskLimits or not keys:
        return lines
    if kind is Risk:
        lines.append("[Limits](risk.md) has an example of each. None holds unless it is given.\n")
    lines += ["| key | what it may be | default | meaning |", "|---|---|---|---|"]
    told = meanings(kind)
    for field in keys:
        may, default = _may(shape.type_info(field.type)), _default(field)
        meaning = told.get(field.name, "").replace("|", "\\|")
        lines.append(f"| `{field.encode_name}` | {may} | {default} | {meaning} |")
    return [*lines, ""]


def _may(told: shape.Type) -> str:
    match told:
        case shape.Metadata():
            return _may(told.type)
        case shape.UnionType():
            return " or ".join(_may(each) for each in told.types if not isinstance(each, shape.NoneType))
        case shape.LiteralType():
            return " or ".join(f'`"{value}"`' for value in told.values)
        case shape.BoolType():
            return "`true` or `false`"
        case shape.IntType():
            return f"integer{_range(told)}"
        case shape.FloatType():
            return f"number{_range(told)}"
        case shape.StrType():
            return "text"
        case shape.DictType():
            return f"table of {_may(told.value_type)}"
        case shape.ListType() | shape.VarTupleType():
            return f"list of {_may(told.item_type)}"
        case _:
            raise ValueError(f"the page has no words for {told} yet")


def _range(told: shape.IntType | shape.FloatType) -> str:
    low = "" if told.ge is None else f" from {told.ge:,.15g}"
    low = low if told.gt is None else f" above {told.gt:,.15g}"
    return low + ("" if told.le is None else f" to {told.le:,.15g}")


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default
    if value is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()  # pyright: ignore[reportCallIssue]
    if value is msgspec.NODEFAULT:
        return "required"
    return "not given" if value is None else f"`{msgspec.json.encode(value).decode()}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
