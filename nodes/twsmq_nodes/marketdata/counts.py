"""What a shard counts, for `metrics`: read when somebody asks, never on the way of data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from twsmq_transport.metrics import Reading

from .core import MarketdataCore
from .data.publisher import Publisher
from .data.quotes import NS
from .data.router import Router
from .feeds import FeedKind
from .silence import unanswered_lines


def readings(
    core: MarketdataCore, router: Router, publisher: Publisher, wall: Callable[[float | None], int | None]
) -> Iterator[Reading]:
    """`wall` turns a moment of the loop's clock into ns since the epoch."""
    for kind in FeedKind:
        yield "lines_used", (kind.value,), core.lines.used(kind)
        yield "lines_allowed", (kind.value,), core.lines.allowed(kind)
        yield "lines_waiting", (kind.value,), core.lines.crowded(kind)
    wanted = (each for each in core.subscriptions.values() if each.wanted and not each.foreign)
    for state, count in Counter(each.status().state for each in wanted).items():
        yield "streams", (state,), count
    yield "silent_lines", (), unanswered_lines(core.lines)
    newest = wall(router.newest_data())
    if newest is not None:
        yield "last_tick_timestamp_seconds", (), newest / NS
    yield "ticks_total", (), router.received
    yield "gaps_total", (), publisher.gaps
