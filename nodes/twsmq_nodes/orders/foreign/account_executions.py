"""Executions in all accounts, whoever placed their orders, as the gateway has reported them.

Invariants: each is announced once, by its id, and a correction replaces; what it cost likewise. They are kept
in memory alone: after a restart the gateway reports those of the last days again (`recovered`).
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import asdict
from twsmq_protocol.instruments import format_instrument
from twsmq_protocol.order_control_requests import (
    AccountExecutionList,
    AccountExecutionRow,
    GetAccountExecutions,
)
from twsmq_protocol.order_events import AccountExecution, ExecutionCost
from twsmq_protocol.order_query_requests import MAX_ROWS
from twsmq_protocol.topics import execution_topic

from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws.instruments import instrument_of

from ..actions import Action, Announce
from ..ids import order_ref, split_exec_id
from ..record import Record
from ..reports.executions import Executions, amounts, cost_in, is_leg

MOST = 50_000
"""Kept; the oldest are forgotten first."""


class AccountExecutions:
    def __init__(self, times: Executions, actions: list[Action]) -> None:
        self._times = times
        self._actions = actions
        self._known: dict[str, AccountExecution] = {}  # by the part of the id before its correction's number
        self._costs: dict[str, ExecutionCost] = {}  # likewise
        self._filled: dict[tuple[int, bool], float] = {}  # by permanent id of orders that were not placed
        # here, the whole of combos apart from their legs
        self._combos: set[int] = set()  # permanent ids

    def learn(self, event: tws.ExecDetails, record: Record | None, ts: int) -> AccountExecution | None:
        """An execution was reported; None if it is not news."""
        seen = event.execution
        prefix, number = split_exec_id(seen.exec_id)
        before = self._known.get(prefix)
        shares, price = amounts(event, before)
        if shares is None or price is None:
            return None
        if before is not None and split_exec_id(before.exec_id)[1] >= number:
            return None
        execution = AccountExecution(
            ts=ts,
            exec_id=seen.exec_id,
            account=seen.acct_number,
            instrument=_instrument(event, record),
            side="BUY" if seen.side == "BOT" else "SELL",
            quantity=shares,
            price=price,
            time=self._times.time_ns(seen.time),
            con_id=event.contract.con_id or None,
            exchange=seen.exchange,
            perm_id=seen.perm_id or 0,
            client_id=seen.client_id or 0,
            order_id=seen.order_id or 0,
            reference=seen.order_ref,
            order=None if record is None else order_ref(record.key),
            liquidation=bool(seen.liquidation),
            liquidity=seen.last_liquidity or 0,
            leg=self._is_leg(record, event),
            corrects=None if before is None else before.exec_id,
            recovered=event.req_id != -1,
        )
        self._known[prefix] = execution
        if record is None and execution.perm_id:
            at = execution.perm_id, event.contract.sec_type == "BAG"
            change = execution.quantity - (0.0 if before is None else before.quantity)
            self._filled[at] = self._filled.get(at, 0.0) + change
        if len(self._known) > MOST:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._costs.pop(oldest, None)
        self._actions.append(Announce(execution_topic(execution.account), execution))
        early = self._costs.get(prefix)
        if early is not None and not early.account:
            self._announce_cost(prefix, execution, early)
        return execution

    def cost(self, event: tws.CommissionReport) -> None:
        """It may come before its execution."""
        prefix = split_exec_id(event.exec_id)[0]
        before = self._costs.get(prefix)
        same = before is not None and before.exec_id == event.exec_id
        said = cost_in(event, before.realized_pnl if before is not None and same else None)
        if said is None:
            return
        cost = ExecutionCost(
            exec_id=event.exec_id,
            account="",
            commission=said.commission,
            currency=said.currency,
            realized_pnl=said.realized_pnl,
        )
        known = self._known.get(prefix)
        if known is None:
            if len(self._costs) < 2 * MOST:
                self._costs[prefix] = cost
        elif before is None or _worth(before) != _worth(cost):
            self._announce_cost(prefix, known, cost)

    def _announce_cost(self, prefix: str, known: AccountExecution, cost: ExecutionCost) -> None:
        self._costs[prefix] = ExecutionCost(
            exec_id=cost.exec_id,
            account=known.account,
            commission=cost.commission,
            currency=cost.currency,
            realized_pnl=cost.realized_pnl,
        )
        self._actions.append(Announce(execution_topic(known.account), self._costs[prefix]))

    def filled(self, perm_id: int) -> float:
        """Of an order that was not placed here, according to its executions."""
        return self._filled.get((perm_id, perm_id in self._combos), 0.0)

    def executed(self, perm_id: int) -> bool:
        """Whether anything of an order that was not placed here."""
        return (perm_id, False) in self._filled or (perm_id, True) in self._filled

    def is_combo(self, perm_id: int) -> None:
        """An order that was not placed here: its legs' executions are not its own."""
        self._combos.add(perm_id)

    def _is_leg(self, record: Record | None, event: tws.ExecDetails) -> bool:
        perm_id, whole = event.execution.perm_id, event.contract.sec_type == "BAG"
        if record is not None:
            return is_leg(record, event)
        if whole and perm_id:
            self._combos.add(perm_id)
        return perm_id in self._combos and not whole

    def rows(self, args: GetAccountExecutions) -> AccountExecutionList:
        rows = sorted(self._rows(args), key=lambda row: row.time or 0)
        return AccountExecutionList(executions=rows[-MAX_ROWS:], left_out=max(0, len(rows) - MAX_ROWS))

    def _rows(self, args: GetAccountExecutions) -> Iterator[AccountExecutionRow]:
        for prefix, known in self._known.items():
            if not known.quantity:
                continue  # taken back
            if args.account not in (None, known.account) or (args.foreign and known.order is not None):
                continue
            if args.since is not None and (known.time or known.ts) < args.since:
                continue
            fields = {name: value for name, value in asdict(known).items() if name not in _NOT_IN_ROWS}
            cost = self._costs.get(prefix)
            if cost is not None:
                fields |= {
                    "commission": cost.commission,
                    "currency": cost.currency,
                    "realized_pnl": cost.realized_pnl,
                }
            yield AccountExecutionRow(**fields)


_NOT_IN_ROWS = frozenset(AccountExecution.__struct_fields__) - set(AccountExecutionRow.__struct_fields__)


def _worth(cost: ExecutionCost) -> tuple[str, float, str, float | None]:
    return cost.exec_id, cost.commission, cost.currency, cost.realized_pnl


def _instrument(event: tws.ExecDetails, record: Record | None) -> str:
    """As it was placed here, else as the gateway has it."""
    if record is not None and not is_leg(record, event):
        return record.order.instrument
    return format_instrument(instrument_of(event.contract))
