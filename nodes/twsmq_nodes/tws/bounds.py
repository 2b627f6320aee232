"""How long a message of each kind may be, and how many fields it may have.

Theory: what a frame costs grows with its fields, not with its bytes alone: sixteen megabytes of empty fields
keep ibapi's decoder, and with it the loop, busy for longer than a process may be silent. So both are bounded,
the length before a long frame is even gathered, the fields before it is split (of protobuf the outermost
ones, where bars and ticks repeat, before it is parsed). The bounds lie several times above the largest honest
message of a kind; what exceeds them is no message, and a peer that sends it no gateway that we could go on
with: the session is closed with the reason.

Frames up to `UNSUSPECTED` bytes are not looked at: the hot path pays nothing.
"""

from __future__ import annotations

from msgspec import Struct

UNSUSPECTED = 16_384
_PROTOBUF_ID = 200
_KIB, _MIB = 1024, 1024 * 1024


class Bound(Struct, frozen=True):
    length: int
    fields: int


_USUAL = Bound(64 * _KIB, 4_096)
_TEXT = Bound(4 * _MIB, 64)

_BOUNDS: dict[int, Bound] = {
    5: Bound(128 * _KIB, 4_096),  # openOrder: some 170 fields, more with legs, conditions and parameters
    101: Bound(128 * _KIB, 4_096),  # completedOrder
    10: Bound(256 * _KIB, 4_096),  # contractDetails: hours and order types are long
    18: Bound(256 * _KIB, 4_096),  # bondContractDetails
    16: _TEXT,  # receiveFA
    17: Bound(16 * _MIB, 1_000_000),  # historicalData: 8 fields a bar; a day of 5 seconds has 17,280 bars
    19: Bound(16 * _MIB, 64),  # scannerParameters: 2 MB of XML in one field
    20: Bound(256 * _KIB, 16_384),  # scannerData
    51: _TEXT,  # fundamentalData
    75: Bound(_MIB, 100_000),  # securityDefinitionOptionParameter: every strike of a chain
    79: Bound(256 * _KIB, 16_384),  # symbolSamples
    80: Bound(256 * _KIB, 16_384),  # mktDepthExchanges
    82: Bound(256 * _KIB, 16_384),  # smartComponents
    83: _TEXT,  # newsArticle
    84: Bound(256 * _KIB, 64),  # tickNews
    89: Bound(4 * _MIB, 400_000),  # histogramData
    93: Bound(256 * _KIB, 16_384),  # marketRule
    96: Bound(4 * _MIB, 200_000),  # historicalTicks: 1,000 and what completes the last second
    97: Bound(4 * _MIB, 200_000),  # historicalTicksBidAsk
    98: Bound(4 * _MIB, 200_000),  # historicalTicksLast
    104: _TEXT,  # wshMetaData
    105: _TEXT,  # wshEventData
    106: Bound(_MIB, 100_000),  # historicalSchedule
}
"""By message id, of those that may be longer than usual (counts of fields: ibapi's decoder)."""

_FEWEST, _FIELDS_OF_A_PART = 512, 8
"""Of protobuf a bar, a tick or a row is one outermost field, where text has eight or so."""
_LONGEST_VARINT = 10

HEAD = 8
"""Bytes of a frame from which its kind can be read."""


def too_long(head: bytes, length: int, *, raw_ids: bool = False) -> str | None:
    """Why a frame of `length` bytes that begins like this is no message; None if it may be one. `raw_ids`: it
    begins with four bytes of id, as from server version 201 on.
    """
    kind = _kind(head, raw_ids=raw_ids)
    most = _BOUNDS.get(kind, _USUAL).length if kind is not None else _USUAL.length
    if length <= most:
        return None
    return f"{_name(kind)} of {length:,} bytes is announced, more than the {most:,} it may have"


def too_many_fields(frame: bytes, *, raw_ids: bool = False) -> str | None:
    """The same of a whole frame's fields."""
    kind = _kind(frame[:HEAD], raw_ids=raw_ids)
    most = _BOUNDS.get(kind, _USUAL).fields if kind is not None else _USUAL.fields
    if raw_ids and int.from_bytes(frame[:4], "big") > _PROTOBUF_ID:
        most = max(_FEWEST, most // _FIELDS_OF_A_PART)
        if not _has_more_parts(frame, 4, most):
            return None
        return f"{_name(kind)} has more than the {most:,} parts it may have"
    fields = frame.count(b"\0")
    if fields <= most:
        return None
    return f"{_name(kind)} has {fields:,} fields, more than the {most:,} it may have"


def _has_more_parts(data: bytes, at: int, most: int) -> bool:
    """Whether a protobuf message has more outermost fields than that (its encoding: a tag, whose lowest three
    bits say how long the value is, then the value). What is none is left to the parser, which refuses it.
    """
    end, parts = len(data), 0
    while at < end:
        parts += 1
        if parts > most:
            return True
        wire = data[at] & 7
        _, at = _varint(data, at)
        match wire:
            case 0:
                _, at = _varint(data, at)
            case 1:
                at += 8
            case 2:
                length, at = _varint(data, at)
                at += length
            case 5:
                at += 4
            case _:
                return False
    return False


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends; beyond the data if it does not."""
    value = shift = 0
    for byte in data[at : at + _LONGEST_VARINT]:
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    return 0, len(data)


def _kind(head: bytes, *, raw_ids: bool) -> int | None:
    if raw_ids:
        message_id = int.from_bytes(head[:4], "big")
        return message_id - _PROTOBUF_ID if message_id > _PROTOBUF_ID else message_id
    word = head.partition(b"\0")[0]
    return int(word) if word.isdigit() and len(word) < HEAD else None


def _name(kind: int | None) -> str:
    return "a message of no known kind" if kind is None else f"a message of kind {kind}"
