"""The broker: takes orders, works them against the books and decides what each client receives.

Everything that decides about an order lives here, as a pure state machine: calls in, a list of effects out,
`now` (ns UTC) an argument. What has to survive a crash is collected in `changes` and must be stored before
the effects are sent. An order's way: STAGED (transmit=false) -> PRE_SUBMITTED -> SUBMITTED -> FILLED, or
PENDING_CANCEL -> CANCELLED; every step takes `latency`, so that a cancel can meet a fill on the way as it
does in life.

Invariants: a perm id names one order for ever; a client's order ids only rise; an order fills at most its
quantity; one execution is booked once.
"""

from collections.abc import Iterable
from decimal import Decimal

from msgspec.structs import replace

from twsmq_simulator.broker import algos, rules, working
from twsmq_simulator.broker.cancelling import begin_cancel, expire, finish_cancel
from twsmq_simulator.broker.effects import (
    AccountChanged,
    Effect,
    OrderMessage,
    OrderReported,
    Previewed,
    StatusReported,
)
from twsmq_simulator.broker.model import FINAL, Execution, Order, Status
from twsmq_simulator.broker.state import State
from twsmq_simulator.broker.ticket import OrderTicket
from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.market.hours import next_close, next_open
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.market.times import parse_time, stamp


class Broker(State):
    """The requests. `orders` holds every order and what is to be stored."""

    # ---- events

    def place(self, client_id: int, ticket: OrderTicket, now: int) -> list[Effect]:
        """A placeOrder request: a new order, a change of a working one, or the release of a staged one."""
        try:
            return self._place(client_id, ticket, now)
        except RequestRefused as refused:
            return [OrderMessage(client_id, ticket.order_id, refused.code, refused.text)]

    def _place(self, client_id: int, ticket: OrderTicket, now: int) -> list[Effect]:
        if ticket.order_id <= 0:
            raise RequestRefused(10149, f"Invalid order id: {ticket.order_id}")
        known = self.orders.find(client_id, ticket.order_id)
        if known is not None and (known.is_final or known.status is Status.PENDING_CANCEL):
            raise RequestRefused(104, "Cannot modify a filled order.")
        if (
            known is None
            and ticket.order_id <= self.orders.highest_ids.get(client_id, 0)
            and not ticket.what_if
        ):
            raise RequestRefused(103, "Duplicate order id")
        instrument = self.catalogue.one(ticket.contract)
        rules.check(ticket, instrument, self.accounts, self.house)
        algos.check(ticket)
        ticket = self._completed(ticket, instrument)
        if ticket.what_if:
            return [self._previewed(client_id, ticket, instrument, now)]
        if known is not None and known.status is not Status.STAGED:
            return self._modify(known, ticket, now)
        if (
            known is None
            and self.house.fx_leverage == "refused"
            and self.account.leverages(ticket, instrument)
        ):
            return self._inactive(client_id, ticket, instrument, now)
        if known is None and (shortfall := self.account.shortfall(ticket, instrument)):
            return self.discard(client_id, ticket, shortfall, now)
        order = self._admit(client_id, ticket, instrument, now, known)
        self.orders.save(order)
        if not ticket.transmit:
            return []
        return [effect for member in self._group_of(order) for effect in self._submit(member, now)]

    def discard(self, client_id: int, ticket: OrderTicket, reason: str, now: int) -> list[Effect]:
        """The broker refuses an order: orderStatus Cancelled without openOrder, then 201; the id is used up
        and placing it again is a duplicate (captured).
        """
        if self.orders.find(client_id, ticket.order_id) is not None:
            return [OrderMessage(client_id, ticket.order_id, 201, f"Order rejected - reason:{reason}")]
        self.orders.use_id(client_id, ticket.order_id)
        instrument = self.catalogue.one(ticket.contract)
        perm_id = self.orders.use_perm_id()
        order = Order(perm_id, client_id, ticket, instrument.con_id, Status.CANCELLED, now)
        message = OrderMessage(client_id, ticket.order_id, 201, f"Order rejected - reason:{reason}")
        return [StatusReported(order), message]

    def _inactive(
        self, client_id: int, ticket: OrderTicket, instrument: Instrument, now: int
    ) -> list[Effect]:
        """Refused after it was accepted: openOrder and orderStatus Inactive, then 201 (captured)."""
        order = self._admit(client_id, ticket, instrument, now, None)
        order = self.orders.save(
            replace(order, status=Status.INACTIVE, completed=now, completed_status="Inactive")
        )
        text = f"Order rejected - reason:{rules.FX_LEVERAGE}"
        return [OrderReported(order), OrderMessage(client_id, order.order_id, 201, text)]

    def double(self, order: Order, ticket: OrderTicket, now: int) -> list[Effect]:
        """A modification that becomes an order of its own, with the id of the first, which stays alive."""
        ticket = self._completed(ticket, self.instrument(order.con_id))
        second = replace(
            order, perm_id=self.orders.use_perm_id(), ticket=ticket, status=Status.STAGED, filled=Decimal(0),
            average_price=0.0, last_price=0.0, limit=None, stop=None, arrived=False, triggered=False,
            reported=False,
        )  # fmt: skip
        return self._submit(self.orders.save(second), now)

    def cancel(self, client_id: int, order_id: int, now: int) -> list[Effect]:
        """A cancelOrder request; another client's order does not exist for this one (captured: 10147)."""
        order = self.orders.find(client_id, order_id)
        if order is None:
            text = f"OrderId {order_id} that needs to be cancelled is not found."
            return [OrderMessage(client_id, order_id, 10147, text)]
        if order.is_final or order.status is Status.PENDING_CANCEL:
            state = order.status.value
            text = f"OrderId {order_id} that needs to be cancelled cannot be cancelled, state: {state}."
            return [OrderMessage(client_id, order_id, 10148, text)]
        return begin_cancel(self, order, now)

    def advance(self, now: int) -> list[Effect]:
        """Everything that has fallen due: orders reaching the exchange, cancels confirmed, dates passed."""
        effects: list[Effect] = []
        while (due := self.schedule.pop(now)) is not None:
            order = self.orders.get(due.perm_id)
            if order is None or (order.is_final and due.what != "late_fill"):
                continue
            match due.what:
                case "late_fill":
                    price = float(self.account.market_price(order.con_id))
                    effects += working.fill(self, order, price, order.remaining, now)
                case "activate":
                    effects += working.activate(self, order, now)
                case "cancel":
                    effects += finish_cancel(self, order, now)
                case "expire":
                    effects += expire(self, order, now)
                case _:
                    effects += working.work(self, order, now, fresh=False)
        return effects

    def on_market(self, con_id: int, now: int) -> list[Effect]:
        """The book of an instrument changed: its working orders may trade, trigger or move, and what they
        trade may reach others.
        """
        here, book = self.orders.working.get(con_id), self.markets.book(con_id)
        effects: list[Effect] = []
        if not here or book is None:
            return effects
        looked: set[int] = set()
        while new := [perm_id for perm_id in here.reached(book) if perm_id not in looked]:
            looked.update(new)
            for perm_id in new:
                order = self.orders[perm_id]
                if order.arrived and not order.is_final:
                    effects += working.work(self, order, now, fresh=False)
        return effects

    # ---- placing

    def _completed(self, ticket: OrderTicket, instrument: Instrument) -> OrderTicket:
        """What the gateway fills in: account, time in force, and a quantity for an order by cash amount."""
        quantity = ticket.quantity
        if not quantity and ticket.cash_quantity:
            book = self.markets.book(instrument.con_id)
            price = Decimal(str(ticket.limit_price or (book.ask if book is not None else instrument.price)))
            quantity = (Decimal(str(ticket.cash_quantity)) / price).quantize(instrument.size_unit)
        action = {"SSHORT": "SELL", "SLONG": "SELL"}.get(ticket.action, ticket.action)
        return replace(
            ticket,
            account=ticket.account or self.accounts[0],
            tif=ticket.tif or "DAY",
            quantity=quantity,
            action=action,
        )

    def _admit(
        self, client_id: int, ticket: OrderTicket, instrument: Instrument, now: int, staged: Order | None
    ) -> Order:
        parent = self.orders.find(client_id, ticket.parent_id) if ticket.parent_id else None
        if ticket.parent_id and parent is None:
            raise rules.validation_error(f"Can't find order with id ={ticket.parent_id}")
        if parent is not None:
            rules.check_child(ticket, parent.ticket)
        perm_id = staged.perm_id if staged is not None else self.orders.use_perm_id()
        if staged is None:
            self.orders.use_id(client_id, ticket.order_id)
        group, kind = ticket.oca_group, ticket.oca_type
        if parent is not None and not group:
            group, kind = str(parent.perm_id), 3  # captured: a bracket's children form one group of type 3
        return Order(
            perm_id=perm_id,
            client_id=client_id,
            ticket=ticket,
            con_id=instrument.con_id,
            status=Status.STAGED,
            created=now,
            parent_perm_id=parent.perm_id if parent is not None else 0,
            oca_group=group,
            oca_type=kind,
        )

    def _group_of(self, order: Order) -> list[Order]:
        """A transmitted order and the staged ones that go with it: its parent, siblings and children."""
        root = order.parent_perm_id or order.perm_id
        staged = self.orders.staged()
        members = [o for o in staged if root in (o.perm_id, o.parent_perm_id) or o.perm_id == order.perm_id]
        return sorted(members, key=lambda o: o.perm_id)

    def _submit(self, order: Order, now: int) -> list[Effect]:
        order = replace(order, status=Status.PRE_SUBMITTED, why_held=working.why_held(self, order))
        order = self.orders.save(order)
        self.schedule.add(now + self.latency, "activate", order.perm_id)
        self._watch(order, now)
        notice = self._market_closed(order, now)
        if not notice and working.is_quiet(self, order, now):
            return []
        order = self.orders.save(replace(order, reported=True))
        first = OrderReported(self.habits.first_shown(order))
        return [*notice, first] if self.habits.notice_first(order) else [first, *notice]

    def _watch(self, order: Order, now: int) -> None:
        """Schedules what an order waits for: its dates, the close, the times of its conditions."""
        ticket = order.ticket
        until = parse_time(ticket.good_till_date) if ticket.tif == "GTD" else None
        if until is not None:
            self.schedule.add(until, "expire", order.perm_id)
        after = parse_time(ticket.good_after_time)
        if after is not None and after > now:
            self.schedule.add(after, "work", order.perm_id)
        if ticket.order_type in rules.ON_CLOSE:
            self.schedule.add(next_close(self.instrument(order.con_id).hours, now), "work", order.perm_id)
        for condition in ticket.conditions:
            moment = parse_time(condition.value) if condition.kind == 3 else None
            if moment is not None and moment > now:
                self.schedule.add(moment, "work", order.perm_id)

    def _market_closed(self, order: Order, now: int) -> list[Effect]:
        """Notice 399 (captured); a DAY order ends with its session."""
        if self.always_open:
            return []
        instrument = self.instrument(order.con_id)
        if order.ticket.tif == "DAY":
            self.schedule.add(next_close(instrument.hours, now), "expire", order.perm_id)
        if self.is_open(order, now):
            return []
        opens = next_open(instrument.hours, now, regular=not order.ticket.outside_rth)
        self.schedule.add(opens, "work", order.perm_id)
        when = stamp(opens)
        text = (
            f"Order Message:\n{order.ticket.action} {order.ticket.quantity} {instrument.symbol} "
            f"{instrument.market}\nWarning: your order will not be placed at the exchange until {when}"
        )
        return [OrderMessage(order.client_id, order.order_id, 399, text)]

    def _modify(self, order: Order, ticket: OrderTicket, now: int) -> list[Effect]:
        """Price, size and type may change while permId and clientId stay (captured: a limit order to
        market).
        """
        if ticket.tif != order.ticket.tif:
            text = f"Order modify failed. Cannot change to the new Time in Force.{ticket.tif}"
            raise RequestRefused(462, text)
        if ticket.contract.con_id not in (0, order.con_id) or ticket.action != order.ticket.action:
            raise RequestRefused(105, "Order being modified does not match original order")
        if ticket.oca_group and ticket.oca_group != order.oca_group:
            raise RequestRefused(10326, "OCA group revision is not allowed.")
        if ticket.quantity <= order.filled:
            raise RequestRefused(104, "Cannot modify a filled order.")
        stops = (
            ticket.order_type in rules.TRIGGERED
            and order.triggered
            and order.ticket.aux_price == ticket.aux_price
        )
        changed = replace(order, ticket=ticket, limit=None, stop=None, arrived=False, triggered=stops)
        changed = replace(changed, revision=order.revision + 1)
        changed = self.orders.save(replace(changed, why_held=working.why_held(self, changed)))
        self.schedule.add(now + self.latency, "activate", changed.perm_id)
        return []

    def _previewed(self, client_id: int, ticket: OrderTicket, instrument: Instrument, now: int) -> Effect:
        order = Order(0, client_id, ticket, instrument.con_id, Status.PRE_SUBMITTED, now)
        unknown = self.house.previews == "none" or instrument.sec_type == "CRYPTO"  # paid in full: no margins
        return Previewed(order, None if unknown else self.account.preview(ticket, instrument))

    def exercise(self, i: Instrument, quantity: int, *, exercise: bool) -> list[Effect] | None:
        """Exercise (or lapse) of a long option; None when not that many are held."""
        held = self.ledger.positions.get(i.con_id)
        if held is None or quantity <= 0 or held.quantity < quantity or i.sec_type not in ("OPT", "FOP"):
            return None
        moved = self.account.exercise(i, Decimal(quantity), exercise=exercise)
        for con_id in moved:
            self.save_position(con_id)
        return [AccountChanged(con_id) for con_id in moved]

    # ---- after a restart

    def restore(self, orders: Iterable[Order], executions: Iterable[Execution], now: int) -> None:
        """Takes back what was stored; orders on their way to the exchange or being cancelled go on from
        there.
        """
        for order in sorted(orders, key=lambda o: o.perm_id):
            self.orders.save(order)
            self.orders.next_perm_id = max(self.orders.next_perm_id, order.perm_id + 1)
            if order.status is Status.PENDING_CANCEL:
                self.schedule.add(now, "cancel", order.perm_id)
            elif order.status not in FINAL and order.status is not Status.STAGED:
                self.schedule.add(
                    now, "activate" if order.status is Status.PRE_SUBMITTED else "work", order.perm_id
                )
                self._watch(order, now)
        for execution in executions:
            self.executions[execution.exec_id] = execution
        self.orders.take_changes()
