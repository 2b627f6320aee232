"""Where what the risk rules know of the world comes from: other processes, asked and listened to.

Quotes come from the shards, positions and account values from status, facts of contracts from reference.
Nothing that another process publishes or answers may end this one: what cannot be used is logged (of events
once for each kind), and stays unknown to the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import msgspec
import structlog
from twsmq_protocol import endpoints, envelope
from twsmq_protocol.order_query_requests import ForeignOrder
from twsmq_protocol.reference_requests import ContractList, MarketRules
from twsmq_protocol.system_events import Position
from twsmq_protocol.topics import quote_topic

from twsmq_nodes.runtime.node import Node

from ..book import Book
from .live_inputs import LiveRiskInputs

CONTRACT_VALID_S = 30.0
FROM_STATUS = ("node/status/", "position/", "account/")

log = structlog.stdlib.get_logger()


class RiskSources:
    """`foreign`: the working orders that were not placed here. `accounts`: those that the gateway manages.
    `position_reported(account, con_id, quantity)` is called for each position of a known contract."""

    def __init__(
        self,
        node: Node,
        book: Book,
        clock: Callable[[], float],
        position_reported: Callable[[str, int, float], None],
        foreign: Callable[[], Iterable[ForeignOrder]],
        accounts: Callable[[], Collection[str]],
    ) -> None:
        self._node = node
        self._position_reported = position_reported
        self._reference = node.requester(endpoints.REFERENCE)
        self._not_believed: set[str] = set()
        self.inputs = LiveRiskInputs(
            book,
            self._want_quote,
            clock,
            repeat_s=node.config.marketdata.quiet_repeat_s,
            want_contract=self._want_contract,
            want_steps=self._want_steps,
            foreign=foreign,
            accounts=accounts,
        )

    def open(self) -> None:
        self._node.listen((endpoints.STATUS,), FROM_STATUS, self._on_event)

    def _on_event(self, topic: str, event: envelope.Event) -> None:
        try:
            self.inputs.on_event(topic, event)
            if isinstance(event, Position) and event.con_id:
                self._position_reported(event.account, event.con_id, event.quantity)
        except ValueError as error:
            kind = type(event).__name__
            if kind not in self._not_believed:
                self._not_believed.add(kind)  # logged once: it may come again and again
                log.warning("event of another process set aside", topic=topic[:200], problem=str(error)[:200])

    def _want_quote(self, instrument: str) -> None:
        shards = [endpoints.marketdata(n) for n in range(self._node.config.marketdata.instances)]
        self._node.listen(shards, (quote_topic(instrument),), self._on_event)

    def _want_contract(self, instrument: str) -> None:
        def learn(reply: envelope.Reply) -> None:
            if reply.error is not None:
                return  # the rule that asked says that it is not known, and asks again
            try:
                rows = msgspec.convert(reply.result, ContractList).contracts
            except msgspec.ValidationError as error:
                log.warning("contract details not understood", instrument=instrument, problem=str(error))
                return
            con_ids = {row.con_id for row in rows}
            if len(con_ids) == 1:  # else it is ambiguous
                self.inputs.learn_con_id(instrument, con_ids.pop())
            worth = {(row.multiplier, row.price_magnifier, row.sec_type) for row in rows}
            if len(worth) == 1:  # else the spelling names contracts that differ in it
                self.inputs.learn_contract(instrument, *worth.pop())

        self._reference.ask("contract_details", {"instrument": instrument}, CONTRACT_VALID_S, learn)

    def _want_steps(self, instrument: str) -> None:
        def learn(reply: envelope.Reply) -> None:
            if reply.error is not None:
                return
            try:
                rules = msgspec.convert(reply.result, MarketRules)
            except msgspec.ValidationError as error:
                log.warning("market rule not understood", instrument=instrument, problem=str(error))
                return
            self.inputs.learn_steps(instrument, rules)

        self._reference.ask("market_rule", {"instrument": instrument}, CONTRACT_VALID_S, learn)
