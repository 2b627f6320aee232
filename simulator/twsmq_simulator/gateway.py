"""The gateway: sessions on one side, broker and market on the other, and the one rule that joins them.

The rule: nothing leaves a socket before the transaction that caused it is on disk. Every event (bytes from a
client, a market step, something falling due) runs to its end, collecting messages per session and records in
the broker; `settle` then writes the records and only then flushes the sessions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

import structlog

from twsmq_simulator.broker.cancelling import end_day
from twsmq_simulator.broker.core import Broker
from twsmq_simulator.broker.habits import Habits
from twsmq_simulator.broker.model import Execution, Order, Position
from twsmq_simulator.broker.store import Store
from twsmq_simulator.delivery import Delivery
from twsmq_simulator.errors import StoreFailed
from twsmq_simulator.faults import Faults
from twsmq_simulator.floor import Floor
from twsmq_simulator.long_answers import LongAnswers
from twsmq_simulator.market import listing
from twsmq_simulator.market.clock import Clock, ClockSettings
from twsmq_simulator.market.exchange import Exchange
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.market.past import Levels
from twsmq_simulator.market.permissions import Permissions
from twsmq_simulator.market.tape import Watched
from twsmq_simulator.session import Repeat, Session
from twsmq_simulator.settings import Settings
from twsmq_simulator.wire import messages
from twsmq_simulator.wire.requests import Cancel, Request, StartApi
from twsmq_simulator.wire.zones import Zones

log = structlog.get_logger("twsmq.simulator")
FARMS = (
    (2104, "Market data farm connection is OK:usfarm.nj"),
    (2104, "Market data farm connection is OK:usfuture"),
    (2104, "Market data farm connection is OK:cashfarm"),
    (2104, "Market data farm connection is OK:usfarm"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefnj"),
)
MAX_CLIENTS = 32
DUPLICATE_CLIENT = "Unable connect as the client id is already in use. Retry with a unique client id."
LONGEST_STEP = 0.05  # seconds of real time between two looks at the market
SECOND = 1_000_000_000
BREATH = 100  # market steps in a row before anybody may ask whether we live


class Listener(Protocol):
    """The listening socket, as far as the gateway controls it."""

    def refuse(self, seconds: float) -> None:
        """Stops accepting connections for a while."""
        ...


class Gateway:
    """Everything but the listening socket. `start` begins the timers, `close` ends them. `dispatch` carries a
    client's request out, `report_change` announces a changed position.
    """

    def __init__(
        self,
        settings: Settings,
        dispatch: Callable[[Gateway, Session, Request], None],
        report_change: Callable[[Gateway, int], None],
    ) -> None:
        self.settings = settings
        self._dispatch = dispatch
        self._report_change = report_change
        self.clock = Clock(ClockSettings(settings.clock_speed, settings.start))
        today = datetime.fromtimestamp(self.clock.now() / 1e9, UTC).date()
        self.catalogue = listing.build(today, full=settings.chains == "full")
        self.permissions = Permissions(self.catalogue, settings.unsubscribed, settings.delayed_data)
        self.store = Store(settings.data_dir / "broker.sqlite3")
        for instrument in self.store.read("renamed", Instrument).values():
            self.catalogue.replace(instrument)
        for instrument in self.store.read("instrument", Instrument).values():
            self.catalogue.add(instrument)
        anchor = self.store.read("counter", int).get("anchor")
        self.exchange = Exchange(
            self.catalogue,
            settings.seed,
            self.clock.now,
            1 / settings.tick_rate,
            anchor=anchor,
            always_open=settings.hours == "always",
        )
        if anchor is None:
            self.exchange.changes[("counter", "anchor")] = self.clock.now()
        self.exchange.restore(self.store.read("levels", Levels), self.store.read("minute", Watched).items())
        self.broker = Broker(
            self.catalogue,
            self.exchange,
            settings.accounts,
            int(settings.latency_ms * 1e6),
            always_open=settings.hours == "always",
            habits=Habits(settings.seed, plain=settings.reports == "plain"),
        )
        self._restore()
        self.sessions: dict[Session, None] = {}
        self.by_client: dict[int, Session] = {}
        self.dirty: dict[Session, None] = {}
        self.delivery = Delivery(self)
        self.faults = Faults()
        self.advisor_lists: dict[int, str] = {}  # as replaced, by kind
        self.zones = Zones(settings.zones)
        self.long_answers = LongAnswers(self.settle)
        self.floor = Floor(settings, self.exchange, self.broker, self.faults, self.delivery, self.clock.now())
        self.display_groups: dict[int, str] = {}
        self.listener: Listener | None = None
        self.breathe: Callable[[], None] = lambda: None  # called now and again in the midst of long work
        self._second_begun = 0
        self._known_instruments: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._later: set[asyncio.TimerHandle] = set()

    def _restore(self) -> None:
        store, broker = self.store, self.broker
        broker.ledger.restore(
            store.read("position", Position).values(),
            store.read("cash", Decimal) or dict(broker.ledger.cash),
            store.read("realized", Decimal).get("all", Decimal(0)),
        )
        counters = store.read("counter", int)
        broker.orders.next_perm_id = counters.get("perm_id", broker.orders.next_perm_id)
        broker.next_execution = counters.get("execution", 0)
        broker.orders.highest_ids = {
            int(key): order_id for key, order_id in store.read("highest_id", int).items()
        }
        orders = store.read("order", Order).values()
        executions = store.read("execution", Execution).values()
        broker.restore(orders, sorted(executions, key=lambda e: (e.time, e.exec_id)), self.clock.now())

    # ---- running

    def start(self) -> None:
        self._schedule()

    def close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for handle in self._later:
            handle.cancel()
        self.long_answers.close()
        for session in list(self.sessions):
            session.close()
        self.store.write(self._take_changes())
        self.store.close()

    def _schedule(self) -> None:
        """The next look at the market: at once where something is due, else at the next step."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed or self.clock.speed == 0:
            return
        delay = min(LONGEST_STEP, max(0.001, 1 / self.settings.tick_rate / self.clock.speed))
        due = self.broker.schedule.next_at()
        if due is not None and not self.faults.disconnected:
            delay = min(delay, self.clock.real_delay(due) or 0.0)
        self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.run_market()
        self.settle()

    def run_market(self) -> None:
        """Makes every step of the market that is due by now."""
        now = self.clock.now()
        if self.floor.run(now) and now - self._second_begun >= SECOND:
            self._second_begun = now
            if not self.faults.disconnected:
                self._repeat_what_is_due(now)

    def _repeat_what_is_due(self, now: int) -> None:
        for session in self.by_client.values():
            for repeat in session.repeats.values():
                if now - repeat.sent >= repeat.every:
                    repeat.sent = now
                    repeat.send()

    def settle(self) -> None:
        """Ends an event: what is due happens, records are stored, then messages leave."""
        if self._closed:
            return
        if not self.faults.disconnected:
            self.delivery.deliver(self.broker.advance(self.clock.now()))
        changes = self._take_changes()
        if changes:
            self._save_instruments(changes)
            try:
                self.store.write(changes)
            except StoreFailed:
                for session in list(self.sessions):
                    session.reset()
                raise
        dirty, self.dirty = self.dirty, {}
        for session in dirty:
            session.flush()
        self._schedule()

    def _take_changes(self) -> dict[tuple[str, str], object]:
        """What broker and market have to store."""
        market, self.exchange.changes = self.exchange.changes, {}
        return self.broker.orders.take_changes() | market

    def _save_instruments(self, changes: dict[tuple[str, str], object]) -> None:
        """What orders name has to be known after a restart, when chains may have moved on."""
        for record in list(changes.values()):
            if isinstance(record, Order) and record.con_id not in self._known_instruments:
                self._known_instruments.add(record.con_id)
                instrument = self.broker.instrument(record.con_id)
                for con_id in (*(leg.con_id for leg in instrument.legs), instrument.con_id):
                    changes[("instrument", f"{con_id:012d}")] = self.broker.instrument(con_id)

    # ---- sessions

    def reads(self, session: Session) -> bool:
        """Whether bytes of a session are read at all."""
        deaf = self.is_mute(session)
        if deaf:
            session.pause_reading()
        return not deaf

    def is_mute(self, session: Session) -> bool:
        """Whether nothing goes through a session's socket in either direction."""
        return self.faults.silent or session.client_id in self.faults.stalled

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Calls after so many seconds of real time, unless the gateway is closed by then."""

        def due() -> None:
            self._later.discard(handle)
            call()
            self.settle()

        handle = asyncio.get_running_loop().call_later(seconds, due)
        self._later.add(handle)

    def wake_sessions(self) -> None:
        """After a silence: everything is read and sent that waited."""
        for session in list(self.sessions):
            session.resume_reading()
            self.dirty[session] = None

    def connected(self, session: Session) -> None:
        self.sessions[session] = None
        log.debug("connected", sessions=len(self.sessions))

    def disconnected(self, session: Session, how: str) -> None:
        """A client is gone: its subscriptions end, its orders stay (captured)."""
        self.sessions.pop(session, None)
        self.dirty.pop(session, None)
        self.long_answers.forget(session)
        for subscription in list(session.subscriptions.values()):
            self.floor.unfollow(subscription)
        session.subscriptions.clear()
        if session.client_id is not None and self.by_client.get(session.client_id) is session:
            del self.by_client[session.client_id]
            linger = self.faults.linger_seconds.get(session.client_id, 0.0)
            if linger:
                self.faults.busy_until[session.client_id] = asyncio.get_running_loop().time() + linger
            log.info("client_disconnected", client_id=session.client_id, how=how)

    def start_api(self, session: Session, request: StartApi) -> None:
        """Working orders first, then managedAccounts, nextValidId and the farm notices (captured)."""
        client_id = request.client_id
        busy = asyncio.get_running_loop().time() < self.faults.busy_until.get(client_id, 0.0)
        if busy or client_id in self.by_client or len(self.by_client) >= MAX_CLIENTS:
            log.warning("client_id_in_use", client_id=client_id)
            session.error(-1, 326, DUPLICATE_CLIENT)
            session.close()
            return
        session.client_id = client_id
        self.by_client[client_id] = session
        own = self.broker.orders.open(client_id)
        for order in own:
            self.delivery.report(session, order)
        if own:
            session.write(messages.open_order_end())
        session.write(messages.managed_accounts(",".join(self.settings.accounts)))
        session.write(messages.next_valid_id(self.next_order_id(client_id)))
        for code, text in FARMS:
            session.error(-1, code, text)
        log.info("client_connected", client_id=client_id, version=session.version)

    def next_order_id(self, client_id: int) -> int:
        return self.faults.next_ids.get(client_id, self.broker.orders.next_order_id(client_id))

    def notify(self, code: int, text: str, client_id: int | None = None, request_id: int = -1) -> None:
        """A message to every client, or to one."""
        for session in self.by_client.values():
            if client_id in (None, session.client_id):
                session.error(request_id, code, text)

    def notify_farms(self) -> None:
        for code, text in FARMS:
            self.notify(code, text)

    def end_subscriptions(self, kind: str | None = None) -> None:
        """Market data of every client is gone, or subscriptions of one kind; only 1101 reports it."""
        if kind is not None:
            for session in self.by_client.values():
                for key in [key for key in session.subscriptions if key[0] == kind]:
                    self.floor.unfollow(session.subscriptions.pop(key))
            return
        for subscription in [s for here in self.floor.followers.values() for s in here]:
            subscription.session.drop_subscription(subscription)
        for session in self.by_client.values():
            for key in [key for key in session.repeats if key[0] == Cancel.MARKET_DATA]:
                del session.repeats[key]
        self.floor.followers.clear()

    def restart(self, seconds: float) -> None:
        """The nightly restart: every socket closed, connections refused for a while, day orders gone."""
        for session in list(self.sessions):
            session.close()
        self.delivery.deliver(end_day(self.broker, self.clock.now()))
        if self.listener is not None:
            self.listener.refuse(seconds)

    def step_clock(self, ns: int) -> None:
        """Moves the clock in the market's own steps, so that what falls due does so in its order."""
        target = self.clock.now() + ns
        step = max(1, int(1e9 / self.settings.tick_rate))
        steps = 0
        while (left := target - self.clock.now()) > 0:
            self.clock.step(min(step, left))
            self.delivery.deliver(self.broker.advance(self.clock.now()))
            self.run_market()
            steps += 1
            if steps % BREATH == 0:
                self.breathe()

    def handle(self, session: Session, request: Request) -> None:
        self._dispatch(self, session, request)

    def account_changed(self, con_id: int) -> None:
        self._report_change(self, con_id)

    def repeat(
        self, session: Session, key: tuple[str, int], send: Callable[[], None], every: int = 0
    ) -> None:
        """Sends something now and again about every second, or every so many ns, until cancelled or the
        client goes.
        """
        session.repeats[key] = Repeat(send, every, self.clock.now())
        send()

    def stop_repeating(self, session: Session, key: tuple[str, int]) -> bool:
        return session.repeats.pop(key, None) is not None
