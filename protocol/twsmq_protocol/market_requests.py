"""Arguments and results of the market data node's ops. SPEC.md documents each for other languages."""

from __future__ import annotations

from msgspec import Struct

from .market_events import StreamState


class SubscriptionRow(Struct, frozen=True, kw_only=True):
    """A topic somebody wants, or left a moment ago. Topics with one `line` number share one gateway line.

    `since`: ns since the epoch at which it was first wanted. `line` is nil while the contract is not known.
    """

    topic: str
    state: StreamState
    wanted: bool
    since: int
    con_id: int | None
    line: int | None


class SubscriptionList(Struct, frozen=True, kw_only=True):
    """Result of `subscriptions`."""

    subscriptions: list[SubscriptionRow]
    lines_used: int
