"""Instruments as users spell them, contracts as the gateway speaks of them, and the way between.

Invariants: `contract_of` adds nothing that was not named, but for the legs of a combo, whose exchange is the
combo's own unless they name one. `instrument_of` spells what the gateway sent; `canonical_instrument` gives
the one spelling that is published for a contract, whichever row it came from: position rows carry the primary
exchange and sometimes no currency (captured from a Gateway 10.40.1), contract details carry both.

A spelling is a name, the contract's identity is its conId. So no two contracts have one canonical spelling,
and whoever asks the gateway for one gets that contract: what tells a contract from others of its symbol is
named, and where the gateway did not send it, or its type has nothing of the kind, the conId is.
"""

from __future__ import annotations

import re

from twsmq_protocol.instruments import SEC_TYPES, Instrument, Leg

from twsmq_nodes.tws.contracts import ComboLeg, Contract, ContractInfo

_SMART_ROUTED = frozenset(("STK", "OPT", "WAR", "IOPT", "CFD", "BOND", "FUND", "BAG"))
_LISTED = frozenset(("STK", "CFD", "FUND"))
"""Routed SMART, a symbol and a currency may be several of them: KWEB has two listings (ib_insync #539)."""
_NAMELESS = frozenset(("BOND", "WAR", "IOPT"))
"""An issuer has many bonds, and many issuers have a warrant of the same strike and expiry."""
_EXPIRY = re.compile(r"[0-9]{6}(?:[0-9]{2})?")
US_EXCHANGES = frozenset(
    (
        *("NASDAQ", "ISLAND", "NYSE", "ARCA", "AMEX", "BATS", "IEX", "NYSENAT", "BEX", "PSX", "CHX"),
        *("MEMX", "PEARL", "LTSE", "T24X", "EDGEA", "BYX", "DRCTEDGE"),
        *("PINK", "OTCLNKECN", "OTCBB", "GREY", "PINC", "VALUE"),
    )
)
"""Primary exchanges of US stocks (IBKR's product listings; VALUE has delisted ones, which are not routed)."""


def contract_of(instrument: Instrument) -> Contract:
    """The contract to ask the gateway for."""
    return Contract(
        con_id=instrument.con_id,
        symbol=instrument.symbol,
        sec_type=instrument.sec_type,
        expiry=instrument.expiry,
        strike=instrument.strike or None,
        right=instrument.right,
        multiplier=instrument.multiplier,
        exchange=instrument.exchange,
        primary_exchange=instrument.primary_exchange,
        currency=instrument.currency,
        trading_class=instrument.trading_class,
        combo_legs=tuple(
            ComboLeg(
                con_id=leg.con_id,
                ratio=leg.ratio,
                action="SELL" if leg.sell else "BUY",
                exchange=leg.exchange or instrument.exchange,
            )
            for leg in instrument.legs
        ),
    )


def instrument_of(contract: Contract) -> Instrument:
    """The spelling of a contract as the gateway sent it; by conId where its type has no spelling."""
    if contract.sec_type not in SEC_TYPES or (contract.sec_type == "BAG" and not contract.combo_legs):
        return Instrument(con_id=contract.con_id, exchange=contract.exchange)
    dated = SEC_TYPES[contract.sec_type].dated
    expiry = _EXPIRY.match(contract.expiry) if dated else None
    option = SEC_TYPES[contract.sec_type].option
    primary = listing_exchange(contract)
    return Instrument(
        sec_type=contract.sec_type,
        symbol=contract.symbol or contract.local_symbol,
        exchange=contract.exchange or primary,
        primary_exchange=primary if primary not in (contract.exchange, "") and contract.exchange else "",
        currency=contract.currency,
        expiry=expiry[0] if expiry else "",
        right=contract.right[:1] if option and contract.right[:1] in ("C", "P") else "",
        strike=(contract.strike or 0.0) if option else 0.0,
        multiplier=contract.multiplier if dated else "",
        trading_class=contract.trading_class if dated else "",
        legs=tuple(_leg_of(leg, contract.exchange) for leg in contract.combo_legs),
    )


def canonical_instrument(info: ContractInfo) -> Instrument:
    """The one spelling published for a contract, and for no other: SMART where IBKR routes it so.

    A listing is told from others by its primary exchange. Futures and options are by class and multiplier:
    those of one symbol and expiry may differ in these alone (SPX and SPXW, SI and SIL), the plain spelling is
    ambiguous then (SumZeroTrading #10, vnpy #3058).
    """
    plain = instrument_of(info.contract)
    exchanges = info.valid_exchanges.split(",")
    routed = plain.sec_type in _SMART_ROUTED and "SMART" in exchanges
    exchange = "SMART" if routed else plain.exchange or exchanges[0]
    primary = listing_exchange(info.contract) if routed and plain.sec_type in _LISTED else ""
    unlisted = routed and plain.sec_type in _LISTED and primary in ("", "SMART")
    con_id = info.contract.con_id
    if plain.con_id or (con_id and (unlisted or plain.sec_type in _NAMELESS)):
        return Instrument(con_id=con_id, exchange=exchange)
    return Instrument(
        sec_type=plain.sec_type,
        symbol=plain.symbol,
        exchange=exchange,
        primary_exchange=primary,
        currency=plain.currency,
        expiry=plain.expiry,
        right=plain.right,
        strike=plain.strike,
        multiplier=plain.multiplier,
        trading_class=plain.trading_class,
        legs=plain.legs,
    )


def found_instrument(contract: Contract) -> Instrument:
    """The spelling of a row of a search by symbols, which has no exchange: stocks of the US are routed SMART,
    as all of them are but those of VALUE; of any other it is not known, and its own exchange has it."""
    plain = instrument_of(contract)
    primary = listing_exchange(contract)
    if plain.sec_type != "STK" or contract.exchange or primary not in US_EXCHANGES - {"VALUE"}:
        return plain
    return Instrument(
        sec_type="STK",
        symbol=plain.symbol,
        exchange="SMART",
        primary_exchange=primary,
        currency=plain.currency,
    )


def listing_exchange(contract: Contract) -> str:
    """Its primary exchange by the name that a gateway takes: `NASDAQ.NMS`, as searches have it, is none."""
    name, _, _ = contract.primary_exchange.partition(".")
    return name if name in US_EXCHANGES else contract.primary_exchange  # OSE.JPN is one


def _leg_of(leg: ComboLeg, exchange: str) -> Leg:
    own = leg.exchange if leg.exchange != exchange else ""
    return Leg(sell=leg.action == "SELL", ratio=leg.ratio, con_id=leg.con_id, exchange=own)
