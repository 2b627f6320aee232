"""Drives the market data core as its shell would: what was told, what was asked, and answers to it."""

from __future__ import annotations

from typing import Any, TypeVar

from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.marketdata.core import MarketdataCore
from twsmq_nodes.marketdata.invariants import validate
from twsmq_nodes.marketdata.listings import Listing
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived
from twsmq_nodes.tws.reference_requests import ReqContractDetails
from twsmq_nodes.tws.session_events import SessionUp
from twsmq_protocol.config import Marketdata

AAPL = "quote/STK:AAPL:SMART:USD/"
AAPL_BY_ID = "quote/CONID:265598/"
MSFT = "quote/STK:MSFT:SMART:USD/"
CON_IDS = {"AAPL": 265598, "MSFT": 272093}
UP = SessionUp(server_version=200, accounts=("DU1",), next_order_id=1, upstream=True)

A = TypeVar("A")


def info(con_id: int, symbol: str = "AAPL", **fields: Any) -> ContractInfo:
    contract = Contract(
        con_id=con_id,
        symbol=symbol,
        sec_type="STK",
        exchange="SMART",
        primary_exchange="NASDAQ",
        currency="USD",
    )
    return ContractInfo(contract=contract, valid_exchanges="SMART,NYSE", time_zone_id="US/Eastern", **fields)


class Desk:
    """The core, a clock, and all it wanted since the last look. Every step is followed by `validate`."""

    def __init__(self, **config: Any) -> None:
        shard = config.pop("shard", 0)
        missed: dict[str, float | None] = config.pop("missed", {})
        listings: dict[str, Listing] = config.pop("listings", {})
        self.core = MarketdataCore(config=Marketdata(**config), listings=listings, missed=missed, shard=shard)
        self.now = 0.0
        self.actions: list[ev.Action] = []

    def feed(self, happened: ev.Input, at: float | None = None) -> list[ev.Action]:
        if at is not None:
            self.now = at
        actions = self.core.handle(happened, self.now)
        validate(self.core)
        self.actions += actions
        return actions

    def want(self, *topics: str) -> None:
        for topic in topics:
            self.feed(ev.TopicWanted(topic))

    def leave(self, *topics: str) -> None:
        for topic in topics:
            self.feed(ev.TopicLeft(topic))

    def wait(self, seconds: float) -> None:
        self.feed(ev.TimerFired(), self.now + seconds)

    def take(self, kind: type[A]) -> list[A]:
        """Actions of a kind since the last look at that kind."""
        taken = [action for action in self.actions if isinstance(action, kind)]
        self.actions = [action for action in self.actions if not isinstance(action, kind)]
        return taken

    def told(self) -> list[tuple[str, str]]:
        return [(tell.topic, tell.status.state) for tell in self.take(ev.PublishStatus)]

    def asked(self) -> list[ev.Ask]:
        return self.take(ev.Ask)

    def answer_lookups(self) -> None:
        """The gateway knows AAPL and MSFT, and every conId."""
        while (ask := next(filter(_is_lookup, self.actions), None)) is not None:
            assert isinstance(ask, ev.Ask)
            assert isinstance(ask.request, ReqContractDetails)
            self.actions.remove(ask)
            contract = ask.request.contract
            con_id = contract.con_id or CON_IDS.get(contract.symbol)
            self.feed(ev.RequestWritten(ask.req_id))
            if con_id is None:
                self.error(ask.req_id, 200, "No security definition has been found for the request")
            else:
                self.feed(ContractDetailsReceived(ask.req_id, info(con_id, contract.symbol)))
                self.feed(ContractDetailsEnd(ask.req_id))

    def error(self, req_id: int, code: int, text: str = "the gateway's words") -> None:
        self.feed(tws.GatewayError(req_id, code, text))

    def line(self) -> int:
        """The request id of the one line request since the last look, now written."""
        (ask,) = self.asked()
        self.feed(ev.RequestWritten(ask.req_id))
        return ask.req_id

    def flowing(self, *topics: str) -> list[int]:
        """Topics subscribed, resolved, asked for and ticking; their request ids."""
        if not self.core.up:
            self.feed(UP)
        self.want(*topics)
        self.answer_lookups()
        req_ids = [ask.req_id for ask in self.asked()]
        for req_id in req_ids:
            self.feed(ev.RequestWritten(req_id))
            self.feed(ev.DataFlowed(req_id))
        self.actions.clear()
        return req_ids


def _is_lookup(action: ev.Action) -> bool:
    return isinstance(action, ev.Ask) and isinstance(action.request, ReqContractDetails)
