"""Strategies that trade through the orders node as outsiders would, and keep their own books.

A trader repeats a request until it is answered, with the same client_order_id; it takes events as they come,
in the order of `strategy_no`, and asks for what it missed with `replay_events`. Its record is what a careful
client would believe.
"""

from __future__ import annotations

import random
import threading
import time
from typing import Any

import msgpack
import zmq

from support.plain_client import PlainClient

SYMBOLS = ("AAPL", "MSFT", "IBM")
PATIENCE_S = 3.0


class Trader(threading.Thread):
    """Trades until `finish`. `orders`: as last told; `fills`: executions, corrected."""

    def __init__(self, strategy: str, port_base: int, seed: int) -> None:
        super().__init__(name=strategy, daemon=True)
        self.strategy = strategy
        self.orders: dict[str, dict[str, Any]] = {}
        self.fills: dict[str, dict[str, Any]] = {}
        self.placed: list[str] = []
        self.replayed = 0
        self.failed: BaseException | None = None
        self._last = 0  # the newest strategy_no in the books
        self._random = random.Random(seed)
        self._client = PlainClient(port_base)
        self._client.subscribe(f"order/{strategy}/", "node/orders/")
        self._stopping = threading.Event()

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._act()
                self._listen(0.05)
        except BaseException as error:
            self.failed = error
            raise

    def finish(self) -> None:
        self._stopping.set()
        self.join(60)
        assert not self.is_alive()
        assert self.failed is None, self.failed

    def close(self) -> None:
        self._client.close()

    # -- trading

    def _act(self) -> None:
        live = [
            cid for cid, order in self.orders.items() if order["status"] in ("submitted", "partially_filled")
        ]
        roll = self._random.random()
        if roll < 0.55 or not live:
            self._place()
        elif roll < 0.8:
            self._ask("cancel_order", client_order_id=self._random.choice(live))
        else:
            change = self._random.choice(
                [
                    {"limit_price": 2.0},
                    {"limit_price": 3.0},
                    {"limit_price": 10_000.0},
                    {"quantity": 400},
                    {"tif": "DAY"},
                    {"tif": "GTC", "limit_price": 2.5},
                ]
            )
            for _ in range(self._random.choice([1, 1, 2])):  # the same again is no second one
                self._ask("modify_order", client_order_id=self._random.choice(live), **change)

    def _place(self) -> None:
        cid = f"{self.strategy}-{len(self.placed):05d}"
        self.placed.append(cid)
        market = self._random.random() < 0.5
        prices = {"order_type": "MKT"} if market else {"order_type": "LMT", "limit_price": 1.0, "tif": "GTC"}
        self._ask(
            "place_order",
            client_order_id=cid,
            instrument=f"STK:{self._random.choice(SYMBOLS)}:SMART:USD",
            side=self._random.choice(["BUY"] if not market else ["BUY", "SELL"]),
            quantity=self._random.randint(1, 300),
            **prices,
        )

    def _ask(self, op: str, **args: Any) -> dict[str, Any] | None:
        """The one reply; the same request again while the node is away or does not know yet."""
        while not self._stopping.is_set():
            reply = self._once(op, {"strategy": self.strategy, **args})
            if reply is None or (not reply["ok"] and reply["error"]["code"] in ("not_ready", "timeout")):
                self._listen(0.2)
                continue
            codes = ("conflict", "unknown_order", "invalid_argument")
            assert reply["ok"] or reply["error"]["code"] in codes, reply
            return reply
        return None

    def _once(self, op: str, args: dict[str, Any]) -> dict[str, Any] | None:
        socket = self._client.dealer("orders")
        request_id = self._random.getrandbits(48)
        until = time.time_ns() + int(PATIENCE_S * 1e9)
        request = {"v": 1, "id": request_id, "op": op, "args": args, "valid_until": until}
        socket.send(msgpack.packb(request), zmq.NOBLOCK)
        deadline = time.monotonic() + PATIENCE_S
        while (left := deadline - time.monotonic()) > 0 and socket.poll(int(left * 1000)):
            reply = msgpack.unpackb(socket.recv())
            if reply["id"] == request_id:  # others answer requests given up long ago
                return reply
        return None

    # -- books

    def _listen(self, seconds: float) -> None:
        for topic, event in self._client.events(seconds):
            if topic == "node/orders/":
                newest = (event.get("strategy_nos") or {}).get(self.strategy, 0)
                if newest > self._last:
                    self._catch_up()
            elif event.get("snapshot") or event["strategy_no"] <= self._last:
                continue
            elif event["strategy_no"] == self._last + 1:
                self._book(event)
            else:
                self._catch_up()

    def _catch_up(self) -> None:
        page = self._once("replay_events", {"strategy": self.strategy, "after": self._last})
        if page is not None:
            assert page["ok"], page
            self.replayed += 1
            for event in page["result"]["events"]:
                self._book(event)

    def _book(self, event: dict[str, Any]) -> None:
        assert event["strategy_no"] == self._last + 1, (event, self._last)
        self._last += 1
        if event["type"] == "order":
            self.orders[event["client_order_id"]] = event
        elif event["type"] == "fill":
            assert event["exec_id"] not in self.fills, f"told twice: {event}"
            if event["corrects"] is not None:
                del self.fills[event["corrects"]]
            self.fills[event["exec_id"]] = event

    def settle(self, last: int) -> None:
        """Take in everything up to `last`."""
        deadline = time.monotonic() + 20
        while self._last < last:
            assert time.monotonic() < deadline, (self._last, last)
            self._catch_up()
