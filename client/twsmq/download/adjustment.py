"""Whether the gateway has adjusted an instrument's past between two of its answers. No file, no clock.

A split divides every price before it, so any bar that was fetched before shows it: the last bar of a piece
comes again with the piece after it, and the newest of another day's run before more is added to it.
"""

from __future__ import annotations

from twsmq_protocol.market_events import BarRow

from .ledger import PieceEnded, Records
from .planner import Piece


def overlapping(records: Records, piece: Piece) -> Piece:
    """With the last bar that the piece before really has, wherever it lies: of what trades seldom there is
    none in the last minute of a session."""
    at = piece.overlap
    if at is None:
        return piece
    last = next((one.last for one in records.pieces.values() if one.begin <= at < one.end), None)
    return piece if last is None or last.time >= at else piece._replace(overlap=last.time)


def adjusted(records: Records, ended: PieceEnded) -> int | None:
    """When a bar begins that was sent twice and differently: with a piece, and with its neighbour."""
    for piece in records.pieces.values():
        for last, before in ((piece.last, ended.before), (ended.last, piece.before)):
            if last is None or before is None or last.time != before.time:
                continue
            if not same_prices(last, before):
                return last.time
    return None


def last_known(records: Records) -> BarRow | None:
    """The newest bar that was fetched."""
    bars = [piece.last for piece in records.pieces.values() if piece.last is not None]
    return max(bars, key=lambda bar: bar.time, default=None)


def same_prices(one: BarRow, other: BarRow) -> bool:
    """Volumes are corrected for days."""
    return (one.open, one.high, one.low, one.close) == (other.open, other.high, other.low, other.close)
