"""Drives the history core as its shell would; the test is the gateway."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

from msgspec import Struct
from twsmq_nodes.history.bars_job import BarsJob
from twsmq_nodes.history.core import HistoryCore
from twsmq_nodes.history.events import Action, Asked
from twsmq_nodes.history.jobs import Forget, Job, Keep
from twsmq_nodes.history.plan import DAY_S, NS
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.calls import Answer, Cancel, Fail, Send
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import GatewayError
from twsmq_nodes.tws.reference_events import (
    Bar,
    HistoricalBars,
    HistoricalBarsEnd,
)
from twsmq_nodes.tws.reference_requests import ReqHistoricalData
from twsmq_nodes.tws.session_events import SessionUp
from twsmq_protocol.history_requests import BarPage

UP = SessionUp(200, ("DU1",), 1, upstream=True)
APPLE = Contract(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")


MONDAY = 1_790_553_600 * NS  # 2026-09-28, midnight UTC


NOW = MONDAY + 30 * DAY_S * NS


def ends_at(text: str) -> int:
    """The end of a request, ns; empty is now."""
    if not text:
        return NOW
    return int(datetime.strptime(text, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC).timestamp()) * NS


class Desk:
    """Drives the core as its shell would; every piece that goes out is kept."""

    def __init__(self) -> None:
        self.core = HistoryCore(count(1).__next__)
        self.now = 0.0
        self.sent: list[Send] = []
        self.cancelled: list[Any] = []
        self.answers: dict[int, Struct] = {}
        self.failures: dict[int, Any] = {}
        self.taken: list[Keep | Forget] = []
        self.calls = count(1)
        self.feed(UP)

    def feed(self, happened: Any) -> list[Action]:
        actions = self.core.handle(happened, self.now)
        self.core.validate()
        for action in actions:
            match action:
                case Send():
                    self.sent.append(action)
                case Cancel(request):
                    self.cancelled.append(request)
                case Answer(call, result):
                    assert call not in self.answers
                    self.answers[call] = result
                case Fail(call, error):
                    assert call not in self.failures
                    self.failures[call] = error
                case Keep() | Forget():
                    self.taken.append(action)
        return actions

    def ask(self, job: Job, *, within: float = 1000, bulk: bool = False, peer: bytes = b"") -> int:
        call = next(self.calls)
        self.feed(Asked(call, job.key, lambda: job, self.now + within, bulk, peer))
        return call

    def bars(self, begin: int, end: int, size: str = "1m", limit: int = 20_000, **more: Any) -> int:
        what = more.pop("what", "TRADES")
        key = (begin, end, size, limit, what)
        kept = {name: more.pop(name) for name in ("known", "spans", "form") if name in more}
        contract, rth = more.pop("contract", APPLE), more.pop("rth", False)
        job = BarsJob(key, contract, what, size, begin, end, NOW, limit, rth=rth, series="apple", **kept)
        return self.ask(job, **more)

    def reply(self, *times: int, price: float = 1.0) -> None:
        """The piece asked for last holds bars at these moments."""
        req_id = self.sent[-1].req_id
        bars = tuple(Bar(str(time // NS), price, price, price, price, 5.0, price, 1) for time in times)
        self.feed(HistoricalBars(req_id, bars))
        self.feed(HistoricalBarsEnd(req_id, "", ""))

    def refuse(self, code: int, text: str = "") -> None:
        self.feed(GatewayError(self.sent[-1].req_id, code, text))

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.feed(TimerFired())

    def page(self, call: int) -> BarPage:
        found = self.answers[call]
        assert isinstance(found, BarPage)
        return found


def asked(send: Send) -> ReqHistoricalData:
    assert isinstance(send.request, ReqHistoricalData)
    return send.request


def minutes(begin: int, *numbers: int) -> list[int]:
    return [begin + number * 60 * NS for number in numbers]
