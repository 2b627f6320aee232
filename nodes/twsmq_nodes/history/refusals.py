"""What the gateway's code says about one piece of history. Pure.

Sources: IBKR's documentation 18 and 21, the texts captured in public issues. Texts may be localised, as a
whole or in their first half (captured: Spanish, then `invalid step: 1`): where a code says several things its
words decide. What is not known to be final, to pass or to be empty is `UNKNOWN`, whatever its language:
nobody guesses, it is asked again some times, and whoever waits gets the gateway's own words.
"""

from __future__ import annotations

import math
import re
from enum import Enum, auto
from typing import get_args

from msgspec import Struct
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.history_requests import What

from twsmq_nodes.tws.codes import NO_DEFINITION, TOO_MANY_MESSAGES, UPSTREAM_LOST, is_warning, suggested
from twsmq_nodes.tws.events import GatewayError


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
    UNKNOWN = auto()
    """Nobody here knows whether it passes."""


class Refusal(Struct, frozen=True):
    meaning: Meaning
    what: str = ""


_MIXED = 162
_NO_DATA = re.compile(
    r"returned no data|no data of type|no historical market data|no head time ?stamp", re.IGNORECASE
)
_CANCELLED = re.compile(r"query cancelled|subscription cancelled", re.IGNORECASE)
_TOO_LONG = re.compile(r"time length exceed", re.IGNORECASE)
_FOR_GOOD = re.compile(r"permission|invalid|subscription", re.IGNORECASE)
_PASSING = re.compile(r"pacing|different IP|competing|connection", re.IGNORECASE)
_WHATS = frozenset(get_args(What))

_MEANINGS: dict[int, Meaning] = {
    165: Meaning.NOTICE,  # "Historical Market Data Service query message"
    366: Meaning.NOTICE,  # "No historical data query found": our cancel came late (captured)
    10225: Meaning.NOTICE,
    TOO_MANY_MESSAGES: Meaning.PASSING,  # "Max rate of messages per second has been exceeded" (captured)
    322: Meaning.PASSING,  # "Only 50 simultaneous API historical data requests" (captured)
    10197: Meaning.PASSING,  # a competing session has the data
    UPSTREAM_LOST: Meaning.PASSING,
    10182: Meaning.PASSING,
    **dict.fromkeys((
        203,  # the security is not available or allowed for this account
        320, 321,  # error reading, validating the request (captured)
        354, 10089, 10168,  # what is subscribed
        430,  # no such data of this security (documented)
        478,  # conId and fields contradict each other
        10285, 10295, 10314, 10339,  # sizes, SCHEDULE by days only, its end is none, it may have none
    ), Meaning.FINAL),
}  # fmt: skip
_TICKS_REFUSED = 10187
_EXPECTED = 10299
_LIVE_QUERY = 420


def meaning_of(
    code: int, text: str, *, asked: str = "", outage: bool, outage_of_history: bool = False
) -> Refusal:
    """`asked`: the `what`; `outage`: a farm is down, or was within the last minute; `outage_of_history`: one
    of history. What cannot be asked of IBKR now is not known to be empty."""
    if code in (_MIXED, _TICKS_REFUSED):
        meaning = _mixed(text)
        doubted = meaning is Meaning.EMPTY and outage_of_history
        return Refusal(Meaning.PASSING if doubted else meaning)
    if code == _LIVE_QUERY:  # "Invalid Real-time Query:" and no permissions (captured), or pacing
        return Refusal(Meaning.FINAL if "permission" in text.lower() else Meaning.PASSING)
    if code == _EXPECTED:
        return _other_what(text, asked)
    if code == NO_DEFINITION:
        return Refusal(Meaning.PASSING if outage else Meaning.FINAL)
    if code in _MEANINGS:
        return Refusal(_MEANINGS[code])
    return Refusal(Meaning.NOTICE if is_warning(code) else Meaning.UNKNOWN)


def _mixed(text: str) -> Meaning:
    if _CANCELLED.search(text):
        return Meaning.NOTICE
    if _NO_DATA.search(text):
        return Meaning.EMPTY
    if _TOO_LONG.search(text):
        return Meaning.SMALLER
    if _FOR_GOOD.search(text):
        return Meaning.FINAL
    return Meaning.PASSING if _PASSING.search(text) else Meaning.UNKNOWN


def _other_what(text: str, asked: str) -> Refusal:
    what = suggested(text, asked, _WHATS)
    return Refusal(Meaning.FINAL) if what is None else Refusal(Meaning.OTHER_WHAT, what)


def words_of(error: GatewayError) -> str:
    return error.text or f"the gateway refused with {error.code}"


def too_late(refused: GatewayError | None, paced_s: float, rule: str) -> RequestError:
    """For whoever waits no longer. `refused`: what the gateway said until then; `paced_s`: how long a rule of
    pacing keeps it from being asked."""
    if paced_s > 0:
        text = f"not asked yet: IBKR allows {rule}; ask again in {math.ceil(paced_s)} s, or wait longer"
        return RequestError(ErrorCode.TIMEOUT, text)
    if refused is None:
        return RequestError(ErrorCode.TIMEOUT, "the gateway has not answered in time; ask again")
    text = f"the gateway has refused it until now ({words_of(refused)}); ask again, or wait longer"
    return RequestError(ErrorCode.TIMEOUT, text, tws_code=refused.code)
