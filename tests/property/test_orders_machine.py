"""Random requests, gateway reports, duplicates, lost connections and crashes at any point of an order's life.

A small gateway that knows the truth stands at the other end: what it accepted, what it executed. After every
step the invariants hold; once everything is delivered, the node's record and the gateway's agree order by
order and fill by fill, and nothing is unknown any more.
"""

from __future__ import annotations

import os
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.orders_agreement import both_agree, the_journal_is_the_state
from support.orders_desk import Caller, Desk, an_order
from support.orders_gateway import Gateway, Upstream
from support.orders_reports import error
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq
from twsmq_protocol.order_events import Change, Fill
from twsmq_protocol.order_requests import PlaceOrders

IDS = st.sampled_from(["a", "b", "c"])
USUALLY = st.sampled_from([True, True, True, False])
BY_HAND: dict[str, dict[str, Any]] = {
    "hidden": {"hidden": True},
    "group": {"oca_group": "by hand", "oca_type": 1},
    "algo": {"algo_strategy": "Adaptive", "algo_params": (("adaptivePriority", "Urgent"),)},
}
FATES = st.sampled_from(["take", "take", "refuse", "swallow", "double"])


class OrdersMachine(RuleBasedStateMachine):
    changed_by_hand = 0
    traded = 0
    """Orders accepted in all runs."""
    outcomes: ClassVar[set[str]] = set()
    """What became of modifications, in all runs."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(up=False, auto=False, alone=False)
        self.gateway = Gateway()
        self.read = 0  # how much of what was written the gateway has read
        self.up = False
        self.callers: list[Caller] = []
        self.boot_at = 0
        self.heard: set[int] = set()  # permanent ids, in this session

    @initialize(ready=USUALLY, thread_writes=st.booleans())
    def begin(self, ready: bool, thread_writes: bool) -> None:
        self.desk.thread_writes = thread_writes
        if ready:
            self.session_up(rolled_back=False, upstream=True, ready=True)

    # -- clients

    @rule(cid=IDS, quantity=st.sampled_from([10.0, 10.0, 20.0]), accepted=st.booleans())
    def place(self, cid: str, quantity: float, accepted: bool) -> None:
        """`accepted`: and the gateway has it and says so."""
        self.callers.append(self.desk.place(cid, quantity=quantity))
        if accepted:
            self.everything_goes_its_way(8, "take")

    @rule(cids=st.permutations(["a", "b", "c"]), link=st.sampled_from(["none", "bracket", "oca"]))
    def place_group(self, cids: list[str], link: Any) -> None:
        caller = Caller(answers=[])
        args = PlaceOrders(orders=tuple(an_order(cid) for cid in cids[:2]), link=link)
        self.desk.ask(lambda: self.desk.core.request(args, caller, self.desk.now), caller)
        self.callers.append(caller)

    @rule(
        cid=IDS,
        quantity=st.sampled_from([None, 15.0, 30.0]),
        limit=st.sampled_from([None, 1.0, 2.0, 3.0]),
        tif=st.sampled_from([None, None, "GTC", "DAY"]),
        fate=st.sampled_from([None, "take", "double", "refuse", "swallow", "discard"]),
    )
    def modify(
        self, cid: str, quantity: float | None, limit: float | None, tif: str | None, fate: str | None
    ) -> None:
        """`fate`: what comes of it at once, None for nothing yet."""
        if quantity is not None or limit is not None or tif is not None:
            self.callers.append(self.desk.modify(cid, quantity=quantity, limit_price=limit, tif=tif))
            if fate is not None:
                self.everything_goes_its_way(7, fate)

    @rule(cid=IDS, later=st.booleans())
    def stage(self, cid: str, later: bool) -> None:
        """Sent to be held back; `later`: and then handed on."""
        self.callers.append(self.desk.place(cid, quantity=10.0, transmit=False))
        if later:
            self.everything_goes_its_way(8, "take")
            self.callers.append(self.desk.modify(cid, transmit=True))

    @rule(cid=IDS, arrives=st.booleans())
    def cancel(self, cid: str, arrives: bool) -> None:
        """`arrives`: and the gateway has read it; what it says is not heard yet."""
        self.callers.append(self.desk.cancel(cid))
        if arrives:
            self.everything_goes_its_way(3, "take")

    # -- budget, disk, time

    @rule(most=st.integers(1, 4))
    def admit(self, most: int) -> None:
        if self.desk.core.waiting:
            self.desk.admit(most)

    @rule(heard=USUALLY)
    def commit(self, heard: bool) -> None:
        """`heard`: the loop hears of it before anything else happens."""
        self.desk.reach_the_disk()
        if heard:
            self.desk.learn_of_journal()

    @rule(thread_writes=USUALLY)
    def journal_thread_may_write(self, thread_writes: bool) -> None:
        self.desk.thread_writes = thread_writes

    @rule(seconds=st.sampled_from([0.3, 1.2, 6.0]))
    def wait(self, seconds: float) -> None:
        self.desk.later(seconds)

    @rule(passes=st.integers(1, 12), fate=st.sampled_from(["take", "take", "take", "double", "refuse"]))
    def everything_goes_its_way(self, passes: int, fate: str) -> None:
        """Some way from the clients to the gateway and back: the steps below in the order of life."""
        for _ in range(passes):
            self.pass_on(fate)

    def pass_on(self, fate: str) -> None:
        if self.desk.uncommitted:
            self.desk.commit()
        elif self.desk.core.waiting:
            self.desk.admit()
        elif self.read < len(self.desk.wire):
            self.gateway_reads(fate)
        elif self.up and self.gateway.saying:
            self.gateway_is_heard(1, False, False)
        elif self.desk.asked:
            self.gateway_answers()

    # -- the gateway

    @precondition(lambda self: self.read < len(self.desk.wire))
    @rule(
        fate=st.sampled_from(["take", "take", "take", "refuse", "discard", "swallow", "complain", "double"])
    )
    def gateway_reads(self, fate: str) -> None:
        self.gateway.read(self.desk.wire[self.read], fate)
        self.read += 1

    @precondition(lambda self: self.desk.asked)
    @rule()
    def gateway_answers(self) -> None:
        self.gateway.answer(self.desk.asked.pop(0))

    @precondition(lambda self: self.up and self.gateway.saying)
    @rule(count=st.integers(1, 6), twice=st.booleans(), at_once=st.booleans())
    def gateway_is_heard(self, count: int, twice: bool, at_once: bool) -> None:
        """`at_once`: what was read together reaches the core together."""
        heard: list[tws.Event] = []
        for event in self.gateway.saying[:count]:
            if isinstance(event, Upstream):
                self.hear(heard)
                heard.clear()
                self.desk.upstream(event.connected, data_lost=event.data_lost)
                continue
            heard += [event] * (2 if twice and not isinstance(event, tws.GatewayError) else 1)
            if not at_once:
                self.hear(heard)
                heard.clear()
        self.hear(heard)
        del self.gateway.saying[:count]

    def hear(self, events: list[tws.Event]) -> None:
        """What they say ends an order only if nothing is alive that was heard of before."""
        records = self.desk.core.book.records.values()
        ended = {record.key for record in records if record.order.status == "cancelled"}
        self.desk.says_at_once(events)
        for ticket in self.gateway.live:
            key = ("s", ticket.cid)
            if ticket.perm_id in self.heard and key not in ended:
                assert self.desk.core.book.records[key].order.status != "cancelled"
        opened = [event.order.perm_id for event in events if isinstance(event, tws.OpenOrder)]
        self.heard |= {perm_id for perm_id in opened if perm_id}

    @rule(data_lost=st.booleans(), spared=USUALLY)
    def broker_lost_or_back(self, data_lost: bool, spared: bool) -> None:
        if spared and self.gateway.upstream:
            return
        self.gateway.upstream = not self.gateway.upstream
        if self.up:
            self.gateway.saying.append(Upstream(self.gateway.upstream, self.gateway.upstream and data_lost))

    @precondition(lambda self: self.gateway.live)
    @rule(data=st.data(), share=st.sampled_from([0.3, 1.0]), status_first=st.booleans())
    def venue_fills(self, data: st.DataObject, share: float, status_first: bool) -> None:
        self.gateway.fill(data.draw(st.sampled_from(self.gateway.live)), share, status_first)

    @precondition(lambda self: self.gateway.live)
    @rule(data=st.data(), explained=st.booleans())
    def venue_cancels(self, data: st.DataObject, explained: bool) -> None:
        ticket = data.draw(st.sampled_from(self.gateway.live))
        ticket.word = "Cancelled"
        self.gateway.saying.append(ticket.status())
        if explained:
            self.gateway.saying.append(error(ticket.order_id, 202, "Order Canceled - reason:"))

    @precondition(lambda self: self.gateway.live)
    @rule(
        data=st.data(),
        what=st.sampled_from(["limit", "quantity", "tif", "reference", *BY_HAND, *BY_HAND]),
        told=USUALLY,
    )
    def person_or_preset_changes(self, data: st.DataObject, what: str, told: bool) -> None:
        """By hand in the gateway, or by its presets; `told`: its reports are not lost."""
        ticket = data.draw(st.sampled_from(self.gateway.live))
        match what:
            case "limit":
                ticket.limit += 0.5
            case "quantity":
                ticket.quantity += 5.0
            case "tif":
                ticket.tif = "DAY" if ticket.tif == "GTC" else "GTC"
            case what if what in BY_HAND:
                given = BY_HAND[what]
                there = all(ticket.besides[name] == value for name, value in given.items())
                ticket.besides |= {name: type(value)() for name, value in given.items()} if there else given
            case _:
                record = self.desk.core.book.records.get(("s", ticket.cid))
                if record is not None and ticket.perm_id in record.perm_ids:
                    ticket.reference = "by hand"
        if told:
            self.gateway.saying += ticket.pair()

    @precondition(lambda self: self.gateway.live)
    @rule(data=st.data())
    def falls_asleep_and_revives(self, data: st.DataObject) -> None:
        """Inactive, and working again."""
        ticket = data.draw(st.sampled_from(self.gateway.live))
        ticket.word = "Inactive"
        self.gateway.saying += ticket.pair()
        ticket.word = "Submitted"
        self.gateway.saying += ticket.pair()

    @precondition(lambda self: self.gateway.live)
    @rule(data=st.data(), code=st.sampled_from([399, 2109, 10349]))
    def gateway_informs(self, data: st.DataObject, code: int) -> None:
        ticket = data.draw(st.sampled_from(self.gateway.live))
        self.gateway.saying.append(error(ticket.order_id, code, "fyi"))

    # -- what dies

    def cut(self, arrived: int, fate: str) -> None:
        """The connection ends; some of what was written had arrived, nothing said since is heard."""
        for request in self.desk.wire[self.read : self.read + arrived]:
            self.gateway.read(request, fate)
        self.read = len(self.desk.wire)
        self.gateway.saying.clear()
        self.heard.clear()
        self.up = False

    @precondition(lambda self: self.up)
    @rule(arrived=st.integers(0, 3), fate=FATES, spared=USUALLY)
    def session_lost(self, arrived: int, fate: str, spared: bool) -> None:
        if not spared:
            self.cut(arrived, fate)
            self.desk.session_lost()

    @rule(arrived=st.integers(0, 3), fate=FATES, spared=USUALLY)
    def crash(self, arrived: int, fate: str, spared: bool) -> None:
        if not spared:
            self.cut(arrived, fate)
            self.boot_at = len(self.desk.published)
            self.desk.crash()

    @precondition(lambda self: not self.up)
    @rule(rolled_back=st.booleans(), upstream=USUALLY, ready=USUALLY)
    def session_up(self, rolled_back: bool, upstream: bool, ready: bool) -> None:
        """`ready`: all that the node asks for is answered at once, which is seldom hit upon by chance."""
        self.up = True
        self.gateway.upstream = upstream
        highest = max(self.gateway.tickets, default=0)
        self.desk.asked.clear()
        self.desk.session_up(next_order_id=1 if rolled_back else highest + 1, upstream=self.gateway.upstream)
        while ready and (self.desk.asked or self.gateway.saying):
            self.pass_on("take")

    # -- what holds

    @invariant()
    def the_core_is_sound(self) -> None:
        self.desk.core.validate()

    @invariant()
    def one_key_is_at_most_one_order_at_the_gateway(self) -> None:
        assert all(count == 1 for count in self.gateway.accepted.values()), self.gateway.accepted

    @invariant()
    def first_placements_have_rising_ids(self) -> None:
        seen: list[int] = []
        for request in self.desk.wire:
            if isinstance(request, rq.PlaceOrder) and request.order_id not in seen:
                seen.append(request.order_id)
        assert seen == sorted(seen)

    @invariant()
    def committed_events_are_numbered_without_gaps_and_published_in_order(self) -> None:
        numbers = [entry.event.event_no for entry in self.desk.committed]
        assert numbers == list(range(1, len(numbers) + 1))
        live = [e.event_no for e in self.desk.published[self.boot_at :] if not getattr(e, "snapshot", False)]
        assert live == sorted(set(live))
        assert set(live) <= set(numbers)

    @invariant()
    def every_execution_counts_once(self) -> None:
        told = [entry.event for entry in self.desk.committed if isinstance(entry.event, Fill)]
        assert len({fill.exec_id for fill in told}) == len(told)

    @invariant()
    def nobody_is_answered_twice(self) -> None:
        assert all(len(caller.answers) <= 1 for caller in self.callers)

    @invariant()
    def nothing_the_gateway_has_is_called_rejected_or_not_sent(self) -> None:
        for ticket in self.gateway.tickets.values():
            record = self.desk.core.book.records.get(("s", ticket.cid))
            if record is not None and record.order_id == ticket.order_id:
                assert record.order.status not in ("rejected", "not_sent")

    def teardown(self) -> None:
        """Everything is delivered at last: both sides agree, and what the journal holds is the state."""
        OrdersMachine.traded += len(self.gateway.tickets)
        self.settle()
        self.every_modification_comes_to_one_end()
        both_agree(self.desk.core.book, self.gateway)
        self.nothing_is_put_back()
        the_journal_is_the_state(self.desk)

    def nothing_is_put_back(self) -> None:
        """What somebody has changed of the rest of an order stands as it is after the next modification."""
        for ticket in self.gateway.live:
            record = self.desk.core.book.records["s", ticket.cid]
            if record.cancel_wanted or len(self.gateway.under(ticket.order_id)) > 1:
                continue
            stood, written = dict(ticket.besides), len(self.desk.wire)
            caller = self.desk.modify(ticket.cid, limit_price=ticket.limit + 1.0)
            self.pass_on("take")
            assert len(self.desk.wire) > written, caller.answer
            assert ticket.besides == stood
            OrdersMachine.changed_by_hand += stood["hidden"] or bool(stood["algo_strategy"])

    def every_modification_comes_to_one_end(self) -> None:
        """Each is sent once and ends at most once, and nothing else is told of it."""
        told = [entry.event for entry in self.desk.committed if isinstance(entry.event, Change)]
        OrdersMachine.outcomes |= {change.outcome for change in told}
        seen: dict[tuple[str, int], list[str]] = {}
        for change in told:
            seen.setdefault((change.client_order_id, change.change_no), []).append(change.outcome)
        for outcomes in seen.values():
            assert outcomes[0] == "sent", seen
            assert len(outcomes) <= 2, seen

    def settle(self) -> None:
        self.desk.auto = True
        if not self.up:
            self.session_up(rolled_back=False, upstream=True, ready=True)
        if not self.gateway.upstream:
            self.broker_lost_or_back(data_lost=False, spared=False)
        for ticket in self.gateway.live:  # whatever was lost of what it said, it says again some day
            self.gateway.saying += ticket.pair()
        for _ in range(40):
            self.desk.commit()
            while self.read < len(self.desk.wire) or self.desk.asked or self.gateway.saying:
                self.pass_on("take")
            self.desk.later(2.5)


class TestOrdersMachine(OrdersMachine.TestCase):
    @classmethod
    def tearDownClass(cls) -> None:
        """Random steps that never trade, or never change an order, would prove nothing."""
        assert OrdersMachine.changed_by_hand
        assert OrdersMachine.traded > 20, OrdersMachine.traded
        assert OrdersMachine.outcomes >= {"sent", "confirmed"}


TestOrdersMachine.settings = settings(
    max_examples=int(os.environ.get("TWSMQ_EXAMPLES", "150")),  # of 50 steps each
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
