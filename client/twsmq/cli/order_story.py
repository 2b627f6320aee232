"""What becomes of an order, in lines: each thing once, and how it stands never as it stood before.

What was asked for overtakes events that are still on their way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twsmq_protocol.envelope import Event, payload
from twsmq_protocol.order_events import TERMINAL_STATUSES, Commission, Fill, Notice, Order

from ..client import Client
from ..errors import OutcomeUnknown, RequestRefused
from .asking import NO_SUCH_CONTRACT
from .options import Refused
from .terminal import number, printable

_ASK_AGAIN_S = 1.0
_COMMISSIONS_WITHIN_S = 2.0
_SETTLES_WITHIN_S = 2.0
NOT_WORKING = frozenset(("rejected", "inactive", "not_sent", "unknown"))
STILL_WORKS, INTERRUPTED = 4, 130


def follow(client: Client, strategy: str, name: str, timeout: float | None, story: Story) -> None:
    """Print what happens to the order until it is done or `timeout` seconds have passed.

    What the subscription may have missed, because it was young or events were lost, is asked for.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    while not story.over(time.monotonic()):
        left = _ASK_AGAIN_S if deadline is None else min(_ASK_AGAIN_S, deadline - time.monotonic())
        if left <= 0:
            return
        received = client.receive(left)
        event = present(client, strategy, name) if received is None else received.event
        story.receive(event, time.monotonic())


class Story:
    """What has become of one order, each change printed once.

    Over when it is done and its commissions are known. A cancel nobody asked for, and `inactive`, must have
    stood for a moment: the gateway may report only afterwards why (orderStatus Cancelled or Inactive, then
    error 201, IBKR API docs).
    """

    def __init__(self, show: Callable[[str], object]) -> None:
        self._show = show
        self._told: set[tuple[Any, ...]] = set()
        self._uncharged: set[str] = set()
        self._since = 0.0
        self._newest = 0  # the number of the event that it stands as
        self._asked = False  # this twsmq was asked to cancel it
        self._explained = False
        self.status: str | None = None

    def receive(self, event: Event | None, now: float) -> bool:
        """False: it stands otherwise by now."""
        if isinstance(event, Order):
            self._asked |= event.status == "pending_cancel"
            if event.event_no < self._newest:
                return False
            self._newest = event.event_no
            if event.status != self.status:
                self.status, self._since = event.status, now
            self._explained = event.reason is not None or event.tws_code is not None
        elif isinstance(event, Fill):
            self._uncharged.add(event.exec_id)
        elif isinstance(event, Commission):
            self._uncharged.discard(event.exec_id)
        told = None if event is None else in_words(event)
        if told is not None:
            self._say(*told)
        return True

    def may_fill(self) -> bool:
        return self.status not in TERMINAL_STATUSES

    def over(self, now: float) -> bool:
        stood = now - self._since
        if self.status == "inactive":
            return stood >= _SETTLES_WITHIN_S
        if self.may_fill():
            return False
        if self.status == "cancelled" and not (self._asked or self._explained):
            return stood >= _SETTLES_WITHIN_S
        return not self._uncharged or stood >= _COMMISSIONS_WITHIN_S

    def exit_code(self) -> int:
        """As `twsmq order place --help` lists them."""
        if self.status == "filled" or (self.status == "cancelled" and self._asked):
            return 0
        if self.status in NOT_WORKING or not self.may_fill():
            return Refused.exit_code
        return STILL_WORKS

    def _say(self, what: str, detail: str) -> None:
        if (what, detail) not in self._told:
            self._told.add((what, detail))
            self._show(f"  {what:<17}{printable(detail)}")


def in_words(event: Event) -> tuple[str, str] | None:
    """What an event reports of an order, as a word and the rest of a line; None for other events."""
    match event:
        case Order():
            return event.status, _standing(event)
        case Fill():
            return "fill", f"{number(event.quantity)} at {number(event.price)}  {event.exec_id}"
        case Commission():
            return "commission", f"{number(event.commission)} {event.currency}  {event.exec_id}"
        case Notice():
            return "notice", f"{event.tws_code}: {event.text}"
        case _ if event.__struct_config__.tag == "change":
            return "change", _change(payload(event))
        case _:
            return None


def present(client: Client, strategy: str, name: str) -> Order | None:
    """The order as it now stands, or None while its node does not answer."""
    try:
        found = client.orders(strategy=strategy, client_order_id=name)
    except (RequestRefused, OutcomeUnknown):
        return None
    return found[0] if found else None


def why(event: Order) -> str:
    code = "" if event.tws_code is None else f"{event.tws_code}: "
    found = f"{code}{event.reason}" if event.reason else code.removesuffix(": ")
    return f"{found}: {event.instrument}" if event.tws_code == NO_SUCH_CONTRACT else found


def _standing(event: Order) -> str:
    """How far it is filled, why it came to this status, and the gateway's own word for `submitted`."""
    at = f" at {number(event.avg_price)}" if event.avg_price else ""
    word = event.gateway_status if event.status == "submitted" else None
    notes = [f"  ({note})" for note in (word, why(event)) if note]
    return f"filled {number(event.filled)} of {number(event.quantity)}{at}{''.join(notes)}"


def _change(change: dict[str, Any]) -> str:
    asked, stands = (
        ", ".join(f"{name} {number(v) if isinstance(v, float) else v}" for name, v in change[which].items())
        for which in ("asked", "stands")
    )
    code = "" if change.get("tws_code") is None else f"{change['tws_code']}: "
    text = f"  ({code}{change['text']})" if change.get("text") else ""
    now = "" if change["outcome"] in ("sent", "confirmed") or not stands else f"; as it stands: {stands}"
    return f"{asked}: {change['outcome']}{now}{text}"
