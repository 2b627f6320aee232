"""What counting costs the way of ticks, from the session's read to the outbox: with and without it by turns,
the best of each."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from twsmq_nodes.marketdata.data.publisher import Publisher
from twsmq_nodes.marketdata.data.router import Router
from twsmq_nodes.marketdata.feeds import Feed, FeedKind
from twsmq_nodes.marketdata.listings import Listing
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.ticks import Tick

READS, TICKS, TURNS = 4000, 20, 15
TOPIC = "tick/STK:AAPL:SMART:USD/"


class _Outbox:
    name, incarnation = "marketdata-0", 1

    def __init__(self) -> None:
        self._seq = 0

    def next_seq(self, topic: str) -> int:
        del topic
        self._seq += 1
        return self._seq

    def send_frame(self, frame: bytearray) -> None:
        bytes(frame)

    def publish(self, topic: str, event: object) -> None:
        del topic, event


class _Uncounted(Router):
    """As it was before anything was counted."""

    def on_ticks(self, ticks: Sequence[Tick]) -> None:
        by_req_id, touched = self._by_req_id, self._touched
        for tick in ticks:
            channel = by_req_id.get(tick[0])
            if channel is not None:
                batch = channel.batch
                if not batch:
                    touched[channel] = None
                batch.append(tick)


def _made(kind: type[Router]) -> Router:
    publisher = Publisher(_Outbox(), perf_counter, quote_interval_s=0.0, call_later=lambda _, f: f)
    router = kind(publisher, lambda _: None, batch_interval_s=0.0, call_later=lambda _, f: f)
    feed = Feed(FeedKind.MARKET_DATA, Contract(con_id=265598, exchange="SMART"))
    router.join(feed, Listing(feed.contract), TOPIC)
    router.open(1, feed)
    return router


def _took(router: Router) -> float:
    ticks: list[Tick] = [(1, 1, 187.41, 0), (1, 0, 5.0, 0)] * (TICKS // 2)
    began = perf_counter()
    for _ in range(READS):
        router.on_ticks(ticks)
        router.flush()
    return perf_counter() - began


def loss() -> float:
    """As a share of the time without it; never below 0."""
    counted, uncounted = _made(Router), _made(_Uncounted)
    turns = [(_took(counted), _took(uncounted)) for _ in range(TURNS + 1)]
    with_it, without = map(min, zip(*turns, strict=True))
    return max(0.0, with_it / without - 1.0)


if __name__ == "__main__":
    print(f"{loss():.2%}")
