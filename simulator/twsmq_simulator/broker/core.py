"""The broker: takes orders, works them against the books and says what every client has to hear.

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
from twsmq_simulator.broker.account import Account
from twsmq_simulator.broker.effects import (
    AccountChanged,
    Effect,
    OrderMessage,
    OrderReported,
    Previewed,
    StatusReported,
)
from twsmq_simulator.broker.model import FINAL, Execution, Order, Status, cancelled_by
from twsmq_simulator.broker.schedule import Schedule
from twsmq_simulator.broker.ticket import OrderTicket
from twsmq_simulator.broker.triggers import Markets, parse_time, stamp
from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.market.hours import is_open, next_close, next_open
from twsmq_simulator.market.instruments import Catalogue, Instrument

DEFAULT_LATENCY = 2_000_000  # ns between a request and the exchange's answer
FIRST_PERM_ID = 1_426_086_000
CANCELLED_TEXT = "Order Canceled - reason:"


class Broker:
    """`changes` maps (kind, key) to a record to store, or None to forget one; take it with `take_changes`."""

    def __init__(
        self,
        catalogue: Catalogue,
        markets: Markets,
        accounts: tuple[str, ...],
        latency: int = DEFAULT_LATENCY,
        *,
        always_open: bool = True,
    ) -> None:
        self.catalogue = catalogue
        self.markets = markets
        self.accounts = accounts
        self.latency = latency
        self.always_open = always_open
        self.account = Account(catalogue, markets)
        self.ledger = self.account.ledger
        self.orders: dict[int, Order] = {}
        self.executions: dict[str, Execution] = {}
        self.highest_ids: dict[int, int] = {}
        self.next_perm_id = FIRST_PERM_ID
        self.next_execution = 0
        self.schedule = Schedule()
        self.working: dict[int, dict[int, None]] = {}  # conId -> perm ids at work there
        self._active: dict[int, None] = {}  # perm ids of orders that are not final
        self._by_client: dict[tuple[int, int], list[int]] = {}  # one permId, unless `double` made another
        self._changes: dict[tuple[str, str], object] = {}
        self.late_fills: list[int | None] = []  # armed faults: whose next cancelled order fills all the same

    # ---- what others may ask

    def find(self, client_id: int, order_id: int) -> Order | None:
        """Of several under one id the one that works, the newest first."""
        found = [self.orders[perm_id] for perm_id in self._by_client.get((client_id, order_id), ())]
        return max(
            found,
            key=lambda o: (not o.is_final, o.status is not Status.PENDING_CANCEL, o.perm_id),
            default=None,
        )

    def next_order_id(self, client_id: int) -> int:
        """1 + the highest id this client ever used, kept across connections (captured)."""
        return self.highest_ids.get(client_id, 0) + 1

    def open_orders(self, client_id: int | None = None) -> list[Order]:
        """Orders a client would see as open, oldest first; None for everyone's."""
        found = [o for o in self.active() if o.status is not Status.STAGED]
        return found if client_id is None else [o for o in found if o.client_id == client_id]

    def active(self) -> list[Order]:
        """Every order that is not final, staged ones too, in the order of their permIds."""
        return [self.orders[perm_id] for perm_id in self._active]

    def is_open(self, order: Order, now: int) -> bool:
        """Whether the order's market trades at a moment; outside regular hours only what asked for it
        does.
        """
        if self.always_open:
            return True
        kind = self.instrument(order.con_id).hours
        return is_open(kind, now, regular=not order.ticket.outside_rth and kind == "us_equity")

    def take_changes(self) -> dict[tuple[str, str], object]:
        changes, self._changes = self._changes, {}
        return changes

    def instrument(self, con_id: int) -> Instrument:
        found = self.catalogue.get(con_id)
        assert found is not None, f"order on conId {con_id}, which the catalogue does not know"
        return found

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
        known = self.find(client_id, ticket.order_id)
        if known is not None and (known.is_final or known.status is Status.PENDING_CANCEL):
            raise RequestRefused(104, "Cannot modify a filled order.")
        if known is None and ticket.order_id <= self.highest_ids.get(client_id, 0) and not ticket.what_if:
            raise RequestRefused(103, "Duplicate order id")
        instrument = self.catalogue.one(ticket.contract)
        rules.check(ticket, instrument, self.accounts)
        algos.check(ticket)
        ticket = self._completed(ticket, instrument)
        if ticket.what_if:
            return [self._previewed(client_id, ticket, instrument, now)]
        if known is not None and known.status is not Status.STAGED:
            return self._modify(known, ticket, now)
        if known is None and (shortfall := self.account.shortfall(ticket, instrument)):
            return self.discard(client_id, ticket, shortfall, now)
        order = self._admit(client_id, ticket, instrument, now, known)
        self.save(order)
        if not ticket.transmit:
            return []
        return [effect for member in self._group_of(order) for effect in self._submit(member, now)]

    def discard(self, client_id: int, ticket: OrderTicket, reason: str, now: int) -> list[Effect]:
        """The broker refuses an order: orderStatus Cancelled without openOrder, then 201; the id is used up
        and placing it again is a duplicate (captured).
        """
        if self.find(client_id, ticket.order_id) is not None:
            return [OrderMessage(client_id, ticket.order_id, 201, f"Order rejected - reason:{reason}")]
        self._use_id(client_id, ticket.order_id)
        instrument = self.catalogue.one(ticket.contract)
        perm_id = self._use_perm_id()
        order = Order(perm_id, client_id, ticket, instrument.con_id, Status.CANCELLED, now)
        message = OrderMessage(client_id, ticket.order_id, 201, f"Order rejected - reason:{reason}")
        return [StatusReported(order), message]

    def double(self, order: Order, ticket: OrderTicket, now: int) -> list[Effect]:
        """A modification that becomes an order of its own, with the id of the first, which stays alive."""
        ticket = self._completed(ticket, self.instrument(order.con_id))
        second = replace(
            order, perm_id=self._use_perm_id(), ticket=ticket, status=Status.STAGED, filled=Decimal(0),
            average_price=0.0, last_price=0.0, limit=None, stop=None, arrived=False, triggered=False,
        )  # fmt: skip
        return self._submit(self.save(second), now)

    def end_day(self, now: int) -> list[Effect]:
        """The nightly restart: orders good for the day are gone, the others stay."""
        effects: list[Effect] = []
        for perm_id in [o.perm_id for o in self.active()]:
            order = self.orders[perm_id]
            if not order.is_final and order.ticket.tif not in ("GTC", "GTD"):
                effects += self.expire(order, now)
        return effects

    def cancel(self, client_id: int, order_id: int, now: int) -> list[Effect]:
        """A cancelOrder request; another client's order does not exist for this one (captured: 10147)."""
        order = self.find(client_id, order_id)
        if order is None:
            text = f"OrderId {order_id} that needs to be cancelled is not found."
            return [OrderMessage(client_id, order_id, 10147, text)]
        if order.is_final or order.status is Status.PENDING_CANCEL:
            state = order.status.value
            text = f"OrderId {order_id} that needs to be cancelled cannot be cancelled, state: {state}."
            return [OrderMessage(client_id, order_id, 10148, text)]
        self.begin_cancel(order, now, "")
        return []

    def cancel_all(self, client_id: int, now: int) -> list[Effect]:
        """reqGlobalCancel: every client's working orders; those past cancelling are named with 161
        (captured).
        """
        effects: list[Effect] = []
        for order in self.active():
            if order.status is Status.PENDING_CANCEL:
                text = (
                    "Cancel attempted when order is not in a cancellable state.  "
                    f"Order permId ={order.perm_id}"
                )
                effects.append(OrderMessage(client_id, order.order_id, 161, text))
            else:
                self.begin_cancel(order, now, "")
        return effects

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
                    effects += self.finish_cancel(order, now)
                case "expire":
                    effects += self.expire(order, now)
                case _:
                    effects += working.work(self, order, now, fresh=False)
        return effects

    def on_market(self, con_id: int, now: int) -> list[Effect]:
        """The book of an instrument changed: its working orders may trade, trigger or move."""
        working_here = self.working.get(con_id)
        if not working_here:
            return []
        effects: list[Effect] = []
        for perm_id in list(working_here):
            order = self.orders[perm_id]
            if order.arrived and not order.is_final:
                effects += working.work(self, order, now, fresh=False)
        return effects

    # ---- pieces used by `working` and by faults

    def save(self, order: Order) -> Order:
        self.orders[order.perm_id] = order
        same = self._by_client.setdefault((order.client_id, order.order_id), [])
        if order.perm_id not in same:
            same.append(order.perm_id)
        self._changes[("order", str(order.perm_id))] = order
        if order.is_final:
            self._active.pop(order.perm_id, None)
        else:
            self._active[order.perm_id] = None
        here = self.working.setdefault(order.con_id, {})
        if order.is_final or order.status is Status.STAGED:
            here.pop(order.perm_id, None)
        else:
            here[order.perm_id] = None
        return order

    def save_record(self, kind: str, key: str, record: object) -> None:
        self._changes[(kind, key)] = record

    def begin_cancel(self, order: Order, now: int, reason: str) -> None:
        if order.status is Status.STAGED:
            self.schedule.add(now, "cancel", order.perm_id)
        else:
            self.schedule.add(now + self.latency, "cancel", order.perm_id)
        self.save(replace(order, status=Status.PENDING_CANCEL, cancel_reason=reason))

    def finish_cancel(self, order: Order, now: int, *, along: bool = False) -> list[Effect]:
        """orderStatus Cancelled without openOrder, then 202 (captured); children and OCA siblings follow
        `along`.
        """
        done = replace(
            order,
            status=Status.CANCELLED,
            why_held="",
            completed=now,
            completed_status=cancelled_by(order.cancel_reason, along=along),
        )
        self.save(done)
        for armed in (order.client_id, None):
            if armed in self.late_fills:
                self.late_fills.remove(armed)
                self.schedule.add(now + self.latency, "late_fill", order.perm_id)
                break
        text = CANCELLED_TEXT + order.cancel_reason
        effects: list[Effect] = [StatusReported(done), OrderMessage(done.client_id, done.order_id, 202, text)]
        for perm_id in [o.perm_id for o in self.active()]:
            other = self.orders[perm_id]  # an earlier one may have taken it along
            if other.is_final or other.status is Status.PENDING_CANCEL:
                continue
            child = other.parent_perm_id == order.perm_id
            sibling = bool(order.oca_group) and other.oca_group == order.oca_group
            if (child and order.filled == 0) or (sibling and not child):
                effects += self.finish_cancel(replace(other, cancel_reason=""), now, along=True)
        return effects

    def expire(self, order: Order, now: int) -> list[Effect]:
        return self.finish_cancel(replace(order, cancel_reason="Order has expired"), now)

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
        parent = self.find(client_id, ticket.parent_id) if ticket.parent_id else None
        if ticket.parent_id and parent is None:
            raise rules.validation_error(f"Can't find order with id ={ticket.parent_id}")
        perm_id = staged.perm_id if staged is not None else self._use_perm_id()
        if staged is None:
            self._use_id(client_id, ticket.order_id)
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

    def _use_perm_id(self) -> int:
        perm_id, self.next_perm_id = self.next_perm_id, self.next_perm_id + 1
        self.save_record("counter", "perm_id", self.next_perm_id)
        return perm_id

    def _use_id(self, client_id: int, order_id: int) -> None:
        if order_id > self.highest_ids.get(client_id, 0):
            self.highest_ids[client_id] = order_id
            self.save_record("highest_id", str(client_id), order_id)

    def _group_of(self, order: Order) -> list[Order]:
        """A transmitted order and the staged ones that go with it: its parent, siblings and children."""
        root = order.parent_perm_id or order.perm_id
        staged = [o for o in self.active() if o.status is Status.STAGED]
        members = [o for o in staged if root in (o.perm_id, o.parent_perm_id) or o.perm_id == order.perm_id]
        return sorted(members, key=lambda o: o.perm_id)

    def _submit(self, order: Order, now: int) -> list[Effect]:
        order = replace(order, status=Status.PRE_SUBMITTED, why_held=working.why_held(self, order))
        order = self.save(order)
        self.schedule.add(now + self.latency, "activate", order.perm_id)
        self._watch(order, now)
        return [*self._market_closed(order, now), OrderReported(order)]

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
        """Notice 399 comes before the first openOrder (captured); a DAY order ends with its session."""
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
        changed = self.save(replace(changed, why_held=working.why_held(self, changed)))
        self.schedule.add(now + self.latency, "activate", changed.perm_id)
        return []

    def _previewed(self, client_id: int, ticket: OrderTicket, instrument: Instrument, now: int) -> Effect:
        order = Order(0, client_id, ticket, instrument.con_id, Status.PRE_SUBMITTED, now)
        return Previewed(order, self.account.preview(ticket, instrument))

    def exercise(self, i: Instrument, quantity: int, *, exercise: bool) -> list[Effect] | None:
        """Exercise (or lapse) of a long option; None when not that many are held."""
        held = self.ledger.positions.get(i.con_id)
        if held is None or quantity <= 0 or held.quantity < quantity or i.sec_type not in ("OPT", "FOP"):
            return None
        moved = self.account.exercise(i, Decimal(quantity), exercise=exercise)
        for con_id in moved:
            self.save_position(con_id)
        return [AccountChanged(con_id) for con_id in moved]

    def save_position(self, con_id: int) -> None:
        """A position changed, and cash with it."""
        currency = self.instrument(con_id).currency
        self.save_record("position", str(con_id), self.ledger.positions[con_id])
        self.save_record("cash", currency, self.ledger.cash[currency])
        self.save_record("realized", "all", self.ledger.realized)

    # ---- after a restart

    def restore(self, orders: Iterable[Order], executions: Iterable[Execution], now: int) -> None:
        """Takes back what was stored; orders on their way to the exchange or being cancelled go on from
        there.
        """
        for order in sorted(orders, key=lambda o: o.perm_id):
            self.save(order)
            self.next_perm_id = max(self.next_perm_id, order.perm_id + 1)
            if order.status is Status.PENDING_CANCEL:
                self.schedule.add(now, "cancel", order.perm_id)
            elif order.status not in FINAL and order.status is not Status.STAGED:
                self.schedule.add(
                    now, "activate" if order.status is Status.PRE_SUBMITTED else "work", order.perm_id
                )
                self._watch(order, now)
        for execution in executions:
            self.executions[execution.exec_id] = execution
        self._changes.clear()
