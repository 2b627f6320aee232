"""Whether a map inside a msgpack message has a key twice: readers would differ on which value counts.

An order whose `side` stands there as BUY and as SELL is not an order that anybody has checked, so the
message is refused, at whatever depth the map is. Pure, for messages that a typed decoder has taken already:
their keys are strings and their depth is that of the type.
"""

from __future__ import annotations

import msgspec

_MAP_16 = 0xDE
"""The head that msgspec gives to a struct that may leave fields out, however few are left: two bytes more."""
_decode = msgspec.msgpack.Decoder().decode
_encode = msgspec.msgpack.Encoder().encode
_decode_map = msgspec.msgpack.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode


def repeated_key(message: bytes) -> str | None:
    """The dotted path of a key that is there twice, like `orders[1].side`; None if each is there once."""
    again = _encode(_decode(message))
    if again == message or (message[0] == _MAP_16 and again[0] < _MAP_16 and again[1:] == message[3:]):
        return None  # what was dropped cannot come back: nothing was there twice
    return _search(message, "")


def pairs(message: bytes) -> int:
    """How many pairs a msgpack map says it has: more than the distinct keys means a key came twice."""
    head = message[0]
    return head & 0x0F if head < 0x90 else int.from_bytes(message[1 : 3 if head == 0xDE else 5])


def _search(message: bytes, path: str) -> str | None:
    """The same for any encoding, also one that is longer than it need be."""
    head = message[0]
    if 0x80 <= head <= 0x8F or head in (0xDE, 0xDF):
        fields = _decode_map(message)
        if pairs(message) != len(fields):
            return _join(path, _first_repeated(message, fields))
        inner = [(_join(path, name), bytes(value)) for name, value in fields.items()]
    elif 0x90 <= head <= 0x9F or head in (0xDC, 0xDD):
        inner = [(f"{path}[{index}]", bytes(value)) for index, value in enumerate(_decode_list(message))]
    else:
        return None
    return next((found for name, value in inner if (found := _search(value, name)) is not None), None)


def _first_repeated(message: bytes, fields: dict[str, msgspec.Raw]) -> str:
    """The name whose own bytes, as a key, are there more than once; one inside a value may mislead it."""
    for name in fields:
        if message.count(_encode(name)) > 1:
            return name
    return next(iter(fields))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
