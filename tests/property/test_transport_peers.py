"""What each connection is held to account for, against a plain model of what libzmq does."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from twsmq_transport import peers as module
from twsmq_transport.peers import Bounds, Dropped, Peers, topic_bounds, wire_size

BOUNDS = Bounds(unfinished=100, all_unfinished=300, held=500, all_held=1500, peers=5)
FDS = st.integers(3, 12)


class Accounts(RuleBasedStateMachine):
    """`complete`, `sent`: what each connection has sent to the end of its last whole message, and in all."""

    def __init__(self) -> None:
        super().__init__()
        self.peers = Peers(BOUNDS)
        self.now = 0.0
        self.sent: dict[int, int] = {}
        self.complete: dict[int, int] = {}
        self.handed: dict[int, int] = {}

    def forget(self, gone: list[Dropped]) -> None:
        for fd, reason in gone:
            assert reason
            del self.sent[fd]  # KeyError: named twice

    @rule(fd=FDS)
    def accept(self, fd: int) -> None:
        self.now += 1
        self.sent[fd] = self.complete[fd] = self.handed[fd] = 0
        gone = self.peers.accepted(fd, self.now)
        self.forget(gone)

    @rule(fd=FDS)
    def leave(self, fd: int) -> None:
        self.peers.gone(fd)
        self.sent.pop(fd, None)

    @rule(fd=FDS, size=st.integers(1, 90), whole=st.booleans())
    def send(self, fd: int, size: int, whole: bool) -> None:
        if fd in self.sent:
            self.sent[fd] += size
            if whole:
                self.complete[fd] = self.sent[fd]

    @rule(fd=FDS)
    def hand_over(self, fd: int) -> None:
        self.now += 1
        if fd in self.sent and (size := self.complete[fd] - self.handed[fd]):
            self.handed[fd] = self.complete[fd]
            self.peers.handed(fd, size, self.now)

    @rule()
    def look_drained(self) -> None:
        for fd in self.sent:
            self.hand_over(fd)
        over = [fd for fd, sent in self.sent.items() if sent - self.complete[fd] > BOUNDS.unfinished]
        gone = self.peers.looked(dict(self.sent), self.now, drained=True)
        self.forget(gone)
        assert not set(over) & set(self.sent)
        left = [self.sent[fd] - self.complete[fd] for fd in self.sent]
        assert sum(left) <= BOUNDS.all_unfinished
        assert all(fd in over or left for fd, _ in gone)

    @rule()
    def look(self) -> None:
        self.forget(self.peers.looked(dict(self.sent), self.now, drained=False))

    @invariant()
    def holds(self) -> None:
        self.peers.validate()


TestAccounts = Accounts.TestCase


def test_who_has_never_spoken_goes_first_then_who_was_silent_longest() -> None:
    peers = Peers(Bounds(peers=2))
    peers.accepted(3, 0.0)
    peers.accepted(4, 1.0)
    peers.handed(3, 10, 2.0)
    assert [fd for fd, _ in peers.accepted(5, 3.0)] == [4]
    peers.handed(5, 10, 4.0)
    assert [fd for fd, _ in peers.accepted(6, 5.0)] == [6]
    peers.validate()


def test_a_message_that_is_handed_over_settles_what_came_before_it() -> None:
    """Bytes that are no messages (a foreign client's heartbeats) add up only until its next request."""
    peers = Peers(BOUNDS)
    peers.accepted(3, 0.0)
    for count in (40, 80):
        assert not peers.looked({3: count}, 0.0, drained=True)
    peers.handed(3, 5, 1.0)
    assert not peers.looked({3: 139}, 1.0, drained=True)
    assert peers.looked({3: 141 + 100}, 1.0, drained=True)


def test_many_who_want_the_same_take_it_once() -> None:
    peers = Peers(topic_bounds(peers=1000))
    topics = [f"quote/STK:A{number}:SMART:USD/".encode() for number in range(1500)]
    for fd in range(20):
        peers.accepted(fd, 0.0)
        assert not [topic for topic in topics if peers.subscribed(fd, topic)]
    assert not peers.looked({}, 0.0, drained=False)
    for fd in range(20, 40):
        peers.accepted(fd, 0.0)
        for topic in topics:
            peers.subscribed(fd, topic + b"%d/" % fd)
    assert peers.looked({}, 0.0, drained=False)
    for topic in topics:
        peers.unsubscribed(None, topic)
    peers.validate()


def want(peers: Peers, fd: int, topics: list[bytes]) -> int:
    """Bytes on the wire."""
    return sum(
        wire_size([b"\1" + topic], encrypted=False) for topic in topics if not peers.subscribed(fd, topic)
    )


def unlike(of: int, count: int, length: int = 600) -> list[bytes]:
    return [(b"%d/%d/" % (of, number)).ljust(length, b"x") for number in range(count)]


def test_one_who_wants_too_much_goes() -> None:
    peers = Peers(topic_bounds(peers=1000))
    peers.accepted(3, 0.0)
    over = [number for number in range(5000) if peers.subscribed(3, b"%d" % number)]
    assert over
    assert peers.looked({3: 10**6}, 0.0, drained=False) == [Dropped(3, module.SUBSCRIPTIONS)]


def test_what_those_had_who_are_gone_is_nobody_elses() -> None:
    """libzmq announces the end of each of their topics much later than the end of their connections."""
    peers = Peers(topic_bounds(peers=1000))
    peers.accepted(3, 0.0)
    own = want(peers, 3, [b"node/"])
    for fd in range(10, 20):
        peers.accepted(fd, 0.0)
    took = {fd: want(peers, fd, unlike(fd, 300)) for fd in range(10, 20)}
    gone = {fd for fd, _ in peers.looked({**took, 3: own}, 1.0, drained=False)}
    assert gone
    assert 3 not in gone
    for fd in range(10, 20):
        peers.gone(fd)
        assert not peers.looked({3: own}, 1.1, drained=False)
    peers.drained()
    for fd in range(10, 20):
        for topic in unlike(fd, 300):
            peers.unsubscribed(None, topic)
    peers.drained()
    assert not peers.looked({3: own}, 1.2, drained=False)
    peers.validate()


def test_topics_that_nobody_who_is_there_asked_for_end_nobody() -> None:
    peers = Peers(topic_bounds(peers=1000))
    took = {fd: want(peers, fd, [b"node/"]) for fd in range(3, 9) if not peers.accepted(fd, 0.0)}
    for topic in unlike(0, 3000):
        peers.subscribed(None, topic)
    assert not peers.looked(took, 1.0, drained=False)
    peers.validate()


def test_who_took_over_a_descriptor_does_not_answer_for_what_came_under_it_before() -> None:
    peers = Peers(topic_bounds(peers=1000))
    peers.accepted(3, 0.0)
    took = want(peers, 3, unlike(3, 300))
    peers.gone(3)
    peers.accepted(3, 0.1)
    for topic in unlike(4, 3000):  # of the first, but handed over only now
        peers.subscribed(3, topic)
    assert not peers.looked({3: took // 100}, 1.0, drained=False)
    peers.validate()


def test_while_floods_of_subscriptions_come_back_newcomers_enter_one_by_one() -> None:
    peers = Peers(topic_bounds(peers=1000))
    assert not peers.accepted(3, 0.0)
    assert not peers.accepted(4, 0.0)
    assert [fd for fd, _ in peers.looked({4: 10**6}, 1.0, drained=False)] == [4]
    entered: list[float] = []
    for tenth in range(10, 150):  # ten a second, as sockets that reconnect by themselves
        now = tenth / 10
        if not peers.accepted(100 + tenth, now):
            entered.append(now)
    during = [now for now in entered if now < 1.0 + module.STORM_S]
    assert 2 <= len(during) <= module.STORM_S / module.ONE_BY_ONE_S + 1
    assert len(entered) - len(during) == 150 - 110
    assert 3 in peers.descriptors()
    peers.validate()


def test_a_flood_of_requests_keeps_no_newcomer_out() -> None:
    peers = Peers(BOUNDS)
    peers.accepted(3, 0.0)
    assert peers.looked({3: 10**6}, 1.0, drained=True)
    assert not peers.accepted(4, 1.0)
    assert not peers.accepted(5, 1.0)


def test_those_who_come_and_go_without_end_are_left_outside_for_most_of_it() -> None:
    """A peer without a key that connects again and again costs as much before it is refused."""
    peers = Peers(Bounds())
    entered, seconds = 0, 10
    for tick in range(seconds * 200):
        now = tick / 200
        if peers.may_enter(now):
            for _ in range(50):  # ten thousand a second
                assert not peers.accepted(3, now)
                entered += 1
    most = module.NEWCOMERS_AT_ONCE + seconds * module.NEWCOMERS_PER_S
    assert most - 50 <= entered <= most + 50
    for _ in range(100):
        peers.accepted(3, seconds)
    assert not peers.may_enter(seconds)
    assert peers.may_enter(seconds + 1)
    peers.validate()


def test_sizes_on_the_wire() -> None:
    assert wire_size([b"", b"x" * 255, b"x" * 256], encrypted=False) == 2 + 257 + 265
    assert wire_size([b"x" * 222, b"x" * 223], encrypted=True) == 257 + 265
