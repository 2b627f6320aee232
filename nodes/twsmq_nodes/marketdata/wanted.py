"""The topics that somebody wants: they come, come back within the grace time, move to a line, and go.

Theory. A subscription is one topic, however many subscribers it has: XPUB shows presence per topic, not who.
A topic's first subscriber makes the subscription; `grace_s` after its last one left it is dropped, and the
line with the last subscription on it. One for which nothing was asked of the gateway yet is dropped at once:
topics that were made up by the thousand end with who made them up. With several shards the contract's conId
says whose a topic is.

Listeners of an earlier life of this process (`missed`) come back one by one; whoever has not for `RETURN_S`
is forgotten.

Invariants: a subscription has at most one of a line, a look-up and a refusal; one that nobody wants any more
has a deadline at which it lapses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twsmq_protocol.config import Marketdata
from twsmq_protocol.errors import ErrorCode, FieldError
from twsmq_protocol.rights import costs_a_fee
from twsmq_protocol.topics import parse_stream_topic

from . import deadlines as due
from . import events as ev
from .feeds import feed_of, listing_without_instrument
from .gateway_errors import DOUBTFUL
from .line import Line, LineState
from .lines import Lines
from .listings import NOT_ALLOWED, PAID_ONCE, Listing, Refusal
from .lookups import ANEW_S, Lookups
from .stream_status import StatusAnnouncer
from .subscription import RETURN_S, Missed, Subscription, Waiter


class WantedTopics:
    """`subscriptions`: by topic, kept here. `resolve` finds out what a spelling means, and whether it was
    known; `ask` asks for a line that waits; `do` takes the actions, in order.
    """

    def __init__(
        self,
        subscriptions: dict[str, Subscription],
        lines: Lines,
        lookups: Lookups,
        announcer: StatusAnnouncer,
        deadlines: due.Deadlines,
        config: Marketdata,
        *,
        missed: Mapping[str, float | None],
        resolve: Callable[[Waiter], bool],
        ask: Callable[[Line, float], None],
        do: Callable[[ev.Action], None],
    ) -> None:
        self._subscriptions = subscriptions
        self._lines = lines
        self._lookups = lookups
        self._announcer = announcer
        self._deadlines = deadlines
        self._config = config
        self._missed, self._returning = dict(missed), bool(missed)
        announcer.returning = bool(missed)
        self._resolve = resolve
        self._ask = ask
        self._do = do

    def time_passed(self, now: float) -> None:
        """The first time: from then on those of an earlier life may come back."""
        if self._returning:
            self._returning = False
            self._deadlines.add(now + RETURN_S, due.ReturnsOver())

    def returns_over(self) -> None:
        for topic in self._missed:
            self._do(ev.RememberTopic(topic, False))
        self._missed.clear()
        self._announcer.returning = False
        for each in self._subscriptions.values():
            if each.missed is not None and each.wanted:
                self._announcer.remember(each)
            elif each.missed is not None:
                self._do(ev.RememberTopic(each.topic, False))

    def topic_wanted(self, happened: ev.TopicWanted, now: float) -> None:
        topic = happened.topic
        known = self._subscriptions.get(topic)
        if known is not None:
            self._rejoin(known, now)
            return
        refusal, parsed = None, None
        try:
            parsed = parse_stream_topic(topic)
            if parsed is None:
                return
        except FieldError as error:
            refusal = Refusal(None, str(error))
        if not self._config.regulatory_snapshots and refusal is None and costs_a_fee(topic):
            parsed, refusal = None, NOT_ALLOWED
        missed = Missed(self._missed[topic]) if topic in self._missed else None
        subscription = Subscription(topic, now, parsed, self.attach, self._announcer.announce_current, missed)
        subscription.refusal = refusal
        self._missed.pop(topic, None)
        self._subscriptions[topic] = subscription
        self._announcer.remember(subscription)
        if parsed is None:
            self._announcer.announce_current(subscription)
        elif parsed.instrument is None:
            self.attach(subscription, listing_without_instrument(parsed))
        elif not self._resolve(subscription):
            self._announcer.announce_current(subscription)

    def _rejoin(self, subscription: Subscription, now: float) -> None:
        """One more subscriber, or the first again within the grace time. What was refused for good is asked
        for once more: things may have changed, and who joins now knows nothing yet.
        """
        subscription.joins += 1
        if now < subscription.returns_until:
            self._announcer.announce_missed(subscription)
        if not subscription.wanted:
            subscription.wanted = True
            self._announcer.remember(subscription)
        line = subscription.line
        if line is not None and self._is_worth_another_try(line, now):
            line.forgive()
        if subscription.lookup is not None:
            self._lookups.ask_anew(subscription.lookup, now)
        self._announcer.announce_current(subscription, repeated=True)
        if line is not None:
            self._ask(line, now)

    def _is_worth_another_try(self, line: Line, now: float) -> bool:
        """While nobody listened to it, it was passed over when a line was free or the session came up."""
        if line.refusal == PAID_ONCE:  # a connection that is made anew is no wish to pay anew
            return False
        if line.crowded:
            return self._lines.has_room(line.feed.kind)
        doubtful = line.refusal is not None and line.refusal.code in DOUBTFUL
        if line.retry_at is not None and not doubtful:  # it may have been due while the session was down
            return now >= line.retry_at
        return now >= line.refused_at + ANEW_S

    def topic_left(self, happened: ev.TopicLeft, now: float) -> None:
        subscription = self._subscriptions.get(happened.topic)
        if subscription is not None and subscription.wanted:
            subscription.wanted = False
            subscription.left_at = now
            lookup = subscription.lookup
            asked = lookup is not None and (lookup.req_id is not None or lookup.refusal is not None)
            keeps = subscription.line is not None or subscription.missing or asked
            subscription.lapses_at = now + (self._config.grace_s if keeps else 0.0)
            if self._still_missed(subscription) is None:
                self._do(ev.RememberTopic(happened.topic, False))
            self._deadlines.add(subscription.lapses_at, due.TopicLapsed(happened.topic))

    def _still_missed(self, subscription: Subscription) -> Missed | None:
        """What others who listened in an earlier life, and may still come back, would have to learn also
        after another restart."""
        return subscription.missed if self._announcer.returning else None

    def lapsed(self, topic: str, now: float) -> None:
        """Its grace time is over: drop it, if nobody came back."""
        subscription = self._subscriptions.get(topic)
        if subscription is None or not subscription.lapsed(now):
            return
        del self._subscriptions[subscription.topic]
        missed = self._still_missed(subscription)
        if missed is not None:
            self._missed[topic] = missed.since
        self._announcer.announce_closed(subscription)
        self._lines.leave(subscription)
        self._lookups.leave(subscription)

    def attach(self, subscription: Subscription, listing: Listing) -> None:
        """Give the subscription its line, unless another shard serves the contract."""
        if subscription.parsed is None:
            return
        if not self._announcer.is_ours(listing.contract):
            self._do(ev.ForgetTopic(subscription.topic))  # what this one may have said is not to be repeated
            return
        feed = feed_of(subscription.parsed, listing, self._config.accepts)
        line = self._lines.join(feed, listing, subscription)
        alone = len(line.listeners) == 1
        if feed.regulatory and subscription.missed is not None and alone and line.state is LineState.WAITING:
            line.refused(PAID_ONCE, self._announcer.now)  # in an earlier life of this process
        self._announcer.announce_current(subscription)
        self._ask(line, self._announcer.now)

    def retry_wanted(self, happened: ev.RetryWanted, now: float) -> None:
        subscription = self._subscriptions.get(happened.topic)
        if subscription is None or subscription.foreign:
            text = f"nobody is subscribed to {happened.topic} at this shard"
            self._do(ev.Fail(happened.call, ErrorCode.INVALID_ARGUMENT, text))
            return
        line, lookup = subscription.line, subscription.lookup
        if line is not None and line.state is LineState.REFUSED:
            line.forgive()
            line.pauses = 0
            self._announcer.announce(line, line.waits("asked for again on request"))
            self._ask(line, now)
        elif lookup is not None:
            lookup.retry_at = None
            self._lookups.ask_anew(lookup, now + ANEW_S)
            self._announcer.announce_current(subscription)
        self._do(ev.AnswerRetry(happened.call, happened.topic, subscription.status().state))
