"""The table of client IDs: the cluster's own, fixed, and those that other programs have asked for. Pure.

Theory: a gateway knows its clients by a number that each chooses; two with the same one are one too many
(326), and orders live under the number that placed them. So a program that works beside a cluster asks for
one here, under its name, and gets the same again.

Invariants: no ID has two holders; never one of the cluster's own (`base` to `base` + 19), and never 0, whose
session would also be sent the orders made by hand in TWS; a program keeps its ID until its time is over and
somebody else needs it. Whether a program uses what it was given is not known here. `ns` since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from msgspec import Meta, Struct
from twsmq_protocol.client_id_requests import ClientIdList, ClientIdRow, Program
from twsmq_protocol.envelope import Nanoseconds
from twsmq_protocol.errors import ErrorCode, RequestError

OWN = 20
"""So many from the base on are the cluster's, used or not."""
FOR_OTHERS = range(OWN, 100)
DOCTOR = 9
MOST_KEPT = 200
"""Programs whose time is over and that get the same ID again if they ask."""
MOST_CLIENTS = 32
"""A gateway takes no more (IBKR's documentation, 12)."""


class Lease(Struct, frozen=True):
    program: Program
    client_id: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    until: Nanoseconds


class ClientIds:
    """`own`: the ID of each process of the cluster. `leases`: as they were kept."""

    def __init__(self, base: int, own: Mapping[str, int], leases: Iterable[Lease] = ()) -> None:
        self._base = base
        self._own = dict(own)
        # Of a cluster with another base some may have become its own.
        self._leases = {lease.program: lease for lease in leases if self._is_for_programs(lease.client_id)}

    @property
    def leases(self) -> list[Lease]:
        return list(self._leases.values())

    def claim(self, program: str, wish: int | None, hold_ns: int, ns: int) -> int:
        """The ID that is its own until `ns` + `hold_ns`. Raises RequestError."""
        held = self._leases.get(program)
        holders = {lease.client_id: lease for lease in self._leases.values() if lease.program != program}
        if wish is not None:
            self._check(wish, holders, ns)
        others = sum(lease.until > ns for lease in holders.values())
        if others + len(self._own) >= MOST_CLIENTS:
            text = f"a gateway takes {MOST_CLIENTS} clients, and as many are spoken for; release one"
            raise RequestError(ErrorCode.CONFLICT, text)
        number = wish if wish is not None else self._pick(held, holders, ns)
        before = holders.get(number)
        if before is not None:
            del self._leases[before.program]  # its time is over
        self._leases[program] = Lease(program, number, ns + hold_ns)
        self._forget(ns)
        return number

    def _forget(self, ns: int) -> None:
        """Of those whose time is over the oldest, if there are more than anybody can mean."""
        over = sorted((one for one in self._leases.values() if one.until <= ns), key=lambda one: one.until)
        for lease in over[: max(0, len(over) - MOST_KEPT)]:
            del self._leases[lease.program]

    def _is_for_programs(self, number: int) -> bool:
        return number > 0 and not self._base <= number < self._base + OWN

    def release(self, program: str) -> None:
        """Harmless for one that holds none."""
        self._leases.pop(program, None)

    def listed(self, ns: int, claimed: int | None = None) -> ClientIdList:
        rows = [
            ClientIdRow(client_id=number, holder=name, kind="process") for name, number in self._own.items()
        ]
        rows.append(ClientIdRow(client_id=self._base + DOCTOR, holder="twsmq doctor", kind="doctor"))
        rows += [
            ClientIdRow(client_id=lease.client_id, holder=lease.program, kind="program", until=lease.until)
            for lease in self._leases.values()
            if lease.until > ns
        ]
        rows.sort(key=lambda row: row.client_id)
        first, last = self._base + FOR_OTHERS[0], self._base + FOR_OTHERS[-1]
        return ClientIdList(client_ids=rows, free_from=first, free_to=last, claimed=claimed)

    def _pick(self, held: Lease | None, holders: Mapping[int, Lease], ns: int) -> int:
        if held is not None:
            return held.client_id
        numbers = [self._base + offset for offset in FOR_OTHERS]
        never = [number for number in numbers if number not in holders]
        # One that nobody has had is better than one whose orders may still be somebody's.
        over = [number for number in numbers if number in holders and holders[number].until <= ns]
        if not never and not over:
            raise RequestError(ErrorCode.CONFLICT, "every client ID is taken; release one")
        return never[0] if never else min(over, key=lambda number: holders[number].until)

    def _check(self, wish: int, holders: Mapping[int, Lease], ns: int) -> None:
        if wish == 0:
            text = (
                "client_id 0 is none for a program: its session is also sent orders made by hand in TWS, and "
                "may change them; leave it to the person at the screen"
            )
            raise RequestError(ErrorCode.INVALID_ARGUMENT, text, field="client_id")
        if self._base <= wish < self._base + OWN:
            name = next((name for name, number in self._own.items() if number == wish), "the cluster itself")
            text = f"client_id {wish} is kept for {name}: orders live under the ID that placed them"
            raise RequestError(ErrorCode.CONFLICT, text, field="client_id")
        holder = holders.get(wish)
        if holder is not None and holder.until > ns:
            text = f"client_id {wish} is {holder.program}'s"
            raise RequestError(ErrorCode.CONFLICT, text, field="client_id")
