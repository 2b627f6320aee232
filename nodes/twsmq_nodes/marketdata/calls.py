"""The market data node's ops: calls in, the core's answers out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from msgspec import structs
from twsmq_protocol import endpoints
from twsmq_protocol.envelope import Event, NoArgs
from twsmq_protocol.errors import ErrorCode, FieldError, RequestError
from twsmq_protocol.instruments import parse_instrument
from twsmq_protocol.market_requests import (
    LineUse,
    Retried,
    Retry,
    Snapshot,
    SnapshotQuote,
    Subscribe,
    SubscribePreview,
    SubscriptionList,
    SubscriptionRow,
)
from twsmq_protocol.topics import parse_stream_topic
from twsmq_transport.mailbox import Call

from twsmq_nodes.runtime.node import Node

from . import events as ev
from .core import MarketdataCore
from .data.quotes import QuoteRow
from .data.router import Router
from .feeds import FeedKind

_HEADER = frozenset((*Event.__struct_fields__, "snapshot"))


class Calls:
    """Adds the ops to the node's mailbox. `feed` hands an input to the core; `wall` turns its times into ns;
    `gaps_of` counts a topic's gaps.
    """

    def __init__(
        self,
        node: Node,
        core: MarketdataCore,
        router: Router,
        feed: Callable[[ev.Input], None],
        wall: Callable[[float | None], int | None],
        gaps_of: Callable[[str], int],
    ) -> None:
        self._node = node
        self._core = core
        self._router = router
        self._feed = feed
        self._wall = wall
        self._gaps_of = gaps_of
        self._numbers = count(1)
        self._open: dict[int, Call] = {}
        node.mailbox.add("subscriptions", self._subscriptions)
        node.mailbox.add("snapshot", self._snapshot)
        node.mailbox.add("subscribe", self._subscribe)
        node.mailbox.add("retry", self._retry)

    def answer(self, action: ev.Action) -> None:
        """Carry out an action that answers a call."""
        match action:
            case ev.AnswerQuote(call, feed, frozen):
                self._send_quote(call, self._router.quote(feed), frozen=frozen)
            case ev.AnswerCollected(call, req_id, frozen):
                self._send_quote(call, self._router.collected(req_id), frozen=frozen)
            case ev.AnswerPreview():
                self._send_preview(action)
            case ev.AnswerRetry(call, topic, state):
                self._open.pop(call).succeed(Retried(topic=topic, state=state))
            case ev.Fail(call, code, text, tws_code):
                self._open.pop(call).fail(RequestError(code, text, tws_code=tws_code))
            case _:
                raise TypeError(f"nobody carries out {action}")

    def _subscriptions(self, _: NoArgs, call: Call) -> None:
        """Answered in every state: while the session is down it shows what waits for it."""
        rows = [
            SubscriptionRow(
                topic=each.topic,
                state=each.status().state,
                wanted=each.wanted,
                since=self._wall(each.since) or 0,
                con_id=each.con_id,
                line=each.line.number if each.line else None,
                last_data=self._wall(self._router.last_data(each.topic)),
                gaps=self._gaps_of(each.topic),
            )
            for each in self._core.subscriptions.values()
            if not each.foreign
        ]
        lines = self._core.lines
        use = [
            LineUse(
                kind=kind.value,
                used=lines.used(kind),
                allowed=lines.allowed(kind),
                waiting=lines.crowded(kind),
                total=lines.total(kind),
            )
            for kind in FeedKind
        ]
        call.succeed(SubscriptionList(subscriptions=rows, lines=use))

    def _snapshot(self, args: Snapshot, call: Call) -> None:
        self._node.require_ready()
        instrument = parse_instrument(args.instrument)
        self._feed(ev.SnapshotWanted(self._keep(call), instrument, args.regulatory, args.data))

    def _subscribe(self, args: Subscribe, call: Call) -> None:
        self._node.require_ready()
        topic = parse_stream_topic(args.topic)
        if topic is None:
            raise FieldError("topic", "no complete topic of a stream")
        self._feed(ev.PreviewWanted(self._keep(call), topic))

    def _retry(self, args: Retry, call: Call) -> None:
        self._node.require_ready()
        self._feed(ev.RetryWanted(self._keep(call), args.topic))

    def _keep(self, call: Call) -> int:
        number = next(self._numbers)
        self._open[number] = call
        return number

    def _send_quote(self, number: int, row: QuoteRow | None, *, frozen: bool) -> None:
        call = self._open.pop(number)
        if row is None:
            call.fail(RequestError(ErrorCode.GATEWAY_REJECTED, "the gateway has no quote for it at present"))
            return
        quote: dict[str, Any] = structs.asdict(row)
        own = {name: quote[name] for name in quote if name not in _HEADER}
        call.succeed(SnapshotQuote(quote={**own, "frozen": frozen}))

    def _send_preview(self, action: ev.AnswerPreview) -> None:
        serving = endpoints.marketdata(action.shard)
        self._open.pop(action.call).succeed(
            SubscribePreview(
                topic=action.topic,
                con_id=action.con_id,
                events=endpoints.events_endpoint(self._node.config, serving),
                line=action.line,
                state=action.state,
            )
        )
