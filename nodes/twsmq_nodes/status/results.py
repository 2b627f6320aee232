"""Profit and loss of each position: one stream of the gateway for each position that is held.

Asked for when a position appears, cancelled when it is gone; after 1101 or a reconnect all are asked for
again. What differs from what was published goes out, the end of a position as a last event without figures. A
gateway that knows no figures for a position (2150) is asked again with the next session.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twsmq_protocol.system_events import ProfitAndLoss
from twsmq_protocol.topics import pnl_topic

from twsmq_nodes.tws import session_events
from twsmq_nodes.tws.events import Event, GatewayError, PnLSingle
from twsmq_nodes.tws.requests import CancelPnLSingle, ReqPnLSingle
from twsmq_nodes.tws.session_events import SessionEvent

from .actions import Action, Publish, Send, Warn

Key = tuple[str, int]


class PositionResults:
    """`next_req_id` gives an id the session has not used. A key is account and conId."""

    def __init__(self, next_req_id: Callable[[], int]) -> None:
        self._next_req_id = next_req_id
        self._up = False
        self._held: dict[Key, str] = {}  # with its spelling
        self._asked: dict[Key, int] = {}
        self._about: dict[int, Key] = {}
        self.published: dict[Key, ProfitAndLoss] = {}

    def on_session_event(self, event: SessionEvent) -> list[Action]:
        match event:
            case session_events.SessionUp():
                self._up = True
                return self._ask()
            case session_events.SessionLost():
                self._up = False
                self._asked.clear()
                self._about.clear()
                return []
            case session_events.DataLost():
                cancels: list[Action] = [Send(CancelPnLSingle(req_id)) for req_id in self._about]
                self._asked.clear()
                self._about.clear()
                return cancels + self._ask()
            case _:
                return []

    def follow(self, held: Mapping[Key, str]) -> list[Action]:
        """`held`: every position there is, with its spelling."""
        if held == self._held:
            return []
        actions: list[Action] = []
        for key in [key for key in self._held if held.get(key) != self._held[key]]:
            actions += self._forget(key)
        self._held = dict(held)
        return actions + self._ask()

    def account_of(self, req_id: int) -> str | None:
        about = self._about.get(req_id)
        return None if about is None else about[0]

    def event(self, event: Event) -> list[Action]:
        match event:
            case PnLSingle(req_id=req_id) if req_id in self._about:
                return self._figures(self._about[req_id], event)
            case GatewayError(req_id=req_id, code=code, text=text) if req_id in self._about:
                account, con_id = self._about[req_id]
                return [Warn(f"profit and loss of {self._held[account, con_id]}: {text} ({code})")]
            case _:
                return []

    def _ask(self) -> list[Action]:
        if not self._up:
            return []
        actions: list[Action] = []
        for key in self._held.keys() - self._asked.keys():
            req_id = self._asked[key] = self._next_req_id()
            self._about[req_id] = key
            actions.append(Send(ReqPnLSingle(req_id, key[0], "", key[1])))
        return actions

    def _forget(self, key: Key) -> list[Action]:
        req_id = self._asked.pop(key, None)
        actions: list[Action] = []
        if req_id is not None:
            del self._about[req_id]
            actions.append(Send(CancelPnLSingle(req_id)))
        last = self.published.pop(key, None)
        if last is not None and last.instrument is not None:
            topic = pnl_topic(last.account, last.instrument)
            over = ProfitAndLoss(account=last.account, instrument=last.instrument, con_id=last.con_id)
            actions.append(Publish(topic, over, last=True))
        return actions

    def _figures(self, key: Key, event: PnLSingle) -> list[Action]:
        account, con_id = key
        instrument = self._held[key]
        figures = ProfitAndLoss(
            account=account,
            instrument=instrument,
            con_id=con_id,
            daily=event.daily,
            unrealized=event.unrealized,
            realized=event.realized,
            value=event.value,
        )
        if self.published.get(key) == figures:
            return []
        self.published[key] = figures
        return [Publish(pnl_topic(account, instrument), figures)]
