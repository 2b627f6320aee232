"""Which day of the gateway a snapshot covers: its lists reach back to its own midnight."""

from __future__ import annotations

from datetime import timedelta

from twsmq_nodes.tws.gateway_times import NS, QUARTER_S

MIDNIGHT_MARGIN_S = 60
"""Clocks differ: what happened this close to midnight may belong to either day."""


def covers(snapshot_at: int, happened_at: int, offset_s: int | None) -> bool:
    """Whether a snapshot of the gateway's current day surely covers what happened at `happened_at` (ns).

    Without knowing where the gateway's clock stands every zone on Earth has to agree, so that only the last
    few minutes are sure.
    """
    offsets = [offset_s] if offset_s is not None else range(-12 * 3600, 14 * 3600 + 1, QUARTER_S)
    return all(_midnight(snapshot_at, offset) + MIDNIGHT_MARGIN_S * NS <= happened_at for offset in offsets)


def _midnight(ts: int, offset_s: int) -> int:
    """The last midnight before `ts` at that offset, in ns since the epoch."""
    day = timedelta(days=1) // timedelta(microseconds=1) * 1000
    local = ts + offset_s * NS
    return local - local % day - offset_s * NS
