"""What tests of the reference core share: rows, questions, and what it answered."""

from __future__ import annotations

from itertools import count
from typing import Any

from twsmq_nodes.reference import contract_questions
from twsmq_nodes.reference.core import ReferenceCore
from twsmq_nodes.reference.events import Action, Asked
from twsmq_nodes.reference.look_ups import Query
from twsmq_nodes.tws import requests as rq
from twsmq_nodes.tws.calls import Answer, Fail, Send
from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.reference_events import (
    ContractDetailsEnd,
    ContractDetailsReceived,
)
from twsmq_protocol import reference_requests as ops

AAPL_ID = 265598
NONE_FOUND = "No security definition has been found for the request"


def new_core() -> ReferenceCore:
    return ReferenceCore(count(1).__next__, cache_rows=3)


def spelled(symbol: str) -> str:
    return f"STK:{symbol}:SMART:USD"


def query(symbol: str) -> Query:
    return Query("details", (Contract(symbol=symbol, sec_type="STK", exchange="SMART", currency="USD"),))


def info(symbol: str = "AAPL", con_id: int = AAPL_ID, **more: Any) -> ContractInfo:
    contract = Contract(con_id, symbol, "STK", exchange="SMART", currency="USD")
    return ContractInfo(contract, valid_exchanges="SMART,NASDAQ", **more)


def asked(call: int, symbol: str = "AAPL", deadline: float = 600.0, **more: Any) -> Asked:
    args = ops.ContractDetails(instrument=spelled(symbol), **more)
    return Asked(call, contract_questions.contract_details(args), deadline)


def sent(actions: list[Action]) -> list[int]:
    return [action.req_id for action in actions if isinstance(action, Send)]


def requests(actions: list[Action]) -> list[rq.Request]:
    return [action.request for action in actions if isinstance(action, Send)]


def answers(actions: list[Action]) -> list[int]:
    return [action.call for action in actions if isinstance(action, Answer)]


def results(actions: list[Action]) -> list[Any]:
    return [action.result for action in actions if isinstance(action, Answer)]


def failures(actions: list[Action]) -> list[tuple[int, str, int | None]]:
    return [(a.call, str(a.error.code), a.error.tws_code) for a in actions if isinstance(a, Fail)]


def learn(core: ReferenceCore, call: int, symbol: str, *rows: ContractInfo, now: float = 0.0) -> list[Action]:
    """Ask and be answered."""
    (req_id,) = sent(core.handle(asked(call, symbol, now + 30), now))
    for row in rows:
        core.handle(ContractDetailsReceived(req_id, row), now)
    answered = core.handle(ContractDetailsEnd(req_id), now)
    core.validate()
    return answered
