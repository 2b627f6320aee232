"""`twsmq order place` follows an order until it is done, telling each thing once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from twsmq.cli import main
from twsmq.cli.order import JsonStory
from twsmq.cli.order_changes import Outcome
from twsmq.cli.order_story import Story
from twsmq_protocol.order_events import Change, Commission, Fill, Notice, Order


class Told:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.story = Story(self.lines.append)
        self.now = 0.0

    def receive(self, *events: Any) -> None:
        for event in events:
            self.story.receive(event, self.now)

    def words(self) -> list[str]:
        return [line.split()[0] for line in self.lines]

    def over(self) -> bool:
        return self.story.over(self.now)


def an_order(status: Any, **fields: Any) -> Order:
    return Order(
        client_order_id="a",
        strategy="cli",
        instrument="STK:A:SMART:USD",
        side="BUY",
        quantity=10,
        order_type="MKT",
        status=status,
        **fields,
    )


def a_fill(exec_id: str) -> Fill:
    return Fill(
        client_order_id="a", strategy="cli", exec_id=exec_id, account="DU1", side="BUY", quantity=5, price=2.0
    )


def a_commission(exec_id: str) -> Commission:
    return Commission(client_order_id="a", strategy="cli", exec_id=exec_id, commission=1.0, currency="USD")


def test_a_filled_order_is_over_once_every_fill_is_charged() -> None:
    told = Told()
    told.receive(an_order("submitted"), a_fill("1"), a_commission("1"), a_fill("2"))
    assert not told.over()
    told.receive(an_order("filled", filled=10, avg_price=2.0))
    assert not told.over()
    told.receive(a_commission("2"))
    assert told.over()
    assert told.words() == ["submitted", "fill", "commission", "fill", "filled", "commission"]


def test_a_commission_that_does_not_come_is_not_waited_for_long() -> None:
    told = Told()
    told.receive(a_fill("1"), an_order("filled", filled=10))
    told.now = 1.9
    assert not told.over()
    told.now = 2.0
    assert told.over()


def test_what_was_told_is_not_told_again_by_snapshots() -> None:
    told = Told()
    told.receive(an_order("submitted"), None, an_order("submitted", snapshot=True), an_order("submitted"))
    assert told.words() == ["submitted"]


def test_what_is_older_than_what_was_told_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    newer, older = an_order("submitted", filled=6, event_no=9), an_order("submitted", event_no=8)
    cancel, cancelled = an_order("pending_cancel", event_no=10), an_order("cancelled", filled=6, event_no=11)
    told = Told()
    told.receive(newer, older, a_fill("1"), cancelled, cancel)
    assert [line.split()[:3] for line in told.lines if "filled" in line] == [
        ["submitted", "filled", "6"],
        ["cancelled", "filled", "6"],
    ]
    assert told.story.status == "cancelled"
    assert told.story.exit_code() == 0, "that somebody asked for it is known, late as it is"
    as_json = JsonStory()
    for event in (newer, older):
        as_json.receive(event, 0.0)
    assert [json.loads(line)["event_no"] for line in capsys.readouterr().out.splitlines()] == [9]


@pytest.mark.parametrize("status", ["pending", "submitted", "pending_cancel", "unknown"])
def test_an_order_that_may_still_fill_is_not_over(status: str) -> None:
    told = Told()
    told.receive(an_order(status))
    told.now = 1e9
    assert not told.over()


def test_a_rejection_tells_the_gateways_number_and_words() -> None:
    told = Told()
    told.receive(
        an_order("rejected", tws_code=201, reason="Order rejected"),
    )
    assert told.over()
    assert told.lines == ["  rejected         filled 0 of 10  (201: Order rejected)"]


def test_a_notice_changes_nothing() -> None:
    told = Told()
    told.receive(Notice(client_order_id="a", strategy="cli", tws_code=399, text="after hours"))
    assert told.story.status is None
    assert told.lines == ["  notice           399: after hours"]


def test_a_cancel_nobody_asked_for_waits_for_the_reason_and_ends_as_rejected() -> None:
    told = Told()
    told.receive(an_order("pending"), an_order("cancelled"))
    assert not told.over()
    told.receive(an_order("rejected", tws_code=201, reason="margin"))
    assert told.over()
    assert told.story.exit_code() == 1
    assert told.lines[-1] == "  rejected         filled 0 of 10  (201: margin)"


def test_a_cancel_from_elsewhere_is_told_with_its_reason_and_is_no_success() -> None:
    told = Told()
    told.receive(an_order("submitted"), an_order("cancelled", tws_code=202, reason="Order Canceled"))
    assert told.over()
    assert told.story.exit_code() == 1
    assert told.lines[-1] == "  cancelled        filled 0 of 10  (202: Order Canceled)"


def test_an_unexplained_cancel_is_not_waited_for_long() -> None:
    told = Told()
    told.receive(an_order("cancelled"))
    told.now = 1.9
    assert not told.over()
    told.now = 2.0
    assert told.over()
    assert told.story.exit_code() == 1


def test_a_cancel_that_was_asked_for_is_a_success_at_once() -> None:
    told = Told()
    told.receive(an_order("pending_cancel"), an_order("cancelled"))
    assert told.over()
    assert told.story.exit_code() == 0


def test_an_inactive_order_is_given_a_moment_to_revive_or_to_be_rejected() -> None:
    told = Told()
    told.receive(an_order("inactive"))
    assert not told.over()
    told.now = 2.0
    assert told.over()
    assert told.story.exit_code() == 1
    assert told.story.may_fill()


@pytest.mark.parametrize(
    ("status", "code"),
    [("filled", 0), ("rejected", 1), ("not_sent", 1), ("unknown", 1), ("submitted", 4), ("pending", 4)],
)
def test_the_exit_code_tells_where_the_order_stands(status: str, code: int) -> None:
    told = Told()
    told.receive(an_order(status))
    assert told.story.exit_code() == code


def test_submitted_twice_shows_the_gateways_two_words() -> None:
    told = Told()
    told.receive(an_order("submitted", gateway_status="PreSubmitted"))
    told.receive(an_order("submitted", gateway_status="Submitted"))
    assert told.lines == [
        "  submitted        filled 0 of 10  (PreSubmitted)",
        "  submitted        filled 0 of 10  (Submitted)",
    ]


def test_no_security_definition_names_the_instrument() -> None:
    told = Told()
    told.receive(an_order("rejected", tws_code=200, reason="No security definition has been found"))
    assert told.lines[0].endswith("(200: No security definition has been found: STK:A:SMART:USD)")


def a_change(number: int, outcome: Any, **fields: Any) -> Change:
    return Change(
        client_order_id="a",
        strategy="cli",
        change_no=number,
        outcome=outcome,
        asked={"limit_price": 2.0},
        stands={"limit_price": 2.0},
        **fields,
    )


def test_a_change_is_told_without_the_words_of_one_before_it() -> None:
    refused = an_order("submitted", limit_price=1.0, reason="no such price", tws_code=463)
    outcome = Outcome({"limit_price": 2.0})
    assert outcome.receive(refused) is None, "it was so before"
    assert outcome.receive(a_change(2, "sent")) is not None
    assert outcome.receive(refused) is None
    told = outcome.receive(an_order("submitted", limit_price=1.0, reason="too far", tws_code=463))
    assert told is not None
    assert "too far" in told
    outcome.receive(a_change(2, "refused", text="too far", tws_code=463))
    assert outcome.known is False


def test_a_staged_order_is_handed_on_with_all_it_has_and_that_is_told() -> None:
    """It was confirmed, and the command waited ten seconds for a report and said that there was none."""
    whole = {"quantity": 5.0, "limit_price": 2.0, "transmit": True}
    outcome = Outcome({"transmit": True})
    assert outcome.receive(replace(a_change(1, "sent"), asked=whole)) is not None
    assert outcome.known is None
    assert outcome.receive(replace(a_change(1, "confirmed"), asked=whole)) is not None
    assert (outcome.known, outcome.shown) == (True, True)


@pytest.mark.parametrize(
    ("side", "entry", "take_profit", "told"),
    [("BUY", "190", "185", True), ("sell", "190", "195", True), ("BUY", "190", "195", False)],
)
def test_a_take_profit_inside_the_limit_of_its_entry_is_warned_of(
    tmp_path: Path, side: str, entry: str, take_profit: str, told: bool
) -> None:
    nobody = tmp_path / "twsmq.toml"
    nobody.write_text("[cluster]\nport_base = 1\n")
    command = ["order", "bracket", "--instrument", "STK:AAPL:SMART:USD", "--side", side, "--quantity", "1"]
    prices = ["--entry", entry, "--take-profit", take_profit, "--config", str(nobody)]
    assert ("mind: a fill at the limit" in CliRunner().invoke(main, command + prices).output) is told
