"""Calls that need the gateway: `snapshot` (one quote, once) and `subscribe` (what subscribing would give).

Each call is answered exactly once: with a quote, a preview or the reason why not, at the latest `DEADLINE_S`
after it came, or at once when the session is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Literal

from twsmq_protocol.errors import ErrorCode
from twsmq_protocol.market_events import StreamState
from twsmq_protocol.topics import StreamTopic

from twsmq_nodes.tws.requests import CancelMktData, ReqMktData

from . import events as ev
from .feeds import Feed, feed_of, news_feed
from .lines import Lines
from .listings import Listing, Refusal
from .subscription import PendingCall

DEADLINE_S = 15.0
"""A snapshot takes up to 11 s (IBKR API docs)."""


class PendingCalls:
    """`do` takes the actions, in order."""

    def __init__(self, lines: Lines, req_ids: count[int], do: Callable[[ev.Action], None]) -> None:
        self.open: dict[int, PendingCall] = {}
        self._snapshots: dict[int, PendingCall] = {}
        self._lines = lines
        self._req_ids = req_ids
        self._do = do

    def begin(self, happened: ev.SnapshotWanted | ev.PreviewWanted, now: float) -> PendingCall:
        if isinstance(happened, ev.PreviewWanted):
            pending = PendingCall(happened.call, happened.topic, now, preview=True, regulatory=False)
        else:
            topic = StreamTopic("quote", happened.instrument)
            pending = PendingCall(happened.call, topic, now, preview=False, regulatory=happened.regulatory)
        self.open[pending.call] = pending
        return pending

    def resolved(self, pending: PendingCall, listing: Listing | None, shard: int) -> None:
        """What it asks about is known now; None for news, which has no contract."""
        assert pending.parsed is not None
        feed = feed_of(pending.parsed, listing) if listing else news_feed(pending.parsed.qualifier)
        line = self._lines.get(feed)
        if pending.preview:
            self._preview(pending, feed, shard)
        elif listing is not None and line and line.live and not pending.regulatory:
            self._end(pending, ev.AnswerQuote(pending.call, feed))
        elif listing is not None:
            req_id = next(self._req_ids)
            self._snapshots[req_id] = pending
            self._do(ev.Collect(req_id, listing))
            regulatory = pending.regulatory
            request = ReqMktData(req_id, feed.contract, "", not regulatory, regulatory)
            self._do(ev.Ask(req_id, request))

    def _preview(self, pending: PendingCall, feed: Feed, shard: int) -> None:
        line = self._lines.get(feed)
        room = self._lines.has_room(feed.kind)
        gives: Literal["shared", "new", "none"] = "shared" if line else "new" if room else "none"
        state: StreamState | None = line.status().state if line else None
        con_id = feed.contract.con_id or None
        answer = ev.AnswerPreview(pending.call, str(pending.parsed), con_id, shard, gives, state)
        self._end(pending, answer)

    def snapshot_ended(self, req_id: int) -> None:
        pending = self._snapshots.pop(req_id, None)
        if pending is not None:
            self._end(pending, ev.AnswerCollected(pending.call, req_id))

    def refused(self, req_id: int, refusal: Refusal) -> None:
        pending = self._snapshots.pop(req_id, None)
        if pending is not None:
            self._do(ev.CloseFeed(req_id))
            self.fail(pending, refusal)

    def fail(self, pending: PendingCall, refusal: Refusal) -> None:
        code = ErrorCode.INVALID_ARGUMENT if refusal.code is None else ErrorCode.GATEWAY_REJECTED
        self._end(pending, ev.Fail(pending.call, code, refusal.text, refusal.code))

    def overdue(self, call: int) -> PendingCall | None:
        """The pending, if it was still open: it has failed now."""
        pending = self.open.get(call)
        if pending is None:
            return None
        for req_id in [req_id for req_id, each in self._snapshots.items() if each is pending]:
            del self._snapshots[req_id]
            self._do(ev.CloseFeed(req_id))
            self._do(ev.Cancel(req_id, CancelMktData(req_id)))
        self._end(
            pending, ev.Fail(call, ErrorCode.TIMEOUT, f"the gateway did not answer in {DEADLINE_S:.0f} s")
        )
        return pending

    def lose_all(self) -> list[PendingCall]:
        """The session is lost; what was open has failed now."""
        lost = list(self.open.values())
        for req_id in self._snapshots:
            self._do(ev.CloseFeed(req_id))
        self._snapshots.clear()
        for pending in lost:
            text = "the session with the gateway was lost; ask again when the node is ready"
            self._end(pending, ev.Fail(pending.call, ErrorCode.NOT_READY, text))
        return lost

    def _end(self, pending: PendingCall, answer: ev.Action) -> None:
        del self.open[pending.call]
        self._do(answer)
