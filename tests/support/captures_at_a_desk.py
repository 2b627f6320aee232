"""Captured conversations of orders spoken to the core at a desk, its messages in other orders than captured.

What the gateway says between two moves of its client is told in any order that leaves each thing's own order
as it is: the statuses of one order (an openOrder and the orderStatus after it are one), its executions, its
errors. Some may be told twice; statuses may be lost. What the gateway has is what the whole capture has
shown: that it lists when it is asked.
"""

from __future__ import annotations

from collections import defaultdict
from random import Random
from typing import Any

from twsmq_nodes.orders import codes
from twsmq_nodes.orders.codes import Meaning
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq
from twsmq_protocol.order_events import Order
from twsmq_protocol.order_requests import CancelOrder, CancelOrders, ModifyOrder, PlaceOrder

from support.node_captures import Line, modification, placement
from support.orders_desk import AAPL, Desk
from support.orders_reports import completed, end_of, error, execution, open_order, order_status
from support.orders_steps import call

ENDED = ("Filled", "Cancelled", "ApiCancelled", "Inactive")


class Captured:
    """`how`: decides what is told otherwise; None: as captured. `lossy`: statuses may be lost."""

    def __init__(self, how: Random | None = None, *, lossy: bool = False) -> None:
        self.desk = Desk(alone=False)
        self._how = how
        self._lossy = lossy
        self._sent: dict[int, rq.PlaceOrder] = {}  # by the recorded id: what the gateway has
        self._before: dict[int, rq.PlaceOrder] = {}  # its last modification
        self._said: dict[int, dict[str, Any]] = {}  # the last status of each
        self._executions: dict[int, list[tws.ExecDetails]] = defaultdict(list)

    def speak(self, capture: list[Line]) -> None:
        turn: list[Line] = []
        for line in capture:
            if line.who == "client" and line.what in ("place_order", "cancel_order", "global_cancel"):
                self._tell(turn)
                turn = []
                self._move(line)
                self.answer()
            elif line.who == "server":
                turn.append(line)
        self._tell(turn)
        for _ in range(25):
            self.desk.later(1.0)
            self.answer()

    def order(self, recorded: int) -> Order:
        return self.desk.order(str(recorded))

    # -- the client's moves

    def _move(self, line: Line) -> None:
        if line.what == "global_cancel":
            call(self.desk, CancelOrders(strategy="s"))
            return
        recorded = int(line.args["order_id"])
        key = {"strategy": "s", "client_order_id": str(recorded)}
        if line.what == "cancel_order":
            call(self.desk, CancelOrder(**key))
            return
        known = self._sent.get(recorded)
        if known is not None:
            staged = not known.order.transmit
            call(self.desk, ModifyOrder(**key, **modification(line.args, staged=staged)))
        else:
            args = placement(line.args)
            if line.args.get("parent"):
                args["parent"] = str(line.args["parent"])
            call(self.desk, PlaceOrder(instrument=AAPL, **key, **args))
        self.answer()  # a trailing stop is asked for before it is moved
        sent = [one for one in self.desk.wire if isinstance(one, rq.PlaceOrder)]
        mine = [one for one in sent if one.order.order_ref == f"s/{recorded}"]
        if mine and mine[-1] is not known:
            if known is not None:
                self._before[recorded] = known
            self._sent[recorded] = mine[-1]

    # -- what the gateway says

    def _tell(self, turn: list[Line]) -> None:
        things: dict[tuple[int, str], list[list[tws.Event]]] = defaultdict(list)
        in_turn: list[tuple[int, str]] = []
        before = ("", -1)
        for line in turn:
            recorded = int(line.args.get("order_id", line.args.get("req_id", -1)))
            if recorded not in self._sent:
                continue
            kind, event = self._event(line, recorded)
            if event is None:
                continue
            thing = (recorded, kind)
            if (line.what, *before) == ("order_status", "open_order", recorded):
                things[thing][-1][0] = self._view(recorded, line.args["status"])  # they agree
                things[thing][-1].append(event)
            else:
                things[thing].append([event])
                in_turn.append(thing)
            before = (line.what, recorded)
        how = self._how
        if how is not None:
            how.shuffle(in_turn)
        for thing in in_turn:
            told = things[thing].pop(0)
            if how is not None and self._lossy and thing[1] == "status" and how.random() < 0.3:
                continue
            for _ in range(2 if how is not None and how.random() < 0.3 else 1):
                self.desk.says(*told)
        self.answer()

    def _event(self, line: Line, recorded: int) -> tuple[str, tws.Event | None]:
        """What kind of thing it is, and what it is; what the gateway has follows it."""
        a, request = line.args, self._sent[recorded]
        match line.what:
            case "open_order":
                return "status", self._view(recorded, str(a.get("status") or "PreSubmitted"))
            case "order_status":
                self._said[recorded] = a
                return "status", self._status(recorded)
            case "execution_detail":
                number = sum(map(len, self._executions.values()))
                event = execution(
                    request.order_id, f"0000aaaa.{number:08x}.01.01", float(a["shares"]), float(a["price"]),
                    side="BOT" if a["side"] in ("BOT", "BUY") else "SLD", order_ref=request.order.order_ref,
                )  # fmt: skip
                self._executions[recorded].append(event)
                return "execution", event
            case "api_error":
                code = int(a["code"])
                if codes.meaning(code) is Meaning.CHANGE_REFUSED and recorded in self._before:
                    self._sent[recorded] = self._before.pop(recorded)
                return f"error {code}", error(request.order_id, code, a["message"])
            case _:
                return "", None

    def _view(self, recorded: int, word: str) -> tws.OpenOrder:
        request = self._sent[recorded]
        fields = request.order
        shown: dict[str, Any] = {
            name: getattr(fields, name)
            for name in (
                "action",
                "total_quantity",
                "order_type",
                "tif",
                "order_ref",
                "oca_group",
                "oca_type",
            )
        }
        prices = {"limit_price": fields.limit_price or 0.0, "aux_price": fields.aux_price or 0.0}
        return open_order(request.order_id, str(recorded), word, **shown, **prices)

    def _status(self, recorded: int) -> tws.OrderStatus:
        a, request = self._said[recorded], self._sent[recorded]
        filled = float(a.get("filled") or 0.0)
        remaining = request.order.total_quantity - filled
        done = [one.execution for one in self._executions[recorded]]
        worth = sum((one.shares or 0.0) * (one.price or 0.0) for one in done)
        average = worth / sum(one.shares or 0.0 for one in done) if filled and done else 0.0
        amounts = {"filled": filled, "remaining": remaining, "avg_fill_price": average}
        return order_status(request.order_id, a["status"], **amounts)

    # -- the node's questions

    def answer(self) -> None:
        while self.desk.asked:
            question = self.desk.asked.pop(0)
            if isinstance(question, rq.CancelOrder):
                continue
            self.desk.says(*self._list(question), end_of(question))

    def _list(self, question: rq.Request) -> list[tws.Event]:
        works = {n: a["status"] for n, a in self._said.items() if a["status"] not in ENDED}
        match question:
            case rq.ReqOpenOrders() | rq.ReqAllOpenOrders():
                rows = [(self._view(n, word), self._status(n)) for n, word in works.items()]
                return [event for row in rows for event in row]
            case rq.ReqExecutions(req_id):
                done = [one for each in self._executions.values() for one in each]
                return [tws.ExecDetails(req_id, one.contract, one.execution) for one in done]
            case rq.ReqCompletedOrders():
                return [self._completed(n) for n in self._said if n not in works]
            case _:
                return []

    def _completed(self, recorded: int) -> tws.CompletedOrder:
        said = self._said[recorded]
        word = "Filled" if said["status"] == "Filled" else "Cancelled"
        perm_id = 9000 + self._sent[recorded].order_id
        return completed(str(recorded), word, perm_id, filled_quantity=float(said.get("filled") or 0.0))
