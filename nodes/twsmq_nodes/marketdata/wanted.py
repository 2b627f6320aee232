"""The topics that somebody wants: they come, come back within the grace time, move to a line, and go.

Theory. A subscription is one topic, however many subscribers it has: XPUB shows presence per topic, not who.
A topic's first subscriber makes the subscription; `grace_s` after its last one left it is dropped, and the
line with the last subscription on it. With several shards the contract's conId says whose a topic is.

Listeners of an earlier life of this process (`missed`) come back one by one; whoever has not for `RETURN_S`
is forgotten.

Invariants: a subscription has at most one of a line, a look-up and a refusal; one that nobody wants any more
has a deadline at which it lapses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twsmq_protocol.config import Marketdata
from twsmq_protocol.errors import ErrorCode, FieldError
from twsmq_protocol.topics import parse_stream_topic

from . import deadlines as due
from . import events as ev
from .feeds import feed_of, news_feed
from .line import Line, LineState
from .lines import Lines
from .listings import Listing, Refusal
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
        shard: int,
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
        self._shard = shard
        self._missed, self._returning = dict(missed), bool(missed)
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
        missed = Missed(self._missed[topic]) if topic in self._missed else None
        subscription = Subscription(topic, now, parsed, self.attach, self._announcer.announce_current, missed)
        subscription.refusal = refusal
        self._missed.pop(topic, None)
        self._subscriptions[topic] = subscription
        self._announcer.remember(subscription)
        if parsed is None:
            self._announcer.announce_current(subscription)
        elif parsed.instrument is None:
            self.attach(subscription, Listing(news_feed(parsed.qualifier).contract))
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
        if (
            line is not None
            and line.retry_at is None
            and not line.crowded
            and now >= line.refused_at + ANEW_S
        ):
            line.forgive()
        if subscription.lookup is not None:
            self._lookups.ask_anew(subscription.lookup, now)
        self._announcer.announce_current(subscription, repeated=True)
        if line is not None:
            self._ask(line, now)

    def topic_left(self, happened: ev.TopicLeft, now: float) -> None:
        subscription = self._subscriptions.get(happened.topic)
        if subscription is not None and subscription.wanted:
            subscription.wanted = False
            subscription.left_at = now
            self._do(ev.RememberTopic(happened.topic, False))
            self._deadlines.add(now + self._config.grace_s, due.TopicLapsed(happened.topic))

    def lapsed(self, topic: str, now: float) -> None:
        """Its grace time is over: drop it, if nobody came back."""
        subscription = self._subscriptions.get(topic)
        if subscription is None or not subscription.lapsed(now, self._config.grace_s):
            return
        del self._subscriptions[subscription.topic]
        self._announcer.announce_closed(subscription)
        self._lines.leave(subscription)
        self._lookups.leave(subscription)

    def attach(self, subscription: Subscription, listing: Listing) -> None:
        """Give the subscription its line, unless another shard serves the contract."""
        if subscription.parsed is None:
            return
        if self._announcer.shard_of(listing.contract) != self._shard:
            self._do(ev.ForgetTopic(subscription.topic))  # what this one may have said is not to be repeated
            return
        feed = feed_of(subscription.parsed, listing, self._config.accepts)
        line = self._lines.join(feed, listing, subscription)
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
