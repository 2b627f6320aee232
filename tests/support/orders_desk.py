"""Drives the orders core as its shell would; the journal is in memory, the gateway says what it is told.

Nothing here decides: entries count as durable once `commit` is called (at once by default), what is written
lands in `wire`, what is told in `published`, and a crash forgets everything but `committed`. With
`thread_writes` the journal's thread writes what it may, and the core hears of it with `learn_of_journal`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from twsmq_nodes.orders.actions import (
    Action,
    Announce,
    Enter,
    Journal,
    Now,
    Publish,
    Reply,
    SaveSetting,
    Send,
    Warn,
    Withhold,
    Write,
)
from twsmq_nodes.orders.core import OrdersCore
from twsmq_nodes.orders.entries import (
    Adopted,
    CancelWanted,
    ChangeSent,
    Entry,
    ExercisePlaced,
    Placed,
    to_entry,
    to_row,
)
from twsmq_nodes.orders.journal.direct_writer import DirectWriter
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq
from twsmq_nodes.tws.adapter import Codec
from twsmq_nodes.tws.encoded import Encoded, Sent
from twsmq_nodes.tws.order_template import ShapedOrder
from twsmq_protocol.errors import RequestError
from twsmq_protocol.order_events import Commission, Fill, Notice, Order
from twsmq_protocol.requests import CancelOrder, GetOrders, ModifyOrder, PlaceOrder

from support.orders_reports import CLIENT_ID, end_of, open_order, order_status

NOON = 1_790_000_000_000_000_000 // 86_400_000_000_000 * 86_400_000_000_000 + 43_200_000_000_000
AAPL = "STK:AAPL:SMART:USD"
BASE: dict[str, Any] = {
    "strategy": "s",
    "instrument": AAPL,
    "side": "BUY",
    "quantity": 10.0,
    "order_type": "LMT",
    "limit_price": 1.0,
}
IBAPI = Codec(200)


class Caller(Struct, eq=False):
    valid_until: int | None = None
    who: str = ""
    answers: list[Any] = []

    @property
    def answer(self) -> Any:
        (only,) = self.answers
        return only

    @property
    def code(self) -> str:
        assert isinstance(self.answer, RequestError), self.answer
        return str(self.answer.code)


def encoder() -> Callable[[Sent], Encoded]:
    """A session's, whose orders the tests see whole. Those patched into others' bytes must be ibapi's."""
    session = Codec(200)

    def encode(request: Sent) -> Encoded:
        whole = request.made() if isinstance(request, ShapedOrder) else request
        encoded = Encoded(whole, session.encode(request))
        assert encoded.data == IBAPI.encode(whole)
        return encoded

    return encode


class Desk:
    """`auto`: commits, and the budget, follow every step at once. `alone`: nobody else trades; the looks for
    others' orders between snapshots are answered at once."""

    def __init__(self, *, up: bool = True, auto: bool = True, alone: bool = True, **options: Any) -> None:
        self.alone = alone
        self._ours_asked = False
        self.now = Now(1000.0, NOON)
        self.options = options
        self.auto = auto
        self.committed: list[Entry] = []
        self.uncommitted: list[Entry] = []
        self.wire: list[rq.Request] = []
        self.asked: list[rq.Request] = []
        self.paid = 0
        self.published: list[Any] = []
        self.retained: dict[tuple[str, str], Order] = {}
        self.warnings: list[str] = []
        self.announced: list[Any] = []
        self.state = ""
        self.kept: dict[str, str] = {}
        self.wire_open = True
        self.thread_writes = False
        self.appended: list[Journal] = []
        self.boot()
        if up:
            self.session_up()
            self.snapshot()

    # -- life

    def boot(self) -> None:
        self.direct_writer = DirectWriter()
        self.core = OrdersCore(
            CLIENT_ID,
            encoder(),
            entries=[to_entry(row.event, row.fact, row.who) for row in map(to_row, self.committed)],
            settings=self.kept,
            **self.options,
        )
        self.do(self.core.start(self.now))

    def crash(self) -> None:
        """kill -9: what was not committed never was."""
        self.uncommitted.clear()
        self.appended.clear()
        self.retained.clear()
        self.asked.clear()
        self.boot()

    def session_up(
        self, next_order_id: int = 1, accounts: tuple[str, ...] = ("DU1",), upstream: bool = True
    ) -> None:
        self.do(self.core.session_up(accounts, next_order_id, upstream, 0, self.now))
        self.direct_writer.open(self.written_by_thread, self.core.pipeline.session_no)

    def upstream(self, connected: bool, *, data_lost: bool = False) -> None:
        self.do(self.core.upstream_changed(connected, data_lost=data_lost, now=self.now))

    def session_lost(self) -> None:
        self.asked.clear()
        self.direct_writer.shut()
        self.learn_of_journal()
        self.do(self.core.session_lost("reset", self.now))

    def later(self, seconds: float) -> None:
        self.now = Now(self.now.mono + seconds, self.now.ns + int(seconds * 1e9))
        wake_at = self.core.wake_at
        if wake_at is not None and wake_at <= self.now.mono:
            self.do(self.core.tick(self.now))

    def commit(self) -> None:
        self.reach_the_disk()
        self.learn_of_journal()

    def reach_the_disk(self) -> None:
        """What the journal's thread does."""
        self.committed += self.uncommitted
        self.uncommitted = []
        while self.appended:
            self.direct_writer.committed(self.appended[0])
            del self.appended[0]

    def written_by_thread(self, data: bytes) -> bool:
        if self.thread_writes and self.wire_open:
            [write] = [write for write in self.appended[0].writes if write.request.data is data]
            assert not isinstance(write.request.request, ShapedOrder)
            self.require_durable(write.key, write.request.request)
            self.wire.append(write.request.request)
        return self.thread_writes and self.wire_open

    def learn_of_journal(self) -> None:
        """What the loop hears of it."""
        written, event_no = self.direct_writer.take()
        if event_no > self.core.pipeline.durable_no:
            self.do(self.core.durable(event_no, self.now, written))

    def do(self, actions: list[Action]) -> None:
        todo = list(actions)
        while todo or (self.auto and (self.uncommitted or self.core.waiting)):
            if todo:
                todo += self.carry_out(todo.pop(0))
            elif self.uncommitted:
                self.commit()
            else:
                todo += self.core.admit(self.now)[0]
        self.core.validate()

    def admit(self, most: int = 1) -> list[Action]:
        """Through the gate."""
        actions, self.taken = self.core.admit(self.now, most)
        self.do(actions)
        return actions

    def carry_out(self, action: Action) -> list[Action]:
        match action:
            case Journal(entries):
                self.uncommitted += entries
                self.appended.append(action)
            case Write(key, Encoded(request)):
                assert isinstance(request, rq.Request), "the encoder above makes them whole"
                if not isinstance(request, rq.CancelOrder):
                    self.direct_writer.caught_up(action)
                if not self.wire_open or action.withheld:
                    return self.core.not_written(action, self.now)
                self.require_durable(key, request)
                self.wire.append(request)
                return self.core.written(key, request, self.now)
            case Publish(event, retain):
                self.published.append(event)
                key = (event.strategy, event.client_order_id)
                if retain:
                    assert isinstance(event, Order)
                    self.retained[key] = event
                elif isinstance(event, Order):
                    self.retained.pop(key, None)
            case Reply(caller, outcome):
                assert isinstance(caller, Caller)
                caller.answers.append(outcome)
            case Enter(state):
                self.state = state
            case Send(request, paid):
                self.paid += paid
                asked = request.request if isinstance(request, Encoded) else request
                assert isinstance(asked, rq.Request), "the encoder above makes them whole"
                for_others = isinstance(asked, rq.ReqAllOpenOrders) and not self._ours_asked
                self._ours_asked = isinstance(asked, rq.ReqOpenOrders)
                if self.alone and for_others:
                    return self.list_for_others()
                self.asked.append(asked)
            case Withhold() | SaveSetting():
                return self.carry_out_of_halts(action)
            case Announce(_, event):
                self.announced.append(event)
            case Warn(text):
                self.warnings.append(text)
        return []

    def list_for_others(self) -> list[Action]:
        """Everybody's open orders: ours, as they are known, and nobody else's."""
        for record in self.core.book.active():
            if record.acknowledged:
                self.core.pipeline.snapshots.seen(record.key, record.order.perm_id or 0, listed=True)
        return self.core.received([tws.OpenOrderEnd()], self.now)

    def carry_out_of_halts(self, action: Withhold | SaveSetting) -> list[Action]:
        match action:
            case Withhold(numbers):
                self.direct_writer.withhold(numbers)
                return []
            case SaveSetting(name, value):
                self.kept = {k: v for k, v in {**self.kept, name: value}.items() if v is not None}
                return self.core.setting_saved(name)

    def require_durable(self, key: tuple[str, str], request: rq.Request) -> None:
        """Whatever is written, its intent is on disk."""
        facts = [
            entry.fact
            for entry in self.committed
            if entry.fact is not None and (entry.event.strategy, entry.event.client_order_id) == key
        ]
        if isinstance(request, rq.CancelOrder):
            wished = any(isinstance(fact, CancelWanted) for fact in facts)
            placed = any(isinstance(fact, Placed | Adopted) for fact in facts)  # enough on a disk that stalls
            assert wished or (placed and self.uncommitted)
            return
        if isinstance(request, rq.ExerciseOptions):
            assert any(isinstance(f, ExercisePlaced) and f.order_id == request.req_id for f in facts)
            return
        assert isinstance(request, rq.PlaceOrder)
        fields = request.order
        assert any(
            (isinstance(fact, Placed) and fact.order_id == request.order_id)
            or (
                isinstance(fact, ChangeSent)
                and (fact.values.quantity, fact.values.limit_price)
                == (fields.total_quantity, fields.limit_price)
            )
            for fact in facts
        )

    # -- requests

    def place(self, cid: str = "a", caller: Caller | None = None, **changes: Any) -> Caller:
        caller = caller or Caller(answers=[])
        args: dict[str, Any] = dict(BASE, client_order_id=cid) | changes
        return self.ask(lambda: self.core.request(PlaceOrder(**args), caller, self.now), caller)

    def modify(self, cid: str = "a", **changes: Any) -> Caller:
        caller = Caller(answers=[])
        args = ModifyOrder(strategy="s", client_order_id=cid, **changes)
        return self.ask(lambda: self.core.request(args, caller, self.now), caller)

    def cancel(self, cid: str = "a", strategy: str = "s") -> Caller:
        caller = Caller(answers=[])
        args = CancelOrder(strategy=strategy, client_order_id=cid)
        return self.ask(lambda: self.core.request(args, caller, self.now), caller)

    def ask(self, ask: Any, caller: Caller) -> Caller:
        try:
            self.do(ask())
        except RequestError as error:
            caller.answers.append(error)
        return caller

    # -- what came of it

    def order(self, cid: str = "a") -> Order:
        return self.core.book.records["s", cid].order

    def status(self, cid: str = "a") -> str:
        (row,) = self.core.orders(GetOrders(client_order_id=cid)).orders
        return row["status"]

    def told(self, kind: type, cid: str = "a") -> list[Any]:
        return [e for e in self.published if type(e) is kind and e.client_order_id == cid]

    def fills(self, cid: str = "a") -> list[Fill]:
        return self.told(Fill, cid)

    def notices(self, cid: str = "a") -> list[Notice]:
        return self.told(Notice, cid)

    def commissions(self, cid: str = "a") -> list[Commission]:
        return self.told(Commission, cid)

    # -- what the gateway says

    def says(self, *events: tws.Event) -> None:
        for event in events:
            self.says_at_once([event])

    def says_at_once(self, events: list[tws.Event]) -> None:
        """In one read of the socket."""
        self.learn_of_journal()  # what is on the wire is known before what is said about it
        self.do(self.core.received(events, self.now))

    def accepted(self, order_id: int = 1, cid: str = "a", word: str = "Submitted", **view: Any) -> None:
        self.says(open_order(order_id, cid, word, **view), order_status(order_id, word, remaining=10.0))

    def snapshot(
        self, *rows: tws.Event, foreign: Any = (), executions: Any = (), completed: Any = ()
    ) -> None:
        """Answer the questions of a snapshot, in turn."""
        for expected, answers in (
            (rq.ReqOpenOrders, rows),
            (rq.ReqAllOpenOrders, (*rows, *foreign)),
            (rq.ReqExecutions, executions),
            (rq.ReqCompletedOrders, completed),
        ):
            request = self.asked.pop()
            assert type(request) is expected, request
            self.says(*answers, end_of(request))

    def lists_nothing(self) -> None:
        """Answer whatever is asked with an empty list."""
        while self.asked:
            self.says(end_of(self.asked.pop(0)))


def an_order(cid: str) -> PlaceOrder:
    return PlaceOrder(
        strategy="s",
        client_order_id=cid,
        instrument=AAPL,
        side="BUY",
        quantity=10.0,
        order_type="LMT",
        limit_price=1.0,
    )
