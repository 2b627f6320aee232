"""What the gateway's code says about one piece of history. Pure.

Sources: IBKR's documentation 18 and 21, the texts captured in public issues. Texts may be localised: where
162 says several things its words decide, and what is in no language known here is final, with the gateway's
own words.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from msgspec import Struct

from twsmq_nodes.tws.codes import TOO_MANY_MESSAGES, is_warning


class Meaning(Enum):
    NOTICE = auto()
    """Data still come, or it is an echo of our own cancel."""
    EMPTY = auto()
    """There is nothing in this piece. Not the end of history."""
    PASSING = auto()
    """The same request again, later."""
    SMALLER = auto()
    """The same request again, in smaller pieces."""
    OTHER_WHAT = auto()
    """Another `what`, which the text names."""
    FINAL = auto()


class Refusal(Struct, frozen=True):
    meaning: Meaning
    what: str = ""


_MIXED = 162
_NO_DATA = re.compile(r"returned no data|no data of type|no historical market data", re.IGNORECASE)
_CANCELLED = re.compile(r"query cancelled|subscription cancelled", re.IGNORECASE)
_PASSING = re.compile(r"pacing|different IP|competing|connection", re.IGNORECASE)
_WHAT = re.compile(r"Expected what to show is (\w+)")

_MEANINGS: dict[int, Meaning] = {
    165: Meaning.NOTICE,  # "Historical Market Data Service query message"
    366: Meaning.NOTICE,  # "No historical data query found": our cancel came late (captured)
    10225: Meaning.NOTICE,
    TOO_MANY_MESSAGES: Meaning.PASSING,  # "Max rate of messages per second has been exceeded" (captured)
    322: Meaning.PASSING,  # "Only 50 simultaneous API historical data requests" (captured)
    420: Meaning.PASSING,  # pacing, of real-time and small bars
    10197: Meaning.PASSING,  # a competing session has the data
    1100: Meaning.PASSING,
    10182: Meaning.PASSING,
}
_DIFFERENT_IP = 10187
_EXPECTED = 10299
_PASSING_NEAR_OUTAGE = 200
"""Sent for good contracts while a farm is down or in the nightly reset (ib_insync #330)."""


def meaning_of(code: int, text: str, *, outage: bool) -> Refusal:
    """`outage`: a farm is down, or was within the last minute."""
    if code == _MIXED:
        return Refusal(_mixed(text))
    if code == _EXPECTED and (match := _WHAT.search(text)):
        return Refusal(Meaning.OTHER_WHAT, match[1])
    if code == _DIFFERENT_IP and "different IP" in text:
        return Refusal(Meaning.PASSING)
    if code == _PASSING_NEAR_OUTAGE and outage:
        return Refusal(Meaning.PASSING)
    if code in _MEANINGS:
        return Refusal(_MEANINGS[code])
    return Refusal(Meaning.NOTICE if is_warning(code) else Meaning.FINAL)


def _mixed(text: str) -> Meaning:
    if _CANCELLED.search(text):
        return Meaning.NOTICE
    if _NO_DATA.search(text):
        return Meaning.EMPTY
    return Meaning.PASSING if _PASSING.search(text) and "permission" not in text.lower() else Meaning.FINAL
