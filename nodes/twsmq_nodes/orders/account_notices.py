"""What the gateway says about an account and about no order: margin, liquidation.

Announced once a minute at most for the same words: a gateway may repeat itself for hours.
"""

from __future__ import annotations

from twsmq_protocol.order_events import AccountNotice
from twsmq_protocol.topics import ACCOUNT_NOTICE

from .actions import Action, Announce, Now
from .recorder import LONGEST_TEXT

_OF_THE_CONNECTION = frozenset(
    (100, 326, 501, 502, 503, 504, 1100, 1101, 1102, 1300, 2110, 2119, *range(2103, 2109), 2157, 2158)
)
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
