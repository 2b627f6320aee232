"""What a subscriber can tell it lost, from the numbers alone."""

from __future__ import annotations

from collections import defaultdict
from itertools import count

from twsmq.inbox import Inbox, Received
from twsmq.incidents import Incidents, Restarted
from twsmq.loss import NumberLine, TopicLoss
from twsmq_protocol.codec import encode_event
from twsmq_protocol.envelope import Event
from twsmq_protocol.market_events import Quote
from twsmq_protocol.order_events import Notice, Order
from twsmq_protocol.system_events import Denied, Heartbeat

QUOTE = "quote/STK:AAPL:SMART:USD/"
ALPHA = "order/alpha/a-1/"


def quote(seq: int, inc: int = 1) -> bytes:
    return encode_event(QUOTE, Quote(inc=inc, seq=seq))


_SEQS: defaultdict[str, count[int]] = defaultdict(lambda: count(1))


def following(topic: str) -> int:
    """Where a test is about other numbers: the topic's next, as its publisher counts."""
    return next(_SEQS[topic])


def notice(number: int, seq: int | None = None, order: str = "a-1", strategy_no: int = 0) -> bytes:
    topic = f"order/alpha/{order}/"
    return encode_event(
        topic,
        Notice(
            client_order_id=order,
            strategy="alpha",
            event_no=number,
            strategy_no=strategy_no or number,
            tws_code=399,
            text="",
            inc=1,
            seq=seq or following(topic),
        ),
    )


def snapshot(number: int) -> bytes:
    order = Order(
        client_order_id="a-1",
        strategy="alpha",
        event_no=number,
        strategy_no=number,
        instrument="STK:AAPL:SMART:USD",
        side="BUY",
        quantity=1.0,
        order_type="MKT",
        status="submitted",
        snapshot=True,
        inc=1,
        seq=following(ALPHA),
    )
    return encode_event(ALPHA, order)


def beat(last: int, seq: int | None = None, **strategies: int) -> bytes:
    seq = seq or following("node/orders/")
    event = Heartbeat(
        name="orders", pid=1, state="ready", last_event_no=last, strategy_nos=strategies, inc=1, seq=seq
    )
    return encode_event("node/orders/", event)


def losses(inbox: Inbox, *frames: bytes) -> list[int | None]:
    """For each frame what was lost before it; None if it was not handed on."""
    received = [inbox.receive(frame) for frame in frames]
    return [None if each is None else each.lost for each in received]


def listening(*topics: str) -> Inbox:
    inbox = Inbox()
    for topic in topics:
        inbox.subscribe(topic)
    return inbox


def test_a_late_joiner_has_lost_nothing_before_it_came():
    assert losses(listening(QUOTE), quote(812), quote(813)) == [0, 0]


def test_a_gap_in_the_numbers_is_what_was_lost():
    inbox = listening(QUOTE)
    assert losses(inbox, quote(5), quote(6), quote(10), quote(11)) == [0, 0, 3, 0]
    assert inbox.loss.topics[QUOTE] == TopicLoss(inc=1, seq=11, lost=3, restarts=0)
    assert inbox.loss.lost == 3


def test_after_a_restart_numbers_begin_at_one_and_what_came_before_us_is_lost():
    inbox = listening(QUOTE)
    assert losses(inbox, quote(500), quote(3, inc=2), quote(4, inc=2)) == [0, 2, 0]
    assert inbox.loss.topics[QUOTE].restarts == 1


def test_a_process_that_restarts_after_its_clock_was_set_back_is_another_incarnation_all_the_same():
    """No straggler of the one before can follow: all of a process comes by one connection, in order."""
    inbox = listening(QUOTE)
    frames = quote(500, inc=2), quote(1, inc=1), quote(2, inc=1), quote(5, inc=1)
    assert losses(inbox, *frames) == [0, 0, 0, 2]
    assert inbox.loss.topics[QUOTE].restarts == 1
    incidents = Incidents(inbox)
    for inc in (2, 1):
        incidents.take(Received(QUOTE, Quote(src="marketdata-0", inc=inc, seq=1), 0))
    assert incidents.drain() == [Restarted("marketdata-0", QUOTE)]


def test_what_has_come_already_is_not_handed_on_again():
    inbox = listening(QUOTE)
    assert losses(inbox, quote(7), quote(7), quote(6), quote(8)) == [0, None, None, 0]
    assert (inbox.loss.repeated, inbox.loss.lost) == (2, 0)


def denied(wish: str, *granted: str, src: str = "orders", seq: int = 1, inc: int = 1) -> bytes:
    return encode_event("denied/a/", Denied(wish=wish, granted=granted, src=src, seq=seq, inc=inc))


def test_of_a_wish_that_was_narrowed_only_what_is_open_counts():
    """Else every order of another strategy would be one that was lost."""
    inbox = Inbox()
    assert inbox.subscribe("order/") == ["denied/", "order/", "node/orders/"]
    assert losses(inbox, beat(5, alpha=2, beta=3), denied("order/", "order/alpha/")) == [None, None]
    assert losses(inbox, beat(5, seq=2, alpha=2, beta=3), notice(9, strategy_no=3)) == [None, 0]
    assert losses(inbox, beat(30, seq=3, alpha=3, beta=27)) == [None], "beta's are no loss of ours"
    assert losses(inbox, notice(40, seq=2, strategy_no=6)) == [2]
    assert losses(inbox, beat(50, seq=4, alpha=7, beta=43)) == [1]
    assert inbox.loss.orders["order/"].lost == 3
    assert inbox.unsubscribe("order/") == ["denied/", "order/", "node/orders/"]


def test_each_process_counts_what_it_denies_by_itself():
    inbox = listening("denied/", "order/")
    frames = (
        denied("order/", "order/alpha/", inc=5),
        denied("process/", src="supervisor", inc=3),
        denied("order/", "order/alpha/", inc=5, seq=2),
    )
    assert losses(inbox, *frames) == [0, 0, 0]
    assert sum(topic.restarts for topic in inbox.loss.topics.values()) == 0


def test_an_event_of_a_later_type_is_skipped_and_leaves_no_gap():
    inbox = listening(QUOTE)
    later = QUOTE.encode() + b"\0" + b"\x84\xa1v\x01\xa4type\xa5greek\xa3inc\x01\xa3seq\x02"
    assert losses(inbox, quote(1), later, quote(3)) == [0, None, 0]
    assert (inbox.loss.unknown, inbox.loss.malformed) == (1, 0)


def test_rubbish_is_counted_and_not_handed_on():
    inbox = listening(QUOTE)
    assert losses(inbox, b"rubbish", QUOTE.encode() + b"\0\xc1") == [None, None]
    assert inbox.loss.malformed == 2


def test_all_orders_are_counted_by_their_durable_number_across_topics():
    inbox = listening("order/")
    assert losses(inbox, notice(7, order="a"), notice(8, order="b"), notice(11, order="c")) == [0, 0, 2]
    assert inbox.loss.order_events_lost == 2


def test_a_strategy_is_counted_by_its_own_number():
    inbox = listening("order/alpha/")
    frames = [notice(70, order="a", strategy_no=7), notice(90, order="b", strategy_no=8)]
    assert losses(inbox, *frames, notice(91, order="c", strategy_no=10)) == [0, 0, 1]


def test_one_order_alone_has_only_its_seq():
    inbox = listening(ALPHA)
    assert losses(inbox, notice(7, seq=1), notice(70, seq=2), notice(71, seq=4)) == [0, 0, 1]
    assert not inbox.loss.orders


def test_a_lost_last_order_event_shows_by_the_next_heartbeat_which_is_then_handed_on():
    inbox = listening("order/alpha/")
    assert losses(inbox, beat(40, 1, alpha=7), notice(41, strategy_no=8), beat(41, 2, alpha=8)) == [
        None,
        0,
        None,
    ]
    assert losses(inbox, beat(43, 3, alpha=10), beat(43, 4, alpha=10)) == [2, None]
    assert inbox.loss.order_events_lost == 2


def test_a_strategy_that_has_no_order_yet_begins_at_nothing():
    inbox = listening("order/alpha/")
    assert losses(inbox, beat(40, 1), beat(41, 2, alpha=1)) == [None, 1]


def test_what_was_published_before_the_first_heartbeat_was_not_for_us():
    assert losses(listening("order/"), beat(40), notice(41)) == [None, 0]


def test_snapshots_repeat_old_numbers_and_prove_nothing():
    inbox = listening("order/")
    assert losses(inbox, snapshot(3), snapshot(9), beat(20, 1), snapshot(5), notice(21)) == [0, 0, None, 0, 0]


def test_the_numbers_go_on_through_a_restart_of_the_orders_node():
    line = NumberLine()
    assert [line.observe_event(5, snapshot=False), line.observe_heartbeat(5)] == [0, 0]
    assert line.observe_heartbeat(8) == 3
    assert line.observe_event(9, snapshot=False) == 0


def test_heartbeats_are_handed_on_to_who_subscribed_to_them():
    for topic in ("node/orders/", "node/", ""):
        assert losses(listening("order/", topic), beat(40)) == [0]


def test_order_subscriptions_bring_the_heartbeats_along_after_themselves_and_take_them_away():
    inbox = Inbox()
    assert inbox.subscribe("order/alpha/") == ["order/alpha/", "node/orders/"]
    assert inbox.subscribe("order/beta/") == ["order/beta/"]
    assert inbox.subscribe("order/beta/") == []
    assert inbox.unsubscribe("order/alpha/") == ["order/alpha/"]
    assert inbox.unsubscribe("order/beta/") == ["order/beta/", "node/orders/"]
    assert inbox.unsubscribe("order/beta/") == []


def test_heartbeats_wanted_for_themselves_stay():
    inbox = listening("node/orders/", "order/")
    assert inbox.unsubscribe("order/") == ["denied/", "order/"]
    assert losses(inbox, beat(1)) == [0]


def test_one_order_or_half_a_name_brings_no_heartbeats():
    assert Inbox().subscribe(ALPHA) == [ALPHA]
    assert Inbox().subscribe("order/al") == ["order/al"]


def test_a_topic_left_and_taken_up_again_begins_anew():
    inbox = listening(QUOTE)
    inbox.receive(quote(5))
    inbox.unsubscribe(QUOTE)
    inbox.subscribe(QUOTE)
    assert losses(inbox, quote(90)) == [0]


def test_what_is_received_unpacks_into_topic_event_and_loss():
    received = listening(QUOTE).receive(quote(5))
    assert received is not None
    assert received == Received(QUOTE, Quote(inc=1, seq=5), 0)
    assert isinstance(received.event, Event)
