"""Which spellings are one contract, as far as events have shown: only the gateway's conId identifies one.

Invariant: what is said to be the same, or to differ, is; what cannot be told is None. A spelling that has
named two contracts (two listings, a symbol given to another) names none from then on. All combos share one
conId at the gateway, so a combo is known by its legs, in whatever order they stand and wherever they are
routed. A gateway may spell what nobody could write: such a spelling names nothing.
"""

from __future__ import annotations

from functools import lru_cache

from twsmq_protocol.errors import FieldError
from twsmq_protocol.instruments import Instrument, parse_instrument


@lru_cache(4096)
def _parsed(instrument: str) -> Instrument | None:
    try:
        return parse_instrument(instrument)
    except FieldError:
        return None


def is_spelled(instrument: str) -> bool:
    """Whether it is a spelling at all."""
    return _parsed(instrument) is not None


class Spellings:
    def __init__(self) -> None:
        self._con_ids: dict[str, int | None] = {}

    def learn(self, instrument: str, con_id: int | None) -> None:
        parsed = _parsed(instrument)
        if con_id and parsed is not None and parsed.sec_type != "BAG":
            known = self._con_ids.setdefault(instrument, con_id)
            self._con_ids[instrument] = con_id if known == con_id else None

    def con_id(self, instrument: str) -> int | None:
        parsed = _parsed(instrument)
        return (parsed.con_id if parsed is not None else 0) or self._con_ids.get(instrument)

    def same(self, one: str, other: str) -> bool | None:
        if one == other:
            return True
        legs = _legs(one), _legs(other)
        if any(legs):
            return legs[0] == legs[1]
        ids = (self.con_id(one), self.con_id(other))
        if None not in ids:
            return ids[0] == ids[1]
        return None if _alike(_parsed(one), _parsed(other)) else False


@lru_cache(4096)
def _legs(instrument: str) -> tuple[tuple[int, int], ...]:
    """conId and signed ratio of each leg of a combo."""
    parsed = _parsed(instrument)
    legs = () if parsed is None else parsed.legs
    return tuple(sorted((leg.con_id, -leg.ratio if leg.sell else leg.ratio) for leg in legs))


def _folded(value: object) -> object:
    """A gateway may take both cases for one."""
    return value.casefold() if isinstance(value, str) else value


def _alike(one: Instrument | None, other: Instrument | None) -> bool:
    """Whether they may be one contract, going by their names."""
    if one is None or other is None:
        return True
    if one.con_id or other.con_id:
        return True
    for name in ("sec_type", "symbol", "currency", "right", "strike"):
        values = getattr(one, name), getattr(other, name)
        if all(values) and _folded(values[0]) != _folded(values[1]):
            return False  # what one of them leaves out may be anything
    return one.expiry.startswith(other.expiry) or other.expiry.startswith(one.expiry)  # by day or by month
