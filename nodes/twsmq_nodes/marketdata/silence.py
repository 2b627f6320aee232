"""Which lines are silent that should not be.

Theory: a gateway sometimes keeps a line and sends nothing, without a word. It shows by comparison: nothing
came on this line for long, while its instrument trades, and others tick or its hours are known. How long is
long differs, so each line has its own clock: what is normal for its kind and its bars, or three times the
longest pause it made lately, whichever is longer. It runs while the instrument trades: not over night, nor in
an outage that the gateway says nothing was lost in. Each time it is asked for again its patience doubles: one
that is only slow, or dead, soon is left alone; it never costs the others anything.

A request for quotes or a book is answered at once with the present state. A line of these that says nothing
at all to two requests in a row is beyond this node: the heartbeat shows the connection node how many there
are, and how many tick, which shows whether it is the line or the session. Where everything is closed nothing
ticks, and that shows nothing: a combo that died by day has no hours of its own (ib_async #220).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from twsmq_nodes.tws.codes import is_competing

from .events import LinesChecked
from .feeds import LONGEST_PATIENCE_S
from .hours import Hours, is_known_open, is_open, opened_at
from .line import MOST_PAUSE_S, Line, LineState

MOST_UNANSWERED = 2
PACES = 3.0
"""How many times its longest pause a line may be silent."""
UNANNOUNCED_S = 60.0
"""How long a broken farm is waited for before its silent lines are asked for again: most heal in seconds."""
_ASKED_AGAIN_S = 300.0
OPENING_S = 60.0
"""After so long all that trades may have ticked."""
STEADY_S = 600.0
"""A line that has data so long after it was asked for has them of its own accord."""
FORGOTTEN = 0.98
"""What is left of a longest pause with each one after it."""


def note_pace(lines: Iterable[Line], checked: LinesChecked, now: float) -> None:
    """Learn how far apart each line's data come while its instrument trades."""
    for line in lines:
        data_at = checked.data_at.get(line.req_id) if line.req_id is not None else None
        if data_at is None or line.state is not LineState.FLOWING or data_at == line.last_data:
            continue
        before, line.last_data = line.last_data, data_at
        if before is not None and line.gap is None and is_open(*_hours(line), checked.wall_s):
            pause_s = data_at - _expected_since(line, before, now, checked.wall_s)
            line.pace_s = max(pause_s, line.pace_s * FORGOTTEN)
            if line.written_at is not None and data_at > line.written_at + STEADY_S:
                line.renewals = 0


def patience(line: Line, silent_s: float) -> float:
    """Seconds of silence that are normal for it at present."""
    spec = line.spec
    normal = max(spec.patience(line.feed, silent_s), PACES * line.pace_s)
    return min(normal * 2 ** min(line.renewals, 16), spec.most_patience)


def silent_lines(
    lines: Iterable[Line], checked: LinesChecked, now: float, silent_s: float
) -> list[tuple[Line, float]]:
    """The lines to be asked for again, each with since when data are missing. `silent_s` is the patience that
    was configured, 0 for endless.
    """
    if silent_s <= 0:
        return []
    others_tick = ticking_lines(checked, now, silent_s) > 0
    found: list[tuple[Line, float]] = []
    least = min(silent_s, LONGEST_PATIENCE_S)  # no line is less patient, and few are silent for as long
    for line in lines:
        data_at = checked.data_at.get(line.req_id) if line.req_id is not None else None
        if data_at is None or line.written_at is None:
            continue
        if now - max(data_at, line.written_at) < least:
            continue
        (hours, until), wall_s = _hours(line), checked.wall_s
        if not (is_open(hours, until, wall_s) if others_tick else is_known_open(hours, wall_s)):
            continue
        since = _expected_since(line, data_at, now, wall_s)
        silent = now - max(since, line.written_at)
        if silent < patience(line, silent_s) or _is_seen_to(line, now) or not line.interest():
            continue
        found.append((line, since))
    return found


def _is_seen_to(line: Line, now: float) -> bool:
    """The end of what is known to be wrong will have it asked for again, or data will show that all is well.
    That of a broken farm may go unannounced.
    """
    gap = line.gap if line.state is LineState.FLOWING else None
    return gap is not None and (not gap.farm or now < gap.since + UNANNOUNCED_S)


def ticking_lines(checked: LinesChecked, now: float, silent_s: float) -> int:
    """How many lines data came on, or that were asked for, a moment ago."""
    return sum(now - at < silent_s / 2 for at in checked.data_at.values())


def unanswered_lines(lines: Iterable[Line]) -> int:
    """How many lines stay silent though asked for again."""
    return sum(
        line.unanswered >= MOST_UNANSWERED and line.spec.answered_at_once and line.interest() > 0
        for line in lines
    )


def all_are_closed(lines: Iterable[Line], wall_s: float) -> bool:
    """Whether nothing can tick at present, as far as hours are known."""
    known = [hours for line in lines if line.interest() and (hours := _hours(line))[1] is not None]
    return bool(known) and not any(_may_tick(*hours, wall_s) for hours in known)


def flowing_lines(lines: Iterable[Line], now: float, silent_s: float) -> int:
    """How many lines data really came on a moment ago."""
    return sum(line.last_data is not None and now - line.last_data < silent_s for line in lines)


def are_refused_for_another_session(lines: Iterable[Line], now: float) -> bool:
    """Whether the gateway said so last, and no data have come since. It is asked again within `MOST_PAUSE_S`
    while it reaches IBKR; what is older is not known any more."""
    refused = data = -math.inf
    for line in lines:
        data = data if line.last_data is None else max(data, line.last_data)
        refusal = line.refusal
        if refusal is not None and refusal.code is not None and is_competing(refusal.code, refusal.text):
            refused = max(refused, line.refused_at)
    return refused >= max(data, now - MOST_PAUSE_S - _ASKED_AGAIN_S)


def _may_tick(hours: Hours, until: int | None, wall_s: float) -> bool:
    """Whether it trades, and not only just."""
    opened = opened_at(hours, wall_s)
    return is_open(hours, until, wall_s) if opened is None else wall_s > opened + OPENING_S


def _expected_since(line: Line, data_at: float, now: float, wall_s: float) -> float:
    """When data last came, or the later moment from which on they could come."""
    opened = opened_at(_hours(line)[0], wall_s)
    reopened = data_at if opened is None else now - (wall_s - opened)
    return max(data_at, reopened, line.maintained_at)


def _hours(line: Line) -> tuple[Hours, int | None]:
    """When its data may come: bars of regular hours only then (IBKR API docs, `useRTH`)."""
    listing = line.listing
    if line.feed.regular_hours and listing.regular_until is not None:
        return listing.regular, listing.regular_until
    return listing.hours, listing.hours_until
