"""C++17: plain structs, each read from and written to a `twsmq::Value`. Nil is an empty `std::optional`.

Structs come in an order in which each stands before those that hold it.
"""

from __future__ import annotations

from collections.abc import Iterator

from .model import Field, Message, Protocol, Type

_PLAIN = {
    "int": "std::int64_t",
    "ns": "std::int64_t",
    "id64": "std::int64_t",
    "float": "double",
    "str": "std::string",
    "bytes": "Bytes",
    "enum": "std::string",
    "bool": "bool",
    "any": "Value",
    "union": "Value",
    "nil": "Value",
    "tuple": "Value",
}
_KEYWORDS = frozenset(
    ("from", "operator", "new", "delete", "default", "class", "short", "long", "private", "public")
)
_TOP = """\
// Written by `make vectors` from the protocol's own definitions: change those, not this file.
// Names are those of the wire (a trailing _ where C++ has a word of its own); protocol/SPEC.md is the authority.
// Times are integer nanoseconds since the epoch, UTC. Nil is an empty optional. Enums are texts: expect others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "value.hpp"

namespace twsmq {

/** The header of every event. */
struct Header {
  std::int64_t v = 1;
  std::string src;
  /** The process's incarnation (ns): another value means that it restarted. */
  std::int64_t inc = 0;
  /** Counts the events of this topic in this incarnation, from 1. */
  std::int64_t seq = 0;
  std::int64_t ts = 0;

  bool read(const Value& from) {
    return get(from, "v", v) && get(from, "src", src) && get(from, "inc", inc) && get(from, "seq", seq) &&
           get(from, "ts", ts);
  }
};
"""


def render(protocol: Protocol) -> str:
    parts = [_TOP]
    parts += [_struct(message) for message in _in_order(protocol)]
    events = ", ".join(message.name for message in protocol.of("event"))
    parts.append(
        f"/** Every event of this version, for whoever wants to go through them all. */\n#define TWSMQ_EVENTS {events}\n"
    )
    parts.append("}  // namespace twsmq")
    return "\n".join(parts) + "\n"


def _in_order(protocol: Protocol) -> Iterator[Message]:
    done: set[str] = set()

    def visit(message: Message) -> Iterator[Message]:
        if message.name in done:
            return
        done.add(message.name)
        for name in (ref for field in message.fields for ref in _refs(field.type)):
            yield from visit(protocol.messages[name])
        yield message

    for message in protocol.messages.values():
        yield from visit(message)


def _refs(of: Type) -> Iterator[str]:
    if of.name == "ref":
        yield of.ref
    for item in of.items:
        yield from _refs(item)


def _struct(message: Message) -> str:
    event = message.role == "event"
    doc = "".join(f" * {line}".rstrip() + "\n" for line in message.doc.replace("*/", "* /").splitlines())
    lines = [f"/**\n{doc} */", f"struct {message.name}{' : Header' if event else ''} {{"]
    if event:
        lines.append(f'  static constexpr const char* TYPE = "{message.tag}";\n')
    lines += [_member(field) for field in message.fields]
    reads = [f'get(from_wire, "{field.name}", {_name(field)})' for field in message.fields]
    if event:
        reads.insert(0, "Header::read(from_wire)")
    body = " && ".join(reads) or "from_wire.is_map()"
    lines.append(
        f"\n  /** False where it is no such message. */\n  bool read(const Value& from_wire) {{\n    return {body};\n  }}"
    )
    sets = "\n".join(f'    put(to_wire, "{field.name}", {_name(field)});' for field in message.fields)
    made = (
        f"    Value to_wire = Value::map();\n{sets}\n    return to_wire;"
        if sets
        else "    return Value::map();"
    )
    own = "\n  /** Its own fields, without the header. */" if event else ""
    lines.append(f"{own}\n  Value to_value() const {{\n{made}\n  }}")
    lines.append("};\n")
    return "\n".join(lines)


def _member(field: Field) -> str:
    return f"  {_type(field)} {_name(field)}{_initial(field)};"


def _name(field: Field) -> str:
    return field.name + "_" if field.name in _KEYWORDS else field.name


def _type(field: Field) -> str:
    of = field.type
    plain = _bare(of.bare)
    optional = of.nullable or (not field.required and plain != "Value")
    return f"std::optional<{plain}>" if optional and plain != "Value" else plain


def _held(of: Type) -> str:
    """In a list or map, where nil is a value like others."""
    plain = _bare(of.bare)
    return f"std::optional<{plain}>" if of.nullable and plain != "Value" else plain


def _bare(of: Type) -> str:
    match of.name:
        case "list":
            return f"std::vector<{_held(of.items[0])}>"
        case "map":
            return f"Map<{_held(of.items[0])}>"
        case "ref":
            return of.ref
        case _:
            return _PLAIN[of.name]


def _initial(field: Field) -> str:
    plain = _type(field)
    return {"std::int64_t": " = 0", "double": " = 0", "bool": " = false"}.get(plain, "")
