"""What a question is: what one call wants to know, as a generator. Pure.

It yields the queries it needs, is sent what became of each (rows or the refusal), and returns the result. So
a chain of look-ups is written as one function, and the same query of two questions is one request (`core`).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias

from msgspec import Struct
from twsmq_protocol.errors import FieldError, RequestError
from twsmq_protocol.instruments import parse_instrument

from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.instruments import contract_of

from .look_ups import Query, Rows
from .rows import distinct, told_apart_by

Found: TypeAlias = Rows | RequestError
"""What became of a query."""
Question: TypeAlias = Generator[tuple[Query, ...], tuple[Found, ...], Struct]


def details(contract: Contract) -> Query:
    return Query("details", (contract,))


def rows_of(found: Found) -> Rows:
    """A refusal ends the question."""
    if isinstance(found, RequestError):
        raise found
    return found


def contracts_of(found: Found) -> list[ContractInfo]:
    """The contracts that match, each once."""
    return distinct(rows_of(found))


def the_one(instrument: str) -> Generator[tuple[Query, ...], tuple[Found, ...], ContractInfo]:
    """The one contract that is spelled; several are refused with what tells them apart."""
    (found,) = yield (details(contract_of(parse_instrument(instrument))),)
    rows = contracts_of(found)
    if len(rows) > 1:
        names = ", ".join(told_apart_by(rows))
        text = f"{len(rows)} contracts match; name its {names}, or its conId (qualify lists them)"
        raise FieldError("instrument", text)
    return rows[0]
