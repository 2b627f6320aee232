"""Rows of the sections `accounts`, `cash` and `positions`, from what the gateway sent of them."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from msgspec import Struct
from twsmq_protocol.board import Row
from twsmq_protocol.requests import PositionRow
from twsmq_protocol.system_events import AccountValue, ProfitAndLoss

from .own_count import OwnCount
from .position_currency import Rates, currency_of

Key = tuple[str, int]


class Stamps(Struct):
    """When the gateway last sent figures of an account: `at` in seconds, monotonic; its summary, and its
    results and positions, in ns since the epoch."""

    at: float = 0.0
    summary: int | None = None
    results: int | None = None


NEVER = Stamps()

_OF_THE_ACCOUNT = {
    "NetLiquidation": "net_liquidation",
    "TotalCashValue": "cash",
    "BuyingPower": "buying_power",
    "ExcessLiquidity": "excess_liquidity",
    "MaintMarginReq": "maintenance_margin",
    "Cushion": "cushion",
}
_OF_A_CURRENCY = {
    "CashBalance": "cash",
    "ExchangeRate": "rate",
    "NetLiquidationByCurrency": "net_liquidation",
    "UnrealizedPnL": "unrealized",
}


def account_rows(
    values: Mapping[str, AccountValue],
    results: Mapping[str, ProfitAndLoss],
    stamps: Mapping[str, Stamps],
) -> dict[str, Row]:
    """Summary and results have ages of their own, and each account has: a gateway sends the one every few
    minutes, the other every second, and of one account maybe neither any more.
    """
    rows: dict[str, Row] = {}
    for value in values.values():
        name = _OF_THE_ACCOUNT.get(value.tag)
        if name is None:
            continue
        row = rows.setdefault(value.account, _empty(value.account))
        row[name] = number(value.value)
        if value.tag == "NetLiquidation":
            row["currency"] = value.currency
    for account, result in results.items():
        row = rows.setdefault(account, _empty(account))
        row |= {"daily": result.daily, "unrealized": result.unrealized, "realized": result.realized}
    for account, row in rows.items():
        stamp = stamps.get(account, NEVER)
        row["updated"], row["pnl_updated"] = stamp.summary, stamp.results
    return dict(sorted(rows.items()))


def cushions(values: Mapping[str, AccountValue]) -> dict[str, float]:
    """By account: excess liquidity as a share of net liquidation, where the gateway gave it."""
    found = {value.account: number(value.value) for value in values.values() if value.tag == "Cushion"}
    return {account: cushion for account, cushion in found.items() if cushion is not None}


def cash_rows(values: Mapping[str, AccountValue], stamps: Mapping[str, Stamps]) -> dict[str, Row]:
    """A row for each currency of each account; `BASE` is the account's own."""
    rows: dict[str, Row] = {}
    for value in values.values():
        name = _OF_A_CURRENCY.get(value.tag)
        if name is None or value.currency is None:
            continue
        key = f"{value.account}/{value.currency}"
        updated = stamps.get(value.account, NEVER).summary
        row = rows.setdefault(
            key, {"key": key, "account": value.account, "currency": value.currency, "updated": updated}
        )
        row[name] = number(value.value)
    return dict(sorted(rows.items()))


def position_rows(
    held: list[PositionRow] | None,
    before: Mapping[str, Row],
    results: Mapping[Key, ProfitAndLoss],
    count: OwnCount,
    stamps: Mapping[str, Stamps],
    rates: Rates,
) -> dict[str, Row]:
    """`held` None: not known at present; the rows stay as they were (`before`) and get old."""
    if held is None:
        return dict(before)
    rows: dict[str, Row] = {}
    seen: set[Key] = set()
    for position in held:
        key = (position.account, position.con_id)
        seen.add(key)
        result = results.get(key)
        rows[_spelled(key)] = {
            "key": _spelled(key),
            "account": position.account,
            "instrument": position.instrument,
            "con_id": position.con_id,
            "quantity": position.quantity,
            "own": count.own(key),
            "outside": count.outside.get(key),
            "difference": count.difference(key, position.quantity),
            "avg_cost": position.avg_cost,
            "value": None if result is None else result.value,
            "daily": None if result is None else result.daily,
            "unrealized": None if result is None else result.unrealized,
            "realized": None if result is None else result.realized,
            "currency": None if result is None else currency_of(position, result, rates),
            "updated": stamps.get(key[0], NEVER).results,
        }
    for key in sorted(count.keys() - seen):
        difference = count.difference(key, 0.0)
        if difference:
            rows[_spelled(key)] = {
                "key": _spelled(key),
                "account": key[0],
                "instrument": f"CONID:{key[1]}",
                "con_id": key[1],
                "quantity": 0.0,
                "own": count.own(key),
                "outside": count.outside.get(key),
                "difference": difference,
                "updated": stamps.get(key[0], NEVER).results,
            }
    return rows


def number(text: str) -> float | None:
    """The gateway's text as a number; None where it is none (`-1` days left is one)."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) and abs(value) < 1e300 else None


def _empty(account: str) -> Row:
    return {"key": account, "account": account, "currency": None}


def _spelled(key: Key) -> str:
    return f"{key[0]}/{key[1]}"
