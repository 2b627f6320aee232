"""Account values: told when they change, asked again when a subscription may be gone."""

from __future__ import annotations

from itertools import count

import pytest
from twsmq_nodes.status.accounts import TAGS, AccountBook
from twsmq_nodes.status.actions import Publish, Send, Warn
from twsmq_nodes.tws.events import AccountSummary, GatewayError
from twsmq_nodes.tws.notices import DataLost, DataMaintained, SessionLost, SessionUp
from twsmq_nodes.tws.requests import CancelAccountSummary, ReqAccountSummary
from twsmq_protocol.system_events import AccountValue

UP = SessionUp(200, ("DU1",), 1, upstream=True)


@pytest.fixture
def book() -> AccountBook:
    return AccountBook(count(1).__next__)


def test_a_session_asks_for_the_summary_of_all_accounts(book: AccountBook) -> None:
    assert book.notice(UP) == [Send(ReqAccountSummary(1, "All", TAGS))]


def test_a_value_is_told_on_its_own_topic_when_it_changes(book: AccountBook) -> None:
    book.notice(UP)
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
    book.notice(UP)
    assert book.event(AccountSummary(1, "DU1", "AccountType", "INDIVIDUAL", "")) == [
        Publish(
            "account/DU1/AccountType/",
            AccountValue(account="DU1", tag="AccountType", value="INDIVIDUAL", currency=None),
        )
    ]


def test_after_1101_the_old_subscription_is_replaced_and_its_rows_ignored(book: AccountBook) -> None:
    book.notice(UP)
    book.event(AccountSummary(1, "DU1", "Cushion", "0.5", ""))
    assert book.notice(DataLost()) == [
        Send(CancelAccountSummary(1)),
        Send(ReqAccountSummary(2, "All", TAGS)),
    ]
    assert book.event(AccountSummary(1, "DU1", "Cushion", "0.4", "")) == []
    assert book.event(AccountSummary(2, "DU1", "Cushion", "0.5", "")) == []  # as told before


def test_a_new_session_has_nothing_to_cancel(book: AccountBook) -> None:
    book.notice(UP)
    book.notice(SessionLost("reset", 0.5))
    assert book.notice(UP) == [Send(ReqAccountSummary(2, "All", TAGS))]


def test_1102_asks_nothing(book: AccountBook) -> None:
    book.notice(UP)
    assert book.notice(DataMaintained()) == []


def test_a_refusal_is_for_the_log(book: AccountBook) -> None:
    book.notice(UP)
    assert book.event(GatewayError(7, 322, "somebody else's")) == []
    refusal = GatewayError(1, 322, "Maximum number of account summary requests exceeded")
    assert [type(action) for action in book.event(refusal)] == [Warn]
