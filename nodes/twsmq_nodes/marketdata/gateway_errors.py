"""What the gateway's error codes mean for a market data request.

Evidence: IBKR's API docs and the message table of a Gateway 10.40.1; those marked * were seen on the wire.
A code that is in no set is a refusal: the request is dead and the subscriber is told the gateway's words.
"""

from __future__ import annotations

from enum import Enum


class Meaning(Enum):
    REFUSED = "refused"  # asking again would give the same answer
    FOR_NOW = "for_now"  # a later try may succeed
    DELAYED = "delayed"  # the request stands, its data is delayed
    NOTICE = "notice"  # the request stands


_NOTICES = frozenset(
    (
        165,  # historical data service query message
        300,  # can't find the id: we cancelled what the gateway had already ended
        310,
        366,
        399,
        10090,  # part of the data is not subscribed, the rest flows
    )
)
_FOR_NOW = frozenset(
    (
        101,  # max number of tickers
        102,  # duplicate ticker id: the next try has another
        309,  # max number of depth requests
        322,  # error processing request, duplicate ids among them
        10182,  # failed to request live updates (disconnected)
        10190,  # max number of tick-by-tick requests
        10197,  # * no market data during competing live session
    )
)
_DISPLAYING_DELAYED = 10167  # *


def meaning_of(code: int) -> Meaning:
    if code == _DISPLAYING_DELAYED:
        return Meaning.DELAYED
    if code in _NOTICES or 2100 <= code < 2200:  # the 21xx are warnings; * 2150, 2152, 2176
        return Meaning.NOTICE
    return Meaning.FOR_NOW if code in _FOR_NOW else Meaning.REFUSED
