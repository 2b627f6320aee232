"""Turns of peers that share one mailbox: order kept, time shared, nobody starved."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twsmq_transport.turns import REMEMBERED, Turns

steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from([b"a", b"b", b"c"]), st.integers(0, 50)),
        st.tuples(st.just("take"), st.floats(0, 1), st.just(0)),
    )
)


@given(steps)
def test_every_message_comes_once_in_the_order_of_its_peer(story: list[tuple[str, object, int]]) -> None:
    turns = Turns()
    added: dict[bytes, list[bytes]] = {}
    taken: dict[bytes, list[bytes]] = {}

    def take(seconds: float) -> bool:
        frames = turns.take()
        if frames is None:
            assert turns.count == turns.size == 0
            return False
        taken.setdefault(frames[0], []).append(frames[1])
        turns.charge(frames[0], seconds)
        return True

    for number, (what, which, size) in enumerate(story):
        if what == "add":
            assert isinstance(which, bytes)
            body = b"%d" % number + b"x" * size
            added.setdefault(which, []).append(body)
            turns.add([which, body])
        else:
            assert isinstance(which, float)
            take(which)
        turns.validate()
    while take(0.001):
        turns.validate()
    assert taken == added


@pytest.mark.parametrize("costs", [(0.01, 0.0001), (0.0001, 0.0001), (1.0, 0.001)])
def test_while_two_wait_neither_holds_more_than_half(costs: tuple[float, float]) -> None:
    turns = Turns()
    cost: dict[bytes, float] = dict(zip((b"flood", b"other"), costs, strict=True))
    spent: dict[bytes, float] = dict.fromkeys(cost, 0.0)
    for peer in cost:
        for _ in range(20_000):
            turns.add([peer, b""])
    waiting: dict[bytes, int] = dict.fromkeys(cost, 20_000)
    while all(waiting.values()) and sum(spent.values()) < 100 * max(costs):
        frames = turns.take()
        assert frames is not None
        waiting[frames[0]] -= 1
        spent[frames[0]] += cost[frames[0]]
        turns.charge(frames[0], cost[frames[0]])
    assert abs(spent[b"flood"] - spent[b"other"]) <= max(costs) * 1.01


def test_whoever_comes_new_is_next_however_many_a_flood_has_waiting() -> None:
    turns = Turns()
    for _ in range(1000):
        turns.add([b"flood", b""])
    for _ in range(100):
        assert turns.take() is not None
        turns.charge(b"flood", 0.002)
    turns.add([b"new", b""])
    assert [turns.take()] == [[b"new", b""]]
    turns.charge(b"new", 0.002)


def test_work_done_once_for_many_counts_for_each_by_its_messages() -> None:
    turns = Turns()
    for peer in (b"flood", b"other"):
        turns.add([peer, b""])
        turns.take()
        turns.charge(peer, 0.001)
    turns.bill({b"flood": 99, b"other": 1}, 0.100)
    turns.add([b"flood", b""])
    turns.add([b"other", b""])
    assert turns.take() == [b"other", b""]


def test_peers_that_are_gone_are_forgotten() -> None:
    turns, chance = Turns(), random.Random(1)
    for _ in range(5 * REMEMBERED):
        peer = chance.randbytes(5)
        turns.add([peer, b""])
        turns.take()
        turns.charge(peer, 0.001)
    assert len(vars(turns)["_spent"]) <= REMEMBERED + 1
