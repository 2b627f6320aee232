"""Many orders at once: cancelled by what they have in common, halted, and what passes a halt."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.orders_desk import Caller, Desk
from support.orders_reports import open_order, order_status
from support.orders_steps import call, keys
from twsmq_nodes.orders.actions import Action, SaveSetting
from twsmq_nodes.orders.halts import MOST_HALTED, MOST_UNSAVED
from twsmq_nodes.tws import requests as rq
from twsmq_protocol.errors import FieldError
from twsmq_protocol.order_control_requests import Halt, Halted, Resume
from twsmq_protocol.order_requests import (
    CancelOrders,
)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_cancel_orders_takes_what_matches_and_nothing_else(desk: Desk) -> None:
    desk.place("a")
    desk.place("b", instrument="STK:IBM:SMART:USD")
    desk.place("c", strategy="t")
    for order_id, ref, con_id in ((1, "s/a", 265598), (2, "s/b", 8314), (3, "t/c", 265598)):
        opened = open_order(order_id, order_ref=ref)
        desk.says(
            replace(opened, contract=replace(opened.contract, con_id=con_id)),
            order_status(order_id, "Submitted"),
        )
    caller = call(desk, CancelOrders(strategy="s", instrument="STK:IBM:SMART:USD"))
    assert [row.client_order_id for row in caller.answer.orders] == ["b"]
    assert desk.wire[-1] == rq.CancelOrder(2)
    everything = call(desk, CancelOrders(all=True))
    assert len(everything.answer.orders) == 3
    assert {request.order_id for request in desk.wire if isinstance(request, rq.CancelOrder)} == {1, 2, 3}


def test_cancel_orders_takes_a_contract_under_every_spelling_of_it(desk: Desk) -> None:
    """Of two listings of one symbol only the one that is meant, however the order was placed."""
    desk.place("a", instrument="STK:KWEB:SMART:USD")
    desk.place("b", instrument="STK:KWEB:SMART@LSEETF:USD")
    for order_id, ref, con_id in ((1, "s/a", 11), (2, "s/b", 12)):
        opened = open_order(order_id, order_ref=ref)
        desk.says(
            replace(opened, contract=replace(opened.contract, con_id=con_id)),
            order_status(order_id, "Submitted"),
        )
    desk.core.book.spellings.learn("STK:KWEB:SMART@ARCA:USD", 11)  # as its position was told
    caller = call(desk, CancelOrders(instrument="STK:KWEB:SMART@ARCA:USD"))
    assert [row.client_order_id for row in caller.answer.orders] == ["a"]
    caller = call(desk, CancelOrders(instrument="CONID:12"))
    assert [row.client_order_id for row in caller.answer.orders] == ["b"]


def test_cancel_orders_wants_to_be_told_what() -> None:
    with pytest.raises(FieldError):
        CancelOrders()
    with pytest.raises(FieldError, match="instrument"):
        CancelOrders(instrument="AAPL")
    with pytest.raises(FieldError):
        CancelOrders(all=True, strategy="s")


def test_halted_means_no_new_orders_and_cancels_pass(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    halted = call(desk, Halt(reason="fat finger")).answer
    assert isinstance(halted, Halted)
    assert (halted.halted, keys(halted.remaining)) == ({"": "fat finger"}, [("s", "a")])
    assert desk.place("b").code == "halted"
    assert desk.modify("a", quantity=20.0).code == "halted"
    assert desk.cancel("a").answer.status == "pending_cancel"
    assert call(desk, Resume()).answer.halted == {}
    assert desk.place("b").answer.order_id == 2


@pytest.mark.parametrize("strategy", ["", "al pha"])
def test_a_halt_of_a_strategy_that_cannot_be_is_refused(strategy: str) -> None:
    with pytest.raises(FieldError):
        Halt(reason="x", strategy=strategy, cancel=True)
    with pytest.raises(FieldError):
        Resume(strategy=strategy)


def test_a_halt_outlives_a_crash(desk: Desk) -> None:
    call(desk, Halt(reason="fat finger", strategy="s"))
    desk.crash()
    desk.session_up()
    desk.snapshot()
    assert desk.place("b").code == "halted"
    assert desk.place("b", strategy="t").answer.order_id == 1


def test_a_halt_is_not_answered_by_what_was_kept_before_it(desk: Desk) -> None:
    resuming, halting = Caller(answers=[]), Caller(answers=[])
    desk.core.request(Resume(), resuming, desk.now)
    desk.core.request(Halt(reason="x"), halting, desk.now)
    desk.do(desk.core.setting_saved("halt/"))
    assert (len(resuming.answers), halting.answers) == (1, [])
    desk.do(desk.core.setting_saved("halt/"))
    assert len(halting.answers) == 1


def test_a_halt_that_cancels_answers_when_nothing_works_any_more(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    caller = call(desk, Halt(reason="x", cancel=True))
    assert not caller.answers
    assert desk.wire[-1] == rq.CancelOrder(1)
    desk.says(order_status(1, "Cancelled", remaining=10.0))
    assert caller.answer.remaining == []


def test_a_halt_that_cannot_cancel_everything_says_what_remains(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    caller = call(desk, Halt(reason="x", cancel=True))
    desk.later(5.1)
    assert keys(caller.answer.remaining) == [("s", "a")]


def test_what_waits_at_the_gate_is_halted_too() -> None:
    desk = Desk(auto=False, up=False)
    desk.session_up()
    desk.snapshot()
    waiting = desk.place()
    call(desk, Halt(reason="x"))
    assert waiting.code == "halted"
    assert not desk.core.waiting


class SlowDisk(Desk):
    """What is to be kept waits until `save`, one wish after the other."""

    def boot(self) -> None:
        self.unsaved: list[SaveSetting] = []
        super().boot()

    def carry_out(self, action: Action) -> list[Action]:
        if isinstance(action, SaveSetting):
            self.unsaved.append(action)
            return []
        return super().carry_out(action)

    def save(self) -> None:
        self.do(self.core.setting_saved(self.unsaved.pop(0).name))


def test_durable_is_said_only_of_what_is_itself_on_disk() -> None:
    desk = SlowDisk()
    first = call(desk, Halt(reason="stop", strategy="s"))
    desk.later(1.0)
    assert not first.answer.durable
    second = call(desk, Resume(strategy="s"))
    desk.save()  # the halt, answered long ago
    assert second.answers == []
    desk.save()
    assert second.answer.durable


def test_wishes_that_wait_for_a_disk_are_bounded_and_a_halt_always_holds() -> None:
    desk = SlowDisk()
    for number in range(50):
        call(desk, Halt(reason=f"stop {number}", strategy="s"))
    assert len(desk.unsaved) == MOST_UNSAVED
    assert call(desk, Resume(strategy="s")).code == "throttled"
    assert desk.place("b").code == "halted"
    last = call(desk, Halt(reason="again", strategy="s"))
    while desk.unsaved:
        desk.save()
    assert last.answer.durable
    assert call(desk, Resume(strategy="s")).answers == []
    desk.save()
    desk.place("c")
    assert desk.wire


def test_names_that_nobody_trades_under_cannot_fill_the_list_of_halts() -> None:
    desk = Desk()
    desk.place("a", strategy="mine")
    for number in range(MOST_HALTED):
        assert call(desk, Halt(reason="x", strategy=f"n{number}")).answer.durable
    refused = call(desk, Halt(reason="x", strategy="one-more"))
    assert (refused.code, refused.answer.field) == ("conflict", "strategy")
    for strategy in ("mine", "n7", None):
        assert call(desk, Halt(reason="y", strategy=strategy)).answer.halted[strategy or ""] == "y"
    for number in range(5):
        call(desk, Resume(strategy=f"n{number}"))
    assert call(desk, Halt(reason="x", strategy="one-more")).answer.halted["one-more"] == "x"
