"""What the gateway's error codes mean for a market data request.

Evidence: IBKR's API docs and the message table of a Gateway 10.40.1; those marked * were seen on the wire.
A code that is in no set is a refusal: the request is dead and the subscriber is told the gateway's words.
"""

from __future__ import annotations

from enum import Enum


class Meaning(Enum):
    REFUSED = "refused"  # asking again would give the same answer
    FOR_NOW = "for_now"  # a later try may succeed
    PACED = "paced"  # too many messages: ask again in a moment
    FULL = "full"  # the gateway grants no more lines of this kind
    AGAIN = "again"  # ask again at once, under another id
    RESET = "reset"  # the order book is empty now, its changes go on
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
        10091,  # part of the data is not subscribed for the API, the rest flows
    )
)
_FOR_NOW = frozenset(
    (
        10182,  # failed to request live updates (disconnected)
        10197,  # * no market data during competing live session
    )
)
_FULL = frozenset((101, 309, 10190))  # tickers, depth requests, tick-by-tick requests
_AGAIN = frozenset(
    (
        102,  # duplicate ticker id
        316,  # market depth data has been halted, "please re-subscribe"
        322,  # error processing request, duplicate ids among the causes
        10225,  # bust event: the bars are deactivated, "please resubscribe immediately"
    )
)
_MEANINGS = (
    # * max rate of messages exceeded; * displaying delayed market data; depth has been reset
    {100: Meaning.PACED, 10167: Meaning.DELAYED, 317: Meaning.RESET}
    # * up-to-the-second historical data requires a subscription: a refusal among the numbers of warnings
    | {2188: Meaning.REFUSED}
    | dict.fromkeys(_NOTICES, Meaning.NOTICE)
    | dict.fromkeys(_FOR_NOW, Meaning.FOR_NOW)
    | dict.fromkeys(_FULL, Meaning.FULL)
    | dict.fromkeys(_AGAIN, Meaning.AGAIN)
)


def meaning_of(code: int) -> Meaning:
    warning = 2100 <= code < 2200  # * 2150, 2152, 2176
    return _MEANINGS.get(code, Meaning.NOTICE if warning else Meaning.REFUSED)
