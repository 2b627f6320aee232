"""What is retained is found by the beginning of its topic, and nothing else is looked at."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from twsmq_protocol.envelope import Event
from twsmq_protocol.system_events import Process
from twsmq_transport.retained import Retained

TOPICS = st.lists(st.sampled_from("abé/"), max_size=6).map("".join)


@given(st.lists(st.tuples(TOPICS, st.booleans())), TOPICS)
def test_below_a_prefix_are_the_topics_that_begin_with_it(steps: list[tuple[str, bool]], prefix: str) -> None:
    retained, model = Retained(), dict[str, Event]()
    for number, (topic, keep) in enumerate(steps):
        event = Event(seq=number)
        if keep:
            retained.keep(topic, event, 0.0)
            model[topic] = event
        else:
            retained.forget(topic)
            model.pop(topic, None)
        retained.validate()
        assert retained.get(topic, 0.0) is model.get(topic)
    assert list(retained.below(prefix)) == sorted(topic for topic in model if topic.startswith(prefix))


def test_subscriptions_without_number_do_not_look_at_all_that_is_retained() -> None:
    retained = Retained()
    for number in range(20_000):
        retained.keep(f"order/alpha/a-{number}/", Event(), 0.0)
    began = time.perf_counter()
    for number in range(10_000):
        assert not list(retained.below(f"quote/STK:{number}:SMART:USD/"))
    assert time.perf_counter() - began < 2.0, "a scan of all takes some 10 s"


def test_how_long_a_process_has_been_up_grows_while_it_is_kept() -> None:
    retained = Retained()
    up = Process(name="orders", state="ready", pid=4711, uptime_s=4.0)
    ended = Process(name="web", state="stopped", uptime_s=0.0)
    retained.keep("process/orders/", up, 10.0)
    retained.keep("process/web/", ended, 10.0)
    assert retained.get("process/orders/", 103.0) == replace(up, uptime_s=97.0)
    assert retained.get("process/web/", 103.0) == ended
