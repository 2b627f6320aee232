"""What a folder holds, and whether what is wanted now goes with it."""

from __future__ import annotations

from pathlib import Path

from .asking import Order
from .errors import NotOurs
from .ledger import Begun, Ledger, Withdrawn


def agree(ledger: Ledger, folder: Path, order: Order) -> None:
    """Raises `NotOurs` for bars of another kind than those that are there. What the gateway did not know and
    nobody asks for any more is forgotten: a name that was mistyped once would keep the folder incomplete."""
    begun = ledger.state.begun
    if begun is None:
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
        if records.unknown and name not in order.instruments:
            ledger.append(Withdrawn(instrument=name))
