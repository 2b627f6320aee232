"""What the gateway says about an account and about no order: margin, liquidation.

Announced once a minute at most for the same words: a gateway may repeat itself for hours.
"""

from __future__ import annotations

from twsmq_protocol.order_events import AccountNotice
from twsmq_protocol.topics import ACCOUNT_NOTICE

from twsmq_nodes.tws import codes, farms

from ..actions import Action, Announce, Now
from .recorder import LONGEST_TEXT

_IBAPIS_OWN = (501, 502, 503, 504)
"""What ibapi itself reports of its connection (IBKR's documentation, "Error codes")."""
_OF_THE_CONNECTION = frozenset(
    (
        codes.TOO_MANY_MESSAGES, codes.CLIENT_ID_IN_USE, codes.UPSTREAM_LOST, codes.UPSTREAM_BROKEN,
        codes.DATA_LOST, codes.DATA_MAINTAINED, codes.PORT_MOVED, *farms.NOTICES, *_IBAPIS_OWN,
    )
)  # fmt: skip
"""Codes for no request that say how the session or its farms are: the connection node's business."""
ANNOUNCE_S = 60.0
MOST_ANNOUNCED = 1000


class AccountNotices:
    def __init__(self, actions: list[Action]) -> None:
        self._announced: dict[tuple[int, str], float] = {}  # when, monotonic
        self._actions = actions

    def receive(self, code: int, text: str, now: Now) -> None:
        """`code` 0: a report about some order could not be read."""
        if code in _OF_THE_CONNECTION:
            return
        said = (code, text[:LONGEST_TEXT])
        last = self._announced.get(said)
        if last is None or last + ANNOUNCE_S <= now.mono:
            if len(self._announced) >= MOST_ANNOUNCED:
                self._announced.clear()
            self._announced[said] = now.mono
            self._actions.append(Announce(ACCOUNT_NOTICE, AccountNotice(tws_code=code, text=said[1])))
