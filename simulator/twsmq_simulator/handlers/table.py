"""The type of a handler table, and how entries are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from twsmq_simulator.wire.requests import Request

if TYPE_CHECKING:
    from twsmq_simulator.gateway import Gateway
    from twsmq_simulator.session import Session

Handler = Callable[["Gateway", "Session", Any], None]
Table = dict[type[Request], Handler]
R = TypeVar("R", bound=Request)


def handles(
    table: Table, kind: type[R]
) -> Callable[[Callable[[Gateway, Session, R], None]], Callable[..., None]]:
    """Registers a function as the handler of a request type."""

    def register(function: Callable[[Gateway, Session, R], None]) -> Callable[..., None]:
        table[kind] = function
        return function

    return register
