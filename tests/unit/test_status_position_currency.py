"""In which currency a position's results are: known where it can be, said to be unknown where not."""

from __future__ import annotations

import pytest
from twsmq_nodes.status.position_currency import currency_of, rates_of
from twsmq_protocol.requests import PositionRow
from twsmq_protocol.system_events import AccountValue, ProfitAndLoss
from twsmq_protocol.topics import account_value_topic


def value(tag: str, text: str, currency: str) -> tuple[str, AccountValue]:
    topic = account_value_topic("DU1", tag, currency)
    return topic, AccountValue(account="DU1", tag=tag, value=text, currency=currency)


SAP, AAPL, JNB = "STK:SAP:IBIS:EUR", "STK:AAPL:SMART:USD", "STK:JNB:SMART:CHF"
RATES = rates_of(
    dict(
        (
            value("NetLiquidation", "100000.00", "USD"),
            value("ExchangeRate", "1.08", "EUR"),
            value("ExchangeRate", "1.003", "CHF"),
            value("ExchangeRate", "", "SEK"),
        )
    )
)


def found(
    instrument: str, quantity: float, avg_cost: float | None, worth: float | None, unrealized: float | None
) -> str | None:
    position = PositionRow(
        account="DU1", instrument=instrument, con_id=1, quantity=quantity, avg_cost=avg_cost
    )
    return currency_of(
        position, ProfitAndLoss(account="DU1", con_id=1, value=worth, unrealized=unrealized), RATES
    )


@pytest.mark.parametrize(
    ("instrument", "quantity", "avg_cost", "worth", "unrealized", "currency"),
    [
        (AAPL, 10.0, 100.0, None, None, "USD"),
        (SAP, 10.0, 100.0, 1100.0, 100.0, "EUR"),
        (SAP, -10.0, 100.0, -1100.0, -100.0, "EUR"),
        (SAP, 10.0, 100.0, 1188.0, 108.0, "USD"),
        (SAP, -10.0, 100.0, -1188.0, -108.0, "USD"),
        (SAP, 10.0, 100.0, 1140.0, 100.0, None),  # neither
        (SAP, 10.0, 0.0, 1100.0, 1100.0, None),  # a gift
        (SAP, 10.0, None, 1100.0, 100.0, None),
        (SAP, 10.0, 100.0, 1100.0, None, None),
        (SAP, 10.0, 100.0, None, 100.0, None),
        (JNB, 10.0, 100.0, 1100.0, 100.0, None),  # a rate of nearly 1 tells nothing
        ("STK:ERIC:SFB:SEK", 10.0, 100.0, 1100.0, 100.0, None),  # no rate
        ("STK:7203:TSEJ:JPY", 10.0, 100.0, 1100.0, 100.0, None),
        ("CONID:1", 10.0, 100.0, 1100.0, 100.0, None),
    ],
)
def test_the_currency_is_named_where_it_is_known(
    instrument: str,
    quantity: float,
    avg_cost: float | None,
    worth: float | None,
    unrealized: float | None,
    currency: str | None,
) -> None:
    """An account in dollars that held SAP showed euros, or dollars, and did not say which."""
    assert found(instrument, quantity, avg_cost, worth, unrealized) == currency


def test_of_an_account_that_has_named_no_currency_nothing_is_known() -> None:
    position = PositionRow(account="DU2", instrument=AAPL, con_id=1, quantity=1.0, avg_cost=1.0)
    assert currency_of(position, ProfitAndLoss(account="DU2"), RATES) is None
