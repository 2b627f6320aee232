"""`wait_quote` ends with the reason: at once where there never will be a quote, else when time is up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twsmq._sync.requests import SyncRequests
from twsmq.errors import StreamRefused
from twsmq.mirrors import Mirrors, Quotes
from twsmq_protocol.market_events import Quote, Stream

AAPL = "STK:AAPL:SMART:USD"
BOTH = Quote(bid=1.0, ask=2.0)


class Desk(SyncRequests):
    """Events that are there already; time is up after them."""

    def __init__(self, *events: Quote | Stream) -> None:
        self.quotes = Quotes(Mirrors(), lambda topic: None, lambda: None)
        mirror = self.quotes[AAPL]
        for event in events:
            if isinstance(event, Quote):
                mirror.quote = event
            else:
                mirror.stream = event

    def wait_until(self, look: Callable[[], Any], timeout: float | None = None) -> Any:
        found = look()
        if found is None:
            raise TimeoutError
        return found


def test_what_the_gateway_does_not_know_is_said_at_once() -> None:
    unknown = Stream(state="error", code=200, text="No security definition has been found for the request")
    with pytest.raises(StreamRefused, match=r"No security definition.* \[gateway error 200\]$") as refused:
        Desk(unknown).wait_quote(AAPL)
    assert (refused.value.tws_code, refused.value.topic) == (200, f"quote/{AAPL}/")


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ((), "nothing has come of it"),
        ((Stream(state="starting", reason="farms are down"),), "the stream is starting, farms are down"),
        (
            (Stream(state="error", code=354, text="not subscribed", reason="asked for again 5 s later"),),
            r"not subscribed \[gateway error 354\], asked for again 5 s later",
        ),
        ((Stream(state="delayed"), Quote(bid=1.0, ask=2.0, delayed=True)), "delayed; live=False takes them"),
        ((Stream(state="active"), Quote(bid=1.0)), "the stream is active, bid 1.0, ask None"),
    ],
)
def test_a_wait_that_was_too_short_has_the_reason(events: tuple[Quote | Stream, ...], words: str) -> None:
    with pytest.raises(TimeoutError, match=f"no quote of {AAPL} within 3 s: .*{words}"):
        Desk(*events).wait_quote(AAPL, timeout=3.0)


def test_what_is_there_is_returned() -> None:
    assert Desk(Stream(state="active"), BOTH).wait_quote(AAPL).bid == 1.0
    assert Desk(Stream(state="delayed"), Quote(bid=1.0, ask=2.0, delayed=True)).wait_quote(AAPL, live=False)
