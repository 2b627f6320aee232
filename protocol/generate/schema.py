"""JSON Schema 2020-12 of every message, for validators, editors and those who generate their own types.

`x-unit` says what an integer counts (`ns`), `x-open` that an enum may grow, `x-role` whether a message is an event, an
op's arguments or its result. `x-ops` names process, arguments and result of each op.
"""

from __future__ import annotations

from typing import Any

from .model import Message, Protocol, Type

Json = dict[str, Any]
_PLAIN: dict[str, Json] = {
    "int": {"type": "integer"},
    "ns": {"type": "integer", "x-unit": "ns"},
    "id64": {"type": "integer"},
    "float": {"type": "number"},
    "str": {"type": "string"},
    "bytes": {"x-type": "msgpack bin"},
    "bool": {"type": "boolean"},
    "nil": {"type": "null"},
    "any": {},
}
_HEADER: Json = {
    "v": {"const": 1},
    "src": {"type": "string"},
    "inc": {"type": "integer", "x-unit": "ns"},
    "seq": {"type": "integer", "minimum": 1},
    "ts": {"type": "integer", "x-unit": "ns"},
}


def schema(protocol: Protocol) -> Json:
    events = [{"$ref": f"#/$defs/{message.name}"} for message in protocol.of("event")]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "twsmq protocol, version 1",
        "description": "An event: any of these. protocol/SPEC.md is the authority.",
        "anyOf": events,
        "x-ops": {
            row.op: {"process": row.process, "args": row.args, "result": row.result} for row in protocol.ops
        },
        "$defs": {message.name: _message(message) for message in protocol.messages.values()},
    }


def _message(message: Message) -> Json:
    properties = {field.name: _type(field.type) for field in message.fields}
    sent_whole = message.role != "args"
    required = [field.name for field in message.fields if sent_whole or field.required]
    made: Json = {"type": "object", "description": message.doc, "x-role": message.role}
    if message.tag is not None and message.role == "event":
        properties = {"type": {"const": message.tag}, **_HEADER, **properties}
        required = ["type", *_HEADER, *required]
    made |= {"properties": properties, "required": required}
    if message.role == "args":
        made["additionalProperties"] = False
    return made


def _type(of: Type) -> Json:
    match of.name:
        case "list":
            return {"type": "array", "items": _type(of.items[0])}
        case "map":
            return {"type": "object", "additionalProperties": _type(of.items[0])}
        case "tuple":
            places = [_type(item) for item in of.items]
            return {"type": "array", "prefixItems": places, "minItems": len(places), "items": False}
        case "union":
            return {"anyOf": [_type(item) for item in of.items]}
        case "enum":
            return {"type": "string", "examples": list(of.values), "x-open": True}
        case "ref":
            return {"$ref": f"#/$defs/{of.ref}"}
        case _:
            return dict(_PLAIN[of.name])


def broken_promises(before: Json, after: Json) -> list[str]:
    """What a client written against `before` could no longer do: within a version only additions are made."""
    found: list[str] = []
    for name, old in before.get("$defs", {}).items():
        new = after["$defs"].get(name)
        if new is None:
            found.append(f"{name} is gone")
            continue
        found += [f"{name}.{field} is gone" for field in old["properties"] if field not in new["properties"]]
        if new["x-role"] == "args":
            asked = set(new["required"]) - set(old["required"])
            found += [f"{name}.{field} must now be sent" for field in sorted(asked)]
    found += [f"op {op} is gone" for op in before.get("x-ops", {}) if op not in after["x-ops"]]
    return found
