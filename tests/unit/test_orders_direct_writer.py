"""Orders that the journal's thread writes as soon as they are durable."""

from __future__ import annotations

import pytest
from support.orders_desk import BASE, Caller, Desk
from twsmq_nodes.tws import requests as rq
from twsmq_protocol.order_requests import PreviewOrder


@pytest.fixture
def desk() -> Desk:
    desk = Desk(auto=False, up=False)
    desk.auto = True
    desk.session_up()
    desk.snapshot()
    desk.auto = False
    desk.thread_writes = True
    return desk


def refs(desk: Desk) -> list[str]:
    return [request.order.order_ref for request in desk.wire if isinstance(request, rq.PlaceOrder)]


def test_it_is_on_the_wire_before_the_loop_hears_and_answered_once_it_has(desk: Desk) -> None:
    caller = desk.place("a")
    desk.admit()
    desk.reach_the_disk()
    assert refs(desk) == ["s/a"]
    assert not caller.answers
    desk.learn_of_journal()
    assert caller.answer.status == "pending"
    assert refs(desk) == ["s/a"]


def test_once_one_is_left_to_the_loop_those_behind_it_are_too(desk: Desk) -> None:
    for cid in ("a", "b"):
        desk.place(cid)
    desk.admit()
    desk.thread_writes = False
    desk.reach_the_disk()
    desk.thread_writes = True
    desk.admit()
    desk.reach_the_disk()
    assert refs(desk) == [], "the second would have overtaken the first: a duplicate id (103)"
    desk.learn_of_journal()
    assert refs(desk) == ["s/a", "s/b"]
    desk.place("c")
    desk.admit()
    desk.reach_the_disk()
    assert refs(desk) == ["s/a", "s/b", "s/c"]


def test_no_order_overtakes_a_what_if_whose_id_is_lower(desk: Desk) -> None:
    desk.place("a")
    what_if, caller = PreviewOrder(**dict(BASE, strategy="w", client_order_id="w")), Caller()
    desk.ask(lambda: desk.core.request(what_if, caller, desk.now), caller)
    desk.place("b")
    desk.admit(3)
    desk.reach_the_disk()
    assert refs(desk) == []
    desk.learn_of_journal()
    ids = [request.order_id for request in desk.asked if isinstance(request, rq.PlaceOrder)]
    assert (refs(desk), ids) == (["s/a", "s/b"], [2])


def test_what_was_written_just_before_the_session_ended_is_unknown_not_unsent(desk: Desk) -> None:
    caller = desk.place("a")
    desk.admit()
    desk.reach_the_disk()
    desk.session_lost()
    assert caller.answer.status == "pending"
    assert desk.core.book.records["s", "a"].order.status == "unknown"


def test_what_reached_the_disk_after_the_session_had_ended_was_never_sent(desk: Desk) -> None:
    caller = desk.place("a")
    desk.admit()
    desk.session_lost()
    desk.reach_the_disk()
    desk.session_up()
    desk.learn_of_journal()
    assert refs(desk) == []
    assert caller.code == "not_ready"
    assert desk.core.book.records["s", "a"].order.status == "not_sent"


def test_bytes_of_an_earlier_session_are_never_written_in_a_later_one(desk: Desk) -> None:
    desk.place("a")
    desk.admit()
    desk.session_lost()
    desk.session_up()
    desk.reach_the_disk()
    desk.learn_of_journal()
    assert refs(desk) == []
    assert desk.core.book.records["s", "a"].order.status == "not_sent"
