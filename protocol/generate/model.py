"""The protocol as plain data, read from the structs that the codec itself uses.

Invariants: names are those of the wire. Every field of an event or a result is present on the wire, whatever default
the struct has; a field of a request may be left out if it has one. An integer of nanoseconds is `ns`, a type of its
own, because it exceeds what a double can hold; so is `id64`, a number of the gateway's that may.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from inspect import cleandoc
from typing import Literal

import msgspec
from msgspec import inspect
from twsmq_protocol.codec import EVENT_TYPES
from twsmq_protocol.envelope import Event
from twsmq_protocol.requests import OPS

Role = Literal["event", "args", "result", "part"]

NS_FIELDS = frozenset(("ts", "inc", "time", "last_time", "since", "from", "to", "incarnation"))
"""Integer fields that count nanoseconds since the epoch, by their name on the wire."""
ID64_FIELDS = frozenset(("perm_id",))
"""Integers of the gateway's that may have more than 53 bits (16 digits were seen)."""
HEADER = tuple(Event.__struct_fields__)


@dataclass(frozen=True)
class Type:
    """`name`: int, ns, id64, float, str, bytes, bool, any, nil, list, map, tuple, union, enum, ref."""

    name: str
    items: tuple[Type, ...] = ()
    """Of a list or map the one its values have, of a tuple one for each place, of a union the choices."""
    values: tuple[str, ...] = ()
    """Of an enum; a reader must expect others."""
    ref: str = ""

    @property
    def nullable(self) -> bool:
        return self.name == "union" and any(item.name == "nil" for item in self.items)

    @property
    def bare(self) -> Type:
        """Without nil."""
        if not self.nullable:
            return self
        rest = tuple(item for item in self.items if item.name != "nil")
        return rest[0] if len(rest) == 1 else Type("union", rest)


@dataclass(frozen=True)
class Field:
    name: str
    type: Type
    required: bool
    """Whether whoever sends it must: of arguments only. Events and results carry every field."""


@dataclass(frozen=True)
class Message:
    name: str
    role: Role
    doc: str
    fields: tuple[Field, ...]
    tag: str | None = None
    """`type` on the wire, of an event."""


@dataclass(frozen=True)
class OpRow:
    op: str
    process: str | None
    args: str
    result: str


@dataclass
class Protocol:
    messages: dict[str, Message] = field(default_factory=dict[str, Message])
    ops: list[OpRow] = field(default_factory=list[OpRow])

    def of(self, *roles: Role) -> Iterator[Message]:
        return (message for message in self.messages.values() if message.role in roles)


def read() -> Protocol:
    """The whole protocol. Raises `ValueError` where two structs have one name."""
    protocol = Protocol()
    _read_structs(protocol, EVENT_TYPES.values(), "event")
    _read_structs(protocol, (op.args for op in OPS.values()), "args")
    _read_structs(protocol, (op.result for op in OPS.values()), "result")
    protocol.ops = [OpRow(name, op.process, op.args.__name__, op.result.__name__) for name, op in OPS.items()]
    return protocol


def _read_structs(protocol: Protocol, structs: Iterable[type[msgspec.Struct]], role: Role) -> None:
    for cls in structs:
        info = inspect.type_info(cls)
        assert isinstance(info, inspect.StructType)
        _add(protocol, info, role)


def _add(protocol: Protocol, info: inspect.StructType, role: Role) -> None:
    """An event that is also a result stays an event; a part of arguments is sent by clients, so it is `args`."""
    name = info.cls.__name__
    if name in protocol.messages:
        return
    protocol.messages[name] = Message(name, role, "", ())  # a placeholder: structs may refer to each other
    own = [f for f in info.fields if role != "event" or f.encode_name not in HEADER]
    fields = tuple(
        Field(f.encode_name, _type(protocol, f.type, f.encode_name, _inner(role)), f.required) for f in own
    )
    tag = str(info.tag) if info.tag is not None else None
    protocol.messages[name] = Message(name, role, cleandoc(info.cls.__doc__ or ""), fields, tag)


def _inner(role: Role) -> Role:
    return "args" if role == "args" else "part"


def _type(protocol: Protocol, of: inspect.Type, name: str, role: Role) -> Type:
    match of:
        case inspect.Metadata():
            return _type(protocol, of.type, name, role)
        case inspect.IntType():
            return Type("ns" if is_ns(name) else "id64" if name in ID64_FIELDS else "int")
        case inspect.FloatType():
            return Type("float")
        case inspect.StrType():
            return Type("str")
        case inspect.BytesType():
            return Type("bytes")
        case inspect.BoolType():
            return Type("bool")
        case inspect.NoneType():
            return Type("nil")
        case inspect.AnyType() | inspect.RawType():
            return Type("any")
        case inspect.LiteralType():
            return Type("enum", values=tuple(map(str, of.values)))
        case inspect.ListType() | inspect.VarTupleType():
            return Type("list", (_type(protocol, of.item_type, name, role),))
        case inspect.DictType():
            return Type("map", (_type(protocol, of.value_type, "", role),))
        case inspect.TupleType():
            return Type("tuple", tuple(_type(protocol, item, "", role) for item in of.item_types))
        case inspect.UnionType():
            return Type("union", tuple(_type(protocol, item, name, role) for item in of.types))
        case inspect.StructType():
            _add(protocol, of, role)
            return Type("ref", ref=of.cls.__name__)
        case _:
            raise ValueError(f"{name}: no language has a type for {of} yet; add it in model.py")


def is_ns(name: str) -> bool:
    return name in NS_FIELDS or name.endswith(("_ns", "_until", "_at", "_time"))
