"""Topics: UTF-8 paths whose every level ends with `/`, so that a ZeroMQ prefix is a subtree.

    quote/STK:AAPL:SMART:USD/              order/<strategy>/<client_order_id>/
    bars/1m/STK:AAPL:SMART:USD;rth=1/      node/<name>/   process/<name>/   gateway/
    position/<account>/<instrument>/       account/<account>/<tag>/[<currency>/]
    pnl/<account>/[<instrument>/]          board/<section>/   alert/<name>/
    execution/<account>/                   foreign/<account>/<perm_id>/
    scanner/<name>/

Invariants: a level never holds `/` or NUL; a *complete* topic is one that events are
published under, any shorter prefix only listens. Options of a stream stay inside the instrument's level.
"""

from __future__ import annotations

import re

from msgspec import Struct

from .errors import FieldError
from .instruments import Instrument, parse_instrument
from .streams import STREAMS, check_options, check_qualifier

GATEWAY = "gateway/"
BUDGET = "budget/"

_OPTION = re.compile(r"([a-z_]+)=([A-Za-z0-9._+-]+(?:,[A-Za-z0-9._+-]+)*)")

STREAM_KINDS = frozenset(STREAMS)
"""First levels under which subscribing to a complete topic starts a market-data line."""

STATES = ("scanner", "foreign", "node", "process", "gateway", "position", "account", "pnl")
"""First levels under which every event is a whole state, so that the newest makes up for all before it."""

FIRST_LEVELS = (
    *STREAMS, "order", "account_notice", "execution", *STATES, "board", "alert", "budget", "denied"
)  # fmt: skip
"""Every first level there is, in SPEC's order."""


class StreamTopic(Struct, frozen=True):
    """A complete market-data topic taken apart. `options` is sorted by name; values may be comma lists.

    `qualifier` is the level between kind and instrument: the size of `bars/`. A `news/` topic has its
    provider there and no instrument.
    """

    kind: str
    instrument: Instrument | None
    options: tuple[tuple[str, str], ...] = ()
    qualifier: str = ""

    def __str__(self) -> str:
        tail = "".join(f";{name}={value}" for name, value in self.options)
        levels = [self.kind, self.qualifier, f"{self.instrument or ''}{tail}"]
        return "/".join(filter(None, levels)) + "/"


def parse_stream_topic(topic: str) -> StreamTopic | None:
    """A market-data topic taken apart, or None when it is only a prefix or belongs to another subtree.

    Raises `FieldError` when it is complete but wrong: those who subscribed deserve an answer.
    """
    first, *levels = topic.split("/")
    kind = STREAMS.get(first)
    if kind is None or len(levels) != 1 + (kind.qualifier is not None) + kind.instrument or levels[-1]:
        return None
    qualifier = levels[0] if kind.qualifier is not None else ""
    check_qualifier(first, qualifier)
    if not kind.instrument:
        return StreamTopic(first, None, qualifier=qualifier)
    spelling, *texts = levels[-2].split(";")
    instrument = parse_instrument(spelling)
    options = _parse_options(texts)
    check_options(first, dict(options))
    return StreamTopic(first, instrument, options, qualifier)


def _parse_options(options: list[str]) -> tuple[tuple[str, str], ...]:
    parsed: dict[str, str] = {}
    for option in options:
        match = _OPTION.fullmatch(option)
        if match is None or match[1] in parsed:
            raise FieldError(
                "topic", f"option {option!r} must be name=value, each name once, like ;generic=233"
            )
        parsed[match[1]] = match[2]
    return tuple(sorted(parsed.items()))


def quote_topic(instrument: str) -> str:
    return f"quote/{instrument}/"


def order_topic(strategy: str, client_order_id: str) -> str:
    return f"order/{strategy}/{client_order_id}/"


ACCOUNT_NOTICE = "account_notice/"


def scanner_topic(name: str) -> str:
    return f"scanner/{name}/"


def execution_topic(account: str) -> str:
    return f"execution/{account}/"


def foreign_topic(account: str, perm_id: int) -> str:
    return f"foreign/{account}/{perm_id}/"


def node_topic(name: str) -> str:
    return f"node/{name}/"


def process_topic(name: str) -> str:
    return f"process/{name}/"


def position_topic(account: str, instrument: str) -> str:
    return f"position/{account}/{instrument}/"


def account_topic(account: str) -> str:
    """The prefix of all values of one account."""
    return f"account/{account}/"


def account_value_topic(account: str, tag: str, currency: str | None) -> str:
    return f"{account_topic(account)}{tag}/" + (f"{currency}/" if currency else "")


def pnl_topic(account: str, instrument: str | None = None) -> str:
    return f"pnl/{account}/" + (f"{instrument}/" if instrument else "")


def board_topic(section: str) -> str:
    return f"board/{section}/"


def alert_topic(name: str) -> str:
    return f"alert/{name}/"
