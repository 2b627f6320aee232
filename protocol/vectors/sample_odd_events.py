"""Events as other writers may spell them, and frames that are no events.

msgpack has several spellings of a value, and any of them is the value. What every client must refuse it
counts as malformed, and goes on.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

import msgspec
from sample_values import AAPL, BORN, NOW
from twsmq_protocol import topics

_TOPIC = topics.quote_topic(AAPL).encode() + b"\0"
_BEATS = topics.node_topic("orders").encode() + b"\0"
_HEADER = {"v": 1, "src": "marketdata-0", "inc": BORN, "seq": 12, "ts": NOW}
_QUOTE = {
    "type": "quote",
    **_HEADER,
    **dict.fromkeys(("con_id", "bid", "ask", "last", "bid_size", "ask_size", "last_size", "volume")),
    **dict.fromkeys(("open", "high", "low", "close", "last_time", "halted")),
    "delayed": False,
    "magnifier": 1,
    "snapshot": False,
}
_BEAT = {"type": "heartbeat", **_HEADER, "src": "orders", "name": "orders", "pid": 1, "state": "ready"}
_BEAT_NOW = _BEAT | {"client_id": 101, "uptime_s": 1.0, "detail": None, "last_event_no": 9}
_pack = msgspec.msgpack.encode


def _text(value: str) -> bytes:
    """The longest spelling there is."""
    return b"\xdb" + struct.pack(">I", len(value.encode())) + value.encode()


def _map(fields: dict[str, bytes]) -> bytes:
    return b"\xdf" + struct.pack(">I", len(fields)) + b"".join(_text(key) + fields[key] for key in fields)


def _packed(fields: Mapping[str, object]) -> dict[str, bytes]:
    return {key: _pack(value) for key, value in fields.items()}


def _quote(**spelled: bytes) -> bytes:
    return _TOPIC + _map(_packed(_QUOTE) | spelled)


def _u64(value: int) -> bytes:
    return b"\xcf" + struct.pack(">Q", value)


def _i64(value: int) -> bytes:
    return b"\xd3" + struct.pack(">q", value)


def _f32(value: float) -> bytes:
    return b"\xca" + struct.pack(">f", value)


def _with_one_more(pair: bytes) -> bytes:
    packed = _map(_packed(_QUOTE))
    return _TOPIC + packed[:1] + struct.pack(">I", len(_QUOTE) + 1) + packed[5:] + pair


def _without(*names: str) -> bytes:
    return _TOPIC + _pack({key: value for key, value in _QUOTE.items() if key not in names})


UNDERSTOOD: dict[str, bytes] = {
    "every length in its longest spelling": _quote(type=_text("quote"), src=_text("marketdata-0")),
    "small integers in eight bytes, with a sign": _quote(v=_i64(1), seq=_i64(12), magnifier=_i64(1)),
    "small integers in eight bytes, without a sign": _quote(v=_u64(1), seq=_u64(12), con_id=_u64(265598)),
    "floats as integers": _quote(bid=_pack(187), ask=_u64(188), bid_size=_i64(-1)),
    "floats of four bytes": _quote(bid=_f32(187.5), ask=_f32(-0.0)),
    "the largest integer": _quote(seq=_i64(2**53 - 1), last_time=_i64(2**63 - 1)),
    "fields of a later version": _quote(later=_pack({"a": [1, {"b": None}]}), also=b"\xc4\x02\x00\xff"),
    "a field of a later version under a name that objects have": _quote(
        constructor=_pack(1), toString=_pack("x"), __proto__=_pack({"bid": 1.0})
    ),
    "strategies under names that fields or objects have": _BEATS
    + _pack(_BEAT_NOW | {"strategy_nos": {"ts": 5, "time": 3, "since": 1, "__proto__": 4, "constructor": 2}}),
    "a map of maps, a hundred deep": _quote(later=b"\x81\xa1a" * 100 + b"\xc0"),
}
"""They mean what a plain reader of msgpack makes of them."""

MALFORMED: dict[str, bytes] = {
    "nothing at all": b"",
    "no NUL": _TOPIC[:-1],
    "a topic and no map": _TOPIC,
    "a map that is cut off": _quote()[:-3],
    "more after the map": _quote() + b"\xc0",
    "a list": _TOPIC + _pack([_QUOTE]),
    "nil": _TOPIC + b"\xc0",
    "a byte that msgpack never uses": _TOPIC + b"\xc1",
    "keys that are integers": _TOPIC + b"\x81\x01\x02",
    "an integer key among texts": _with_one_more(b"\x01\x02"),
    "a topic that is not UTF-8": b"quote/\xff/\0" + _pack(_QUOTE),
    "no type": _without("type"),
    "a type that is a number": _quote(type=_pack(7)),
    "a type in bytes": _quote(type=b"\xc4\x05quote"),
    "a seq as text": _quote(seq=_pack("12")),
    "a seq that is nil": _quote(seq=b"\xc0"),
    "an inc as a float": _quote(inc=_pack(1.5)),
    "a src that is a list": _quote(src=b"\x90"),
    "another version": _quote(v=_pack(2)),
    "a version as text": _quote(v=_pack("1")),
    "an ext as a price": _quote(bid=b"\xd4\x01\x00"),
    "a timestamp of msgpack as a time": _quote(last_time=b"\xd6\xff\x00\x00\x00\x01"),
    "four billion pairs that never come": _TOPIC + b"\xdf\xff\xff\xff\xff",
    "four billion items that never come": _quote(later=b"\xdd\xff\xff\xff\xff"),
    "lists nested fifty thousand deep": _quote(later=b"\x91" * 50_000 + b"\xc0"),
}
