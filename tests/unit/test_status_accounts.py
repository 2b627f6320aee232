"""Account values: told when they change, asked again when a subscription may be gone."""

from __future__ import annotations

from itertools import count

import pytest
from twsmq_nodes.status import accounts
from twsmq_nodes.status.accounts import TAGS, AccountBook
from twsmq_nodes.status.actions import Publish, Send, Warn
from twsmq_nodes.tws.events import AccountSummary, AccountUpdateMulti, GatewayError, PnL
from twsmq_nodes.tws.requests import (
    CancelAccountSummary,
    CancelAccountUpdatesMulti,
    CancelPnL,
    ReqAccountSummary,
    ReqAccountUpdatesMulti,
    ReqPnL,
)
from twsmq_nodes.tws.session_events import DataLost, DataMaintained, SessionLost, SessionUp
from twsmq_protocol.system_events import AccountValue, ProfitAndLoss

UP = SessionUp(200, ("DU1",), 1, upstream=True)


@pytest.fixture
def book() -> AccountBook:
    return AccountBook(count(1).__next__)


def test_a_session_asks_for_the_summary_of_all_accounts_and_each_ones_result(book: AccountBook) -> None:
    both = SessionUp(200, ("DU1", "DU2"), 1, upstream=True)
    assert book.on_session_event(both) == [
        Send(ReqAccountSummary(1, "All", TAGS)),
        Send(ReqPnL(2, "DU1")),
        Send(ReqPnL(3, "DU2")),
        Send(ReqAccountUpdatesMulti(4, "DU1", "", ledger_and_nlv=True)),
        Send(ReqAccountUpdatesMulti(5, "DU2", "", ledger_and_nlv=True)),
    ]


def test_the_days_result_is_told_as_a_value_of_its_account(book: AccountBook) -> None:
    book.on_session_event(SessionUp(200, ("DU1", "DU2"), 1, upstream=True))
    value = AccountValue(account="DU2", tag="DailyPnL", value="-12.35", currency=None)
    assert book.event(PnL(3, None, None, None)) == []  # the gateway does not know it yet
    assert book.event(PnL(3, -12.345, 0.0, -12.345)) == [
        Publish("account/DU2/DailyPnL/", value),
        Publish("pnl/DU2/", ProfitAndLoss(account="DU2", daily=-12.345, unrealized=0.0, realized=-12.345)),
    ]
    assert book.event(PnL(3, -12.345, 0.0, -12.345)) == []
    (changed,) = book.event(PnL(3, -12.345, 1.0, -13.345))
    assert changed == Publish(
        "pnl/DU2/", ProfitAndLoss(account="DU2", daily=-12.345, unrealized=1.0, realized=-13.345)
    )
    assert book.event(PnL(9, 1.0, 0.0, 0.0)) == []  # nobody asked


def test_a_value_is_told_on_its_own_topic_when_it_changes(book: AccountBook) -> None:
    book.on_session_event(UP)
    worth = AccountSummary(1, "DU1", "NetLiquidation", "100.00", "USD")
    assert book.event(worth) == [
        Publish(
            "account/DU1/NetLiquidation/USD/",
            AccountValue(account="DU1", tag="NetLiquidation", value="100.00", currency="USD"),
        )
    ]
    assert book.event(worth) == []
    assert len(book.event(AccountSummary(1, "DU1", "NetLiquidation", "101.00", "USD"))) == 1


def test_a_value_without_a_currency_has_none(book: AccountBook) -> None:
    book.on_session_event(UP)
    assert book.event(AccountSummary(1, "DU1", "AccountType", "INDIVIDUAL", "")) == [
        Publish(
            "account/DU1/AccountType/",
            AccountValue(account="DU1", tag="AccountType", value="INDIVIDUAL", currency=None),
        )
    ]


def test_after_1101_the_old_subscription_is_replaced_and_its_rows_ignored(book: AccountBook) -> None:
    book.on_session_event(UP)
    book.event(AccountSummary(1, "DU1", "Cushion", "0.5", ""))
    assert book.on_session_event(DataLost()) == [
        Send(CancelAccountSummary(1)),
        Send(CancelPnL(2)),
        Send(CancelAccountUpdatesMulti(3)),
        Send(ReqAccountSummary(4, "All", TAGS)),
        Send(ReqPnL(5, "DU1")),
        Send(ReqAccountUpdatesMulti(6, "DU1", "", ledger_and_nlv=True)),
    ]
    assert book.event(AccountSummary(1, "DU1", "Cushion", "0.4", "")) == []
    assert book.event(AccountSummary(4, "DU1", "Cushion", "0.5", "")) == []  # as published before
    assert book.event(PnL(2, 1.0, 0.0, 0.0)) == []
    assert len(book.event(PnL(5, 1.0, 0.0, 0.0))) == 2


def test_a_new_session_has_nothing_to_cancel(book: AccountBook) -> None:
    book.on_session_event(UP)
    book.on_session_event(SessionLost("reset", 0.5))
    assert book.event(PnL(2, 1.0, 0.0, 0.0)) == []
    assert book.on_session_event(UP) == [
        Send(ReqAccountSummary(4, "All", TAGS)),
        Send(ReqPnL(5, "DU1")),
        Send(ReqAccountUpdatesMulti(6, "DU1", "", ledger_and_nlv=True)),
    ]


def test_cash_and_rates_of_each_currency_are_published_under_their_account(book: AccountBook) -> None:
    book.on_session_event(SessionUp(200, ("DU1", "DU2"), 1, upstream=True))
    assert book.event(AccountUpdateMulti(5, "DU2", "", "ExchangeRate", "1.0842", "EUR")) == [
        Publish(
            "account/DU2/ExchangeRate/EUR/",
            AccountValue(account="DU2", tag="ExchangeRate", value="1.0842", currency="EUR"),
        )
    ]
    assert book.event(AccountUpdateMulti(5, "DU2", "", "ExchangeRate", "1.0842", "EUR")) == []
    assert len(book.event(AccountUpdateMulti(5, "DU2", "", "ExchangeRate", "1.0850", "EUR"))) == 1
    assert (
        book.event(AccountUpdateMulti(5, "DU2", "", "NetLiquidation", "10.00", "USD")) == []
    )  # the summary's
    assert book.event(AccountUpdateMulti(5, "DU2", "", "AccountReady", "true", "")) == []
    assert book.event(AccountUpdateMulti(9, "DU2", "", "CashBalance", "1.00", "USD")) == []  # nobody asked


def test_1102_asks_nothing(book: AccountBook) -> None:
    book.on_session_event(UP)
    assert book.on_session_event(DataMaintained()) == []


def test_a_refusal_is_for_the_log(book: AccountBook) -> None:
    book.on_session_event(UP)
    assert book.event(GatewayError(7, 322, "somebody else's")) == []
    refusal = GatewayError(1, 322, "Maximum number of account summary requests exceeded")
    assert [type(action) for action in book.event(refusal)] == [Warn]
    assert book.event(GatewayError(2, 321, "no such account")) == [
        Warn("the day's result of DU1: no such account (321)")
    ]


def test_values_without_end_or_beyond_all_length_do_not_add_up(
    book: AccountBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "MOST_VALUES", 100)
    book.on_session_event(UP)
    told = [
        action
        for number in range(1000)
        for action in book.event(AccountSummary(1, "DU1", f"Tag{number}", "x" * number, "USD"))
    ]
    assert sum(isinstance(action, Publish) for action in told) == len(book.published) == 100
    (warned,) = [action.text for action in told if isinstance(action, Warn)]
    assert "no account has so many" in warned
    assert book.event(AccountSummary(1, "DU1", "Tag7", "y" * 700, "USD")) == []
    (changed,) = book.event(AccountSummary(1, "DU1", "Tag7", "new", "USD"))
    assert isinstance(changed, Publish)
