"""The gateway's error and notice codes that mean the same to everybody, once, with where we know them from.

What a code means for one kind of request stands with who asks: `farms.NOTICES`, `orders/codes.py`,
`marketdata/gateway_errors.py`, `history/refusals.py`. Texts may be localised: codes decide, words only where
a code says two things.
"""

from __future__ import annotations

import re
from collections.abc import Collection

NO_DEFINITION = 200
""" "No security definition has been found for the request" (captured); with another text for an ambiguous
one. Also sent for good contracts while a farm is down or in the nightly reset (ib_insync #330)."""

TOO_MANY_MESSAGES = 100
"""More messages a second than allowed, "…:max=50 rec=138 (1)" (captured); the third breach ends the session
(IBKR's documentation, 11.01)."""

NEARLY_TOO_MANY = 0
""" "Warning: Approaching max rate of 50 messages per second (44)" (captured)."""

CLIENT_ID_IN_USE = 326
"""For no request: the socket is closed, the id may stay taken for minutes (captured)."""

UPSTREAM_LOST = 1100
"""The gateway has lost IBKR; it repeats this, for hours if need be (captured). 1101 or 1102 ends it."""

UPSTREAM_BROKEN = 2110
"""The same of a session that stays: also ended by farms that are OK again, without a 1101 or 1102 (captured
in a bridge's log of 2026)."""

DATA_LOST = 1101
"""IBKR is reached again; subscriptions must be made again (captured)."""

DATA_MAINTAINED = 1102
"""IBKR is reached again; subscriptions go on (captured), except bars kept up to date (nautilus #952)."""

COMPETING_SESSION = 10197
""" "No market data during competing live session" (captured)."""

_ANOTHER_ADDRESS = "different ip address"


def is_competing(code: int, text: str) -> bool:
    """Whether the gateway refuses data because the same user is logged in elsewhere. Other codes (162, 10187,
    10189) say so in words only: "Trading TWS session is connected from a different IP address" (captured).
    """
    return code == COMPETING_SESSION or _ANOTHER_ADDRESS in text.lower()


PORT_MOVED = 1300
"""The socket port was changed in the settings (IBKR's documentation, 18.02)."""


def is_warning(code: int) -> bool:
    """Whether it only warns, by its number: 2100 to 2199 (IBKR's documentation). What a warning means for the
    request that it is about, if anything, is for who asked.
    """
    return 2100 <= code < 2200


def suggested(text: str, asked: str, kinds: Collection[str]) -> str | None:
    """Which of `kinds` of bars a 10299 names instead of `asked`: its words may be localised, the kinds are
    not."""
    named = (word for word in re.findall(r"[A-Z_]+", text) if word in kinds and word != asked)
    return next(named, None)
