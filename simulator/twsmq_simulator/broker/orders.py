"""The broker's orders by their ids, and the records of whatever has changed.

A permId names one order for ever; a client's order ids only rise. `changes` maps (kind, key) to a record to
store, or None to forget one; take it with `take_changes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from twsmq_simulator.broker.at_work import AtWork
from twsmq_simulator.broker.model import Order, Status

FIRST_PERM_ID = 1_426_086_000


class OrderStore(Mapping[int, Order]):
    """Every order by its permId."""

    def __init__(self) -> None:
        self._orders: dict[int, Order] = {}
        self.highest_ids: dict[int, int] = {}
        self.next_perm_id = FIRST_PERM_ID
        self.working: dict[int, AtWork] = {}  # by conId
        self._active: dict[int, None] = {}  # permIds of orders that are not final
        self._staged: dict[int, None] = {}
        self._tied: dict[int, None] = {}  # of the active: those with a parent or a group
        self._by_client: dict[tuple[int, int], list[int]] = {}  # one permId, unless `double` made another
        self._changes: dict[tuple[str, str], object] = {}

    def __getitem__(self, perm_id: int) -> Order:
        return self._orders[perm_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._orders)

    def __len__(self) -> int:
        return len(self._orders)

    # ---- looking up

    def find(self, client_id: int, order_id: int) -> Order | None:
        """Of several under one id the one that works, the newest first."""
        found = [self._orders[perm_id] for perm_id in self._by_client.get((client_id, order_id), ())]
        return max(
            found,
            key=lambda o: (not o.is_final, o.status is not Status.PENDING_CANCEL, o.perm_id),
            default=None,
        )

    def open(self, client_id: int | None = None) -> list[Order]:
        """Orders a client would see as open, oldest first; None for everyone's."""
        found = [o for o in self.active() if o.status is not Status.STAGED]
        return found if client_id is None else [o for o in found if o.client_id == client_id]

    def active(self) -> list[Order]:
        """Every order that is not final, staged ones too, in the order of their permIds."""
        return [self._orders[perm_id] for perm_id in self._active]

    def staged(self) -> list[Order]:
        return [self._orders[perm_id] for perm_id in self._staged]

    def tied(self) -> list[int]:
        """The permIds of active orders that another's fill may concern: they have a parent or a group."""
        return list(self._tied)

    # ---- changing

    def save(self, order: Order) -> Order:
        self._orders[order.perm_id] = order
        same = self._by_client.setdefault((order.client_id, order.order_id), [])
        if order.perm_id not in same:
            same.append(order.perm_id)
        self.save_record("order", str(order.perm_id), order)
        if order.is_final:
            self._active.pop(order.perm_id, None)
        else:
            self._active[order.perm_id] = None
        if not order.is_final and (order.parent_perm_id or order.oca_group):
            self._tied[order.perm_id] = None
        else:
            self._tied.pop(order.perm_id, None)
        if order.status is Status.STAGED:
            self._staged[order.perm_id] = None
        else:
            self._staged.pop(order.perm_id, None)
        self.working.setdefault(order.con_id, AtWork()).put(order)
        return order

    def save_record(self, kind: str, key: str, record: object) -> None:
        self._changes[(kind, key)] = record

    def take_changes(self) -> dict[tuple[str, str], object]:
        changes, self._changes = self._changes, {}
        return changes

    # ---- ids

    def next_order_id(self, client_id: int) -> int:
        """1 + the highest id this client ever used, kept across connections (captured)."""
        return self.highest_ids.get(client_id, 0) + 1

    def use_perm_id(self) -> int:
        perm_id, self.next_perm_id = self.next_perm_id, self.next_perm_id + 1
        self.save_record("counter", "perm_id", self.next_perm_id)
        return perm_id

    def use_id(self, client_id: int, order_id: int) -> None:
        if order_id > self.highest_ids.get(client_id, 0):
            self.highest_ids[client_id] = order_id
            self.save_record("highest_id", str(client_id), order_id)
