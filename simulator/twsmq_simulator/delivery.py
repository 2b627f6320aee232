"""From the broker's effects to messages in the right sessions.

Callbacks of an order go to the client that placed it, to the master client, and to client 0 if it binds
orders (IBKR docs). Answers to a request go to the client that asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from twsmq_simulator.broker import effects as e
from twsmq_simulator.broker.core import Broker
from twsmq_simulator.broker.model import Order
from twsmq_simulator.broker.preview import Preview
from twsmq_simulator.session import Session
from twsmq_simulator.settings import Settings
from twsmq_simulator.wire import order_messages
from twsmq_simulator.wire.zones import Zones


class Owner(Protocol):
    """The gateway, as far as delivering concerns it."""

    broker: Broker
    settings: Settings
    by_client: dict[int, Session]
    zones: Zones

    def account_changed(self, con_id: int) -> None: ...


class Delivery:
    def __init__(self, gateway: Owner) -> None:
        self._gateway = gateway
        self.unheard: set[int] = set()  # permIds whose acknowledgement a fault loses

    def deliver(self, effects: Iterable[e.Effect]) -> None:
        for effect in effects:
            self._one(effect)

    def report(self, session: Session, order: Order) -> None:
        """The openOrder and orderStatus pair of an order, to one session."""
        instrument = self._gateway.broker.instrument(order.con_id)
        version, order_id, client_id = session.version, order.order_id, order.client_id
        session.write(order_messages.open_order(version, order, instrument, order_id, client_id))
        session.write(order_messages.order_status(version, order, order_id, client_id))

    def observers(self, client_id: int) -> list[Session]:
        """The sessions that receive a client's orders."""
        by_client, master = self._gateway.by_client, self._gateway.settings.master_client_id
        found = [by_client[client_id]] if client_id in by_client else []
        for session in (by_client.get(master) if master is not None else None, by_client.get(0)):
            if session is None or session in found:
                continue
            if session.client_id == master or session.binds_orders:
                found.append(session)
        return found

    def _one(self, effect: e.Effect) -> None:
        match effect:
            case e.OrderReported(order) | e.StatusReported(order) if self._is_unheard(order):
                return
            case e.OrderReported(order):
                for session in self.observers(order.client_id):
                    self.report(session, order)
            case e.StatusReported(order):
                for session in self.observers(order.client_id):
                    session.write(
                        order_messages.order_status(session.version, order, order.order_id, order.client_id)
                    )
            case e.OrderMessage(client_id, order_id, code, text):
                session = self._gateway.by_client.get(client_id)
                if session is not None:
                    session.error(order_id, code, text)
            case e.Executed(execution):
                instrument = self._gateway.broker.instrument(execution.con_id)
                for session in self.observers(execution.client_id):
                    session.write(
                        order_messages.execution_details(
                            session.version,
                            -1,
                            execution,
                            instrument,
                            execution.order_id,
                            execution.client_id,
                            self._gateway.zones,
                        )
                    )
            case e.CommissionReported(execution):
                for session in self.observers(execution.client_id):
                    session.write(order_messages.commission_report(session.version, execution))
            case e.Previewed(order, preview):
                session = self._gateway.by_client.get(order.client_id)
                if session is not None:
                    session.write(self._preview(session, order, preview))
            case e.AccountChanged(con_id):
                self._gateway.account_changed(con_id)
            case _:
                raise AssertionError(f"no delivery for {effect}")

    def _is_unheard(self, order: Order) -> bool:
        """A lost acknowledgement lasts until the order trades or ends."""
        if order.perm_id not in self.unheard:
            return False
        if order.filled or order.is_final:
            self.unheard.discard(order.perm_id)
            return False
        return True

    def _preview(self, session: Session, order: Order, preview: Preview | None) -> bytes:
        margin = None
        if preview is not None:
            margin = order_messages.Margin(
                float(preview.initial_before),
                float(preview.maintenance_before),
                float(preview.equity_before),
                float(preview.initial_change),
                float(preview.maintenance_change),
                float(preview.equity_change),
                float(preview.commission),
                preview.currency,
            )
        instrument = self._gateway.broker.instrument(order.con_id)
        return order_messages.open_order(
            session.version, order, instrument, order.order_id, order.client_id, margin
        )
