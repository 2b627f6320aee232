"""Spellings being looked up: one question to the gateway for all that use a spelling, asked once.

Theory. Look-ups are slow and share the node's messages with everything else, and anybody can subscribe to
thousands of plausible names. So only `MOST_OUT` are out at a time, and the newest and the oldest that waits
take turns: neither a crowd that came before nor one that comes after can keep a topic waiting for long. One
whose answer takes longer than `SLOW_S` no longer counts: option chains can take a minute.

An answer of which nothing comes for `TIMEOUT_S` is asked for anew under another id; each row gives it that
much more time. A refusal is believed only while nothing is wrong with the gateway (`doubt`), and never kept:
the next session, the end of an outage or a new subscriber asks again.

Answers have an age (`listings`). What is in use is asked for again when it is due, which nobody notices
unless the spelling now means another contract.

Invariants: a waiter is in at most one look-up; a look-up ends with its last waiter or with the contract.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

from msgspec.structs import replace
from twsmq_protocol.instruments import parse_instrument

from twsmq_nodes.tws.instruments import contract_of
from twsmq_nodes.tws.reference_events import ContractDetailsReceived
from twsmq_nodes.tws.reference_requests import ReqContractDetails

from . import events as ev
from .asking import Asking
from .deadlines import Deadlines, LookupDue, TurnDue
from .line import pause_s
from .listings import BELIEVED_S, LATE_S, Listing, Matches, Refusal, combo_of, judge
from .subscription import Lookup, Waiter

TIMEOUT_S = 15.0
MOST_OUT = 8
SLOW_S = 2.0
DOUBT_S, MOST_DOUBT_S = 5.0, 60.0
ANEW_S = 5.0
"""A refusal younger than this is the answer to a newcomer too."""


class Lookups:
    """`do` takes the actions, in order; `listings` is what is known already, by spelling. `wall_s`: the
    present second since the epoch, as far as the core knows.
    """

    def __init__(
        self,
        listings: dict[str, Listing],
        asking: Asking,
        deadlines: Deadlines,
        do: Callable[[ev.Action], None],
    ) -> None:
        self.by_spelling: dict[str, Lookup] = {}
        self.asked: dict[int, Lookup] = {}
        self.wall_s = 0.0
        self._waiting: dict[str, Lookup] = {}
        self._newest_next = True
        self._turn_due = False
        self._listings = listings
        self._due: list[tuple[float, str]] = [(each.due_s, spelling) for spelling, each in listings.items()]
        heapq.heapify(self._due)
        self._asking = asking
        self._deadlines = deadlines
        self._do = do

    def listing(self, waiter: Waiter) -> Listing | None:
        """What a spelling means, if that is known and not too old."""
        assert waiter.instrument is not None
        listing = combo_of(waiter.instrument) or self._listings.get(waiter.spelling)
        return listing if listing is not None and self.wall_s < listing.expires_s else None

    def want(self, waiter: Waiter) -> Lookup:
        """It waits for the answer to a look-up from now on; one that was refused a while ago asks anew."""
        lookup = self.by_spelling.get(waiter.spelling)
        if lookup is None:
            lookup = self.by_spelling[waiter.spelling] = Lookup(waiter.spelling)
        lookup.waiters[waiter.key] = waiter
        waiter.lookup = lookup
        self._queue(lookup)
        return lookup

    def leave(self, waiter: Waiter) -> None:
        lookup, waiter.lookup = waiter.lookup, None
        if lookup is not None:
            del lookup.waiters[waiter.key]
            if not lookup.waiters:
                self._end(lookup)

    def ask_anew(self, lookup: Lookup, now: float) -> bool:
        """Somebody wants to know of a spelling that was refused; whether it is asked for."""
        if lookup.refusal is not None and now >= lookup.refused_at + ANEW_S:
            lookup.refusal = None
            lookup.pauses = 0
        self._queue(lookup)
        return lookup.refusal is None

    def ask_all(self) -> None:
        """A new session, or the end of an outage: everything wanted, what was refused before too."""
        for lookup in self.by_spelling.values():
            if lookup.wanted and lookup.req_id is None:
                lookup.refusal = lookup.retry_at = None
                self._queue(lookup)

    def ask_again(self) -> None:
        """What is out may have got lost in an outage."""
        for req_id, lookup in list(self.asked.items()):
            self._asking.end(req_id, None)
            self._put_back(lookup)
        self.ask_all()

    def take_turns(self, now: float) -> None:
        """Ask for as many as may be out; the newest and the oldest take turns."""
        while self._waiting:
            out = sum(now - lookup.asked_at < SLOW_S for lookup in self.asked.values())
            if out >= MOST_OUT:
                if not self._turn_due:
                    self._turn_due = True
                    self._deadlines.add(now + SLOW_S, TurnDue())
                return
            self._newest_next = not self._newest_next
            spelling = next(reversed(self._waiting) if self._newest_next else iter(self._waiting))
            lookup = self._waiting.pop(spelling)
            lookup.req_id = req_id = self._asking.new_id()
            lookup.asked_at = now
            lookup.found, lookup.rows_counted = Matches(), 0
            self.asked[req_id] = lookup
            contract = contract_of(parse_instrument(spelling))
            self._asking.ask(req_id, ReqContractDetails(req_id, contract), now)

    def turn_came(self) -> None:
        """`TurnDue` fell due."""
        self._turn_due = False

    def lose_all(self) -> None:
        """The session and all questions are gone."""
        for lookup in list(self.asked.values()):
            self._put_back(lookup)

    def row(self, received: ContractDetailsReceived) -> None:
        lookup = self.asked.get(received.req_id)
        if lookup is not None:
            lookup.found.add(received.details)

    def ended(self, req_id: int, now: float, doubt: str | None) -> tuple[list[Waiter], Listing | None]:
        """All rows are there: the waiters this concerns, and their listing unless it was refused."""
        lookup = self.asked.get(req_id)
        if lookup is None:
            return [], None
        answer = judge(parse_instrument(lookup.spelling), lookup.found, self.wall_s)
        if isinstance(answer, Refusal):
            return self.refused(req_id, answer, now, None if lookup.found.contracts else doubt), None
        del self.asked[req_id]
        lookup.req_id = None
        self._listings[lookup.spelling] = answer
        heapq.heappush(self._due, (answer.due_s, lookup.spelling))
        self._do(ev.RememberListing(lookup.spelling, answer))
        waiters = list(lookup.waiters.values())
        for waiter in waiters:
            waiter.lookup = None
        self._end(lookup)
        return waiters, answer

    def refused(self, req_id: int, refusal: Refusal, now: float, doubt: str | None) -> list[Waiter]:
        """The waiters this concerns. With a `doubt`, which says why, it is asked again after a pause."""
        lookup = self.asked.pop(req_id)
        lookup.req_id = None
        waiters = list(lookup.waiters.values())
        if doubt is None:
            lookup.refusal, lookup.refused_at, lookup.doubt = refusal, now, None
        else:
            lookup.doubt = f"{refusal.code} is not believed while {doubt}; its contract is looked up again"
            self.put_off(lookup, now, pause_s(DOUBT_S, lookup.pauses, MOST_DOUBT_S))
        return waiters

    def put_off(self, lookup: Lookup, now: float, seconds: float) -> None:
        """Ask again after a pause."""
        if lookup.req_id is not None:
            del self.asked[lookup.req_id]
            lookup.req_id = None
        lookup.pauses += 1
        lookup.retry_at = now + seconds
        self._deadlines.add(lookup.retry_at, LookupDue(lookup.spelling))

    def written(self, req_id: int, now: float) -> None:
        lookup = self.asked.get(req_id)
        if lookup is not None:
            self._deadlines.add(now + TIMEOUT_S, LookupDue(lookup.spelling))

    def due(self, spelling: str, now: float) -> None:
        """Ask anew, unless the answer is still coming: then it has another `TIMEOUT_S`."""
        lookup = self.by_spelling.get(spelling)
        if lookup is None or lookup.refusal is not None:
            return
        if lookup.retry_at is not None:
            if now >= lookup.retry_at:
                lookup.retry_at = None
                self._queue(lookup)
        elif lookup.req_id is not None and now >= lookup.asked_at + TIMEOUT_S:
            if lookup.found.rows > lookup.rows_counted:
                lookup.rows_counted = lookup.found.rows
                self._deadlines.add(now + TIMEOUT_S, LookupDue(spelling))
            else:
                self._asking.end(lookup.req_id, None)
                self._put_back(lookup)

    def aged(self, wall_s: float) -> list[str]:
        """Spellings whose answer is due to be asked for again."""
        if wall_s < self.wall_s:
            self._clock_set_back(wall_s)
        self.wall_s = wall_s
        aged: list[str] = []
        while self._due and self._due[0][0] <= wall_s:
            due_s, spelling = heapq.heappop(self._due)
            listing = self._listings.get(spelling)
            if listing is not None and listing.due_s == due_s:
                aged.append(spelling)
        return aged

    def forget(self, spelling: str) -> None:
        """Nobody uses it any more, or the gateway no longer knows what it once did."""
        if self._listings.pop(spelling, None) is not None:
            self._do(ev.RememberListing(spelling, None))

    def age(self, spellings: Iterable[str]) -> None:
        """The gateway may have been restarted: whatever these mean is to be asked for again."""
        for spelling in spellings:
            listing = self._listings.get(spelling)
            if listing is not None and listing.due_s > self.wall_s:
                self._listings[spelling] = replace(listing, due_s=self.wall_s)
                heapq.heappush(self._due, (self.wall_s, spelling))

    def _clock_set_back(self, wall_s: float) -> None:
        """What was learnt by a clock that was ahead is not believed for as much longer than it should be."""
        for spelling, listing in self._listings.items():
            if listing.due_s > wall_s + BELIEVED_S:
                expires_s = min(listing.expires_s, wall_s + LATE_S)
                self._listings[spelling] = replace(listing, due_s=wall_s, expires_s=expires_s)
                heapq.heappush(self._due, (wall_s, spelling))

    def _queue(self, lookup: Lookup) -> None:
        if lookup.req_id is None and lookup.refusal is None and lookup.retry_at is None:
            lookup.ahead = max(0, len(self._waiting) - MOST_OUT)
            self._waiting.setdefault(lookup.spelling, lookup)

    def _put_back(self, lookup: Lookup) -> None:
        """Its question is gone, it is not."""
        assert lookup.req_id is not None
        del self.asked[lookup.req_id]
        lookup.req_id = None
        self._queue(lookup)

    def _end(self, lookup: Lookup) -> None:
        del self.by_spelling[lookup.spelling]
        self._waiting.pop(lookup.spelling, None)
        if lookup.req_id is not None:
            del self.asked[lookup.req_id]
            self._asking.end(lookup.req_id, None)
