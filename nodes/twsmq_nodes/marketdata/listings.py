"""Which contract a spelling means: the gateway's answer to one look-up, judged.

Theory: a spelling names, only the conId identifies. So every spelling is looked up once and then remembered,
and a line is asked for by conId and exchange alone: whatever else was spelled cannot make two lines of one
contract, nor contradict it (error 478). A combo is what its legs say; there is nothing to look up.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from twsmq_protocol.instruments import Instrument

from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.instruments import contract_of

from .hours import Hours, parse_hours

NO_DEFINITION = 200
"""The gateway's code for an unknown contract and, with another text, for an ambiguous one."""

ROUND_LOT = 100
_MOST_NAMED = 8


class Refusal(Struct, frozen=True):
    """Why there is no data: the gateway's `code`, or None where the refusal is ours."""

    code: int | None
    text: str


class Listing(Struct, frozen=True, omit_defaults=True):
    """A contract and what the node needs to know about it.

    `volume_unit`: what one unit of the volume tick stands for. Up to server version 219 it counts round
    lots of 100 for US stocks (captured from a Gateway 10.40.1; this session never negotiates a higher one).
    `hours`: when it trades, as far as is known.
    """

    contract: Contract
    sec_type: str = ""
    volume_unit: int = 1
    hours: Hours = ()


def combo_of(instrument: Instrument) -> Listing | None:
    """The contract of a combo; None for what has to be looked up."""
    return Listing(contract_of(instrument), "BAG") if instrument.legs else None


def judge(instrument: Instrument, rows: Sequence[ContractInfo]) -> Listing | Refusal:
    """The one contract that all rows of a look-up agree on, else what the subscriber should write instead."""
    by_con_id = {row.contract.con_id: row for row in rows}
    if not by_con_id:
        return Refusal(NO_DEFINITION, f"No security definition has been found for {instrument}")
    if len(by_con_id) > 1:
        named = [_candidate(row) for row in list(by_con_id.values())[:_MOST_NAMED]]
        more = f" and {len(by_con_id) - _MOST_NAMED} more" if len(by_con_id) > _MOST_NAMED else ""
        return Refusal(
            NO_DEFINITION,
            f"{instrument} is ambiguous: {len(by_con_id)} contracts match; subscribe to one of "
            f"{', '.join(named)}{more}",
        )
    (row,) = by_con_id.values()
    in_lots = row.contract.sec_type == "STK" and row.time_zone_id.startswith("US/")
    return Listing(
        contract=Contract(con_id=row.contract.con_id, exchange=instrument.exchange or _exchange(row)),
        sec_type=row.contract.sec_type,
        volume_unit=ROUND_LOT if in_lots else 1,
        hours=parse_hours(row.trading_hours, row.time_zone_id),
    )


def _exchange(row: ContractInfo) -> str:
    exchanges = row.valid_exchanges.split(",")
    return "SMART" if "SMART" in exchanges else row.contract.exchange or exchanges[0]


def _candidate(row: ContractInfo) -> str:
    contract = row.contract
    name = contract.local_symbol or contract.symbol
    words = (name, contract.expiry, contract.primary_exchange, contract.currency)
    return f"CONID:{contract.con_id}:{_exchange(row)} ({' '.join(filter(None, words))})"
