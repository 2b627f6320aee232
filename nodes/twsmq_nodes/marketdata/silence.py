"""Which lines are silent that should not be.

Theory: a gateway sometimes keeps a line and sends nothing, without a word. It shows only by comparison:
nothing came on this line for long, while others tick and its instrument trades. Such a line is asked for
again under another id. How long is long differs by instrument, so each time the line's patience doubles, up
to an hour: one that is only slow soon is left alone.

A request for quotes or a book is answered at once with the present state. A line of these that says nothing
at all to two requests in a row is beyond us: the heartbeat tells the connection node how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable

from .events import Listened
from .feeds import FeedKind
from .hours import is_open
from .line import Line, LineState

LONGEST_PATIENCE_S = 3600.0
BEYOND_US = 2

_STEADY = frozenset((FeedKind.MARKET_DATA, FeedKind.TICK_BY_TICK, FeedKind.DEPTH, FeedKind.REALTIME_BARS))
"""Kinds that say something now and then while the market is open."""
_ANSWERED_AT_ONCE = frozenset((FeedKind.MARKET_DATA, FeedKind.DEPTH))


def silent_lines(
    lines: Iterable[Line], listened: Listened, now: float, silent_s: float
) -> list[tuple[Line, float]]:
    """The lines to be asked for again, each with when it was last heard. `silent_s` is patience to begin
    with.
    """
    if silent_s <= 0 or not any(now - at < silent_s / 2 for at in listened.heard.values()):
        return []  # nobody ticks: it is the market, or the link, which has its own watch
    found: list[tuple[Line, float]] = []
    for line in lines:
        heard_at = listened.heard.get(line.req_id) if line.req_id is not None else None
        if heard_at is None or line.feed.kind not in _STEADY or line.feed.contract.sec_type == "NEWS":
            continue
        patience = silent_s if line.patience is None else line.patience
        known = line.gap is not None and line.state is LineState.FLOWING  # farm or upstream: others see to it
        due = line.written and not known and now - heard_at >= patience
        if due and line.interest() and is_open(line.listing.hours, listened.wall_s):
            found.append((line, heard_at))
    return found


def beyond_us(lines: Iterable[Line]) -> int:
    """How many lines stay silent though asked for again."""
    return sum(
        line.unanswered >= BEYOND_US and line.feed.kind in _ANSWERED_AT_ONCE and line.interest() > 0
        for line in lines
    )


def lose_patience(line: Line, silent_s: float) -> None:
    """Note that the line is asked for again for its silence."""
    patience = silent_s if line.patience is None else line.patience
    line.patience = min(2 * patience, LONGEST_PATIENCE_S)
    if line.state is LineState.ASKED:
        line.unanswered += 1
