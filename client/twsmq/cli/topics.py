"""What is wrong with a topic a person typed, before anybody waits for it in vain."""

from __future__ import annotations

from collections.abc import Iterable

from twsmq_protocol.errors import FieldError
from twsmq_protocol.streams import STREAMS
from twsmq_protocol.topics import FIRST_LEVELS, STREAM_KINDS, parse_stream_topic

from .options import Unusable
from .terminal import echo


def check_topics(topics: Iterable[str]) -> None:
    """Raises `Unusable` for one that nothing but an error is ever published under; hints go to stderr."""
    for topic in topics:
        require_known(topic)
        try:
            parse_stream_topic(topic)
        except FieldError as error:
            raise Unusable(f"{topic}: {error}") from error
        told = hint(topic)
        if told is not None:
            echo(f"twsmq: {told}", err=True)


def require_known(topic: str) -> None:
    """Raises `Unusable`. The empty topic is everything."""
    first, slash, _ = topic.partition("/")
    if not (first in FIRST_LEVELS if slash else any(level.startswith(first) for level in FIRST_LEVELS)):
        there = ", ".join(f"{level}/" for level in FIRST_LEVELS)
        raise Unusable(f"no such topic {first}/; there are {there}")


def hint(topic: str) -> str | None:
    """For a prefix that was perhaps not meant to be one."""
    kind, _, rest = topic.partition("/")
    if kind not in STREAM_KINDS:
        return f"{topic} is a prefix; the complete topic is {topic}/" if topic and topic[-1] != "/" else None
    try:
        if parse_stream_topic(topic) is not None:
            return None
    except FieldError:
        return None  # complete and wrong
    unended = rest and topic[-1] != "/" and STREAMS[kind].qualifier is None
    shape = f"{topic}/" if unended else _example(kind)
    like = "the complete topic is" if shape == f"{topic}/" else "a complete topic is like"
    return f"{topic} is a prefix and shows only what others have asked for; {like} {shape}"


def _example(kind: str) -> str:
    stream = STREAMS[kind]
    qualifier = "" if stream.qualifier is None else f"{stream.qualifier.example}/"
    return f"{kind}/{qualifier}{'STK:AAPL:SMART:USD/' if stream.instrument else ''}"
