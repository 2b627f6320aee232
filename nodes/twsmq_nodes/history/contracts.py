"""The contract that is asked for, and what there is of its kind. Pure."""

from __future__ import annotations

from msgspec.structs import replace
from twsmq_protocol.instruments import parse_instrument, usual_bars

from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.instruments import contract_of

_EXPIRE = ("FUT", "")
"""Of those that have expired only futures have a past (IBKR's documentation 21.01.04), and it is refused with
a 200 unless the request says so (ib_insync #43). Of what is named by its conId the kind is not known."""


def contract_for(instrument: str) -> Contract:
    contract = contract_of(parse_instrument(instrument))
    return replace(contract, include_expired=contract.sec_type in _EXPIRE)


def usual_what(contract: Contract) -> str:
    """What its bars are made of unless something else is asked for."""
    return usual_bars(contract.sec_type)
