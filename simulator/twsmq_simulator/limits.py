"""What one client may ask for: the message rate, market data lines, and the pace of historical requests.

Numbers are those IBKR documents for an account without booster packs. Passing the message rate is answered
with error 100 once in each second it happens and the message is still handled: whether and when a gateway
also hangs up is not evidenced.
"""

from __future__ import annotations

from collections import deque

from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.wire.requests import HistoricalData, Request

RATE = 50
TICKERS = 100
DEPTHS = 3
TICK_STREAMS = 5
HISTORY_REPEAT_NS = 15_000_000_000
HISTORY_WINDOW_NS = 600_000_000_000
HISTORY_REQUESTS = 60
PACING = "Historical Market Data Service error message:Historical data request pacing violation"
SECOND = 1_000_000_000


class Limits:
    """One client's counters."""

    def __init__(self, *, enforced: bool) -> None:
        self.enforced = enforced
        self._times: deque[int] = deque()
        self._violations = 0
        self._last_violation = -SECOND
        self._history: deque[tuple[int, HistoricalData]] = deque()

    def rate_exceeded(self, now: int) -> str | None:
        """Counts one message; the text of error 100 if it is one too many and the second has not been told
        yet.
        """
        if not self.enforced:
            return None
        self._times.append(now)
        while self._times[0] <= now - SECOND:
            self._times.popleft()
        if len(self._times) <= RATE or now - self._last_violation < SECOND:
            return None
        self._last_violation = now
        self._violations += 1
        received = len(self._times)
        count = f"max={RATE} rec={received} ({self._violations})"
        return f"Max rate of messages per second has been exceeded:{count}"

    def check_count(self, kind: str, held: int, request: Request) -> None:
        """Before one more subscription of a kind. Raises RequestRefused."""
        if not self.enforced:
            return
        if kind == "ticker" and held >= TICKERS:
            raise RequestRefused(101, "Max number of tickers has been reached", request.reply_id)
        if kind == "depth" and held >= DEPTHS:
            text = f"Max number ({DEPTHS}) of market depth requests has been reached"
            raise RequestRefused(309, text, request.reply_id)
        if kind == "tick" and held >= TICK_STREAMS:
            raise RequestRefused(
                10190, "Max number of tick-by-tick requests has been reached", request.reply_id
            )

    def check_history(self, request: HistoricalData, now: int) -> None:
        """The same request within 15 s, or more than 60 in 10 minutes (IBKR docs). Raises
        RequestRefused(162).
        """
        if not self.enforced:
            return
        while self._history and self._history[0][0] <= now - HISTORY_WINDOW_NS:
            self._history.popleft()
        for at, earlier in self._history:
            if at > now - HISTORY_REPEAT_NS and _same(earlier, request):
                raise RequestRefused(162, PACING, request.request_id)
        if len(self._history) >= HISTORY_REQUESTS:
            raise RequestRefused(162, PACING, request.request_id)
        self._history.append((now, request))


def _same(one: HistoricalData, other: HistoricalData) -> bool:
    keys = ("contract", "end", "bar_size", "duration", "what", "regular_hours")
    return all(getattr(one, key) == getattr(other, key) for key in keys)
