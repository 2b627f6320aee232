"""A node's outbox: numbers without gaps, newcomers greeted, junk ignored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import zmq
from msgspec import structs
from msgspec.msgpack import encode
from support.plain_client import Event, PlainClient
from twsmq_nodes.runtime.node import HEARTBEAT_S, Node, Shell
from twsmq_protocol import system_events
from twsmq_protocol.config_file import load_config
from twsmq_protocol.market_events import Stream
from twsmq_protocol.system_events import Heartbeat, Position
from twsmq_transport import outbox

Story = Callable[[Node, PlainClient], Awaitable[None]]


def publish_from(config_file: Path, port_base: int, story: Story) -> None:
    """Run a node with no shell in this process while `story` is told."""

    async def run() -> None:
        node = Node(load_config(config_file), "status")
        client = PlainClient(port_base)
        try:
            await story(node, client)
        finally:
            client.close()
            node.close()

    asyncio.run(run())


async def take(client: PlainClient, count: int = 1) -> list[tuple[str, Event]]:
    """The next events, awaited off the loop."""

    def receive() -> list[tuple[str, Event]]:
        found: list[tuple[str, Event]] = []
        for each in client.events(20):
            found.append(each)
            if len(found) == count:
                return found
        raise AssertionError(f"only {found}")

    return await asyncio.to_thread(receive)


class Watching(Shell):
    """A shell that only learns of presence and marks its heartbeats."""

    def __init__(self, presence: Callable[[str, bool], None]) -> None:
        self._presence = presence

    def presence(self, topic: str, wanted: bool) -> None:
        self._presence(topic, wanted)

    def complete_heartbeat(self, beat: Heartbeat) -> Heartbeat:
        return structs.replace(beat, last_event_no=42)


async def subscribed(node: Node, client: PlainClient, *topics: str) -> None:
    """Subscribe and wait until the node has seen it."""
    missing = set(topics)
    done = asyncio.Event()

    def presence(topic: str, wanted: bool) -> None:
        if wanted:
            missing.discard(topic)
        if not missing:
            done.set()

    node.start(Watching(presence))
    client.subscribe(*topics)
    await asyncio.wait_for(done.wait(), 20)


def position(con_id: int, quantity: float) -> Position:
    return Position(account="DU1", instrument=f"CONID:{con_id}", con_id=con_id, quantity=quantity)


def test_seq_counts_per_topic_and_every_event_carries_the_header(config_file: Path, port_base: int) -> None:
    async def story(node: Node, client: PlainClient) -> None:
        await subscribed(node, client, "position/")
        for number in range(3):
            node.outbox.publish("position/a/", position(1, number))
            node.outbox.publish("position/b/", position(2, number))
        events = await take(client, 6)
        assert [(topic, event["seq"]) for topic, event in events] == [
            (f"position/{name}/", seq) for seq in (1, 2, 3) for name in "ab"
        ]
        for _, event in events:
            assert (event["v"], event["src"], event["inc"]) == (1, "status", node.incarnation)
            assert event["ts"] > node.incarnation
        assert node.outbox.last_seq("position/a/") == 3
        assert node.outbox.last_seq("position/never/") == 0

    publish_from(config_file, port_base, story)


def test_a_newcomer_is_greeted_with_what_is_retained_below_its_prefix(
    config_file: Path, port_base: int
) -> None:
    async def story(node: Node, client: PlainClient) -> None:
        node.outbox.publish("position/a/", position(1, 10), retain=True)
        node.outbox.publish("position/a/", position(1, 11), retain=True)
        node.outbox.publish("position/b/", position(2, 20), retain=True)
        node.outbox.publish("position/c/", position(3, 30))
        node.outbox.publish("other/", position(4, 40), retain=True)
        client.subscribe("position/")
        greeting = await take(client, 2)
        assert [(topic, e["quantity"], e["seq"], e["snapshot"]) for topic, e in greeting] == [
            ("position/a/", 11, 3, True),
            ("position/b/", 20, 2, True),
        ]

        node.outbox.forget("position/a/")
        late = PlainClient(port_base)
        try:
            late.subscribe("position/")
            ((topic, event),) = await take(late)
            assert (topic, event["seq"]) == ("position/b/", 3)
        finally:
            late.close()
        node.outbox.publish("position/a/", position(1, 0))
        assert [event["seq"] for topic, event in await take(client, 2) if topic == "position/a/"] == [4]

    publish_from(config_file, port_base, story)


def test_an_event_without_a_snapshot_mark_is_repeated_as_it_was(config_file: Path, port_base: int) -> None:
    async def story(node: Node, client: PlainClient) -> None:
        node.outbox.publish("quote/x/", Stream(state="error", code=200), retain=True)
        client.subscribe("quote/x/")
        ((_, event),) = await take(client)
        assert (event["state"], event["code"], event["seq"]) == ("error", 200, 2)

    publish_from(config_file, port_base, story)


def test_presence_is_told_per_topic_and_ends_with_the_last_subscriber(
    config_file: Path, port_base: int
) -> None:
    async def story(node: Node, client: PlainClient) -> None:
        told: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()

        def presence(topic: str, wanted: bool) -> None:
            told.put_nowait((topic, wanted))

        node.start(Watching(presence))
        second = PlainClient(port_base)
        for each in (client, second):
            each.subscribe("quote/x/")
            assert await asyncio.wait_for(told.get(), 20) == ("quote/x/", True)
        client.sub.unsubscribe(b"quote/x/")
        client.subscribe("quote/y/")
        assert await asyncio.wait_for(told.get(), 20) == ("quote/y/", True)  # the first leaving is no news
        second.close()
        assert await asyncio.wait_for(told.get(), 20) == ("quote/x/", False)

    publish_from(config_file, port_base, story)


def test_what_is_behind_a_message_whose_handling_failed_is_still_handled(
    config_file: Path, port_base: int
) -> None:
    async def story(node: Node, client: PlainClient) -> None:
        reported: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        done = asyncio.Event()

        def presence(topic: str, _: bool) -> None:
            if topic == "quote/bad/":
                raise ZeroDivisionError
            done.set()

        node.start(Watching(presence))
        client.subscribe("quote/bad/", "quote/good/")  # both leave at once, when the connection stands
        await asyncio.wait_for(done.wait(), 20)
        assert len(reported) == 1

    publish_from(config_file, port_base, story)


JUNK: list[list[bytes]] = [
    [b""],
    [b"\x02quote/x/"],
    [b"\x07"],
    [b"\xff" * 1_000_000],
    [b"\x01quote/x/", b"more"],
    [b"", b""],
    [b"\x01\xff\xfe\xfd"],
    [b"\x00never subscribed"],
    [b"\x01" + b"x" * 100_000],
    [b"\x01"],
]


@pytest.mark.parametrize("frames", JUNK, ids=lambda frames: f"{len(frames)} frames, {frames[0][:4]!r}")
def test_raw_junk_on_the_events_socket_harms_nobody(
    config_file: Path, port_base: int, frames: list[bytes]
) -> None:
    async def story(node: Node, client: PlainClient) -> None:
        node.outbox.publish("position/a/", position(1, 10), retain=True)
        with zmq.Context() as context, context.socket(zmq.XSUB) as raw:
            raw.linger = 0
            raw.connect(f"tcp://127.0.0.1:{port_base + 41}")
            for _ in range(3):
                await asyncio.to_thread(raw.send_multipart, frames)
            await subscribed(node, client, "position/")
            ((topic, event),) = await take(client)
            assert (topic, event["quantity"]) == ("position/a/", 10)

    publish_from(config_file, port_base, story)


def test_nobody_is_told_of_a_topic_that_no_event_can_have(config_file: Path, port_base: int) -> None:
    async def story(node: Node, client: PlainClient) -> None:
        told: list[str] = []
        last = asyncio.Event()

        def presence(topic: str, _wanted: bool) -> None:
            told.append(topic)
            if topic == "quote/B/":
                last.set()

        node.start(Watching(presence))
        client.sub.subscribe(b"quote/A\0B/")
        client.sub.unsubscribe(b"quote/A\0B/")
        client.subscribe("quote/B/")
        await asyncio.wait_for(last.wait(), 20)
        assert told == ["quote/B/"]

    publish_from(config_file, port_base, story)


def test_a_subscriber_that_does_not_read_loses_messages_sees_it_and_stops_nobody(
    config_file: Path, port_base: int
) -> None:
    config_file.write_text(config_file.read_text().replace("[gateway]", "send_queue = 1000\n[gateway]"))

    async def story(node: Node, client: PlainClient) -> None:
        slow = PlainClient(port_base)
        slow.sub.setsockopt(zmq.RCVHWM, 1)
        await subscribed(node, slow, "position/")
        filler = Stream(state="error", text="x" * 2_000)
        for _ in range(20_000):
            node.outbox.publish("position/flood/", filler)
        await subscribed(node, client, "position/")
        node.outbox.publish("position/flood/", filler)
        ((_, event),) = await take(client)
        assert event["seq"] == 20_001
        seen = [event["seq"] for _, event in await take(slow, 500)]
        assert seen == list(range(1, 501))  # what it gets is in order; what it lost shows as a gap later
        slow.close()

    publish_from(config_file, port_base, story)


def test_heartbeats_tell_state_and_change_at_once(config_file: Path, port_base: int) -> None:
    async def story(node: Node, client: PlainClient) -> None:
        heard = asyncio.Event()
        client.subscribe("node/status/")
        node.start(Watching(lambda _topic, _wanted: heard.set()))
        await asyncio.wait_for(heard.wait(), 20)
        node.enter("reconciling", "asking for all positions")
        node.enter("reconciling", "asking for all positions")
        node.enter("ready")
        beats = [event for _, event in await take(client, 4)]
        while beats[0]["state"] == "starting":  # however many there were time for
            assert beats.pop(0)["detail"] is None
            beats += [event for _, event in await take(client)]
        assert [(beat["state"], beat["detail"]) for beat in beats] == [
            ("reconciling", "asking for all positions"),
            *[("ready", None)] * 3,
        ]
        assert {beat["last_event_no"] for beat in beats} == {42}
        assert (beats[0]["name"], beats[0]["client_id"]) == ("status", 102)
        between = (beats[3]["ts"] - beats[2]["ts"]) / 1e9
        assert HEARTBEAT_S * 0.9 < between < HEARTBEAT_S + 5

    publish_from(config_file, port_base, story)


def test_who_comes_just_after_a_change_learns_of_it_without_waiting_for_the_next_beat(
    config_file: Path, port_base: int
) -> None:
    async def story(node: Node, client: PlainClient) -> None:
        node.start(Shell())
        node.enter("ready")
        client.subscribe("node/status/")
        [(_, event)] = await take(client)
        assert (event["state"], event["seq"]) == ("ready", 3)  # two beats before this one

    publish_from(config_file, port_base, story)


def test_a_long_start_is_heard_though_the_loop_does_not_turn(config_file: Path, port_base: int) -> None:
    async def story(node: Node, client: PlainClient) -> None:
        client.subscribe("node/status/")
        deadline = time.monotonic() + 20
        while not client.sub.poll(50):  # no await: this holds the loop, as reading a long journal does
            assert time.monotonic() < deadline
            node.starting("reading the journal: 20,000 of 50,000 events")
        _, event = next(client.events(1))
        assert (event["state"], event["detail"]) == (
            "starting",
            "reading the journal: 20,000 of 50,000 events",
        )
        node.start(Shell())
        async with asyncio.timeout(20):
            while event["detail"] is not None:
                [(_, event)] = await take(client)

    publish_from(config_file, port_base, story)


def test_a_node_hears_others_and_survives_what_it_cannot_read(config_file: Path, port_base: int) -> None:
    async def story(node: Node, _: PlainClient) -> None:
        other = Node(load_config(config_file), "orders")
        heard: asyncio.Queue[tuple[str, system_events.Event]] = asyncio.Queue()
        arrived = asyncio.Event()

        def presence(_topic: str, _wanted: bool) -> None:
            arrived.set()

        try:
            node.listen(["orders"], ["node/"], lambda topic, event: heard.put_nowait((topic, event)))
            other.start(Watching(presence))
            await asyncio.wait_for(arrived.wait(), 20)
            other.outbox.send_frame(b"node/orders/ without a NUL")
            other.outbox.send_frame(b"node/orders/\0\xc1")
            other.outbox.send_frame(b"node/orders/\0" + encode({"type": "from the future", "v": 1}))
            topic, event = await asyncio.wait_for(heard.get(), 20)
            assert topic == "node/orders/"
            assert isinstance(event, Heartbeat)
            assert event.name == "orders"
        finally:
            other.close()

    publish_from(config_file, port_base, story)


def test_who_subscribes_again_and_again_makes_nobody_read_without_end(
    config_file: Path, port_base: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "REPEATS_PER_S", 500.0)
    again, retained = 300, 100

    async def story(node: Node, client: PlainClient) -> None:
        node.outbox._repeats = 1000.0  # pyright: ignore[reportPrivateUsage]
        for number in range(retained):
            node.outbox.publish(f"position/{number}/", position(number, number), retain=True)
        flood = PlainClient(port_base)
        try:
            for _ in range(again):
                flood.sub.setsockopt(zmq.SUBSCRIBE, b"position/")
                flood.sub.setsockopt(zmq.UNSUBSCRIBE, b"position/")
            began = time.monotonic()
            client.subscribe("position/")
            seen: set[str] = set()

            def all_seen(topic: str, event: Event) -> bool:
                seen.add(topic)
                return len(seen) == retained

            await asyncio.to_thread(client.await_event, all_seen, 30)
            repeated = sum(node.outbox.last_seq(f"position/{number}/") - 1 for number in range(retained))
            took = time.monotonic() - began
            assert repeated <= 1000 + 500 * (took + 1) + retained, "a tenth of what was wished for"
        finally:
            flood.close()

    publish_from(config_file, port_base, story)
