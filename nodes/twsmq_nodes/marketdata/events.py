"""What the core of the market data node receives and what it wants done.

Besides these inputs it receives the gateway's own events and the session's. Times are in seconds of the
shell's monotonic clock.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from twsmq_protocol.errors import ErrorCode
from twsmq_protocol.instruments import Instrument
from twsmq_protocol.market_events import StreamState
from twsmq_protocol.topics import StreamTopic

from twsmq_nodes.runtime.timer import TimerFired as TimerFired
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.requests import Request
from twsmq_nodes.tws.session_events import SessionEvent

from .feeds import Feed
from .line import StreamStatus
from .listings import Listing

# -- inputs ------------------------------------------------------------------------------------------


class TopicWanted(Struct, frozen=True):
    """Somebody subscribed to exactly `topic`, not necessarily the first."""

    topic: str


class TopicLeft(Struct, frozen=True):
    """Nobody is subscribed to `topic` any more."""

    topic: str


class Disconnected(Struct, frozen=True):
    """The session was lost; the gateway last sent something at `since`."""

    reason: str
    since: float


class Unconnected(Struct, frozen=True):
    """There is no session with the gateway; `reason` says what is waited for."""

    reason: str


class RequestWritten(Struct, frozen=True):
    req_id: int


class RequestRefused(Struct, frozen=True):
    """The request cannot be put into bytes; it never left."""

    req_id: int
    text: str


class DataFlowed(Struct, frozen=True):
    """Data came on a line that was armed."""

    req_id: int


class LinesChecked(Struct, frozen=True):
    """Now and then: when data last came under each request id (or it was asked), and the wall clock in s."""

    data_at: dict[int, float]
    wall_s: float


class SnapshotWanted(Struct, frozen=True):
    """Somebody asks for one quote of `instrument`; `call` is to be answered once."""

    call: int
    instrument: Instrument
    regulatory: bool
    data: str | None = None


class PreviewWanted(Struct, frozen=True):
    """Somebody asks what subscribing to `topic` would give; `call` is to be answered once."""

    call: int
    topic: StreamTopic


class RetryWanted(Struct, frozen=True):
    """Somebody asks to try once more what was refused; `call` is to be answered once."""

    call: int
    topic: str


Input = (
    TopicWanted
    | TopicLeft
    | Disconnected
    | Unconnected
    | RequestWritten
    | RequestRefused
    | DataFlowed
    | LinesChecked
    | SnapshotWanted
    | PreviewWanted
    | RetryWanted
    | TimerFired
    | Event
    | SessionEvent
)

# -- actions -----------------------------------------------------------------------------------------


class Ask(Struct, frozen=True):
    """Send, unless `cancel`led before its turn came."""

    req_id: int
    request: Request


class Send(Struct, frozen=True):
    """Send what has no answer, after every `Ask` before it and before any that follows."""

    request: Request


class Cancel(Struct, frozen=True):
    """End request `req_id`: send `request` if that was written, forget it if not."""

    req_id: int
    request: Request | None


class OpenFeed(Struct, frozen=True):
    """Data under `req_id` is `feed`'s from now on, and the core wants its first (`DataFlowed`)."""

    req_id: int
    feed: Feed


class CloseFeed(Struct, frozen=True):
    """Whatever still comes under `req_id` is nobody's."""

    req_id: int


class Arm(Struct, frozen=True):
    """Tell the next data under `req_id`."""

    req_id: int


class Reset(Struct, frozen=True):
    """The order book under `req_id` is empty now."""

    req_id: int


class UseDataType(Struct, frozen=True):
    """Data under `req_id` are delayed, or are not, by the gateway's own word."""

    req_id: int
    delayed: bool


class UseListing(Struct, frozen=True):
    """What is known of the contract of a feed has changed."""

    feed: Feed
    listing: Listing


class Join(Struct, frozen=True):
    """Publish `feed` under `topic` too."""

    feed: Feed
    listing: Listing
    topic: str


class Part(Struct, frozen=True):
    """No longer publish `feed` under `topic`."""

    feed: Feed
    topic: str


class PublishStatus(Struct, frozen=True):
    """Publish a `stream` event."""

    topic: str
    status: StreamStatus
    con_id: int | None = None
    repeated: bool = False


class Greet(Struct, frozen=True):
    """Publish the last value under `topic` again, for a newcomer."""

    topic: str


class ForgetTopic(Struct, frozen=True):
    """The last word about `topic` has been said."""

    topic: str


class RememberListing(Struct, frozen=True):
    """What `spelling` means; None: no longer known."""

    spelling: str
    listing: Listing | None


class RememberTopic(Struct, frozen=True):
    """`topic` has listeners, or has none: they will come back if this process is restarted.

    `missed_since`: they have had no data since then, in an earlier life of this process; None: they have, or
    it is not known.
    """

    topic: str
    wanted: bool
    missed_since: float | None = None


class Collect(Struct, frozen=True):
    """Keep the quote that comes under `req_id`, for `AnswerCollected`."""

    req_id: int
    listing: Listing


class AnswerCollected(Struct, frozen=True):
    """Answer with what was collected; `frozen`: the last values of a closed market."""

    call: int
    req_id: int
    frozen: bool = False


class AnswerQuote(Struct, frozen=True):
    """Answer with the present quote of a feed on which data flow; `frozen` as above."""

    call: int
    feed: Feed
    frozen: bool = False


class AnswerPreview(Struct, frozen=True):
    call: int
    topic: str
    con_id: int | None
    shard: int
    line: Literal["shared", "new", "none"]
    state: StreamState | None


class AnswerRetry(Struct, frozen=True):
    call: int
    topic: str
    state: StreamState


class Fail(Struct, frozen=True):
    call: int
    code: ErrorCode
    text: str
    tws_code: int | None = None


Action = (
    Ask
    | Send
    | Cancel
    | OpenFeed
    | CloseFeed
    | Arm
    | Reset
    | UseDataType
    | UseListing
    | Join
    | Part
    | PublishStatus
    | Greet
    | ForgetTopic
    | RememberListing
    | RememberTopic
    | Collect
    | AnswerCollected
    | AnswerQuote
    | AnswerPreview
    | AnswerRetry
    | Fail
)
