"""Spellings being looked up: one question to the gateway for all topics that use a spelling, asked once.

Invariants: a subscription is in at most one look-up; a look-up ends with its last subscription or with the
contract; one that was refused is not asked again until the next session. An answer of which nothing comes for
`TIMEOUT_S` is asked for anew under another id; one of many contracts takes longer than that.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from twsmq_protocol.instruments import parse_instrument

from twsmq_nodes.tws.instruments import contract_of
from twsmq_nodes.tws.reference_events import ContractDetailsReceived
from twsmq_nodes.tws.requests import ReqContractDetails

from . import events as ev
from .listings import Listing, Refusal, combo_of, judge
from .subscription import Lookup, Subscription

TIMEOUT_S = 15.0


class Lookups:
    """`do` takes the actions, in order; `listings` is what is known already, by spelling."""

    def __init__(
        self, listings: dict[str, Listing], req_ids: count[int], do: Callable[[ev.Action], None]
    ) -> None:
        self.by_spelling: dict[str, Lookup] = {}
        self.asked: dict[int, Lookup] = {}
        self._listings = listings
        self._req_ids = req_ids
        self._do = do

    def want(self, subscription: Subscription) -> Listing | None:
        """What a subscription's topic means; None: it waits for a look-up from now on."""
        assert subscription.instrument is not None
        spelling = subscription.spelling
        listing = combo_of(subscription.instrument) or self._listings.get(spelling)
        if listing is not None:
            return listing
        lookup = self.by_spelling.get(spelling)
        if lookup is None:
            lookup = self.by_spelling[spelling] = Lookup(spelling)
        lookup.subscriptions[subscription.topic] = subscription
        subscription.lookup = lookup
        return None

    def leave(self, subscription: Subscription) -> None:
        lookup, subscription.lookup = subscription.lookup, None
        if lookup is not None:
            del lookup.subscriptions[subscription.topic]
            if not lookup.subscriptions:
                self._end(lookup)

    def ask(self, lookup: Lookup) -> None:
        """Ask unless it has been asked, or refused."""
        if lookup.req_id is None and lookup.refusal is None:
            req_id = lookup.req_id = next(self._req_ids)
            self.asked[req_id] = lookup
            lookup.rows, lookup.counted = [], 0
            contract = contract_of(parse_instrument(lookup.spelling))
            self._do(ev.Ask(req_id, ReqContractDetails(req_id, contract)))

    def ask_all(self) -> None:
        """A new session: everything wanted, what was refused before too."""
        for lookup in self.by_spelling.values():
            if any(subscription.wanted for subscription in lookup.subscriptions.values()):
                lookup.refusal = None
                self.ask(lookup)

    def lose_all(self) -> None:
        """The session and all questions are gone."""
        for lookup in self.asked.values():
            lookup.req_id = None
        self.asked.clear()

    def row(self, received: ContractDetailsReceived) -> None:
        lookup = self.asked.get(received.req_id)
        if lookup is not None:
            lookup.rows.append(received.details)

    def ended(self, req_id: int) -> tuple[list[Subscription], Listing | None]:
        """All rows are there: the subscriptions this concerns, and their listing unless it was refused."""
        lookup = self.asked.pop(req_id, None)
        if lookup is None:
            return [], None
        lookup.req_id = None
        waiting = list(lookup.subscriptions.values())
        verdict = judge(parse_instrument(lookup.spelling), lookup.rows)
        if isinstance(verdict, Refusal):
            lookup.refusal = verdict
            return waiting, None
        self._listings[lookup.spelling] = verdict
        self._do(ev.RememberListing(lookup.spelling, verdict))
        for subscription in waiting:
            subscription.lookup = None
        self._end(lookup)
        return waiting, verdict

    def refused(self, req_id: int, refusal: Refusal) -> list[Subscription]:
        """The subscriptions this concerns."""
        lookup = self.asked.pop(req_id)
        lookup.req_id = None
        lookup.refusal = refusal
        return list(lookup.subscriptions.values())

    def overdue(self, req_id: int) -> bool:
        """Ask anew, unless the answer is still coming: then it has another `TIMEOUT_S`."""
        lookup = self.asked.get(req_id)
        if lookup is None:
            return False
        if len(lookup.rows) > lookup.counted:
            lookup.counted = len(lookup.rows)
            return True
        del self.asked[req_id]
        lookup.req_id = None
        self.ask(lookup)
        return False

    def distrust(self, spelling: str) -> None:
        """The gateway no longer knows what it once told: look it up again next time."""
        if self._listings.pop(spelling, None) is not None:
            self._do(ev.RememberListing(spelling, None))

    def _end(self, lookup: Lookup) -> None:
        del self.by_spelling[lookup.spelling]
        if lookup.req_id is not None:
            del self.asked[lookup.req_id]
            self._do(ev.Cancel(lookup.req_id, None))
