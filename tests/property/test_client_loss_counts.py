"""Whatever is dropped on the way, the counters say exactly how much, as soon as anything says so."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from twsmq.inbox import Inbox
from twsmq.loss import NumberLine, TopicLoss
from twsmq_protocol.codec import encode_event
from twsmq_protocol.market_events import Quote

arrivals = st.lists(st.booleans(), min_size=1, max_size=60)


@given(arrivals)
def test_the_losses_of_a_topic_add_up(arrived: list[bool]):
    topic = TopicLoss()
    seqs = [seq for seq, came in enumerate(arrived, start=10) if came]
    reported = sum(topic.observe(1, seq) for seq in seqs)
    assert reported == topic.lost == (seqs[-1] - seqs[0] + 1 - len(seqs) if seqs else 0)


@given(st.lists(arrivals, min_size=1, max_size=5))
def test_through_restarts_what_is_countable_is_counted(incarnations: list[list[bool]]):
    """Everything but what was lost at the end of an incarnation, of which nothing tells."""
    topic, expected, heard_any, last_heard = TopicLoss(), 0, False, 0
    for inc, arrived in enumerate(incarnations, start=1):
        seqs = [seq for seq, came in enumerate(arrived, start=1) if came]
        for seq in seqs:
            topic.observe(inc, seq)
        if seqs:
            first = 1 if heard_any else seqs[0]
            expected += seqs[-1] - first + 1 - len(seqs)
            heard_any, last_heard = True, inc
    assert topic.lost == expected
    assert topic.inc == last_heard


@given(arrivals)
def test_after_a_heartbeat_no_order_event_is_lost_unnoticed(arrived: list[bool]):
    line = NumberLine()
    line.observe_heartbeat(100)
    reported = sum(
        line.observe_event(number, snapshot=False) for number, came in enumerate(arrived, 101) if came
    )
    reported += line.observe_heartbeat(100 + len(arrived))
    assert reported == line.lost == arrived.count(False)
    assert line.observe_heartbeat(100 + len(arrived)) == 0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 50)), max_size=40))
@example([(1, 0), (2, 0)])
def test_no_numbers_at_all_make_a_negative_loss_or_a_crash(numbers: list[tuple[int, int]]):
    topic = TopicLoss()
    for inc, seq in numbers:
        assert topic.observe(inc, seq) >= 0


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_any_frames_are_events_or_counted(frames: list[bytes]):
    inbox = Inbox()
    inbox.subscribe("")
    good = encode_event("quote/X/", Quote(inc=1, seq=1))
    received = [inbox.receive(frame) for frame in [*frames, good]]
    handed_on = sum(each is not None for each in received)
    assert handed_on + inbox.loss.malformed + inbox.loss.unknown + inbox.loss.repeated == len(frames) + 1
    assert received[-1] is not None
