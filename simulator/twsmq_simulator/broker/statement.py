"""The account in figures: the rows of account updates and account summaries.

Keys are those of a US margin account as seen in captures; both lists are alphabetical (captured). Foreign
currency counts at par and there is one account's worth of money behind every account code (assumptions).
"""

from decimal import Decimal

import msgspec

from twsmq_simulator.broker.core import Broker
from twsmq_simulator.broker.ledger import UNPAID


class Row(msgspec.Struct, frozen=True, order=True):
    key: str
    value: str
    currency: str


class Told:
    """What a subscriber has been sent: everything at first, later only what differs (IBKR docs)."""

    def __init__(self) -> None:
        self._rows: set[Row] = set()

    def fresh(self, rows: list[Row]) -> list[Row]:
        found = [row for row in rows if row not in self._rows]
        self._rows = set(rows)
        return found


def _money(value: Decimal) -> str:
    return f"{value:.2f}"


def shown_cash(broker: Broker) -> Decimal:
    """Total cash as a statement has it: futures and CFDs do not tie up their notional."""
    cash = sum(broker.ledger.cash.values(), Decimal(0))
    for position in broker.ledger.positions.values():
        if broker.instrument(position.con_id).sec_type in UNPAID:
            cash += broker.account.market_value(position)
    return cash


def unrealized(broker: Broker, con_id: int) -> Decimal:
    position = broker.ledger.positions[con_id]
    return broker.account.market_value(position) - position.quantity * position.cost


def gross_position_value(broker: Broker) -> Decimal:
    """Market value of what is paid in full."""
    held = broker.ledger.positions.values()
    paid = [p for p in held if broker.instrument(p.con_id).sec_type not in UNPAID]
    return sum((abs(broker.account.market_value(p)) for p in paid), Decimal(0))


def summary(broker: Broker) -> list[Row]:
    """The figures of the whole account, in its base currency, alphabetical."""
    worth = broker.account.net_liquidation()
    cash = shown_cash(broker)
    required = broker.account.margin_required()
    free = worth - required
    gross = gross_position_value(broker)
    figures = {
        "AccruedCash": Decimal(0),
        "AvailableFunds": free,
        "BuyingPower": max(free, Decimal(0)) * 4,
        "EquityWithLoanValue": worth,
        "ExcessLiquidity": free,
        "FullAvailableFunds": free,
        "FullExcessLiquidity": free,
        "FullInitMarginReq": required,
        "FullMaintMarginReq": required,
        "GrossPositionValue": gross,
        "InitMarginReq": required,
        "LookAheadAvailableFunds": free,
        "LookAheadExcessLiquidity": free,
        "LookAheadInitMarginReq": required,
        "LookAheadMaintMarginReq": required,
        "MaintMarginReq": required,
        "NetLiquidation": worth,
        "PreviousDayEquityWithLoanValue": worth,
        "RegTEquity": worth,
        "RegTMargin": required,
        "SMA": max(free, Decimal(0)),
        "SettledCash": cash,
        "TotalCashValue": cash,
    }
    rows = [Row(key, _money(value), "USD") for key, value in figures.items()]
    rows += [
        Row("AccountType", "INDIVIDUAL", ""),
        Row("Cushion", f"{(free / worth if worth else Decimal(0)):.6f}", ""),
        *(Row("DayTradesRemaining" + day, "-1", "") for day in ("", "T+1", "T+2", "T+3", "T+4")),
        Row("HighestSeverity", "0", ""),
        Row("Leverage", f"{(gross / worth if worth else Decimal(0)):.2f}", ""),
        Row("LookAheadNextChange", "0", ""),
    ]
    return sorted(rows)


def ledger_rows(broker: Broker) -> list[Row]:
    """The $LEDGER figures of each currency and of BASE."""
    profit = sum((unrealized(broker, con_id) for con_id in broker.ledger.positions), Decimal(0))
    rows: list[Row] = []
    for currency, cash in sorted([*broker.ledger.cash.items(), ("BASE", shown_cash(broker))]):
        whole = currency in ("BASE", "USD")
        values = {
            "CashBalance": cash,
            "NetLiquidationByCurrency": broker.account.net_liquidation() if whole else cash,
            "RealizedPnL": broker.ledger.realized if whole else Decimal(0),
            "StockMarketValue": gross_position_value(broker) if whole else Decimal(0),
            "TotalCashBalance": cash,
            "UnrealizedPnL": profit if whole else Decimal(0),
        }
        rows += [Row(key, _money(value), currency) for key, value in values.items()]
        rows += [Row("Currency", currency, currency), Row("ExchangeRate", "1.00", currency)]
    return sorted(rows)


def updates(broker: Broker) -> list[Row]:
    """What account updates send: everything, alphabetical by key (captured)."""
    ready = [Row("AccountCode", broker.accounts[0], ""), Row("AccountReady", "true", "")]
    return sorted(ready + summary(broker) + ledger_rows(broker))
