"""The rate that the gateway really grants, learnt from its complaints.

    warned (0, "Approaching max rate of 50 messages per second (44)")  -> a tenth slower
    first breach (100)    -> half the rate, less if the counts it names ("max=50 rec=138") say so
    second breach         -> the least there is, and no faster again in this session
    well for RECOVER_S    -> a tenth of the configured rate faster, up to it
    another session slows -> this one too, as much; its breaches count here as well

Theory: the configured rate is right for an account with the usual hundred market-data lines, and messages
that other programs send beside us count too. The third breach ends the session (IBKR's documentation,
11.01), so it must not come: what the first two cost is little beside a lost session. A session that comes
back starts with the configured rate again, for the gateway's count starts anew. Whether the gateway counts
by connection or by user is not documented, so all sessions of a cluster slow down together.

Pure: `now` in seconds, monotonic.
"""

from __future__ import annotations

import re

from twsmq_nodes.tws import codes
from twsmq_nodes.tws.events import GatewayError

RECOVER_S = 60.0
LEAST = 0.1
"""Of the configured rate: never slower."""
_NEARLY = re.compile(r"\d{1,5}\D+\(\d{1,5}\)")
"""The rate and the count, which every language has."""
_COUNTS = re.compile(r"max=(\d{1,5})\D+rec=(\d{1,5})")


class LearnedRate:
    """`rate`: messages per second at present, 0 for no limit (then complaints change nothing)."""

    def __init__(self, configured: float) -> None:
        self._configured = self.rate = configured
        self.breaches = 0
        self._changed_at = 0.0

    def began(self) -> None:
        """A new session."""
        self.rate = self._configured
        self.breaches = 0

    @property
    def factor(self) -> float:
        """`rate` as a part of what is configured."""
        return self.rate / self._configured if self._configured > 0 else 1.0

    def follow(self, factor: float, breaches: int, now: float) -> bool:
        """Another session of the cluster is slowed to `factor` after so many breaches. Whether `rate`
        fell."""
        self.breaches = max(self.breaches, min(breaches, 1))
        wanted = self._configured * max(factor, LEAST)
        if self._configured <= 0 or self.rate <= wanted:
            return False
        self._changed_at = now
        self.rate = wanted
        return True

    def configure(self, rate: float) -> None:
        """Another share of the budget."""
        if self._configured > 0 and rate > 0:
            self.rate = self.rate / self._configured * rate
        else:
            self.rate = rate
        self._configured = rate

    def complained(self, error: GatewayError, now: float) -> bool:
        """Whether this is about the rate. `rate` is lower then, except for one without limit."""
        if error.code == codes.TOO_MANY_MESSAGES:
            self.breaches += 1
            self._slow(LEAST if self.breaches > 1 else _share(error.text), now)
            return True
        if error.code == codes.NEARLY_TOO_MANY and _NEARLY.search(error.text):
            self._slow(0.9, now)
            return True
        return False

    def recovered(self, now: float) -> bool:
        """Whether time alone has raised `rate`."""
        if self.rate >= self._configured or self.breaches >= 2 or now < self._changed_at + RECOVER_S:
            return False
        self._changed_at = now
        self.rate = min(self._configured, self.rate + self._configured / 10)
        return True

    def _slow(self, factor: float, now: float) -> None:
        self._changed_at = now
        self.rate = max(self._configured * LEAST, self.rate * factor)


def _share(text: str) -> float:
    """What the rate must shrink to after a breach."""
    counts = _COUNTS.search(text)
    if counts is None or not int(counts[2]):
        return 0.5
    return min(0.5, 0.8 * int(counts[1]) / int(counts[2]))
