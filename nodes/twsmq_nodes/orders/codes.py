"""The gateway's error and notice codes about orders, by what they mean for an order.

Sources: texts captured from Gateways 10.40.1 and of August 2026, the message table of Gateway 10.40.1, and
IBKR's API docs. A code that is not here is *doubtful*: it says something is wrong but not what became of the
order, so the order is looked for in a snapshot instead of guessed about.
"""

from __future__ import annotations

from enum import Enum


class Meaning(Enum):
    INFORMS = "changes nothing about the order"
    COMPLAINS = "does not fit; whether the order stands all the same, its status or a snapshot tells"
    CANCELLED = "it is cancelled"
    NOT_FOUND = "what was to be cancelled is not known"
    CANCEL_REFUSED = "it cannot be cancelled"
    NOT_CANCELLABLE = "not now; it stays as it is"
    CHANGE_REFUSED = "the modification is refused"
    REJECTED = "it is refused before it worked"
    REJECTED_LATE = "it is refused, whatever was said before"
    IDS_WRONG = "it is refused: our idea of the next order id is wrong"
    DOUBTFUL = "something is wrong"


_INFORMS = (
    399,  # "Order Message: … will not be placed at the exchange until …" (captured)
    404,  # "Order held while securities are located" (message table)
    481,  # "Order size was reduced" (message table); the openOrder that follows has the new size
    10349,  # "Order TIF was set to DAY based on order preset" (IBKR API docs)
)
_COMPLAINS = (
    110,  # price does not conform to the minimum variation (message table): the order stays as it was
    434,  # "The order size cannot be zero" (message table); acceptance may follow (ib_insync: a warning)
)
_CHANGE_REFUSED = (
    104,  # "Cannot modify a filled order." (captured)
    105,  # "Order being modified does not match original order" (message table)
    329,  # another order type (message table)
    462,  # "Cannot change to the new Time in Force" (captured)
    2102,  # "Unable to modify this order as its still being processed" (message table)
    10326, 10327,  # OCA group or type changed (message table)
)  # fmt: skip
_REJECTED = (
    200,  # "No security definition has been found for the request" (captured)
    203,  # "The security is not available or allowed for this account" (IBKR API docs)
    320, 321, 322,  # "Error reading / validating / processing request" (captured): nothing else comes
    328,  # "Trailing stop orders can be attached to limit or stop-limit orders only" (captured)
    388,  # "Order size does not conform to market rule" (IBKR API docs)
    391,  # unreadable good-till date (captured)
    435, 460, 463, 478,  # no account, permission, price; other contract (message table)
    10006,  # "Missing parent order" (message table)
    10052,  # "Invalid time in force" (captured)
    10243, 10318,  # fractional sizes (message table)
    10268, 10269, 10270,  # EtradeOnly, FirmQuoteOnly, NbboPriceCap not supported (captured)
)  # fmt: skip

MEANINGS: dict[int, Meaning] = {
    **dict.fromkeys(_INFORMS, Meaning.INFORMS),
    **dict.fromkeys(_COMPLAINS, Meaning.COMPLAINS),
    **dict.fromkeys(_CHANGE_REFUSED, Meaning.CHANGE_REFUSED),
    **dict.fromkeys(_REJECTED, Meaning.REJECTED),
    202: Meaning.CANCELLED,  # after, sometimes before, orderStatus Cancelled (captured)
    10147: Meaning.NOT_FOUND,  # "… that needs to be cancelled is not found" (captured)
    10148: Meaning.CANCEL_REFUSED,  # "… cannot be cancelled, state: Cancelled." (captured)
    161: Meaning.NOT_CANCELLABLE,  # "Cancel attempted when order is not in a cancellable state" (captured)
    201: Meaning.REJECTED_LATE,  # "Order rejected - reason:…" (captured; after Cancelled or Inactive)
    103: Meaning.IDS_WRONG,  # "Duplicate order id" (captured)
    10149: Meaning.IDS_WRONG,  # "Invalid order id" (captured)
}


def meaning(code: int) -> Meaning:
    known = MEANINGS.get(code)
    if known is not None:
        return known
    return Meaning.INFORMS if 2100 <= code <= 2199 else Meaning.DOUBTFUL


ENDS_OR_REFUSES = frozenset(Meaning) - {
    Meaning.INFORMS,
    Meaning.COMPLAINS,
    Meaning.CHANGE_REFUSED,
    Meaning.DOUBTFUL,
}
"""Not believed at once of an order that the broker has twice: the gateway does not say which one it means."""


def is_complaint(code: int) -> bool:
    """Whether it says that something is wrong with the order, even if it does not change its state."""
    return meaning(code) is not Meaning.INFORMS


_ABOUT_CANCELS = (Meaning.NOT_FOUND, Meaning.CANCEL_REFUSED, Meaning.NOT_CANCELLABLE)
_REFUSES = (Meaning.COMPLAINS, Meaning.REJECTED, Meaning.REJECTED_LATE, Meaning.IDS_WRONG)
_NAMES_NO_CAUSE = (":", "：", "Order was discarded.")


def may_end(code: int) -> bool:
    """Whether it may be why an order has ended. 0 is no code of the gateway's."""
    return bool(code) and is_complaint(code) and meaning(code) not in _ABOUT_CANCELS


def refuses(code: int) -> bool:
    """Whether an order that ends by it and had never worked was refused."""
    return meaning(code) in _REFUSES


def names_cause(code: int, text: str) -> bool:
    """Whether these words say why. "Order Canceled - reason:" does not, in no language (captured; Chinese in
    rust-ibapi issue 365): it comes for every order that ends because another was refused."""
    if meaning(code) in _ABOUT_CANCELS:
        return False
    return meaning(code) is not Meaning.CANCELLED or not text.rstrip().endswith(_NAMES_NO_CAUSE)
