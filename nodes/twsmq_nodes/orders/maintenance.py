"""An announced restart of the gateway: just before it nothing new is begun. Pure; `now` in monotonic seconds.

Invariants: cancels pass, and so does what only settles or asks; an announcement holds no longer than
`HELD_S`, should nobody say that it is over.
"""

from __future__ import annotations

from twsmq_protocol.envelope import Args
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.order_requests import ExerciseOption, ModifyOrder, PlaceOrder, PlaceOrders, PreviewOrder

HELD_S = 60.0
_NEW = (PlaceOrder, PlaceOrders, ModifyOrder, PreviewOrder, ExerciseOption)


class Maintenance:
    def __init__(self) -> None:
        self._why: str | None = None
        self._until = 0.0

    def announced(self, why: str | None, now: float) -> None:
        """By the connection node: why the gateway is about to end, None when it is not any more."""
        self._why, self._until = why, now + HELD_S

    def require_none(self, args: Args, now: float) -> None:
        """Raises `RequestError` for what would begin something new."""
        if self._why is not None and isinstance(args, _NEW) and now < self._until:
            raise RequestError(ErrorCode.NOT_READY, f"{self._why}; try again when it is back")
