"""Which contract a spelling means: look-ups' answers put to use, and asked for again when they are due.

Whoever waits for a look-up gets its answer. What is in use is looked up again when it is due; usually
nobody notices. Where the spelling means another contract by then, its topics move to that one's line. With
several shards that may be another's: so each looks again at what all of them serve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec.structs import replace
from twsmq_protocol.instruments import Instrument, parse_instrument

from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import GatewayError
from twsmq_nodes.tws.reference_events import ContractDetailsEnd

from . import events as ev
from .feeds import feed_of
from .gateway_errors import Meaning
from .line import RETRY_S, Line, LineState, pause_s
from .lines import Lines
from .listings import Listing, Refusal
from .lookups import Lookups
from .recovery import PACED_S, Recovery
from .stream_status import StatusAnnouncer
from .subscription import Asker, Subscription, Waiter


class Contracts:
    """`attach` gives a subscription its line; `ask` asks for a line that waits; `do` takes the actions."""

    def __init__(
        self,
        subscriptions: Mapping[str, Subscription],
        lookups: Lookups,
        lines: Lines,
        recovery: Recovery,
        announcer: StatusAnnouncer,
        accepts: str,
        *,
        attach: Callable[[Subscription, Listing], None],
        ask: Callable[[Line, float], None],
        do: Callable[[ev.Action], None],
    ) -> None:
        self._subscriptions = subscriptions
        self._lookups = lookups
        self._lines = lines
        self._recovery = recovery
        self._announcer = announcer
        self._accepts = accepts
        self._attach = attach
        self._ask = ask
        self._do = do

    def resolve(self, waiter: Waiter) -> bool:
        """Find out what a spelling means, and go on from there; whether it was known."""
        listing = self._lookups.listing(waiter)
        if listing is not None:
            waiter.resolved(listing)
        else:
            self._lookups.want(waiter)
        return listing is not None

    def rows_ended(self, happened: ContractDetailsEnd, now: float) -> None:
        waiters, listing = self._lookups.ended(happened.req_id, now, self._recovery.outages.doubt(now))
        for waiter in waiters:
            if listing is None:
                waiter.refused()
            else:
                waiter.resolved(listing)

    def error(self, req_id: int, happened: GatewayError, meaning: Meaning, now: float) -> None:
        """An error about a look-up."""
        refusal, doubt = Refusal(happened.code, happened.text), self._recovery.outages.doubt(now)
        lookup = self._lookups.asked[req_id]
        match meaning:
            case Meaning.NOTICE | Meaning.DELAYED | Meaning.RESET:
                pass
            case Meaning.PACED:
                self._lookups.put_off(lookup, now, pause_s(PACED_S, lookup.pauses))
            case Meaning.UNKNOWN_CONTRACT:
                self.refused(req_id, refusal, now, doubt)
            case Meaning.FINAL:
                self.refused(req_id, refusal, now, None)
            case _:
                lookup.doubt = f"{happened.code} {happened.text}; its contract is looked up again"
                self._lookups.put_off(lookup, now, pause_s(RETRY_S, lookup.pauses))
                for waiter in list(lookup.waiters.values()):
                    waiter.refused()

    def doubt(self, line: Line) -> None:
        """The gateway does not know a line's contract, as it once did: it is looked up before it is used."""
        for listener in line.listeners.values():
            self._lookups.forget(listener.spelling)
        line.listing = line.listing.doubted()

    def unknown(self, spelling: str) -> None:
        """The gateway does not know what a spelling meant: it is looked up before it is used."""
        if self._users_of(spelling):
            self.look_up_again(spelling)
        else:
            self._lookups.forget(spelling)

    def refused(self, req_id: int, refusal: Refusal, now: float, doubt: str | None) -> None:
        for waiter in self._lookups.refused(req_id, refusal, now, doubt):
            waiter.refused()

    def age(self, wall_s: float) -> None:
        """What is in use and due is looked up again; what nobody uses is forgotten."""
        for spelling in self._lookups.aged(wall_s):
            if self._users_of(spelling) or self._served_elsewhere(spelling):
                self.look_up_again(spelling)
            else:
                self._lookups.forget(spelling)

    def look_up_again(self, spelling: str) -> None:
        """Find out whether a spelling that is in use still means what it did."""

        def resolved(listing: Listing) -> None:
            self._meant_now(spelling, listing)

        def refused() -> None:
            self._meant_nothing(waiter)

        known = self._lookups.by_spelling.get(spelling)
        if known is None or f"={spelling}" not in known.waiters:
            waiter = Asker(f"={spelling}", parse_instrument(spelling), resolved, refused)
            self._lookups.want(waiter)

    def use_units_of(self, source: Contract, line: Line) -> None:
        """A line's data count what the contract counts that they come from; until that is known, nothing."""

        def resolved(found: Listing) -> None:
            if line.source == source and line.listeners:
                units = {"volume_unit": found.volume_unit, "magnifier": found.magnifier}
                self._do(ev.UseListing(line.feed, replace(line.listing, **units)))

        waiter = Asker(
            f"@{line.number}",
            Instrument(con_id=source.con_id, exchange=source.exchange),
            resolved,
            lambda: self._lookups.leave(waiter),
        )
        self._do(ev.UseListing(line.feed, replace(line.listing, volume_unit=None)))
        self.resolve(waiter)

    def in_use(self) -> set[str]:
        """Spellings of all topics, whoever serves them."""
        return {each.spelling for each in self._subscriptions.values() if each.line or _may_move(each)}

    def _meant_now(self, spelling: str, listing: Listing) -> None:
        if self._announcer.is_ours(listing.contract):
            for subscription in self._served_elsewhere(spelling):
                self._attach(subscription, listing)
        for subscription in self._users_of(spelling):
            line = subscription.line
            assert line is not None
            assert subscription.parsed is not None
            if feed_of(subscription.parsed, listing, self._accepts) != line.feed:
                self._announcer.announce_moved(subscription, listing.contract.con_id)
                self._lines.leave(subscription)
                self._attach(subscription, listing)
            elif listing != line.listing:
                line.listing = listing
                if line.source is None:
                    self._do(ev.UseListing(line.feed, listing))
                self._ask(line, self._announcer.now)

    def _meant_nothing(self, waiter: Waiter) -> None:
        """The gateway knows a spelling no more. A line that flows goes on; one that waits is refused; one on
        which nothing has come for long is asked for anew: it may have expired, which nobody announces.
        """
        refusal = waiter.lookup.refusal if waiter.lookup else None
        if refusal is None:
            return  # put off
        self._lookups.leave(waiter)
        self._lookups.forget(waiter.spelling)
        for subscription in self._users_of(waiter.spelling):
            line = subscription.line
            if line is not None and line.state is LineState.WAITING:
                self._recovery.unknown(line, refusal, self._announcer.now)
            elif line is not None and line.state is LineState.FLOWING:
                self._recovery.renew_if_dead(line, self._announcer.now)

    def _users_of(self, spelling: str) -> list[Subscription]:
        return [each for each in self._subscriptions.values() if each.line and each.spelling == spelling]

    def _served_elsewhere(self, spelling: str) -> list[Subscription]:
        return [
            each for each in self._subscriptions.values() if each.spelling == spelling and _may_move(each)
        ]


def _may_move(subscription: Subscription) -> bool:
    """Another shard serves it, and not for ever: a conId means one contract, as do the legs of a combo."""
    instrument = subscription.instrument
    return subscription.foreign and instrument is not None and not (instrument.con_id or instrument.legs)
