"""What the core of the market data node hears and what it wants done.

Besides these inputs it hears the gateway's own events and the session's notices. Times are in seconds of the
shell's monotonic clock.
"""

from __future__ import annotations

from msgspec import Struct

from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.notices import Notice
from twsmq_nodes.tws.requests import Request

from .feeds import Feed
from .line import Say

# -- inputs ------------------------------------------------------------------------------------------


class TopicWanted(Struct, frozen=True):
    """Somebody subscribed to exactly `topic`, not necessarily the first."""

    topic: str


class TopicLeft(Struct, frozen=True):
    """Nobody is subscribed to `topic` any more."""

    topic: str


class Disconnected(Struct, frozen=True):
    """The session was lost; the gateway was last heard at `since`."""

    reason: str
    since: float


class RequestWritten(Struct, frozen=True):
    req_id: int


class RequestRefused(Struct, frozen=True):
    """The request cannot be put into bytes; it never left."""

    req_id: int
    text: str


class DataFlowed(Struct, frozen=True):
    """Data came on a line that was armed."""

    req_id: int


class TimerFired(Struct, frozen=True):
    pass


Input = (
    TopicWanted
    | TopicLeft
    | Disconnected
    | RequestWritten
    | RequestRefused
    | DataFlowed
    | TimerFired
    | Event
    | Notice
)

# -- actions -----------------------------------------------------------------------------------------


class Ask(Struct, frozen=True):
    """Send, unless `cancel`led before its turn came."""

    req_id: int
    request: Request


class Cancel(Struct, frozen=True):
    """End request `req_id`: send `request` if that was written, forget it if not."""

    req_id: int
    request: Request | None


class OpenFeed(Struct, frozen=True):
    """Data under `req_id` is `feed`'s from now on, and its first is to be told (`DataFlowed`)."""

    req_id: int
    feed: Feed


class CloseFeed(Struct, frozen=True):
    """Whatever still comes under `req_id` is nobody's."""

    req_id: int


class Arm(Struct, frozen=True):
    """Tell the next data under `req_id`."""

    req_id: int


class Join(Struct, frozen=True):
    """Publish `feed` under `topic` too."""

    feed: Feed
    topic: str


class Part(Struct, frozen=True):
    """No longer publish `feed` under `topic`."""

    feed: Feed
    topic: str


class Tell(Struct, frozen=True):
    """Publish a `stream` event."""

    topic: str
    say: Say
    con_id: int | None = None
    repeated: bool = False


class Greet(Struct, frozen=True):
    """Publish the last value under `topic` again, for a newcomer."""

    topic: str


class ForgetTopic(Struct, frozen=True):
    """The last word about `topic` has been said."""

    topic: str


class RememberContract(Struct, frozen=True):
    """What `spelling` means; None: no longer known."""

    spelling: str
    contract: Contract | None


class RememberTopic(Struct, frozen=True):
    """`topic` has listeners, or has none: they will come back if this process is restarted."""

    topic: str
    wanted: bool


class SetTimer(Struct, frozen=True):
    """One timer, replacing the previous one; None stops it."""

    at: float | None


Action = (
    Ask
    | Cancel
    | OpenFeed
    | CloseFeed
    | Arm
    | Join
    | Part
    | Tell
    | Greet
    | ForgetTopic
    | RememberContract
    | RememberTopic
    | SetTimer
)
