"""What one client may ask for: the message rate, market data lines, and the pace of historical requests.

Numbers are those IBKR documents for an account without booster packs. Passing the message rate is answered
with error 100 once in each second it happens and the message is still handled: whether and when a gateway
also hangs up is not evidenced.
"""

from __future__ import annotations

from collections import deque

from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.wire.requests import HeadTimestamp, HistoricalData, Request

RATE = 50
TICKERS = 100
DEPTHS = 3
TICK_STREAMS = 5
HISTORY_REPEAT_NS = 15_000_000_000
HISTORY_WINDOW_NS = 600_000_000_000
HISTORY_REQUESTS = 60
HISTORY_BURST_NS = 2_000_000_000
HISTORY_BURST = 5
HISTORY_OPEN = 50
SMALL_BARS = 60  # seconds: below this the rules are hard
TOO_MANY = "Error processing request:Only 50 simultaneous API historical data requests"
PACING = "Historical Market Data Service error message:Historical data request pacing violation"
SECOND = 1_000_000_000


class Limits:
    """One client's counters."""

    def __init__(self, *, enforced: bool) -> None:
        self.enforced = enforced
        self._times: deque[int] = deque()
        self._violations = 0
        self._last_violation = -SECOND
        self._history: deque[tuple[int, tuple[object, ...], tuple[object, ...], int]] = deque()
        self._tick_requests: dict[tuple[int, str], int] = {}  # conId and kind -> when last asked
        self.heads: dict[int, None] = {}  # request ids of head timestamps not cancelled yet

    def rate_exceeded(self, now: int) -> str | None:
        """Counts one message; the text of error 100 if it is one too many, once for each second."""
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

    def check_history(self, request: HistoricalData, con_id: int, seconds: int, now: int, held: int) -> None:
        """Before one more query; `held` are those that stay open. Raises RequestRefused(322 or 162).

        Bars of a minute and more have no hard rule any more (IBKR's old docs, note 1).
        """
        if not self.enforced:
            return
        self._check_open(held, request.request_id)
        if seconds < SMALL_BARS:
            what = (con_id, request.contract.exchange, request.what)
            same = (*what, request.end, request.bar_size, request.duration, request.regular_hours)
            self._count_small(what, same, 2 if request.what == "BID_ASK" else 1, now, request.request_id)

    def check_head(self, request: HeadTimestamp, con_id: int, now: int, held: int) -> None:
        """A head timestamp always falls under the rules of small bars and stays open until cancelled."""
        if not self.enforced:
            return
        self._check_open(held, request.request_id)
        what = (con_id, request.contract.exchange, request.what)
        self._count_small(what, (*what, "head"), 1, now, request.request_id)
        self.heads[request.request_id] = None

    def _check_open(self, held: int, request_id: int) -> None:
        if held + len(self.heads) >= HISTORY_OPEN:
            raise RequestRefused(322, TOO_MANY, request_id)

    def _count_small(
        self, what: tuple[object, ...], same: tuple[object, ...], weight: int, now: int, request_id: int
    ) -> None:
        """60 in 10 minutes, the same within 15 s, fewer than 6 for one contract, exchange and kind in 2 s."""
        while self._history and self._history[0][0] <= now - HISTORY_WINDOW_NS:
            self._history.popleft()
        recent = [row for row in self._history if row[0] > now - HISTORY_REPEAT_NS]
        burst = sum(each for at, w, _, each in recent if w == what and at > now - HISTORY_BURST_NS)
        spent = sum(weight for _, _, _, weight in self._history)
        if (
            any(s == same for _, _, s, _ in recent)
            or burst + weight > HISTORY_BURST
            or spent + weight > HISTORY_REQUESTS
        ):
            raise RequestRefused(162, PACING, request_id)
        self._history.append((now, what, same, weight))

    def check_tick_pace(self, con_id: int, kind: str, now: int, request_id: int) -> None:
        """One tick-by-tick request for an instrument in 15 s (IBKR docs 22.10). Whether kinds count apart, as
        here, and with which code a gateway refuses more, is not evidenced.
        """
        if not self.enforced:
            return
        if now - self._tick_requests.get((con_id, kind), -HISTORY_REPEAT_NS) < HISTORY_REPEAT_NS:
            text = "Max number of tick-by-tick requests has been reached"
            raise RequestRefused(10190, text, request_id)
        self._tick_requests[(con_id, kind)] = now
