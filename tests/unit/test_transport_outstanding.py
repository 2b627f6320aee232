"""What a client that does not read its replies may make libzmq hold, in bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twsmq_transport.outstanding import ALL_BYTES, LITTLE_BYTES, PEER_BYTES, Outstanding

MB = 1_000_000


class Clients:
    """How many bytes each has taken; more than 0 from the beginning, its handshake."""

    def __init__(self) -> None:
        self.taken: dict[bytes, int | None] = {}
        self.looks = 0

    def __call__(self, peer: bytes) -> int | None:
        self.looks += 1
        return self.taken.setdefault(peer, 300)


def test_who_reads_nothing_has_a_few_replies_and_who_reads_has_room_again() -> None:
    clients = Clients()
    outstanding = Outstanding(clients)
    sent = 0
    while outstanding.room(b"a", MB):
        assert outstanding.handed(b"a", MB) == []
        sent += MB
    assert sent == PEER_BYTES // MB * MB
    clients.taken[b"a"] = 300 + sent
    assert outstanding.room(b"a", MB)
    outstanding.validate()


def test_a_reply_longer_than_all_bounds_leaves_to_who_has_nothing_before_it() -> None:
    outstanding = Outstanding(Clients())
    assert outstanding.room(b"a", 2 * PEER_BYTES)
    assert outstanding.handed(b"a", 2 * PEER_BYTES) == []
    assert not outstanding.room(b"a", 1)
    assert outstanding.room(b"b", 2 * PEER_BYTES)


def test_small_replies_cost_no_look() -> None:
    clients = Clients()
    outstanding = Outstanding(clients)
    for _ in range(1000):
        assert outstanding.room(b"a", 1000)
        assert outstanding.handed(b"a", 1000) == []
    assert clients.looks == 1


def test_where_all_together_have_too_much_who_has_most_must_go() -> None:
    outstanding = Outstanding(Clients())
    gone: list[bytes] = []
    for number in range(100):
        peer = b"%d" % number
        gone += outstanding.handed(peer, 2 * MB if number == 7 else MB)
        assert outstanding.total <= ALL_BYTES
        outstanding.validate()
    assert gone[0] == b"7"
    assert len(gone) == len(set(gone)) >= 100 - ALL_BYTES // MB - 1


def test_who_is_gone_counts_no_more() -> None:
    clients = Clients()
    outstanding = Outstanding(clients)
    for number in range(1000):
        peer = b"%d" % number
        assert outstanding.handed(peer, MB) == []
        clients.taken[peer] = None
        outstanding.validate()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3 * PEER_BYTES), st.floats(0, 1)), max_size=60))
def test_whatever_they_read_nobody_has_more_than_its_bound_and_one_reply(
    steps: list[tuple[int, int, float]],
) -> None:
    clients = Clients()
    outstanding = Outstanding(clients)
    handed: dict[bytes, int] = {}
    for number, size, share in steps:
        peer = b"%d" % number
        known = clients(peer)
        assert known is not None
        handed.setdefault(peer, known)
        clients.taken[peer] = known + int((handed[peer] - known) * share)
        if outstanding.room(peer, size):
            before = handed[peer] - (clients.taken[peer] or 0)
            assert before + size <= PEER_BYTES or before <= LITTLE_BYTES
            handed[peer] += size
            for gone in outstanding.handed(peer, size):
                clients.taken.pop(gone)
                handed.pop(gone)
        assert outstanding.total <= ALL_BYTES
        outstanding.validate()
