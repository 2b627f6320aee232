"""What one gateway line carries, and the requests that start and end it.

Equal feeds share one line: topics of different kinds and spellings, as long as the gateway is asked the same.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct
from twsmq_protocol.errors import FieldError
from twsmq_protocol.topics import StreamTopic

from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.requests import CancelMktData, ReqMktData, Request


class FeedKind(Enum):
    """The gateway's kinds of subscriptions, each with a limit of its own."""

    MARKET_DATA = "market_data"


class Feed(Struct, frozen=True):
    """`contract` is the least that names it to the gateway, so that two spellings give equal feeds."""

    kind: FeedKind
    contract: Contract
    generic_ticks: str = ""


_OPTIONS: dict[str, frozenset[str]] = {"quote": frozenset(("generic",))}


def check_options(topic: StreamTopic) -> None:
    """Raises `FieldError` for an option that the topic's kind does not have."""
    known = _OPTIONS[topic.kind]
    for name, value in topic.options:
        if name not in known:
            raise FieldError(
                "topic", f"{topic.kind}/ has no option {name!r}; it has {', '.join(sorted(known)) or 'none'}"
            )
        if name == "generic" and not all(part.isdecimal() for part in value.split(",")):
            raise FieldError("topic", f"generic={value}: write tick numbers, like ;generic=233,236")


def feed_of(topic: StreamTopic, contract: Contract) -> Feed:
    """The feed that serves `topic`, whose options have been checked."""
    options = dict(topic.options)
    generic = sorted({int(number) for number in options.get("generic", "").split(",") if number})
    return Feed(FeedKind.MARKET_DATA, contract, ",".join(map(str, generic)))


def request_of(feed: Feed, req_id: int) -> Request:
    return ReqMktData(req_id, feed.contract, feed.generic_ticks)


def cancel_of(feed: Feed, req_id: int) -> Request:
    return CancelMktData(req_id)
