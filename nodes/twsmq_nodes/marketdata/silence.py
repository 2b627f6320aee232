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

from .events import LinesChecked
from .feeds import LONGEST_PATIENCE_S, FeedKind
from .hours import is_open
from .line import Line, LineState

MOST_UNANSWERED = 2


def silent_lines(
    lines: Iterable[Line], checked: LinesChecked, now: float, silent_s: float
) -> list[tuple[Line, float]]:
    """The lines to be asked for again, each with when it was last heard. `silent_s` is patience to begin
    with.
    """
    if silent_s <= 0 or not any(now - at < silent_s / 2 for at in checked.data_at.values()):
        return []  # nobody ticks: it is the market, or the link, which has its own watch
    found: list[tuple[Line, float]] = []
    for line in lines:
        data_at = checked.data_at.get(line.req_id) if line.req_id is not None else None
        if data_at is None or line.feed.kind is FeedKind.NEWS:
            continue
        patience = silent_s if line.patience is None else line.patience
        known = line.gap is not None and line.state is LineState.FLOWING  # farm or upstream: others see to it
        due = line.written and not known and now - data_at >= patience
        if due and line.interest() and is_open(line.listing.hours, checked.wall_s):
            found.append((line, data_at))
    return found


def unanswered_lines(lines: Iterable[Line]) -> int:
    """How many lines stay silent though asked for again."""
    return sum(
        line.unanswered >= MOST_UNANSWERED and line.spec.answered_at_once and line.interest() > 0
        for line in lines
    )


def grow_patience(line: Line, silent_s: float) -> None:
    """Note that the line is asked for again for its silence."""
    patience = silent_s if line.patience is None else line.patience
    line.patience = min(2 * patience, LONGEST_PATIENCE_S)
    if line.state is LineState.ASKED:
        line.unanswered += 1
