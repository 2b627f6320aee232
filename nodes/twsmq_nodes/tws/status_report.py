"""orderStatus read by hand: one comes with every change of every order, and ibapi takes eight times as long.

Rule, as for ticks: what is read here means exactly what ibapi makes of it; whatever is unusual in a message
(an odd or missing field, a value that stands for "unset", a text beyond plain words) is left to ibapi. Proved
against ibapi by property tests, at every server version from 157 on, where the message no longer changes.
"""

from __future__ import annotations

import re

from twsmq_nodes.tws.absence import cleaned
from twsmq_nodes.tws.events import OrderStatus

ORDER_STATUS = b"3\0"
_WHOLE, _NUMBER = rb"([0-9]{1,10})\0", rb"([0-9]{1,9}(?:\.[0-9]{1,20})?)\0"
_MESSAGE = re.compile(
    b"".join(
        (
            rb"3\0",
            _WHOLE,  # order id
            rb"([A-Za-z]+)\0",
            _NUMBER * 3,  # filled, remaining, average price
            _WHOLE * 2,  # permanent id, parent's id
            _NUMBER,  # price of the last fill
            _WHOLE,  # client id
            rb"([A-Za-z ,]*)\0",  # why it is held
            _NUMBER,  # price cap
        )
    )
)
_UNSET = 2**31 - 1


def order_status(frame: bytes) -> OrderStatus | None:
    """The event of an orderStatus message; None if ibapi should read it."""
    found = _MESSAGE.fullmatch(frame)
    if found is None:
        return None
    order, word, filled, remaining, average, perm, parent, last, client, held, cap = found.groups()
    order_id, perm_id, parent_id, client_id = int(order), int(perm), int(parent), int(client)
    if max(order_id, perm_id, parent_id, client_id) >= _UNSET:
        return None
    status = OrderStatus(
        order_id,
        word.decode(),
        float(filled),
        float(remaining),
        float(average),
        perm_id,
        parent_id,
        float(last),
        client_id,
        held.decode(),
        float(cap),
    )
    return cleaned(status)
