"""What the number of an account says about it. Pure."""

from __future__ import annotations


def is_paper(account: str) -> bool:
    """Paper accounts begin with DU, those of an adviser with DF (captured; IBKR's documentation)."""
    return account.startswith(("DU", "DF"))


def is_adviser(account: str) -> bool:
    """An adviser's own account, beside those of clients, begins with F, on paper with DF (IBKR's
    documentation)."""
    return account.startswith(("F", "DF"))
