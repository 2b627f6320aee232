"""The gateway's error and notice codes about orders, by what they mean for an order.

Sources: texts captured from Gateways 10.40.1 and of August 2026, the message table of Gateway 10.40.1, and
IBKR's API docs. A code in none of the sets is *doubtful*: it says something is wrong but not what became of
the order, so the order is looked for in a snapshot instead of guessed about.
"""

from __future__ import annotations

INFORMATIONAL = frozenset(
    (
        110,  # price does not conform to the minimum variation (message table): the order stays as it was
        399,  # "Order Message: … will not be placed at the exchange until …" (captured)
        404,  # "Order held while securities are located" (message table)
        481,  # "Order size was reduced" (message table); the openOrder that follows has the new size
        10349,  # "Order TIF was set to DAY based on order preset" (IBKR API docs)
    )
)
"""These never change an order's state. Neither does any warning 2100-2199 (see `is_informational`)."""

CANCELLED = frozenset((202,))  # after, sometimes before, orderStatus Cancelled (captured)

NOT_FOUND = 10147  # "… that needs to be cancelled is not found" (captured)

CANCEL_REFUSED = frozenset(
    (
        161,  # "Cancel attempted when order is not in a cancellable state" (captured)
        NOT_FOUND,
        10148,  # "… cannot be cancelled, state: Cancelled." (captured)
    )
)

REJECTED = frozenset(
    (
        103,  # "Duplicate order id" (captured)
        200,  # "No security definition has been found for the request" (captured)
        201,  # "Order rejected - reason:…" (captured; comes after orderStatus Cancelled or Inactive)
        203,  # "The security is not available or allowed for this account" (IBKR API docs)
        320, 321, 322,  # "Error reading / validating / processing request" (captured): nothing else comes
        388,  # "Order size does not conform to market rule" (IBKR API docs)
        434, 435, 460, 463, 478,  # no size, account, permission, price; other contract (message table)
        10006,  # "Missing parent order" (message table)
        10149,  # "Invalid order id" (captured)
        10243, 10318,  # fractional sizes (message table)
        10268, 10269, 10270,  # EtradeOnly, FirmQuoteOnly, NbboPriceCap not supported (captured)
    )
)  # fmt: skip

MODIFICATION_REFUSED = frozenset(
    (
        104,  # "Cannot modify a filled order." (captured)
        105,  # "Order being modified does not match original order" (message table)
        329,  # another order type (message table)
        462,  # "Cannot change to the new Time in Force" (captured)
        2102,  # "Unable to modify this order as its still being processed" (message table)
        10326, 10327,  # OCA group or type changed (message table)
    )
)  # fmt: skip

NEW_IDS_WANTED = frozenset((103, 10149))
"""Our idea of the next order id is wrong: ask for it."""


PRICE_STEP = 110


def is_complaint(code: int) -> bool:
    """Whether it says that something is wrong with the order, even if it does not change its state."""
    return code == PRICE_STEP or not is_informational(code)


def is_informational(code: int) -> bool:
    return code in INFORMATIONAL or (2100 <= code <= 2199 and code not in MODIFICATION_REFUSED)
