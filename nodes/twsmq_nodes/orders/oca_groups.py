"""Whose a one-cancels-all group is. The gateway knows a group by its name alone, and one client ID places for
all strategies: a fill of any order in a group cancels the rest of it, whosever they are.

Invariant: an order of a key that trades for some strategies joins no group of another's. The names that the
node gives itself (`strategy/client_order_id`) are their strategy's also before anything works under them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.order_requests import PlaceOrder, PlaceOrders
from twsmq_protocol.rights import Identity

from .book import Book
from .ids import Key
from .pipeline.items import Placing


def require_own(args: object, identity: Identity, book: Book, waiting: Mapping[Key, Placing]) -> None:
    """Raises the `conflict` or `unauthorized` that is the reply. An operator may tie what it likes."""
    orders = args.orders if isinstance(args, PlaceOrders) else (args,)
    named = {order.oca_group for order in orders if isinstance(order, PlaceOrder)} - {""}
    if not named or "operator" in identity.kinds():
        return
    own = identity.strategies()
    for group in named:
        strategy, slash, _ = group.partition("/")
        if slash and strategy not in own:
            why = "what stands before the / of oca_group must be the strategy's own name"
            raise RequestError(ErrorCode.UNAUTHORIZED, why, field="oca_group")
    if named & _others(own, book, waiting.values()):
        why = "orders of another strategy work under this oca_group; choose a name of your own: strategy/name"
        raise RequestError(ErrorCode.CONFLICT, why, field="oca_group")


def _others(own: frozenset[str], book: Book, waiting: Iterable[Placing]) -> set[str]:
    groups = {record.order.oca_group or "" for record in book.active() if record.order.strategy not in own}
    return groups | {
        order.oca_group for placing in waiting for order in placing.orders if order.strategy not in own
    }
