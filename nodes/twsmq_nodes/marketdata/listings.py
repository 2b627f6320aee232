"""Which contract a spelling means: the gateway's answer to one look-up, judged.

Theory: a spelling names, only the conId identifies. So every spelling is looked up once and then remembered,
and a line is asked for by conId and exchange alone: whatever else was spelled cannot make two lines of one
contract, nor contradict it (error 478). A combo is what its legs say; there is nothing to look up.

What is remembered has an age: a conId never changes its meaning, but a symbol may change its conId, and hours
run out after a few days. So each answer says when it is to be asked for again (at the latest when the day
ends where the instrument is listed) and until when it may be used. Units come from facts of the contract;
what these do not prove is not known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import astuple, replace
from twsmq_protocol.instruments import Instrument

from twsmq_nodes.tws.codes import NO_DEFINITION
from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.instruments import US_EXCHANGES, contract_of, listing_exchange

from .hours import Hours, day_ends, known_until, parse_hours

ROUND_LOT = 100
BELIEVED_S = 86_400.0
"""What a symbol means is true for a day: expiries roll, symbols are given to others, conIds change with a
reverse split (account statements of several users)."""
LATE_S = 7200.0
"""How long after it was due to be asked for again an answer may still be used, for want of a newer one."""
MOST_NAMED = 8
"""Candidates of an ambiguous spelling."""


class Refusal(Struct, frozen=True):
    """Why there is no data: the gateway's `code`, or None where the refusal is ours."""

    code: int | None
    text: str


PAID_ONCE = Refusal(
    None,
    "no answer was received; as each request may cost a fee, it is not asked again by itself (`retry`)",
)
"""Of a regulatory snapshot."""
NOT_ALLOWED = Refusal(
    None,
    "a regulatory snapshot costs a fee each time and is not allowed here: [marketdata] has "
    "`regulatory_snapshots = false`",
)
REROUTED_AGAIN = Refusal(None, "the gateway names one source of the data after another")


class Listing(Struct, frozen=True, omit_defaults=True):
    """A contract and what the node needs to know about it.

    `volume_unit`: what one unit of the volume tick stands for, None if that is not known. `magnifier`: prices
    are so many times the currency's own (GBX: 100). `hours`: when it trades, as far as is known, which is
    `hours_until`; `regular`: its regular hours, likewise. Seconds since the epoch: `due_s` when to ask for
    all this again, `expires_s` until when it may be used at all; both infinite for what never changes.
    """

    contract: Contract
    sec_type: str = ""
    volume_unit: int | None = 1
    magnifier: int = 1
    hours: Hours = ()
    hours_until: int | None = None
    regular: Hours = ()
    regular_until: int | None = None
    due_s: float = math.inf
    expires_s: float = math.inf

    @property
    def looked_up(self) -> bool:
        """The gateway knew the contract."""
        return self.expires_s < math.inf

    def doubted(self) -> Listing:
        """The same, to be looked up before it is used again."""
        return replace(self, due_s=-math.inf, expires_s=-math.inf) if self.looked_up else self


def combo_of(instrument: Instrument) -> Listing | None:
    """The contract of a combo; None for what has to be looked up. Its legs stand in one order, whichever they
    were written in, so that a combo has one line.
    """
    if not instrument.legs:
        return None
    contract = contract_of(instrument)
    return Listing(replace(contract, combo_legs=tuple(sorted(contract.combo_legs, key=astuple))), "BAG")


class Matches:
    """The rows of a look-up, as they come: of thousands only a few are named. One without a conId names no
    contract. Of many for one contract that of the exchange counts at which it will be asked for: others may
    have other hours (OVERNIGHT)."""

    __slots__ = ("_more", "named", "rows")

    def __init__(self, rows: Iterable[ContractInfo] = ()) -> None:
        self.rows = 0
        self.named: dict[int, ContractInfo] = {}
        self._more: set[int] = set()
        for row in rows:
            self.add(row)

    def add(self, row: ContractInfo) -> None:
        self.rows += 1
        con_id = row.contract.con_id
        if con_id in self.named:
            if row.contract.exchange == _exchange(row):
                self.named[con_id] = row
        elif con_id > 0 and len(self.named) < MOST_NAMED:
            self.named[con_id] = row
        elif con_id > 0:
            self._more.add(con_id)

    @property
    def contracts(self) -> int:
        return len(self.named) + len(self._more)


def judge(instrument: Instrument, found: Matches, wall_s: float) -> Listing | Refusal:
    """The one contract that all rows of a look-up agree on, else what the subscriber should write instead.
    `wall_s`: when it came.
    """
    row = found.named.get(instrument.con_id or next(iter(found.named), 0))
    if not found.contracts:
        return Refusal(NO_DEFINITION, f"No security definition has been found for {instrument}")
    named = ", ".join(map(_candidate, found.named.values()))
    more = f" and {found.contracts - MOST_NAMED} more" if found.contracts > MOST_NAMED else ""
    if row is None:
        return Refusal(NO_DEFINITION, f"the gateway knows no {instrument}, but {named}{more}")
    if found.contracts > 1 and not instrument.con_id:
        which = f"{found.contracts} contracts match; subscribe to one of {named}{more}"
        return Refusal(NO_DEFINITION, f"{instrument} is ambiguous: {which}")
    zone = row.time_zone_id
    until = known_until(row.trading_hours, zone)
    due_s = min(wall_s + BELIEVED_S - LATE_S, day_ends(wall_s, zone))
    if until is not None and until - LATE_S / 2 > wall_s + LATE_S / 2:
        due_s = min(due_s, until - LATE_S / 2)
    return Listing(
        contract=Contract(con_id=row.contract.con_id, exchange=instrument.exchange or _exchange(row)),
        sec_type=row.contract.sec_type,
        volume_unit=_volume_unit(row.contract),
        magnifier=max(1, row.price_magnifier),
        hours=parse_hours(row.trading_hours, zone),
        hours_until=until,
        regular=parse_hours(row.liquid_hours, zone),
        regular_until=known_until(row.liquid_hours, zone),
        due_s=due_s,
        expires_s=due_s + LATE_S,
    )


def _volume_unit(contract: Contract) -> int | None:
    """What the volume tick of a contract counts up to server version 219: round lots of 100 for US stocks
    (captured from a Gateway 10.40.1), else single units. Later ones count single units of all: see the
    publisher's `unit_volumes`.
    """
    if contract.sec_type != "STK":
        return 1 if contract.sec_type else None
    primary = listing_exchange(contract)
    if primary in US_EXCHANGES:
        return ROUND_LOT
    return None if contract.currency in ("USD", "") or not primary else 1


def _exchange(row: ContractInfo) -> str:
    exchanges = row.valid_exchanges.split(",")
    return "SMART" if "SMART" in exchanges else row.contract.exchange or exchanges[0]


def _candidate(row: ContractInfo) -> str:
    contract = row.contract
    name = contract.local_symbol or contract.symbol
    words = (name, contract.expiry, contract.primary_exchange, contract.currency)
    return f"CONID:{contract.con_id}:{_exchange(row)} ({' '.join(filter(None, words))})"
