"""Calls that need the gateway: `snapshot` (one quote, once) and `subscribe` (what subscribing would give).

Each call is answered exactly once: with a quote, a preview or the reason why not, at the latest `DEADLINE_S`
after the quote was asked for, or `LOOK_UP_S` after the call came while the gateway has not said what it is
about; at once when the session is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace
from twsmq_protocol.errors import ErrorCode
from twsmq_protocol.market_events import StreamState
from twsmq_protocol.topics import StreamTopic

from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.stream_requests import CancelMktData, ReqMktData

from . import events as ev
from .asking import Asking
from .deadlines import CallOverdue, Deadlines, SnapshotDue
from .feeds import Feed, feed_of, listing_without_instrument
from .gateway_errors import BELIEVED_IN_CALM, Meaning, Verdict
from .lines import Lines
from .listings import REROUTED_AGAIN, Listing, Refusal
from .lookups import Lookups
from .subscription import Waiter

DEADLINE_S = 15.0
"""A snapshot takes up to 11 s (IBKR API docs)."""
LOOK_UP_S = 60.0
"""Details of options are paced inside the gateway, "up to a minute" (IBKR's documentation 16.03): given up
sooner, and asked anew with the next call, one of them never has its snapshot."""


class PendingCall(Waiter):
    """A call that waits for a look-up, and perhaps for a quote, no longer than `until`. `feed` is what a
    snapshot asks for, `source` the contract that the gateway said to ask for instead, `no_live` its refusal
    of live data, which delayed ones may follow; `frozen`: the last values of a closed market come.
    """

    def __init__(
        self,
        call: int,
        topic: StreamTopic,
        resolved: Callable[[PendingCall, Listing], None],
        refused: Callable[[PendingCall], None],
        *,
        preview: bool,
        regulatory: bool,
    ) -> None:
        super().__init__(f"?{call}", topic.instrument)
        self._resolved = resolved
        self._refused = refused
        self.call = call
        self.topic = topic
        self.preview = preview
        self.regulatory = regulatory
        self.listing: Listing | None = None
        self.feed: Feed | None = None
        self.no_live: Refusal | None = None
        self.source: Contract | None = None
        self.frozen = False
        self.until = 0.0

    def resolved(self, listing: Listing) -> None:
        self._resolved(self, listing)

    def refused(self) -> None:
        self._refused(self)


class PendingCalls:
    """`default_data` is what quotes are made of unless said otherwise; `resolve` finds out what a spelling
    means, and whether it was known; `unknown(spelling)`: the gateway does not know what it meant; `doubt`:
    why its word is not to be believed at present; `shard_of` which shard serves a contract; `do` takes the
    actions.
    """

    def __init__(
        self,
        lines: Lines,
        lookups: Lookups,
        asking: Asking,
        deadlines: Deadlines,
        default_data: str,
        *,
        resolve: Callable[[Waiter], bool],
        unknown: Callable[[str], None],
        doubt: Callable[[], str | None],
        shard_of: Callable[[Contract], int],
        now: Callable[[], float],
        do: Callable[[ev.Action], None],
    ) -> None:
        self.open: dict[int, PendingCall] = {}
        self._snapshots: dict[int, PendingCall] = {}
        self._lines = lines
        self._lookups = lookups
        self._asking = asking
        self._deadlines = deadlines
        self._default_data = default_data
        self._resolve = resolve
        self._unknown = unknown
        self._doubt = doubt
        self._shard_of = shard_of
        self._do = do
        self._now = now

    def begin(self, call: int, topic: StreamTopic, *, preview: bool, regulatory: bool) -> None:
        pending = PendingCall(
            call, topic, self._resolved, self._refused, preview=preview, regulatory=regulatory
        )
        self.open[call] = pending
        self._wait(pending, LOOK_UP_S)
        if pending.instrument is None:
            self._resolved(pending, listing_without_instrument(topic))
        elif not self._resolve(pending):
            lookup = pending.lookup
            if lookup is not None and not self._lookups.ask_anew(lookup, self._now()):
                self._refused(pending)

    def _wait(self, pending: PendingCall, seconds: float) -> None:
        pending.until = self._now() + seconds
        self._deadlines.add(pending.until, CallOverdue(pending.call))

    def _refused(self, pending: PendingCall) -> None:
        if pending.lookup is not None and pending.lookup.refusal is not None:
            refusal = pending.lookup.refusal
            self._lookups.leave(pending)
            self.fail(pending, refusal)

    def _resolved(self, pending: PendingCall, listing: Listing) -> None:
        """What it asks about is known now."""
        feed = feed_of(pending.topic, listing, self._default_data)
        line = self._lines.get(feed)
        pending.listing, pending.feed = listing, feed
        if pending.preview:
            self._preview(pending, feed, self._shard_of(listing.contract))
        elif line is not None and line.live and not pending.regulatory:
            self._end(pending, ev.AnswerQuote(pending.call, feed, line.frozen))
        else:
            self._wait(pending, DEADLINE_S)
            self._ask(pending, self._now())

    def _ask(self, pending: PendingCall, now: float) -> None:
        assert pending.listing is not None
        assert pending.feed is not None
        req_id = self._asking.new_id()
        contract, regulatory = pending.source or pending.feed.contract, pending.regulatory
        request = ReqMktData(req_id, contract, "", not regulatory, regulatory)
        at, rule = self._asking.allows_at(request, now)
        if at > now and pending.source is not None:  # it had its turn
            self._deadlines.add(at, SnapshotDue(pending.call))
            return
        if at > now:
            text = f"IBKR allows {rule}; ask again in {at - now:.1f} s"
            self._end(pending, ev.Fail(pending.call, ErrorCode.THROTTLED, text))
            return
        self._snapshots[req_id] = pending
        self._do(ev.Collect(req_id, pending.listing))
        self._asking.ask(req_id, request, now, pending.feed.data)

    def rerouted(self, req_id: int, contract: Contract, now: float) -> None:
        """The quote comes from another contract: ask for that one, once."""
        pending = self._snapshots.pop(req_id, None)
        if pending is None:
            return
        self._do(ev.CloseFeed(req_id))
        self._asking.end(req_id, CancelMktData(req_id))
        if pending.source is not None or pending.listing is None:
            self.fail(pending, REROUTED_AGAIN, ErrorCode.GATEWAY_REJECTED)
            return
        pending.source = contract
        pending.listing = replace(pending.listing, volume_unit=None)  # it counts what the other one counts
        self._ask(pending, now)

    def due(self, call: int, now: float) -> None:
        """`SnapshotDue` fell due."""
        pending = self.open.get(call)
        if pending is not None:
            self._ask(pending, now)

    def _preview(self, pending: PendingCall, feed: Feed, shard: int) -> None:
        line = self._lines.get(feed)
        room = self._lines.has_room(feed.kind)
        gives: Literal["shared", "new", "none"] = "shared" if line else "new" if room else "none"
        state: StreamState | None = line.status().state if line else None
        con_id = feed.contract.con_id or None
        answer = ev.AnswerPreview(pending.call, str(pending.topic), con_id, shard, gives, state)
        self._end(pending, answer)

    def snapshot_ended(self, req_id: int) -> None:
        pending = self._snapshots.pop(req_id, None)
        if pending is not None:
            self._asking.end(req_id, None)
            self._end(pending, ev.AnswerCollected(pending.call, req_id, pending.frozen))

    def type_changed(self, req_id: int, *, delayed: bool, frozen: bool) -> None:
        pending = self._snapshots.get(req_id)
        if pending is not None:
            pending.frozen = frozen
            self._do(ev.UseDataType(req_id, delayed))

    def error(self, req_id: int, refusal: Refusal, verdict: Verdict) -> None:
        """An error about a snapshot: whatever does not leave it standing ends the call."""
        pending = self._snapshots.get(req_id)
        if pending is None or verdict.meaning in (Meaning.NOTICE, Meaning.DELAYED, Meaning.RESET):
            return
        accepts_delayed = pending.feed is not None and pending.feed.data in ("delayed", "any")
        if verdict.meaning is Meaning.NO_LIVE and accepts_delayed:
            pending.no_live = refusal
            return  # the end of the snapshot, or the call's deadline, decides
        self._drop(req_id, cancel=verdict.leaves_line)
        if not self._doubted(pending, refusal, verdict.meaning):
            if verdict.meaning is Meaning.UNKNOWN_CONTRACT:
                self._unknown(pending.spelling)
            self.fail(pending, refusal)

    def _doubted(self, pending: PendingCall, refusal: Refusal, meaning: Meaning) -> bool:
        """Whether it is answered that a refusal is not believed at present."""
        doubt = self._doubt() if meaning in BELIEVED_IN_CALM else None
        if doubt is not None:
            text = f"{refusal.code} {refusal.text} (not believed while {doubt}); ask again later"
            self._end(pending, ev.Fail(pending.call, ErrorCode.NOT_READY, text, refusal.code))
        return doubt is not None

    def unsendable(self, req_id: int, refusal: Refusal) -> None:
        pending = self._snapshots.get(req_id)
        if pending is not None:
            self._drop(req_id, cancel=False)
            self.fail(pending, refusal)

    def fail(self, pending: PendingCall, refusal: Refusal, code: ErrorCode | None = None) -> None:
        ours = ErrorCode.INVALID_ARGUMENT if refusal.code is None else ErrorCode.GATEWAY_REJECTED
        self._end(pending, ev.Fail(pending.call, code or ours, refusal.text, refusal.code))

    def overdue(self, call: int, now: float) -> None:
        """The call has failed now, if it was still open and has no more time."""
        pending = self.open.get(call)
        if pending is None or now < pending.until:
            return
        for req_id in [req_id for req_id, each in self._snapshots.items() if each is pending]:
            self._drop(req_id, cancel=True)
        if pending.no_live is not None:
            if not self._doubted(pending, pending.no_live, Meaning.NO_LIVE):
                self.fail(pending, pending.no_live)
            return
        waits = pending.lookup.status().reason if pending.lookup else None
        waited = LOOK_UP_S if pending.lookup else DEADLINE_S
        text = f"the gateway did not answer in {waited:.0f} s" + (f": {waits}" if waits else "")
        self._lookups.leave(pending)
        self._end(pending, ev.Fail(call, ErrorCode.TIMEOUT, text))

    def lose_all(self) -> None:
        """The session is lost; what was open has failed now."""
        lost = list(self.open.values())
        for req_id in list(self._snapshots):
            self._drop(req_id, cancel=False)
        for pending in lost:
            self._lookups.leave(pending)
            text = "the session with the gateway was lost; ask again when the node is ready"
            self._end(pending, ev.Fail(pending.call, ErrorCode.NOT_READY, text))

    def _drop(self, req_id: int, *, cancel: bool) -> None:
        del self._snapshots[req_id]
        self._do(ev.CloseFeed(req_id))
        self._asking.end(req_id, CancelMktData(req_id) if cancel else None)

    def _end(self, pending: PendingCall, answer: ev.Action) -> None:
        del self.open[pending.call]
        self._do(answer)
