"""Types and schema for other languages, written from the protocol's own structs: `make vectors`.

    model.py        the protocol as plain data: messages, fields, units, ops
    schema.py       JSON Schema 2020-12, with `x-unit` where a number has one
    typescript.py   clients/typescript/src/types.ts
    cpp.py          clients/cpp/include/twsmq/types.hpp

A test fails when a written file is older than its source. Within a protocol version only additions are made; the
generator compares with the schema it wrote last and refuses to remove a message or a field, or to narrow a type.
"""
