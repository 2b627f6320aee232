"""How long a message of each kind may be, and how many fields it may have.

Theory: what a frame costs grows with its fields, not with its bytes alone: sixteen megabytes of empty fields
keep ibapi's decoder, and with it the loop, busy for longer than a process may be silent. So both are bounded,
the length before a long frame is even gathered, the fields before it is split. The bounds lie several times
above the largest honest message of a kind; what exceeds them is no message, and a peer that sends it no
gateway that we could go on with: the session is closed with the reason.

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
    """The same of a whole frame's fields. Protobuf has none that are split."""
    if raw_ids and int.from_bytes(frame[:4], "big") > _PROTOBUF_ID:
        return None
    kind = _kind(frame[:HEAD], raw_ids=raw_ids)
    most = _BOUNDS.get(kind, _USUAL).fields if kind is not None else _USUAL.fields
    fields = frame.count(b"\0")
    if fields <= most:
        return None
    return f"{_name(kind)} has {fields:,} fields, more than the {most:,} it may have"


def _kind(head: bytes, *, raw_ids: bool) -> int | None:
    if raw_ids:
        message_id = int.from_bytes(head[:4], "big")
        return message_id - _PROTOBUF_ID if message_id > _PROTOBUF_ID else message_id
    word = head.partition(b"\0")[0]
    return int(word) if word.isdigit() and len(word) < HEAD else None


def _name(kind: int | None) -> str:
    return "a message of no known kind" if kind is None else f"a message of kind {kind}"
