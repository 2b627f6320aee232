"""The trading floor: the market's steps, and who follows which book.

A step moves every book that somebody follows or trades in. Each follower writes what it shows of the change,
then the broker looks what the new prices fill. A book under replay takes every tick of its file that is due.
"""

from __future__ import annotations

from collections.abc import Iterator

from twsmq_simulator.broker.core import Broker
from twsmq_simulator.delivery import Delivery
from twsmq_simulator.faults import Faults
from twsmq_simulator.feeds import Subscription, TopOfBook
from twsmq_simulator.market.book import Book
from twsmq_simulator.market.exchange import Exchange
from twsmq_simulator.market.hours import is_open
from twsmq_simulator.market.replay import Replay
from twsmq_simulator.settings import Settings

MOST_STEPS = 10_000
"""At once: a clock that was set far ahead does not hold the process up."""


class Floor:
    """`followers` and `replays` by conId."""

    def __init__(
        self,
        settings: Settings,
        exchange: Exchange,
        broker: Broker,
        faults: Faults,
        delivery: Delivery,
        now: int,
    ) -> None:
        self.followers: dict[int, list[Subscription]] = {}
        self.replays: dict[int, Replay] = {}
        self._always_open = settings.hours == "always"
        self._step_ns = int(1e9 / settings.tick_rate)
        self._exchange = exchange
        self._broker = broker
        self._faults = faults
        self._delivery = delivery
        self._stepped_to = now
        self._shut: set[int] = set()  # conIds whose market was last seen closed

    def follow(self, subscription: Subscription, kind: str) -> None:
        self.followers.setdefault(subscription.con_id, []).append(subscription)
        subscription.session.subscriptions[(kind, subscription.request_id)] = subscription

    def unfollow(self, subscription: Subscription) -> None:
        here = self.followers.get(subscription.con_id, [])
        if subscription in here:
            here.remove(subscription)
        if not here:
            self.followers.pop(subscription.con_id, None)

    def run(self, now: int) -> bool:
        """Makes every step that is due by now; whether there was one."""
        count = (now - self._stepped_to) // self._step_ns
        if count <= 0:
            return False
        self._stepped_to += count * self._step_ns
        for _ in range(min(count, MOST_STEPS)):
            self._step(now)
        return True

    def _step(self, now: int) -> None:
        """One step of every book that somebody follows or trades in."""
        active = set(self.followers) | {
            con_id for con_id, working in self._broker.orders.working.items() if working
        }
        for con_id in list(active):
            active |= self._exchange.sources(con_id)
        for con_id in sorted(active):
            book = self._exchange.book(con_id)
            if book is not None and self.follow_hours(book, now):
                self._move(book, now)

    def _move(self, book: Book, now: int) -> None:
        con_id = book.instrument.con_id
        changes = self._replayed(con_id, now) if con_id in self.replays else iter((book.step(),))
        for changed in changes:
            self._exchange.look(book, changed, now)
            for follower in self.followers.get(con_id, ()):
                if self._faults.feeds(con_id, follower.feed):
                    follower.on_step(book, changed, now)
            if not self._faults.disconnected:
                self._delivery.deliver(self._broker.on_market(con_id, now))

    def follow_hours(self, book: Book, now: int) -> bool:
        """Whether a book's market is open; its followers are shown when that has changed."""
        if self._always_open:
            return True
        con_id = book.instrument.con_id
        opened = is_open(book.instrument.hours, now)
        if opened is (con_id in self._shut) and self._faults.feeds(con_id):
            self._shut ^= {con_id}
            for follower in self.followers.get(con_id, ()):
                if isinstance(follower, TopOfBook):
                    follower.on_hours(book, is_open=opened)
        return opened

    def _replayed(self, con_id: int, now: int) -> Iterator[int]:
        """Every tick of a file that is due, one by one."""
        replay = self.replays[con_id]
        while changed := replay.step(now):
            yield changed
        if replay.done:
            del self.replays[con_id]
