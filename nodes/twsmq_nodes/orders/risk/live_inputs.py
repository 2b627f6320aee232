"""The world as the rules see it: the market, contracts, positions, the day's result, what works now.

A strategy's position and result are our own fills and what they cost, in accounts that the gateway manages:
what it did on paper is not held in a live account. An account's are the status node's events, believed only
while that node beats and is ready, and what was executed since (`unsettled`). A quote is believed while its
stream says that live data flow, and no longer than quotes are repeated: the process that sends it may have
died. A result in several currencies is added by the account's own rates (`ExchangeRate` of its ledger), or is
not known. Facts of a contract come from the reference node and are a day old at most.
Whatever is not known is None, and the rule that asked decides what that means.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace
from twsmq_protocol.endpoints import STATUS
from twsmq_protocol.envelope import Event
from twsmq_protocol.instruments import SEC_TYPES, parse_instrument
from twsmq_protocol.market_events import Quote, Stream
from twsmq_protocol.order_events import AccountExecution
from twsmq_protocol.order_query_requests import ForeignOrder
from twsmq_protocol.reference_requests import MarketRules
from twsmq_protocol.system_events import AccountValue, Heartbeat, Position

from ..book import Book
from ..entries import Links
from ..pipeline import exercises
from ..spellings import is_spelled
from .arithmetic import leg_spellings
from .inputs import Market, Open, Scope, price_of, working_as
from .steps import Steps
from .unsettled import SETTLED_S, Unsettled

BEAT_S = 2.0
DAILY_PNL = "DailyPnL"
EXCHANGE_RATE = "ExchangeRate"
WORTH = "NetLiquidation"
"""Given in the account's own currency (IBKR API docs, "Account Summary")."""
ASK_AGAIN_S = 5.0
BELIEVE_CONTRACT_S = 86_400.0
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,15})?")
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,20})?(E-?[0-9]{1,2})?")
"""Java writes what is below a thousandth so: 7.2E-4."""
_IN_PERCENT = frozenset(("BOND", "BILL"))
"""Priced in percent of a face value, of which only the contract tells how much there is to a unit."""
_LIVE = frozenset(("active", "resumed"))


class _Worth(Struct, frozen=True):
    """Of one contract: its multiplier and price magnifier, as they were `at`."""

    multiplier: float | None
    magnifier: float
    at: float


class LiveRiskInputs:
    """`want`: is called once for each instrument whose quote is asked for, `want_contract` for one of whose
    contract something is to be known, and again every few seconds until `learn_contract`; `want_steps` and
    `learn_steps` in the same way. `clock`: monotonic seconds. `repeat_s`: how often a quote comes again where
    nothing changes. `foreign`: the working orders that were not placed here. `accounts`: those that the
    gateway manages, none while they are not known.
    """

    def __init__(
        self,
        book: Book,
        want: Callable[[str], None],
        clock: Callable[[], float],
        *,
        repeat_s: float,
        want_contract: Callable[[str], None] = lambda _instrument: None,
        want_steps: Callable[[str], None] = lambda _instrument: None,
        foreign: Callable[[], Iterable[ForeignOrder]] = tuple,
        accounts: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._book = book
        self._want = want
        self._want_contract = want_contract
        self._foreign = foreign
        self._accounts = accounts
        self._clock = clock
        self._contracts: dict[str, _Worth] = {}
        self._contract_wanted: dict[str, float] = {}  # when it was asked for last
        self._want_steps = want_steps
        self._steps: dict[str, tuple[float, Steps]] = {}  # and when they were learnt
        self._steps_wanted: dict[str, float] = {}
        self._currencies: dict[str, str] = {}  # each account's own
        self._rates: dict[tuple[str, str], float] = {}  # by account and currency: what one unit is worth
        self._believe_s = 2 * repeat_s + 1.0
        self._markets: dict[str, Market | None] = {}
        self._quoted_at: dict[str, float] = {}
        self._not_live: set[str] = set()  # as their streams said last
        self._positions: dict[tuple[str, int], tuple[str, float]] = {}
        self._results: dict[str, float] = {}
        self._believed_until = 0.0
        self._believed_since: float | None = None  # without a pause
        self._unsettled = Unsettled()

    def on_event(self, topic: str, event: Event) -> None:
        """An event of another node, or an execution of this one's."""
        match event:
            case Quote():
                self._quoted(_instrument(topic), event)
            case Stream(state=state) if state in _LIVE:
                self._not_live.discard(_instrument(topic))
            case Stream():
                self._not_live.add(_instrument(topic))
                self._markets[_instrument(topic)] = None
            case Position():
                parse_instrument(event.instrument)  # raises for what is no spelling
                self._position(event)
            case AccountExecution():
                self._executed(event)
            case AccountValue(tag=tag) if tag == DAILY_PNL:
                self._learn_result(event.account, event.value)
            case AccountValue(tag=tag, currency=str(currency)) if tag == EXCHANGE_RATE:
                rate = _number(event.value, _RATE)
                if rate is None:
                    self._rates.pop((event.account, currency), None)
                else:
                    self._rates[event.account, currency] = rate
            case AccountValue(tag=tag, currency=str(currency)) if tag == WORTH:
                self._currencies[event.account] = currency
            case Heartbeat(name=name, state=state) if name == STATUS:
                self._believe(state == "ready")
            case _:
                pass

    def _believe(self, ready: bool) -> None:
        now = self._clock()
        if not ready:
            self._believed_since = None
        elif self._believed_since is None or now > self._believed_until:
            self._believed_since = now
        self._believed_until = now + (BEAT_S if ready else 0.0)

    def _position(self, event: Position) -> None:
        self._book.spellings.learn(event.instrument, event.con_id)
        held, now = (event.account, event.con_id), self._clock()
        _, before = self._positions.get(held, ("", 0.0))
        since = self._believed_since
        ahead = held in self._positions or (since is not None and since + SETTLED_S <= now)
        self._unsettled.moved(held, event.quantity - before, now, ahead=ahead)
        self._positions[held] = event.instrument, event.quantity

    def _executed(self, event: AccountExecution) -> None:
        """One that is listed only afterwards is in the positions already; of combos the legs are held."""
        combo = event.instrument.startswith("BAG:")
        if event.con_id and not combo and not event.recovered and event.corrects is None:
            units = event.quantity if event.side == "BUY" else -event.quantity
            self._unsettled.executed((event.account, event.con_id), units, self._clock())

    def _learn_result(self, account: str, text: str) -> None:
        result = float(text or "nan")  # raises for what is no number
        if math.isfinite(result):
            self._results[account] = result
        else:
            self._results.pop(account, None)

    def _quoted(self, instrument: str, quote: Quote) -> None:
        self._book.spellings.learn(instrument, quote.con_id)
        live = not quote.delayed and instrument not in self._not_live
        combo = instrument.startswith("BAG:")
        bid, ask = price_of(quote.bid, quote.bid_size, combo), price_of(quote.ask, quote.ask_size, combo)
        last = price_of(quote.last, quote.last_size, combo)
        self._markets[instrument] = Market(bid, ask, last) if live else None
        self._quoted_at[instrument] = self._clock()

    # -- for the rules

    def market(self, instrument: str) -> Market | None:
        if instrument not in self._markets:
            self._markets[instrument] = None
            self._want(instrument)
        market = self._markets[instrument]
        if market is None or self._clock() - self._quoted_at[instrument] > self._believe_s:
            return None
        return market

    def unit_value(self, instrument: str) -> float | None:
        """A combo's is that of its legs; of legs that differ (a share and an option on it) the largest, as
        the gateway's own price of such a combo is per share."""
        legs = leg_spellings(instrument)
        if legs:
            values = [self.unit_value(leg) for _, leg in legs]
            return None if None in values else max(value for value in values if value is not None)
        multiplier, known = self.multiplier(instrument), self._contract(instrument)
        return None if multiplier is None else multiplier / (1.0 if known is None else known.magnifier)

    def multiplier(self, instrument: str) -> float | None:
        """As spelled, or as the contract has it if that is more."""
        known, multiplier = self._contract(instrument), _spelled_multiplier(instrument)
        if known is not None and (known.multiplier is None or known.multiplier > (multiplier or 0.0)):
            return known.multiplier
        return multiplier

    def worth_known(self, instrument: str) -> bool:
        legs = leg_spellings(instrument)
        if legs:
            return all(self.worth_known(leg) for _, leg in legs)
        return parse_instrument(instrument).sec_type == "CASH" or self._contract(instrument) is not None

    def learn_contract(
        self, instrument: str, multiplier: str | None, magnifier: float | None, sec_type: str = ""
    ) -> None:
        """What the gateway's database has of it: texts as there, nil where it has none."""
        units = _number(multiplier) if multiplier else 1.0
        kind = sec_type or parse_instrument(instrument).sec_type
        if not multiplier and (kind in _IN_PERCENT or (kind and kind not in SEC_TYPES)):
            units = None
        if magnifier is not None and magnifier < 0:
            units = None  # what a unit is worth is not known
        self._contracts[instrument] = _Worth(units, magnifier or 1.0, self._clock())

    def learn_con_id(self, instrument: str, con_id: int) -> None:
        """The one contract that the gateway's database has under a spelling."""
        self._book.spellings.learn(instrument, con_id)

    def _contract(self, instrument: str) -> _Worth | None:
        now, known = self._clock(), self._contracts.get(instrument)
        if known is not None and now - known.at < BELIEVE_CONTRACT_S:
            return known
        if now - self._contract_wanted.get(instrument, -ASK_AGAIN_S) >= ASK_AGAIN_S:
            self._contract_wanted[instrument] = now
            self._want_contract(instrument)
        return None

    def steps(self, instrument: str) -> Steps | None:
        """Those learnt within the day, or none and they are asked for."""
        now = self._clock()
        at, known = self._steps.get(instrument, (0.0, None))
        if known is not None and now - at < BELIEVE_CONTRACT_S:
            return known
        if now - self._steps_wanted.get(instrument, -ASK_AGAIN_S) >= ASK_AGAIN_S:
            self._steps_wanted[instrument] = now
            self._want_steps(instrument)
        return None

    def learn_steps(self, instrument: str, rules: MarketRules) -> None:
        """What the gateway's database has of it. An exchange without a rule of its own has the smallest step
        there is anywhere: what lies off that is off every one."""
        exchange = parse_instrument(instrument).exchange or "SMART"
        own = next((rule.increments for rule in rules.rules if rule.exchange == exchange), None)
        increments = tuple(sorted((step.low, step.increment) for step in own or () if step.increment > 0))
        if not increments and rules.min_tick is not None and rules.min_tick > 0:
            increments = ((0.0, rules.min_tick),)
        size = rules.size_increment
        self._steps[instrument] = self._clock(), Steps(increments, size if size and size > 0 else None)

    def position(self, scope: Scope, name: str, instrument: str, account: str = "") -> float | None:
        """Under whatever spelling. None also while it is unknown whether what is held is this contract: its
        quote or its details, which are asked for then, tell."""
        if scope == "account" and self._clock() > self._believed_until:
            return None
        total = 0.0
        for spelled, units in self._held(scope, name, account):
            same = self.same(spelled, instrument)
            if same is None:
                self.market(instrument)
                self._contract(instrument)
                return None
            total += units if same else 0.0
        return total

    def _manages(self, account: str) -> bool:
        """Also of an order for several accounts, and while it is not known."""
        accounts = self._accounts()
        return not accounts or not account or account in accounts

    def _held(self, scope: Scope, name: str, account: str) -> list[tuple[str, float]]:
        if scope == "strategy":
            own = [
                (spelled, units)
                for (owner, where, spelled), units in self._book.positions.items()
                if owner == name and units and (where in (account, "") if account else self._manages(where))
            ]
            legs = [(leg, ratio * n) for spelled, n in own for ratio, leg in leg_spellings(spelled)]
            return own + legs
        rows = self._positions.items()
        return [(spelled, units) for (owner, _), (spelled, units) in rows if owner == name and units]

    def same(self, one: str, other: str) -> bool | None:
        return self._book.spellings.same(one, other)

    def daily_pnl(self, scope: Scope, name: str, ns: int) -> float | None:
        if scope == "strategy":
            results = self._book.results.of(name, ns).items()
            return self.in_one_currency({at: value for at, value in results if self._manages(at[0])})
        return self._results.get(name) if self._clock() <= self._believed_until else None

    def in_one_currency(self, results: Mapping[tuple[str, str], float]) -> float | None:
        """Of amounts by account and currency the sum in the accounts' own, by their rates; None also for
        accounts whose own currencies differ: nothing tells what they are to each other."""
        total = 0.0
        for (account, currency), amount in results.items():
            own = currency == self._currencies.get(account)
            rate = 1.0 if own or not amount else self._rates.get((account, currency))
            if rate is None:
                return None
            total += amount * rate
        owners = {account for (account, _), amount in results.items() if amount}
        return total if len({self._currencies.get(account) for account in owners}) <= 1 else None

    def open_orders(self) -> Iterator[Open]:
        for record in self._book.active():
            order = record.order
            remaining = order.remaining + record.largest - order.quantity
            account = order.account or ""
            if not self._manages(account):
                continue
            yield working_as(
                order, record.order_id, record.links, record.request, remaining, account, record.standing
            )
            trade = None
            if record.exercise is not None:
                trade = exercises.trade_of(record.exercise, self.multiplier(record.exercise.instrument))
            if trade is not None and trade.instrument != order.instrument:
                follows = working_as(trade, 0, Links(), trade, trade.quantity, account)
                yield replace(follows, executed=True)
        for row in self._foreign():
            side = "BUY" if row.side == "BUY" else "SELL"
            left = max(0.0, row.quantity - row.filled)
            if is_spelled(row.instrument):  # a gateway may name what nobody could write
                yield Open("", row.account, row.instrument, side, left, foreign=True)
        for account in self._unsettled.accounts:
            for con_id, units in self._unsettled.of(account, self._clock()):
                side, contract = "BUY" if units > 0 else "SELL", f"CONID:{con_id}"
                yield Open("", account, contract, side, abs(units), executed=True)


def _spelled_multiplier(instrument: str) -> float | None:
    """As spelled, where the type has one. None where the spelling does not show it, and only the contract
    does: 100 is usual of options, those on futures and of other countries have 5 to 250,000."""
    parsed = parse_instrument(instrument)
    if parsed.con_id:
        return None
    if not SEC_TYPES[parsed.sec_type].multiplied and parsed.sec_type not in _IN_PERCENT:
        return 1.0
    return _number(parsed.multiplier) if parsed.multiplier else None


def _number(text: str, written: re.Pattern[str] = _NUMBER) -> float | None:
    """A plain decimal number above 0."""
    return (float(text) or None) if written.fullmatch(text) else None


def _instrument(topic: str) -> str:
    return topic.split("/")[1]
