"""Arguments and results of the market data node's ops. SPEC.md documents each for other languages."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from .envelope import Args
from .errors import FieldError
from .instruments import parse_instrument
from .market_events import StreamState
from .streams import DataKind
from .topics import parse_stream_topic


class SubscriptionRow(Struct, frozen=True, kw_only=True):
    """A topic somebody wants, or left a moment ago. Topics with one `line` number share one gateway line.

    `since`: ns since the epoch at which it was first wanted. `line` is nil while the contract is not known.
    `last_data`: ns at which data last came, nil for never. `gaps`: how many were announced on it.
    """

    topic: str
    state: StreamState
    wanted: bool
    since: int
    con_id: int | None
    line: int | None
    last_data: int | None = None
    gaps: int = 0


class LineUse(Struct, frozen=True, kw_only=True):
    """How many lines of one kind are in use. `total`: of all shards together, by the configuration or less
    if the gateway grants less; `allowed`: what other shards leave of that for this one; `waiting`: lines that
    are listened to and found none free.
    """

    kind: str
    used: int
    allowed: int
    waiting: int = 0
    total: int | None = None


class SubscriptionList(Struct, frozen=True, kw_only=True):
    """Result of `subscriptions`."""

    subscriptions: list[SubscriptionRow]
    lines: list[LineUse]


class Reconnecting(Struct, frozen=True, kw_only=True):
    """Result of `reconnect`: the session has been ended. Heartbeats and streams show the rest."""

    name: str


class Retry(Args, frozen=True, kw_only=True):
    """`retry`: ask the gateway once more for a stream that it, or a look-up, refused."""

    topic: str


class Retried(Struct, frozen=True, kw_only=True):
    """Result of `retry`: how the stream stands now. The stream itself shows what becomes of it."""

    topic: str
    state: StreamState


class Snapshot(Args, frozen=True, kw_only=True):
    """`snapshot`: one quote, once. `regulatory`: from all exchanges, at IBKR's fee for each. `data`: which
    data it may be made of, as configured unless given.
    """

    instrument: str
    regulatory: bool = False
    data: DataKind | None = None

    def __post_init__(self) -> None:
        parse_instrument(self.instrument)


class SnapshotQuote(Struct, frozen=True, kw_only=True):
    """Result of `snapshot`: the own fields of a `quote` event, and `frozen`: the last values of a closed
    market."""

    quote: dict[str, Any]


class Subscribe(Args, frozen=True, kw_only=True):
    """`subscribe`: what subscribing to `topic` would give. It holds no line: subscribing itself does."""

    topic: str

    def __post_init__(self) -> None:
        if parse_stream_topic(self.topic) is None:
            raise FieldError(
                "topic", f"{self.topic[:80]!r} is no complete topic of a stream: end it with '/'"
            )


class SubscribePreview(Struct, frozen=True, kw_only=True):
    """Result of `subscribe`. `topic` is the canonical spelling, `events` the endpoint to subscribe at.

    `line`: shared (one is there), new, or none (the limit is reached).
    """

    topic: str
    con_id: int | None
    events: str
    line: Literal["shared", "new", "none"]
    state: StreamState | None
