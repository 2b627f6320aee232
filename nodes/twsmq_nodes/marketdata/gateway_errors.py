"""What the gateway's error codes mean for a request of this node: one table, each row with its evidence.

Rule: a refusal is final only where it is known to be. Whatever is not known is asked for again with growing
pauses. A text decides only where one code stands for several things, and only towards *final*: texts may be
localised (a setting of the gateway), so an unknown one means "try again".

Rule: whatever is given up is cancelled at the gateway, unless the code is known to leave nothing there. A
cancel of what is not there is answered by 300, 310 or 366, for an id that is nobody's any more. Of a request
that stands they say that it does not.

Evidence: D IBKR's API documentation, M the message table of a Gateway 10.40.1, C seen on the wire, R reports
of users (repository#issue).
"""

from __future__ import annotations

import re
from enum import Enum

from msgspec import Struct

from twsmq_nodes.tws.codes import is_warning


class Meaning(Enum):
    FINAL = "final"  # asking again would give the same answer
    UNKNOWN_CONTRACT = "unknown_contract"  # final, unless something is wrong with the gateway at present
    LATER = "later"  # a later try may succeed
    PACED = "paced"  # too many messages: ask again in a moment
    FULL = "full"  # the gateway grants no more lines of this kind
    AGAIN = "again"  # ask again at once, under another id
    OTHERWISE = "otherwise"  # ask for what the text names instead
    NO_LIVE = "no_live"  # live data are not subscribed; delayed ones may follow for who accepts them
    DELAYED = "delayed"  # the request stands, its data are delayed
    RESET = "reset"  # the order book is empty now, its changes go on
    NOTICE = "notice"  # the request stands, the data decide


class Verdict(Struct, frozen=True):
    """`leaves_line`: the gateway may still hold a line for it, which has to be cancelled. `unless`: where the
    text matches, it means the other.
    """

    meaning: Meaning
    leaves_line: bool = True
    unless: tuple[re.Pattern[str], Meaning] | None = None


_PERMISSION = (re.compile(r"permission|subscri", re.IGNORECASE), Meaning.NO_LIVE)
_INVALID = (re.compile(r"invalid|legal ones|not allowed", re.IGNORECASE), Meaning.FINAL)
_OWN_CANCEL = re.compile(r"query cancell?ed", re.IGNORECASE)

VERDICTS: dict[int, Verdict] = {
    # the request stands
    165: Verdict(Meaning.NOTICE),  # D historical data service query message
    399: Verdict(Meaning.NOTICE),  # M
    2188: Verdict(Meaning.NOTICE),  # C rust-ibapi#764: the bars follow, without the newest seconds
    10090: Verdict(Meaning.NOTICE),  # M part of the data is not subscribed, the rest flows
    10091: Verdict(Meaning.NOTICE),  # M the same for the API
    10167: Verdict(Meaning.DELAYED),  # C displaying delayed market data
    317: Verdict(Meaning.RESET),  # M depth has been reset
    # the gateway is busy
    100: Verdict(Meaning.PACED),  # C max rate of messages exceeded; that none of them was taken is not known
    101: Verdict(Meaning.FULL, leaves_line=False),  # D max number of tickers
    309: Verdict(Meaning.FULL, leaves_line=False),  # M of depth requests
    10190: Verdict(Meaning.FULL, leaves_line=False),  # M of tick-by-tick requests
    # at once, under another id
    102: Verdict(Meaning.AGAIN, leaves_line=False),  # M duplicate ticker id
    300: Verdict(Meaning.AGAIN, leaves_line=False),  # M can't find the id: R a line may be lost unannounced
    310: Verdict(Meaning.AGAIN, leaves_line=False),  # M the same of an order book
    366: Verdict(Meaning.AGAIN, leaves_line=False),  # C the same of a history
    316: Verdict(Meaning.AGAIN),  # M market depth has been halted, "please re-subscribe"
    10225: Verdict(Meaning.AGAIN),  # M bust event, "please resubscribe real-time bars immediately"
    # what was asked for
    10299: Verdict(Meaning.OTHERWISE),  # D "Expected what to show is %s, please use that instead of %s"
    200: Verdict(Meaning.UNKNOWN_CONTRACT, leaves_line=False),  # C no definition, or an ambiguous one
    203: Verdict(Meaning.FINAL),  # M the security is not available or allowed for this account
    320: Verdict(Meaning.FINAL, leaves_line=False),  # C error reading request
    321: Verdict(Meaning.FINAL, leaves_line=False),  # C error validating request
    430: Verdict(Meaning.FINAL),  # D no fundamental data for this security
    478: Verdict(Meaning.FINAL),  # M conId and fields contradict each other
    10285: Verdict(Meaning.FINAL, leaves_line=False),  # C fractional sizes need a newer API version
    10295: Verdict(Meaning.FINAL),  # M only daily resolution for schedules
    10314: Verdict(Meaning.FINAL, leaves_line=False),  # C the end date is invalid
    10339: Verdict(Meaning.FINAL),  # D no end date for a continuous future
    # what is subscribed: for this user, at present; reports differ on whether delayed ticks follow
    354: Verdict(Meaning.NO_LIVE),  # C not subscribed
    10089: Verdict(Meaning.NO_LIVE),  # C requires an additional subscription for the API
    10168: Verdict(Meaning.NO_LIVE),  # M not subscribed, delayed data are not enabled
    10186: Verdict(Meaning.NO_LIVE),  # D the same under another number
    10189: Verdict(Meaning.LATER, unless=_PERMISSION),  # D tick-by-tick: no rights, or another session
    # what passes
    162: Verdict(Meaning.LATER, unless=_PERMISSION),  # C pacing, no data yet, another IP address …
    322: Verdict(Meaning.LATER, unless=_INVALID),  # C "Only 50 simultaneous …", duplicate ids
    420: Verdict(Meaning.LATER, unless=_PERMISSION),  # C "no permissions"; D pacing of live bars
    10182: Verdict(Meaning.LATER),  # M failed to request live updates (disconnected)
    10187: Verdict(Meaning.LATER, unless=_PERMISSION),  # D no permissions; R another IP address
    10197: Verdict(Meaning.LATER),  # C no market data during a competing live session
}
"""By code. What is not listed passes, as far as anybody knows: `LATER`."""

BELIEVED_IN_CALM = (Meaning.UNKNOWN_CONTRACT, Meaning.NO_LIVE)
"""What only IBKR can say: while it is not reached, or only just, the same is said of good contracts and of
subscribed data."""
DOUBTFUL = frozenset(code for code, each in VERDICTS.items() if each.meaning in BELIEVED_IN_CALM)
_LATER, _NOTICE = Verdict(Meaning.LATER), Verdict(Meaning.NOTICE)
WHATS = ("AGGTRADES", "TRADES", "MIDPOINT", "BID_ASK", "BID", "ASK")
"""Of what live bars may be made."""


def verdict_on(code: int, text: str) -> Verdict:
    """What an error means, the text considered."""
    # C 2150, 2152, 2176: they are about a request that stands
    found = VERDICTS.get(code, _NOTICE if is_warning(code) else _LATER)
    if code == 162 and _OWN_CANCEL.search(text):
        return _NOTICE  # C the echo of our own cancel
    if found.unless is not None and found.unless[0].search(text):
        return Verdict(found.unless[1], found.leaves_line)
    return found
