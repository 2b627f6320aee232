"""The kinds of right a key may have, and which one implies which; `rights` says what each opens."""

from __future__ import annotations

from typing import Literal

Kind = Literal["reader", "accounts", "trader", "risk", "operator"]
KINDS: tuple[Kind, ...] = ("reader", "accounts", "trader", "risk", "operator")
IMPLIED: dict[Kind, tuple[Kind, ...]] = {
    "reader": ("reader",),
    "accounts": ("accounts", "reader"),
    "trader": ("trader", "reader"),
    "risk": ("risk", "accounts", "reader"),
    "operator": KINDS,
}
