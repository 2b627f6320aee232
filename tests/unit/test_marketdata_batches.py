"""When what came from the gateway goes out: after each read, or once in an interval with nothing left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twsmq_nodes.marketdata.data import market_data
from twsmq_nodes.marketdata.data.publisher import Publisher
from twsmq_nodes.marketdata.data.router import Router
from twsmq_nodes.marketdata.feeds import Feed, feed_of
from twsmq_nodes.marketdata.listings import Listing
from twsmq_nodes.tws.contracts import Contract
from twsmq_protocol.codec import decode_event
from twsmq_protocol.envelope import Event
from twsmq_protocol.market_events import Ticks
from twsmq_protocol.topics import parse_stream_topic

TOPIC = "tick/STK:AAPL:SMART:USD/"


def feed_for(topic: str, listing: Listing) -> Feed:
    parsed = parse_stream_topic(topic)
    assert parsed is not None
    return feed_of(parsed, listing)


class Outgoing:
    """The outbox as far as the publisher uses it."""

    name, incarnation = "marketdata-0", 1

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def next_seq(self, topic: str) -> int:
        return len(self.frames) + 1

    def send_frame(self, frame: bytearray) -> None:
        self.frames.append(bytes(frame))

    def publish(self, topic: str, event: Event) -> None:
        raise AssertionError(f"{event} is not of the way of ticks")


class Line:
    """One AAPL line; `now` and what was put off are the test's."""

    def __init__(self, batch_interval_s: float) -> None:
        self.now = 100.0
        self.put_off: list[tuple[float, Callable[[], None]]] = []
        self._outgoing = Outgoing()
        publisher = Publisher(self._outgoing, lambda: self.now, quote_interval_s=0.0, call_later=self._later)
        self._router = Router(
            publisher, lambda _req_id: None, batch_interval_s=batch_interval_s, call_later=self._later
        )
        listing = Listing(contract=Contract(con_id=265598, symbol="AAPL", sec_type="STK"))
        feed = feed_for(TOPIC, listing)
        self._router.join(feed, listing, TOPIC)
        self._router.open(1, feed)
        self._feed, self._listing = feed, listing

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self.put_off.append((self.now + seconds, call))

    def read(self, *sizes: float) -> None:
        """One read of the gateway's socket."""
        self._router.on_ticks([(1, 0, size, 0) for size in sizes])
        self._router.read_end()

    def read_price(self, price: float) -> None:
        self._router.on_ticks([(1, 1, price, 0)])
        self._router.read_end()

    def renew(self) -> None:
        """Under the same number, for the sake of brevity."""
        self._router.close(1)
        self._router.open(1, self._feed)

    def join_quote(self) -> None:
        self._router.join(self._feed, self._listing, TOPIC.replace("tick/", "quote/"))

    def greet(self, topic: str) -> Any:
        """The last message of what a newcomer is sent."""
        assert self._router.greet(topic)
        return decode_event(self._outgoing.frames[-1])[1]

    @property
    def unnoted(self) -> int:
        channel = self._router._channels[self._feed]
        assert isinstance(channel, market_data.MarketDataChannel)
        return len(channel._flushed)

    def pass_time(self, until: float) -> None:
        self.now = until
        due = [call for at, call in self.put_off if at <= until]
        self.put_off = [(at, call) for at, call in self.put_off if at > until]
        for call in due:
            call()

    @property
    def told(self) -> list[list[Any]]:
        """The sizes in each message."""
        events = [decode_event(frame)[1] for frame in self._outgoing.frames]
        return [[tick[1] for tick in event.ticks] for event in events if isinstance(event, Ticks)]


def test_without_an_interval_each_read_goes_out_at_once():
    line = Line(0.0)
    line.read(1.0, 2.0)
    line.read(3.0)
    assert line.told == [[1.0, 2.0], [3.0]]
    assert not line.put_off


def test_within_an_interval_reads_go_out_as_one_message_and_nothing_is_left_out():
    line = Line(0.05)
    line.read(1.0)
    line.pass_time(100.0)
    assert line.told == [[1.0]], "what comes after a pause need not wait"
    line.read(2.0)
    line.read(3.0, 4.0)
    line.pass_time(100.04)
    assert line.told == [[1.0]]
    line.pass_time(100.05)
    assert line.told == [[1.0], [2.0, 3.0, 4.0]]
    line.pass_time(101.0)
    assert len(line.told) == 2, "nothing goes out where nothing came"


def test_the_ticks_of_all_lines_go_before_any_quote_and_a_newcomer_gets_them():
    outgoing = Outgoing()
    publisher = Publisher(outgoing, lambda: 1.0, quote_interval_s=0.0, call_later=lambda _s, _call: None)
    greeted: list[bool] = []

    def data_came(req_id: int) -> None:
        """The core has a newcomer of the first line greeted when data comes under the second."""
        if req_id == 2:
            greeted.append(lines.greet("tick/STK:A:SMART:USD/"))

    lines = Router(publisher, data_came, batch_interval_s=0.0, call_later=lambda _s, _call: None)
    for req_id, symbol in enumerate("AB", 1):
        listing = Listing(contract=Contract(con_id=req_id, symbol=symbol, sec_type="STK"))
        for kind in ("quote", "tick"):
            topic = f"{kind}/STK:{symbol}:SMART:USD/"
            feed = feed_for(topic, listing)
            lines.join(feed, listing, topic)
            lines.open(req_id, feed)
    lines.on_ticks([(1, 1, 10.0, 0), (2, 1, 20.0, 0), (1, 2, 11.0, 0)])
    lines.read_end()
    events = [decode_event(frame) for frame in outgoing.frames]
    assert greeted == [True]
    assert [topic for topic, _ in events] == [
        "tick/STK:A:SMART:USD/",
        "quote/STK:A:SMART:USD/",  # because somebody is greeted
        "tick/STK:A:SMART:USD/",
        "tick/STK:B:SMART:USD/",
        "quote/STK:B:SMART:USD/",
    ]
    snapshot = events[2][1]
    assert isinstance(snapshot, Ticks)
    assert snapshot.snapshot
    assert [tick[1] for tick in snapshot.ticks] == [10.0, 11.0]
    outgoing.frames.clear()
    lines.on_ticks([(1, 1, 10.5, 0), (2, 1, 20.5, 0)])
    lines.read_end()
    kinds = [decode_event(frame)[0].partition("/")[0] for frame in outgoing.frames]
    assert kinds == ["tick", "tick", "quote", "quote"]


def test_ticks_that_nobody_has_a_quote_of_are_noted_for_newcomers():
    line = Line(0.0)
    reads = [float(n) for n in range(2 * market_data.MOST_UNNOTED + 10)]
    for size in reads:
        line.read(size)
    assert line.told == [[size] for size in reads]
    assert line.unnoted < market_data.MOST_UNNOTED, "however many came"
    line.join_quote()
    assert line.greet("quote/STK:AAPL:SMART:USD/").bid_size == reads[-1]
    line.read(7.0)
    assert line.unnoted == 0
    assert line.greet(TOPIC).ticks == [(0, 7.0, 0)]


def test_what_came_under_another_request_is_not_told_to_newcomers():
    line = Line(0.0)
    line.read(1.0)
    line.renew()
    line.read_price(10.0)
    assert line.greet(TOPIC).ticks == [(1, 10.0, 0)]


def test_volumes_of_a_later_gateway_count_single_units_of_everything():
    outgoing = Outgoing()
    publisher = Publisher(outgoing, lambda: 1.0, quote_interval_s=0.0, call_later=lambda _s, _call: None)
    router = Router(publisher, lambda _: None, batch_interval_s=0.0, call_later=lambda _s, _call: None)
    for req_id, unit in ((1, 100), (2, None)):
        topic = f"tick/CONID:{req_id}/"
        listing = Listing(contract=Contract(con_id=req_id, sec_type="STK"), volume_unit=unit)
        router.join(feed_for(topic, listing), listing, topic)
        router.open(req_id, feed_for(topic, listing))
        router.on_ticks([(req_id, 8, 1853.0, 0)])
        router.flush()
        publisher.unit_volumes = True  # a session of server version 220
        router.close(req_id)
        router.open(req_id, feed_for(topic, listing))
        router.on_ticks([(req_id, 8, 185_322.0, 0)])
        router.flush()
        publisher.unit_volumes = False
    told = [event for _, event in map(decode_event, outgoing.frames)]
    assert [event.ticks[0][1] for event in told if isinstance(event, Ticks)] == [
        185_300.0,
        185_322.0,
        None,
        185_322.0,
    ]
