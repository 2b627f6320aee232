"""The orders node as it ships, but for a clock in each stage of an order's way through it.

    python staged_node.py way|work OUT --config FILE …

`way`: when each order has come to the end of each stage (monotonic ns), for orders that come one by one.
`work`: the processor time of each stage, without that of the stages that it calls, since the first order came
(ns). Both are written to OUT when the node ends. The node's own code has no such clocks: functions are
replaced here, before it starts. Those of `work` cost some 2 µs each time.
"""

from __future__ import annotations

import atexit
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import monotonic_ns, process_time_ns, thread_time_ns
from typing import Any

from twsmq_nodes.orders.core import OrdersCore
from twsmq_nodes.orders.journal import direct_writer, watermark
from twsmq_nodes.orders.journal import thread as journal
from twsmq_nodes.orders.shell import OrdersShell
from twsmq_nodes.runtime.process import run
from twsmq_nodes.tws.adapter import Codec
from twsmq_nodes.tws.connection import Connection
from twsmq_nodes.tws.framing import FrameSplitter
from twsmq_nodes.tws.session import TwsSession
from twsmq_protocol import endpoints
from twsmq_protocol.order_requests import PlaceOrder
from twsmq_transport.mailbox import Call, Mailbox
from twsmq_transport.outbox import Outbox
from twsmq_transport.servers import FairSocket

PLACE_ORDER = b"3\0"
Wrapped = Callable[..., Any]


class Way:
    """`stamps`: of the orders in turn, by stage."""

    def __init__(self) -> None:
        self.stamps: dict[str, list[int]] = {
            name: [] for name in ("received", "decoded", "decided", "taken", "committed", "written")
        }

    def install(self) -> None:
        self._after(FairSocket, "_read", "received", lambda _args, frames: int(bool(frames)))
        self._before(OrdersShell, "_request", "decoded", lambda args: int(isinstance(args[1], PlaceOrder)))
        self._before(journal.SqliteJournal, "append", "decided", lambda args: _placed(args[1]))
        self._before(journal, "_insert_all", "taken", lambda args: _rows(args[1]))
        self._after(journal, "_insert_all", "committed", lambda args, _: _rows(args[1]))
        self._after(Connection, "write_from_thread", "written", lambda _args, done: int(done))
        self._after(Connection, "write", "written", lambda args, _: int(args[1].startswith(PLACE_ORDER, 4)))

    def result(self) -> dict[str, Any]:
        return {"stamps": self.stamps}

    def _before(self, owner: Any, name: str, stage: str, orders: Callable[[Any], int]) -> None:
        plain: Wrapped = getattr(owner, name)
        stamps = self.stamps[stage]

        def stamping(*args: Any) -> Any:
            stamps.extend([monotonic_ns()] * orders(args))
            return plain(*args)

        setattr(owner, name, stamping)

    def _after(self, owner: Any, name: str, stage: str, orders: Callable[[Any, Any], int]) -> None:
        plain: Wrapped = getattr(owner, name)
        stamps = self.stamps[stage]

        def stamping(*args: Any) -> Any:
            outcome = plain(*args)
            stamps.extend([monotonic_ns()] * orders(args, outcome))
            return outcome

        setattr(owner, name, stamping)


def _placed(entries: Any) -> int:
    return sum(type(entry.fact).__name__ == "Placed" for entry in entries)


def _rows(rows: Any) -> int:
    """A new attempt has a fact that names it, what an openOrder shows has another."""
    return sum(row.fact is not None and b"Placed" in row.fact for row in rows)


class _Nested(threading.local):
    """Of this thread: what the measured functions have taken that the present one has called."""

    inner = 0


class Work:
    """`spent` by stage, of all threads."""

    STAGES: tuple[tuple[str, Any, str], ...] = (
        ("receive", FairSocket, "_read"),
        ("decode", Mailbox, "_received"),
        ("core", OrdersCore, "request"),
        ("core", OrdersCore, "admit"),
        ("encode", TwsSession, "encode"),
        ("rows", journal.SqliteJournal, "append"),
        ("commit", journal, "_insert_all"),
        ("in place", journal.SqliteJournal, "_require_in_place"),
        ("write", direct_writer.DirectWriter, "committed"),
        ("mark", watermark.WatermarkFile, "write"),
        ("durable", OrdersCore, "durable"),
        ("reply", Call, "succeed"),
        ("cut", FrameSplitter, "feed"),
        ("reports", Codec, "decode"),
        ("received", OrdersCore, "received"),
        ("publish", Outbox, "publish"),
    )

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self._nested = _Nested()
        self._began = self._last = (0, 0)

    def install(self) -> None:
        for stage, owner, name in self.STAGES:
            setattr(owner, name, self._measured(stage, getattr(owner, name)))
        self._on_loop(OrdersShell, "_request")
        self._on_loop(Outbox, "publish")

    def result(self) -> dict[str, Any]:
        loop, process = (last - began for last, began in zip(self._last, self._began, strict=True))
        return {"spent": self.spent, "loop": loop, "process": process}

    def _on_loop(self, owner: Any, name: str) -> None:
        """What the loop's thread and the process have used, from the first order to the last event."""
        plain: Wrapped = getattr(owner, name)

        def noting(*args: Any, **named: Any) -> Any:
            self._last = thread_time_ns(), process_time_ns()
            if name == "_request" and not any(self._began):
                self._began = self._last
                self.spent.clear()
            return plain(*args, **named)

        setattr(owner, name, noting)

    def _measured(self, stage: str, plain: Wrapped) -> Wrapped:
        nested, spent = self._nested, self.spent

        def measured(*args: Any, **named: Any) -> Any:
            outer, nested.inner = nested.inner, 0
            began = thread_time_ns()
            try:
                return plain(*args, **named)
            finally:
                took = thread_time_ns() - began
                spent[stage] += took - nested.inner
                nested.inner = outer + took

        return measured


def main() -> None:
    kind, out = sys.argv[1:3]
    del sys.argv[1:3]
    clocks = Way() if kind == "way" else Work()
    clocks.install()
    atexit.register(lambda: Path(out).write_text(json.dumps(clocks.result())))
    run(endpoints.ORDERS, OrdersShell)


if __name__ == "__main__":
    main()
