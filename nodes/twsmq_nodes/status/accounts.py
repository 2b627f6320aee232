"""Account values: the account summary, and the day's result of each account; each value told when it changes.

Of the summary a gateway sends all rows first and then every few minutes those that changed, of the result one
about every second (IBKR API docs). After 1101 or a reconnect both are asked for again, and only what differs
from what was told goes out.
"""

from __future__ import annotations

from collections.abc import Callable

from twsmq_protocol.system_events import AccountValue
from twsmq_protocol.topics import account_value_topic

from twsmq_nodes.tws import notices
from twsmq_nodes.tws.events import AccountSummary, Event, GatewayError, PnL
from twsmq_nodes.tws.notices import Notice
from twsmq_nodes.tws.requests import CancelAccountSummary, CancelPnL, ReqAccountSummary, ReqPnL

from .actions import Action, Publish, Send, Warn

TAGS = (
    "AccountType,NetLiquidation,TotalCashValue,SettledCash,AccruedCash,BuyingPower,EquityWithLoanValue,"
    "GrossPositionValue,InitMarginReq,MaintMarginReq,AvailableFunds,ExcessLiquidity,Cushion,Leverage,"
    "DayTradesRemaining"
)
DAILY_PNL = "DailyPnL"


class AccountBook:
    """`next_req_id` gives an id the session has not used."""

    def __init__(self, next_req_id: Callable[[], int]) -> None:
        self._next_req_id = next_req_id
        self._accounts: tuple[str, ...] = ()
        self._summary: int | None = None  # request ids, while they are subscribed
        self._results: dict[int, str] = {}  # with the account each is for
        self._told: dict[str, AccountValue] = {}

    def notice(self, notice: Notice) -> list[Action]:
        match notice:
            case notices.SessionUp(accounts=accounts):
                self._accounts = accounts
                return self._ask()
            case notices.SessionLost():
                self._summary = None
                self._results.clear()
                return []
            case notices.DataLost():
                return [*self._cancel(), *self._ask()]
            case _:
                return []

    def event(self, event: Event) -> list[Action]:
        match event:
            case AccountSummary(req_id=req_id) if req_id == self._summary:
                return self._tell(event.account, event.tag, event.value, event.currency or None)
            case PnL(req_id=req_id, daily=float(daily)) if req_id in self._results:
                return self._tell(self._results[req_id], DAILY_PNL, f"{daily:.2f}", None)
            case GatewayError(req_id=req_id, code=code, text=text) if req_id == self._summary:
                return [Warn(f"account summary: {text} ({code})")]
            case GatewayError(req_id=req_id, code=code, text=text) if req_id in self._results:
                return [Warn(f"the day's result of {self._results[req_id]}: {text} ({code})")]
            case _:
                return []

    def _ask(self) -> list[Action]:
        self._summary = self._next_req_id()
        self._results = {self._next_req_id(): account for account in self._accounts}
        results = [Send(ReqPnL(req_id, account)) for req_id, account in self._results.items()]
        return [Send(ReqAccountSummary(self._summary, "All", TAGS)), *results]

    def _cancel(self) -> list[Action]:
        if self._summary is None:
            return []
        return [Send(CancelAccountSummary(self._summary)), *(Send(CancelPnL(one)) for one in self._results)]

    def _tell(self, account: str, tag: str, text: str, currency: str | None) -> list[Action]:
        value = AccountValue(account=account, tag=tag, value=text, currency=currency)
        topic = account_value_topic(account, tag, currency)
        if self._told.get(topic) == value:
            return []
        self._told[topic] = value
        return [Publish(topic, value)]
