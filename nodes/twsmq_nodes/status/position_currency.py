"""In which currency a gateway gives the results of a position: pure.

`reqPnLSingle` names none, and IBKR's documentation says only that it is what the portfolio window of TWS
shows, which can be the contract's own currency or the account's. Where the two are one there is no question.
Else the figures themselves tell: value less what is unrealized is what the position has cost, and its average
cost is in the contract's own currency (with the multiplier), so the two differ by nothing, or by the rate of
the account. Where that decides nothing, above all where the rate is near 1, nobody knows: None.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct
from twsmq_protocol.errors import FieldError
from twsmq_protocol.instruments import parse_instrument
from twsmq_protocol.requests import PositionRow
from twsmq_protocol.system_events import AccountValue, ProfitAndLoss
from twsmq_protocol.topics import account_value_topic

CLOSE, BY_RATE = 0.005, 0.02
"""How far two amounts of one currency may be apart; and by a rate, which is of another moment."""
_KEPT = 4096


class Rates(Struct, frozen=True):
    """`base`: each account's own currency. `values`: as published, by topic."""

    base: Mapping[str, str]
    values: Mapping[str, AccountValue]

    def rate(self, account: str, currency: str) -> float | None:
        """What one unit of `currency` is worth in the account's own."""
        value = self.values.get(account_value_topic(account, "ExchangeRate", currency))
        try:
            return None if value is None else float(value.value)
        except ValueError:
            return None


def rates_of(values: Mapping[str, AccountValue]) -> Rates:
    worth = [each for each in values.values() if each.tag == "NetLiquidation" and each.currency]
    return Rates({each.account: each.currency or "" for each in worth}, values)


def currency_of(position: PositionRow, result: ProfitAndLoss, rates: Rates) -> str | None:
    own, base = _named(position.instrument), rates.base.get(position.account)
    if not own or base is None:
        return None
    if own == base:
        return own
    rate = rates.rate(position.account, own)
    if result.value is None or result.unrealized is None or not position.avg_cost or rate is None:
        return None
    share = (result.value - result.unrealized) / (position.quantity * position.avg_cost)
    in_own, in_base = abs(share - 1.0) <= CLOSE, abs(share - rate) <= BY_RATE * abs(rate)
    if in_own == in_base:
        return None
    return own if in_own else base


@lru_cache(_KEPT)
def _named(instrument: str) -> str:
    """The currency in the spelling of an instrument; empty where only a conId stands there."""
    try:
        return parse_instrument(instrument).currency
    except FieldError:
        return ""
