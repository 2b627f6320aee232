"""What must hold of the core between any two inputs."""

from __future__ import annotations

from .core import MarketdataCore
from .deadlines import TopicLapsed
from .line import LineState


def validate(core: MarketdataCore) -> None:
    """Assert what must hold between any two inputs."""
    for topic, subscription in core.subscriptions.items():
        assert topic == subscription.topic
        served = [x for x in (subscription.line, subscription.lookup, subscription.refusal) if x]
        assert len(served) <= 1, f"{topic} is served twice"
        assert subscription.lookup is None or subscription.lookup.waiters[topic] is subscription
        assert subscription.wanted or TopicLapsed(topic) in core.deadlines
    for line in core.lines:
        assert line.listeners, f"line {line.number} has no listener"
        assert (line.req_id is not None) == (line.state in (LineState.ASKED, LineState.FLOWING))
        assert line.req_id is None or core.lines.asked[line.req_id] is line
        assert line.gap is None or line.state is not LineState.REFUSED
        passed_over = core.up and line.crowded and line.interest() and core.lines.has_room(line.feed.kind)
        assert not passed_over, f"line {line.number} waits for a free line, and there is one"
        assert all(core.subscriptions[topic].line is line for topic in line.listeners)
    assert all(line.req_id == req_id for req_id, line in core.lines.asked.items())
    assert sum(core.lines.held().values()) == len(core.lines.asked)
    for spelling, lookup in core.lookups.by_spelling.items():
        assert lookup.spelling == spelling
        assert lookup.waiters, f"nobody waits for {spelling}"
    assert all(lookup.req_id == req_id for req_id, lookup in core.lookups.asked.items())
    assert core.up or not (core.lines.asked or core.lookups.asked)
