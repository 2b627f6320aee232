"""Market data as it goes out. The topic names the instrument; `con_id` says which contract it really is.

Prices are in the instrument's currency, sizes in its own units (shares, contracts, coins), never in lots.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .envelope import Event, Finite

StreamState = Literal["starting", "active", "delayed", "frozen", "gap", "resumed", "error", "closed"]


class Quote(Event, frozen=True, tag="quote"):
    """The instrument's state after a burst of ticks; nil where the gateway has not said anything yet.

    `snapshot` is true when nothing changed and the message is for those who just joined.
    """

    con_id: int | None = None
    bid: Finite | None = None
    ask: Finite | None = None
    last: Finite | None = None
    bid_size: Finite | None = None
    ask_size: Finite | None = None
    last_size: Finite | None = None
    volume: Finite | None = None
    open: Finite | None = None
    high: Finite | None = None
    low: Finite | None = None
    close: Finite | None = None
    last_time: int | None = None
    halted: bool | None = None
    delayed: bool = False
    snapshot: bool = False


class Stream(Event, frozen=True, tag="stream"):
    """The life of a stream, told on the stream's own topic. Never silence.

    starting: a line was asked for. active: data flows. delayed/frozen: data of that kind flows.
    gap: data may be missing `from` … `to` (ns, `to` nil while it lasts). resumed: data flows again.
    error: the gateway or this node refused it, `code` is the gateway's number (or nil) and `text` says why.
    closed: the line was given back, nobody is left.
    A repeat of the present state (`repeated`) goes out on quiet topics so that a lost last message shows.
    """

    state: StreamState
    code: int | None = None
    text: str | None = None
    reason: str | None = None
    from_: int | None = msgspec.field(name="from", default=None)
    to: int | None = None
    con_id: int | None = None
    repeated: bool = False
