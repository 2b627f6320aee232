"""TypeScript: interfaces, a union of all events, a map of all ops. Times are `bigint`, enums stay open."""

from __future__ import annotations

from .model import HEADER, ID64_FIELDS, Field, Message, Protocol, Type, is_ns

_PLAIN = {
    "int": "number",
    "ns": "bigint",
    "id64": "bigint",
    "float": "number",
    "str": "string",
    "bytes": "Uint8Array",
    "bool": "boolean",
    "nil": "null",
    "any": "Value",
}
_TOP = """\
// Written by `make vectors` from the protocol's own definitions: change those, not this file.
// Names are those of the wire; protocol/SPEC.md is the authority. Times are integer ns, as bigint.

/** Whatever msgpack can hold. */
export type Value = null | boolean | number | bigint | string | Uint8Array | Value[] | { [key: string]: Value };

/** A text that is one of these today; expect others. */
export type Open<Known extends string> = Known | (string & {});

/** The header of every event. */
export interface Header {
  readonly v: number;
  readonly src: string;
  /** The process's incarnation (ns): another value means that it restarted. */
  readonly inc: bigint;
  /** Counts the events of this topic in this incarnation, from 1. */
  readonly seq: number;
  readonly ts: bigint;
}
"""


def render(protocol: Protocol) -> str:
    parts = [_TOP]
    parts += [_interface(message) for message in protocol.messages.values()]
    events = list(protocol.of("event"))
    union = "\n".join(f"  | {message.name}" for message in events)
    parts.append(f"/** Every event of this version. */\nexport type AnyEvent =\n{union};\n")
    tags = "\n".join(f'  "{message.tag}",' for message in events)
    parts.append(f"export const EVENT_TYPES: ReadonlySet<string> = new Set([\n{tags}\n]);\n")
    rows = "\n".join(
        f"  {row.op}: {{ process: {_process(row.process)}; args: {row.args}; result: {row.result} }};"
        for row in protocol.ops
    )
    parts.append(
        "/** Every op: the process that answers it, what it takes, what it gives. */\n"
        f"export interface Ops {{\n{rows}\n}}\n"
    )
    names = sorted(
        {name for message in protocol.messages.values() for name in _big(message)} | set(_header_big())
    )
    listed = "\n".join(f'  "{name}",' for name in names)
    parts.append(
        "/** Fields that are `bigint` however small they are. */\n"
        f"export const BIGINT_FIELDS: ReadonlySet<string> = new Set([\n{listed}\n]);\n"
    )
    maps = sorted(
        {
            field.name
            for message in protocol.messages.values()
            for field in message.fields
            if field.type.bare.name == "map" and field.type.bare.items[0].name == "int"
        }
    )
    listed = "\n".join(f'  "{name}",' for name in maps)
    parts.append(
        "/** Maps to integers: their keys are no fields but names that somebody has chosen. */\n"
        f"export const MAP_FIELDS: ReadonlySet<string> = new Set([\n{listed}\n]);\n"
    )
    return "\n".join(parts)


def _interface(message: Message) -> str:
    head = f"export interface {message.name}"
    lines: list[str] = []
    if message.tag is not None and message.role == "event":
        head += " extends Header"
        lines.append(f'  readonly type: "{message.tag}";')
    lines += [_field(field, sent_by_us=message.role == "args") for field in message.fields]
    doc = "".join(f" * {line}".rstrip() + "\n" for line in message.doc.splitlines())
    return f"/**\n{doc} */\n{head} {{\n" + "\n".join(lines) + "\n}\n"


def _field(field: Field, *, sent_by_us: bool) -> str:
    optional = "?" if sent_by_us and not field.required else ""
    return f"  readonly {field.name}{optional}: {_type(field.type, open_enums=not sent_by_us)};"


def _type(of: Type, *, open_enums: bool) -> str:
    def inner(item: Type) -> str:
        return _type(item, open_enums=open_enums)

    match of.name:
        case "list":
            return f"readonly ({inner(of.items[0])})[]"
        case "map":
            return f"{{ readonly [key: string]: {inner(of.items[0])} }}"
        case "tuple":
            return "readonly [" + ", ".join(map(inner, of.items)) + "]"
        case "union":
            return " | ".join(map(inner, of.items))
        case "enum":
            known = " | ".join(f'"{value}"' for value in of.values)
            return f"Open<{known}>" if open_enums else known
        case "ref":
            return of.ref
        case _:
            return _PLAIN[of.name]


def _process(name: str | None) -> str:
    return "string" if name is None else f'"{name}"'


def _big(message: Message) -> list[str]:
    return [field.name for field in message.fields if field.type.bare.name in {"ns", "id64"}]


def _header_big() -> list[str]:
    return [name for name in HEADER if is_ns(name) or name in ID64_FIELDS]
