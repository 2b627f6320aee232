"""Account summary values: one subscription, each value told when it changes.

A gateway sends all rows first and then every few minutes those that changed (IBKR API docs); after 1101 or a
reconnect it is asked again, and only what differs from what was told goes out.
"""

from __future__ import annotations

from collections.abc import Callable

from twsmq_protocol.system_events import AccountValue
from twsmq_protocol.topics import account_value_topic

from twsmq_nodes.tws import notices
from twsmq_nodes.tws.events import AccountSummary, Event, GatewayError
from twsmq_nodes.tws.notices import Notice
from twsmq_nodes.tws.requests import CancelAccountSummary, ReqAccountSummary

from .actions import Action, Publish, Send, Warn

TAGS = (
    "AccountType,NetLiquidation,TotalCashValue,SettledCash,AccruedCash,BuyingPower,EquityWithLoanValue,"
    "GrossPositionValue,InitMarginReq,MaintMarginReq,AvailableFunds,ExcessLiquidity,Cushion,Leverage,"
    "DayTradesRemaining"
)


class AccountBook:
    """`next_req_id` gives an id the session has not used."""

    def __init__(self, next_req_id: Callable[[], int]) -> None:
        self._next_req_id = next_req_id
        self._req_id: int | None = None
        self._told: dict[str, AccountValue] = {}

    def notice(self, notice: Notice) -> list[Action]:
        match notice:
            case notices.SessionUp():
                return self._ask()
            case notices.SessionLost():
                self._req_id = None
                return []
            case notices.DataLost():
                cancel: list[Action] = (
                    [] if self._req_id is None else [Send(CancelAccountSummary(self._req_id))]
                )
                return cancel + self._ask()
            case _:
                return []

    def event(self, event: Event) -> list[Action]:
        match event:
            case AccountSummary(req_id=req_id) if req_id == self._req_id:
                return self._tell(event)
            case GatewayError(req_id=req_id, code=code, text=text) if req_id == self._req_id:
                return [Warn(f"account summary: {text} ({code})")]
            case _:
                return []

    def _ask(self) -> list[Action]:
        self._req_id = self._next_req_id()
        return [Send(ReqAccountSummary(self._req_id, "All", TAGS))]

    def _tell(self, row: AccountSummary) -> list[Action]:
        value = AccountValue(account=row.account, tag=row.tag, value=row.value, currency=row.currency or None)
        topic = account_value_topic(row.account, row.tag, value.currency)
        if self._told.get(topic) == value:
            return []
        self._told[topic] = value
        return [Publish(topic, value)]
