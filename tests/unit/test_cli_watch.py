"""`twsmq watch`: whom it listens to, what it notices, how a line reads."""

from __future__ import annotations

import pytest
from twsmq.cli.watch import Losses, line, publishers
from twsmq_protocol.config import Config, Marketdata

CONFIG = Config(marketdata=Marketdata(instances=2))
EVERYONE = ("supervisor", "connection", "reference", "marketdata-0", "marketdata-1", "status", "orders")


@pytest.mark.parametrize(
    ("topics", "heard"),
    [
        (("quote/STK:AAPL:SMART:USD/",), ("marketdata-0", "marketdata-1")),
        (("order/alpha/",), ("orders",)),
        (("process/", "gateway/"), ("supervisor", "connection")),
        (("position/DU1/", "account/"), ("status",)),
        (("node/orders/",), EVERYONE),
        (("unheard-of/",), EVERYONE),
        (("quo",), EVERYONE),
        (("",), EVERYONE),
    ],
)
def test_the_first_level_tells_whom_to_listen_to(topics: tuple[str, ...], heard: tuple[str, ...]) -> None:
    assert publishers(CONFIG, topics) == heard


def test_a_gap_in_the_numbers_is_told_once_with_how_many() -> None:
    losses = Losses()
    assert losses.notice("a/", {"inc": 1, "seq": 7}) == []
    assert losses.notice("a/", {"inc": 1, "seq": 8}) == []
    assert losses.notice("b/", {"inc": 1, "seq": 1}) == []
    assert losses.notice("a/", {"inc": 1, "seq": 12}) == [{"type": "lost", "topic": "a/", "count": 3}]
    assert losses.notice("a/", {"inc": 1, "seq": 13}) == []


def test_a_repeat_of_the_last_number_is_no_loss() -> None:
    losses = Losses()
    losses.notice("a/", {"inc": 1, "seq": 7})
    assert losses.notice("a/", {"inc": 1, "seq": 7}) == []


def test_a_repeat_that_is_ahead_shows_that_the_last_message_was_lost() -> None:
    losses = Losses()
    losses.notice("a/", {"inc": 1, "seq": 7})
    assert losses.notice("a/", {"inc": 1, "seq": 9, "repeated": True}) == [
        {"type": "lost", "topic": "a/", "count": 1}
    ]


def test_a_new_incarnation_is_a_restart_not_a_loss() -> None:
    losses = Losses()
    losses.notice("a/", {"inc": 1, "seq": 7})
    assert losses.notice("a/", {"inc": 2, "seq": 1, "src": "orders"}) == [
        {"type": "restarted", "topic": "a/", "src": "orders"}
    ]


def test_a_line_leaves_out_the_header_and_what_has_no_value() -> None:
    event = {"v": 1, "type": "quote", "src": "marketdata-0", "inc": 1, "seq": 1, "ts": 1_500_000_000}
    told = line(
        "quote/X/", event | {"bid": 190.01, "ask": None, "volume": 1e6, "text": "a b", "delayed": False}
    )
    assert told.endswith('.500  quote/X/  quote  bid=190.01  volume=1000000  text="a b"')
