"""What a folder holds, and whether what is wanted now goes with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from twsmq_protocol.instruments import canonical

from .asking import Order
from .errors import NotOurs
from .ledger import LEDGER, Begun, Ledger, Withdrawn


def each_once(ledger: Ledger, names: Iterable[str]) -> list[str]:
    """As the folder spells them, or they were spelled first: two spellings of one instrument would be all of
    its bars twice."""
    found: dict[str, str] = {}
    for name in [*ledger.state.instruments, *names]:
        found.setdefault(canonical(name), name)
    return list(dict.fromkeys(found[canonical(name)] for name in names))


def agree(ledger: Ledger, folder: Path, order: Order, names: Collection[str]) -> None:
    """Raises `NotOurs` for bars of another kind than those that are there, and where no ledger tells of
    those: they would be written over, and may be what no gateway gives a second time. What the
    gateway did not know and nobody asks for any more is forgotten: a name that was mistyped once would keep
    the folder incomplete. `names`: what is asked for, each once.
    """
    begun = ledger.state.begun
    if begun is None:
        if any(folder.glob("instrument=*/year=*/*")):
            raise NotOurs(f"{folder} has data files of which no {LEDGER} in it tells: give another -o")
        ledger.append(Begun(version=1, size=order.size, what=order.what, rth=order.rth, format=order.format))
        return
    for option, there, wanted in (
        ("--size", begun.size, order.size),
        ("--what", begun.what, order.what),
        ("--rth", begun.rth, order.rth),
        ("--format", begun.format, order.format),
    ):
        if there != wanted:
            raise NotOurs(f"{folder} was begun with {option} {there}, not {wanted}: give that, or another -o")
    for name, records in list(ledger.state.instruments.items()):
        if records.unknown and name not in names:
            ledger.append(Withdrawn(instrument=name))
