"""A history node's core among random clients, refusals, outages, kills and doubled answers, checked at every
step.

The past is arithmetic: a bar for some minutes, and one price until a split halves it. So every answer can be
held against what it must be, whatever happened on its way.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twsmq_nodes.history.bars_job import BarsJob, Known
from twsmq_nodes.history.core import (
    MOST_OPEN,
    Action,
    Answer,
    Asked,
    Cancel,
    Fail,
    HistoryCore,
    Input,
    NotSent,
    Send,
    SessionDown,
    SessionUp,
    Written,
)
from twsmq_nodes.history.jobs import Forget, HeadJob, Job, Keep
from twsmq_nodes.history.plan import DAY_S, NS, SIZES_S, Spans
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import requests as rq
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import GatewayError
from twsmq_nodes.tws.ledger import SMALL_BARS, PacingLedger
from twsmq_nodes.tws.reference_events import Bar, HeadTimestamp, HistoricalBars, HistoricalBarsEnd
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.history_requests import BarPage, Head
from twsmq_protocol.packed_bars import rows_of, times

SYMBOLS = ("A", "B", "C")
MONDAY = 1_790_553_600 * NS
NOW = MONDAY + 60 * DAY_S * NS
HEAD = MONDAY - 400 * DAY_S * NS
STEPS = {"5 secs": 5 * NS, "1 hour": 3_600 * NS}
UNIT_S = {"S": 1, "D": DAY_S, "W": 7 * DAY_S, "Y": 365 * DAY_S}
REFUSALS: dict[str, tuple[int, str]] = {
    "pacing": (162, "Historical Market Data Service error message:Historical data request pacing violation"),
    "competing": (162, "Trading TWS session is connected from a different IP address"),
    "too many": (322, "Error processing request:Only 50 simultaneous API historical data requests"),
    "no permission": (162, "No market data permissions for ISLAND STK"),
    "invalid": (321, "Error validating request"),
}
FOR_GOOD = {"no permission", "invalid"}
NOTICES = ((2188, "Up-to-the-second historical data"), (366, "No historical data query found"), (162, "API "
           "historical data query cancelled: 28"))  # fmt: skip


def contract(symbol: str) -> Contract:
    return Contract(symbol=symbol, sec_type="STK", exchange="SMART", currency="USD")


def has_bar(symbol: str, time: int, step: int) -> bool:
    """Two days in seven are empty, as is a quarter of every day, and every fifth bar is missing."""
    hour = 3_600 * NS
    if (time // (24 * hour) + 3) % 7 >= 5 or time // (6 * hour) % 4 == 1:
        return False
    return (time // step + ord(symbol)) % 5 != 0


def moments(symbol: str, begin: int, end: int, step: int) -> list[int]:
    return [time for time in range(-(-begin // step) * step, end, step) if has_bar(symbol, time, step)]


def ends_at(text: str) -> int:
    return int(datetime.strptime(text, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC).timestamp()) * NS


class _Wanted:
    def __init__(self, symbol: str, size: str, begin: int, end: int, limit: int, deadline: float) -> None:
        self.symbol, self.size, self.begin, self.end, self.limit = symbol, size, begin, end, limit
        self.deadline = deadline


class Desk(RuleBasedStateMachine):
    """Clients that ask, a gateway that answers when and how it likes, and a clock that honours the timer."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.now = count(1), 0.0
        self.price = dict.fromkeys(SYMBOLS, 1024.0)
        self.kept: dict[str, list[Known]] = {}
        self.did: Counter[str] = Counter()
        self.req_ids = count(1)
        self.ledger = PacingLedger()
        self.timer: float | None = None
        self.waiting: dict[int, _Wanted | None] = {}
        self.deadlines: dict[int, float] = {}
        self.sent: dict[int, rq.Request] = {}
        self.over: list[int] = []
        self.small: list[float] = []
        self.start()

    def start(self) -> None:
        self.core, self.spans, self.up = HistoryCore(self.req_ids.__next__, self.ledger), Spans(), False

    # --- what the core does --------------------------------------------------------------------------------

    def feed(self, happened: Input) -> None:
        for action in self.core.handle(happened, self.now):
            self.carry_out(action)
        self.core.validate()
        self.timer = self.core.wake_at

    def carry_out(self, action: Action) -> None:
        match action:
            case Send(req_id, request):
                assert self.up
                assert req_id not in self.sent
                self.pace(request)
                self.sent[req_id] = request
                assert len(self.sent) <= MOST_OPEN
                self.did["asked"] += 1
            case Cancel(request):
                req_id = getattr(request, "req_id", None)
                assert req_id in self.sent or req_id == self.over[-1], "only what is open is cancelled"
                self.sent.pop(req_id, None)
                self.did["cancelled"] += 1
            case Answer(call, result):
                self.deadlines.pop(call)  # a second answer would find nobody
                self.require_right(self.waiting.pop(call), result)
            case Fail(call, error):
                deadline = self.deadlines.pop(call)
                self.waiting.pop(call)
                assert error.code != ErrorCode.TIMEOUT or self.now >= deadline
                self.did[f"failed: {error.code}"] += 1
            case Keep():
                self.keep(action)
            case Forget(series):
                del self.kept[str(series)]
                self.did["forgot"] += 1

    def pace(self, request: rq.Request) -> None:
        """60 small requests in ten minutes."""
        if isinstance(request, ref.ReqHeadTimestamp) or (
            isinstance(request, ref.ReqHistoricalData) and request.bar_size in SMALL_BARS
        ):
            self.small = [at for at in self.small if at > self.now - 600] + [self.now]
            assert len(self.small) <= 60

    def keep(self, keep: Keep) -> None:
        series = str(keep.series)
        size = series.split("|")[1]
        wanted = moments(series[0], keep.begin, keep.end, SIZES_S[size] * NS)
        assert times(keep.bars).tolist() == wanted, "whatever is kept is all that there is"
        rest = [one for one in self.kept.get(series, []) if one.end <= keep.begin or one.begin >= keep.end]
        rest.append(Known(keep.begin, keep.end, keep.bars, NOW))
        self.kept[series] = sorted(rest, key=lambda one: one.begin)
        self.did["kept"] += 1

    def require_right(self, wanted: _Wanted | None, result: Any) -> None:
        self.did["answered"] += 1
        if wanted is None:
            assert isinstance(result, Head)
            assert result.time == HEAD
            return
        assert isinstance(result, BarPage)
        assert result.packed is not None
        step = SIZES_S[wanted.size] * NS
        all_there = moments(wanted.symbol, wanted.begin, wanted.end, step)
        rows = rows_of(result.packed)
        assert [row.time for row in rows] == all_there[: wanted.limit], "each bar once, and all of them"
        assert (result.next is None) == (len(all_there) <= wanted.limit)
        assert result.next is None or all(time >= result.next for time in all_there[wanted.limit :])
        prices = {row.close for row in rows}
        assert prices <= {1024.0 / 2**splits for splits in range(60)}
        self.did["bars"] += len(rows)

    # --- clients -------------------------------------------------------------------------------------------

    @rule(
        symbol=st.sampled_from(SYMBOLS), size=st.sampled_from(("1h", "1h", "5s")), bulk=st.booleans(),
        begin=st.integers(0, 20 * 24), length=st.integers(1, 40 * 24), patience=st.floats(0.5, 900),
        limit=st.sampled_from((20_000, 50, 7)),
    )  # fmt: skip
    def ask_for_bars(
        self, symbol: str, size: str, bulk: bool, begin: int, length: int, patience: float, limit: int
    ) -> None:
        unit = 3_600 * NS if size == "1h" else 60 * NS
        first = MONDAY + begin * unit + (5 * 3_600 * NS if size == "5s" else 0)
        last = first + length * unit
        series = f"{symbol}|{size}"
        known = [one for one in self.kept.get(series, []) if one.begin < last and one.end > first]
        key = (series, first, last, limit)
        spans = self.spans

        def make() -> Job:
            return BarsJob(
                key, contract(symbol), "TRADES", size, first, last, NOW, limit,
                rth=False, form="packed", spans=spans, series=series, known=known,
            )  # fmt: skip

        self.did["known"] += bool(known)
        self.ask(_Wanted(symbol, size, first, last, limit, self.now + patience), key, make, patience, bulk)

    @rule(symbol=st.sampled_from(SYMBOLS), patience=st.floats(0.5, 900))
    def ask_for_head(self, symbol: str, patience: float) -> None:
        key = ("head", symbol)
        self.ask(None, key, lambda: HeadJob(key, contract(symbol), "TRADES", rth=False), patience, bulk=False)

    def ask(
        self, wanted: _Wanted | None, key: object, make: Callable[[], Job], patience: float, bulk: bool
    ) -> None:
        call = next(self.calls)
        self.waiting[call] = wanted
        self.deadlines[call] = self.now + patience
        self.feed(Asked(call, key, make, self.now + patience, bulk))

    # --- the gateway ---------------------------------------------------------------------------------------

    def draw(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(sorted(self.sent)))

    def answer(self, req_id: int, *, over_and_over: bool = False) -> None:
        request = self.sent.pop(req_id)
        self.over.append(req_id)
        if isinstance(request, ref.ReqHeadTimestamp):
            self.feed(HeadTimestamp(req_id, str(HEAD // NS)))
            return
        assert isinstance(request, ref.ReqHistoricalData)
        rows = self.bars_for(request)
        parts = [rows, rows[len(rows) // 2 :]] if over_and_over else [rows]
        for part in parts:
            if part:
                self.feed(HistoricalBars(req_id, tuple(part)))
        self.feed(HistoricalBarsEnd(req_id, "", ""))

    def bars_for(self, request: ref.ReqHistoricalData) -> list[Bar]:
        """By the calendar, a unit's length before its end."""
        match = re.fullmatch(r"(\d+) (\w)", request.duration)
        assert match is not None
        step, end = STEPS[request.bar_size], ends_at(request.end)
        begin = end - int(match[1]) * UNIT_S[match[2]] * NS
        symbol = request.contract.symbol
        price = self.price[symbol]
        return [
            Bar(str(time // NS), price, price, price, price, 5.0, price, 1)
            for time in moments(symbol, begin, end, step)
        ]

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), doubled=st.booleans())
    def gateway_answers(self, data: st.DataObject, doubled: bool) -> None:
        self.answer(self.draw(data), over_and_over=doubled)

    @precondition(lambda self: self.sent)
    @rule()
    def gateway_answers_everything(self) -> None:
        for _ in range(100):
            if not self.sent:
                break
            self.answer(min(self.sent))

    @precondition(lambda self: self.over)
    @rule(data=st.data())
    def an_answer_comes_again(self, data: st.DataObject) -> None:
        """Of a request that is over: nobody may be told."""
        before = self.did["answered"]
        old = data.draw(st.sampled_from(self.over))
        self.feed(HistoricalBars(old, (Bar(str(MONDAY // NS), 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1),)))
        self.feed(HistoricalBarsEnd(old, "", ""))
        assert self.did["answered"] == before
        self.did["doubled"] += 1

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), why=st.sampled_from(sorted(REFUSALS)))
    def gateway_refuses(self, data: st.DataObject, why: str) -> None:
        req_id = self.draw(data)
        del self.sent[req_id]
        self.over.append(req_id)
        code, text = REFUSALS[why]
        before = self.did[f"failed: {ErrorCode.GATEWAY_REJECTED}"]
        self.feed(GatewayError(req_id, code, text))
        assert (self.did[f"failed: {ErrorCode.GATEWAY_REJECTED}"] > before) == (why in FOR_GOOD)
        self.did[why] += 1

    @precondition(lambda self: self.up)
    @rule(data=st.data(), symbol=st.sampled_from(SYMBOLS), minute=st.integers(60, 240))
    def gateway_has_no_data(self, data: st.DataObject, symbol: str, minute: int) -> None:
        """Only where that is true: within the quarter of a day that is empty, which somebody asks for now."""
        self.ask_for_bars(symbol, "5s", False, minute, 5, 900, 20_000)
        empty = sorted(
            req_id
            for req_id, one in self.sent.items()
            if isinstance(one, ref.ReqHistoricalData) and not self.bars_for(one)
        )
        if empty:
            req_id = data.draw(st.sampled_from(empty))
            del self.sent[req_id]
            self.over.append(req_id)
            self.feed(GatewayError(req_id, 162, "HMDS query returned no data: A@SMART Trades"))
            self.did["no data"] += 1

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), notice=st.sampled_from(NOTICES))
    def gateway_notes(self, data: st.DataObject, notice: tuple[int, str]) -> None:
        self.feed(GatewayError(self.draw(data), *notice))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def a_good_contract_is_unknown_in_an_outage(self, data: st.DataObject) -> None:
        req_id = self.draw(data)
        self.feed(GatewayError(-1, 2105, "HMDS data farm connection is broken:ushmds"))
        del self.sent[req_id]
        self.over.append(req_id)
        before = self.did[f"failed: {ErrorCode.GATEWAY_REJECTED}"]
        self.feed(GatewayError(req_id, 200, "No security definition has been found for the request"))
        assert self.did[f"failed: {ErrorCode.GATEWAY_REJECTED}"] == before
        self.feed(GatewayError(-1, 2106, "HMDS data farm connection is OK:ushmds"))
        self.did["outage"] += 1

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), written=st.booleans())
    def request_leaves_or_not(self, data: st.DataObject, written: bool) -> None:
        req_id = self.draw(data)
        if written:
            self.feed(Written(req_id))
        else:
            del self.sent[req_id]
            self.over.append(req_id)
            self.feed(NotSent(req_id, RequestError(ErrorCode.NOT_READY, "the session was lost")))

    @rule(symbol=st.sampled_from(SYMBOLS), noticed=st.booleans())
    def split(self, symbol: str, noticed: bool) -> None:
        """Then somebody asks for more than is known."""
        self.price[symbol] /= 2
        kept = self.kept.get(f"{symbol}|1h")
        if noticed and kept:
            begin = (kept[-1].begin - MONDAY) // (3_600 * NS)
            length = (kept[-1].end - kept[-1].begin) // (3_600 * NS) + 96
            self.ask_for_bars(symbol, "1h", False, begin, length, 900, 20_000)
            self.gateway_answers_everything()

    # --- what lives and dies -------------------------------------------------------------------------------

    @precondition(lambda self: not self.up)
    @rule()
    def session_comes(self) -> None:
        self.up = True
        self.feed(SessionUp())

    @precondition(lambda self: self.up)
    @rule()
    def session_is_lost(self) -> None:
        self.up = False
        self.over += self.sent
        self.sent.clear()
        self.feed(SessionDown())
        self.did["lost"] += 1

    @precondition(lambda self: self.deadlines)
    @rule()
    def node_is_killed(self) -> None:
        """Its clients ask the next one; what it kept and what it asked for are not forgotten."""
        self.over += self.sent
        self.sent.clear()
        self.waiting.clear()
        self.deadlines.clear()
        self.ledger.session_lost()
        self.start()
        self.timer = None
        self.did["killed"] += 1

    @rule(seconds=st.floats(0.0, 90.0))
    def time_passes(self, seconds: float) -> None:
        until = self.now + seconds
        while self.timer is not None and self.timer <= until:
            self.now = max(self.now, self.timer)
            self.timer = None
            self.feed(TimerFired())
        self.now = until

    # --- what must hold ------------------------------------------------------------------------------------

    @invariant()
    def nobody_waits_past_the_deadline(self) -> None:
        assert all(deadline > self.now for deadline in self.deadlines.values())

    @invariant()
    def the_timer_is_set_while_anybody_waits(self) -> None:
        first = min(self.deadlines.values(), default=None)
        assert first is None or (self.timer is not None and self.timer <= first)

    @invariant()
    def nothing_is_open_that_nobody_waits_for(self) -> None:
        assert not self.sent or self.deadlines

    def teardown(self) -> None:
        """Once a well gateway is back, everybody gets an answer."""
        if not self.up:
            self.session_comes()
        for _ in range(400):
            if not self.deadlines:
                break
            self.gateway_answers_everything()
            if self.timer is not None:
                self.time_passes(max(0.0, self.timer - self.now) + 0.001)
        assert not self.deadlines
        DID.update(self.did)


DID: Counter[str] = Counter()

Desk.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)


class TestDesk(Desk.TestCase):
    """The machine, and that it did what it is there for."""

    def runTest(self) -> None:  # noqa: N802 - unittest's name
        DID.clear()
        super().runTest()
        never = [what for what in MUST if not DID[what]]
        assert not never, f"never happened: {never}; what did: {dict(DID)}"


MUST = (
    "asked", "answered", "bars", "known", "kept", "forgot", "cancelled", "doubled", "no data", "outage",
    "lost", "killed", *REFUSALS, f"failed: {ErrorCode.TIMEOUT}", f"failed: {ErrorCode.GATEWAY_REJECTED}",
)  # fmt: skip
