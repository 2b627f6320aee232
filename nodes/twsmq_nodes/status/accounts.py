"""Account values: the summary, cash and rates of each currency, and the profit and loss of each account.

Of the summary and of the ledger a gateway sends all rows first and then every few minutes those that changed,
of the profit and loss one about every second (IBKR API docs). After 1101 or a reconnect all are asked for
again, and only what differs from what was published goes out.

The ledger is asked for account by account (`reqAccountUpdatesMulti`, ledger and net liquidation only): the
`$LEDGER` rows of a summary carry the account "All" (captured) and belong to nobody where there are several.
Its rows under a tag of the summary are left out: one value has one source.
"""

from __future__ import annotations

from collections.abc import Callable

from twsmq_protocol.system_events import AccountValue, ProfitAndLoss
from twsmq_protocol.topics import account_value_topic, pnl_topic

from twsmq_nodes.tws import session_events
from twsmq_nodes.tws.events import AccountSummary, AccountUpdateMulti, Event, GatewayError, PnL
from twsmq_nodes.tws.requests import (
    CancelAccountSummary,
    CancelAccountUpdatesMulti,
    CancelPnL,
    ReqAccountSummary,
    ReqAccountUpdatesMulti,
    ReqPnL,
)
from twsmq_nodes.tws.session_events import SessionEvent

from .actions import Action, Publish, Send, Warn

TAGS = (
    "AccountType,NetLiquidation,TotalCashValue,SettledCash,AccruedCash,BuyingPower,EquityWithLoanValue,"
    "GrossPositionValue,InitMarginReq,MaintMarginReq,AvailableFunds,ExcessLiquidity,Cushion,Leverage,"
    "DayTradesRemaining"
)
DAILY_PNL = "DailyPnL"
MOST_VALUES, LONGEST = 200_000, 600
"""Of all accounts together, far above any adviser's; and characters of a topic, or of a value."""
_OF_THE_SUMMARY = frozenset(TAGS.split(","))


class AccountBook:
    """`next_req_id` gives an id the session has not used."""

    def __init__(self, next_req_id: Callable[[], int]) -> None:
        self._next_req_id = next_req_id
        self._accounts: tuple[str, ...] = ()
        self._summary: int | None = None  # request ids, while they are subscribed
        self._ledgers: dict[int, str] = {}  # with the account each is for
        self._results: dict[int, str] = {}
        self.published: dict[str, AccountValue] = {}
        self.results: dict[str, ProfitAndLoss] = {}
        self._full = False

    def on_session_event(self, event: SessionEvent) -> list[Action]:
        match event:
            case session_events.SessionUp(accounts=accounts):
                self._accounts = accounts
                return [*self._farewell(), *self._ask()]
            case session_events.SessionLost():
                self._summary = None
                self._ledgers.clear()
                self._results.clear()
                return []
            case session_events.DataLost():
                return [*self._cancel(), *self._ask()]
            case _:
                return []

    def event(self, event: Event) -> list[Action]:
        match event:
            case AccountSummary(req_id=req_id) if req_id == self._summary:
                return self._publish(event.account, event.tag, event.value, event.currency or None)
            case AccountUpdateMulti(req_id=req_id) if req_id in self._ledgers:
                return self._ledger_row(event)
            case PnL(req_id=req_id) if req_id in self._results:
                return self._result(self._results[req_id], event)
            case GatewayError(req_id=req_id, code=code, text=text):
                about = self._about(req_id)
                return [] if about is None else [Warn(f"{about}: {text} ({code})")]
            case _:
                return []

    def known(self) -> set[str]:
        """Accounts of which something was published."""
        return {value.account for value in self.published.values()} | self.results.keys()

    def account_of(self, event: AccountSummary | AccountUpdateMulti | PnL) -> str | None:
        """Whose figures it is; None if nobody asked."""
        match event:
            case AccountSummary(req_id=req_id):
                return event.account if req_id == self._summary else None
            case AccountUpdateMulti(req_id=req_id):
                return event.account or self._ledgers.get(req_id)
            case PnL(req_id=req_id):
                return self._results.get(req_id)

    def ask_again(self) -> list[Action]:
        """A gateway repeats nothing that has not changed: asked anew, it shows that it still stands."""
        return [*self._cancel(), *self._ask()]

    def _farewell(self) -> list[Action]:
        """What was published of accounts that this session does not have: another login's."""
        actions: list[Action] = []
        gone = self.known() - set(self._accounts)
        for topic, value in [(t, v) for t, v in self.published.items() if v.account in gone]:
            del self.published[topic]
            empty = AccountValue(account=value.account, tag=value.tag, value="", currency=value.currency)
            actions.append(Publish(topic, empty, last=True))
        for account in gone & self.results.keys():
            del self.results[account]
            actions.append(Publish(pnl_topic(account), ProfitAndLoss(account=account), last=True))
        return actions

    def _about(self, req_id: int) -> str | None:
        if req_id == self._summary:
            return "account summary"
        if req_id in self._ledgers:
            return f"cash and rates of {self._ledgers[req_id]}"
        return f"the day's result of {self._results[req_id]}" if req_id in self._results else None

    def _ask(self) -> list[Action]:
        self._summary = self._next_req_id()
        self._results = {self._next_req_id(): account for account in self._accounts}
        self._ledgers = {self._next_req_id(): account for account in self._accounts}
        ledgers = [
            ReqAccountUpdatesMulti(req_id, account, "", ledger_and_nlv=True)
            for req_id, account in self._ledgers.items()
        ]
        results = [ReqPnL(req_id, account) for req_id, account in self._results.items()]
        return [Send(each) for each in (ReqAccountSummary(self._summary, "All", TAGS), *results, *ledgers)]

    def _cancel(self) -> list[Action]:
        if self._summary is None:
            return []
        return [
            Send(CancelAccountSummary(self._summary)),
            *(Send(CancelPnL(one)) for one in self._results),
            *(Send(CancelAccountUpdatesMulti(one)) for one in self._ledgers),
        ]

    def _ledger_row(self, event: AccountUpdateMulti) -> list[Action]:
        account = event.account or self._ledgers[event.req_id]
        if event.model_code or not event.currency or event.key in _OF_THE_SUMMARY:
            return []
        return self._publish(account, event.key, event.value, event.currency)

    def _result(self, account: str, event: PnL) -> list[Action]:
        result = ProfitAndLoss(
            account=account, daily=event.daily, unrealized=event.unrealized, realized=event.realized
        )
        actions: list[Action] = []
        if event.daily is not None or account_value_topic(account, DAILY_PNL, None) in self.published:
            text = "" if event.daily is None else f"{event.daily:.2f}"
            actions += self._publish(account, DAILY_PNL, text, None)
        if self.results.get(account) != result and (account in self.results or _known(result)):
            self.results[account] = result
            actions.append(Publish(pnl_topic(account), result))
        return actions

    def _publish(self, account: str, tag: str, text: str, currency: str | None) -> list[Action]:
        value = AccountValue(account=account, tag=tag, value=text, currency=currency)
        topic = account_value_topic(account, tag, currency)
        if self.published.get(topic) == value:
            return []
        full = topic not in self.published and len(self.published) >= MOST_VALUES
        if full or len(topic) > LONGEST or len(text) > LONGEST:
            problem = "account values are left out: no account has so many, or any so long"
            return [] if self._full else self._warn_once(problem)
        self.published[topic] = value
        return [Publish(topic, value)]

    def _warn_once(self, problem: str) -> list[Action]:
        self._full = True
        return [Warn(problem)]


def _known(result: ProfitAndLoss) -> bool:
    return any(each is not None for each in (result.daily, result.unrealized, result.realized))
