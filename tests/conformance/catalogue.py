"""The one catalogue of scenarios: what every client has to observe, in the order of the table.

A scenario tells a client what to do and judges what it observed. Its docstring says what must be observed and
how that is known. Each begins with a client connected to a gateway that nobody has used before.
"""

from __future__ import annotations

from collections.abc import Callable

from . import data_scenarios as data
from . import order_scenarios as orders
from . import session_scenarios as session
from .conversation import Conversation

_PLAYS: tuple[Callable[[Conversation], None], ...] = (
    session.connect,
    session.client_id_in_use,
    session.reconnect,
    data.contract_details,
    data.option_chain,
    data.level1,
    data.snapshot,
    data.tick_by_tick,
    data.depth,
    data.history,
    data.history_kept_up_to_date,
    orders.market_order,
    orders.limit_order,
    orders.transmit_false,
    orders.bracket,
    orders.oca,
    orders.modify,
    orders.cancel,
    orders.reject,
    orders.what_if,
    orders.combo,
    orders.executions,
    orders.completed_orders,
    session.account,
    session.two_clients,
)
SCENARIOS = {play.__name__: play for play in _PLAYS}
