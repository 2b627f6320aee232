"""Which accounts are paper, by their numbers. Pure."""

from __future__ import annotations


def is_paper(account: str) -> bool:
    """Paper accounts begin with DU, those of an adviser with DF (captured; IBKR's documentation)."""
    return account.startswith(("DU", "DF"))
