"""What a hostile gateway may send: frames of every kind of message that ibapi knows, with fields too many,
too few, too large, of the wrong sort, as text and as protobuf; and bytes that are no frames at all.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from random import Random

from ibapi.message import IN

KINDS = sorted(value for name, value in vars(IN).items() if name.isupper() and isinstance(value, int))
_WORDS = (
    "", "0", "1", "-1", "9", "2147483647", "2147483648", "-2147483648", "9223372036854775807",
    "9223372036854775808", "-9223372036854775809", "1e308", "-1e308", "1e-320", "nan", "inf", "-inf",
    "1.7976931348623157E308", "true", "STK", "OPT", "BAG", "AAPL", "SMART", "USD", "DU1", "Filled",
    "Submitted", "Cancelled", "BUY", "LMT", "DU1,DU2", "20260105", "00000101", "99991231",
    "20260105 09:30:00 US/Eastern",
    "99991231-23:59:59", "20260105:0930-20260105:1600;20260106:CLOSED", "NetLiquidation", "s/a", "s/",
    "\x1b]0;x\x07", "\u202e", "\\ud83d", "x" * 300, "1700000000", "1700000000000", "265598",
    "SMART,ISLAND", "|",
)  # fmt: skip


def frame(payload: bytes) -> bytes:
    return struct.pack("!I", len(payload)) + payload


def hostile(
    random: Random, req_ids: list[int], *, protobuf: bool, kinds: list[int] = KINDS
) -> Iterator[bytes]:
    """One after the other, without end. `req_ids`: of requests that the gateway has received, to be answered
    wrongly. Every frame can be told from the next, so that the session goes on."""
    while True:
        kind = random.choice(KINDS)
        if protobuf and random.random() < 0.7:
            yield frame(struct.pack("!I", 200 + kind) + _message(random, req_ids, 3))
        elif protobuf:
            yield frame(struct.pack("!I", kind) + _text(random, req_ids))
        else:
            yield frame(b"%d\0" % kind + _text(random, req_ids))


def huge(random: Random, kind: int, *, protobuf: bool) -> bytes:
    """Eight megabytes: one field of them, or as many fields."""
    head = struct.pack("!I", 200 + kind) if protobuf else b"%d\0" % kind
    body = random.choice((b"x" * 8_000_000, b"1\0" * 4_000_000, b"\0" * 8_000_000, b"\x12\x00" * 4_000_000))
    return frame(head + body)


def broken(random: Random) -> bytes:
    """A length that is negative, nought or without end, or no frame at all."""
    length = random.choice((0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 16 * 2**20 + 1))
    return struct.pack("!I", length) + random.randbytes(random.randrange(40))


def _text(random: Random, req_ids: list[int]) -> bytes:
    count = random.choice((0, 1, 2, 3, 5, 8, 13, 20, 40, 90, 170, 300))
    fields = [_word(random, req_ids) for _ in range(random.randrange(count + 1))]
    return b"".join(field.encode("utf-8", "surrogatepass") + b"\0" for field in fields)


def _word(random: Random, req_ids: list[int]) -> str:
    chance = random.random()
    if chance < 0.2:
        return str(random.choice(req_ids or [1]))
    if chance < 0.45:
        return str(random.randrange(-2, 200))
    if chance < 0.55:
        return f"{random.uniform(-1000, 1000):.2f}"
    if chance < 0.58:
        return random.randbytes(random.randrange(8)).decode("latin-1").replace("\0", "")
    return random.choice(_WORDS)


def _message(random: Random, req_ids: list[int], deep: int) -> bytes:
    """Fields 1 to 40 of any wire type, as likely as not those that a message of IBKR's has."""
    parts = bytearray()
    if random.random() < 0.7:
        parts += b"\x08" + _varint(random.choice(req_ids or [1]))
    for _ in range(random.randrange(20)):
        number = random.randrange(1, random.choice((4, 10, 40)))
        sort = random.choice((0, 1, 2, 2, 2, 5))
        parts += _varint(number << 3 | sort)
        if sort == 0:
            parts += _varint(random.choice((0, 1, random.getrandbits(31), 2**31, 2**63, 2**64 - 1)))
        elif sort == 1:
            parts += struct.pack("<d", random.choice((0.0, 1.5, 1e308, float("nan"), float("-inf"), -1e300)))
        elif sort == 5:
            parts += random.randbytes(4)
        else:
            nested = deep > 0 and random.random() < 0.5
            inner = (
                _message(random, req_ids, deep - 1)
                if nested
                else _word(random, req_ids).encode("utf-8", "replace")
            )
            parts += _varint(len(inner)) + inner
    return bytes(parts)


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
