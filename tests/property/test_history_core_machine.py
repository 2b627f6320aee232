"""A history node's core and its store among random clients, refusals, outages, splits, kills and doubled
answers, checked at every step.

The past is arithmetic: a bar for some minutes, and one price until a split halves it. So every answer can be
held against what it must be, whatever happened on its way, and what is kept against what the gateway has. A
rule brings about what it needs (a session, a request on its way, something kept), so that whichever rules are
drawn, what they are there for happens.
"""

import re
from collections import Counter
from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from support.history_desk import MONDAY, UP, ends_at
from support.history_world import DAY, HEAD, HOUR, NOW, SYMBOLS, HistoryWorld, Wanted, contract, moments
from twsmq_nodes.history.bars_job import BarsJob
from twsmq_nodes.history.core import MOST_OPEN
from twsmq_nodes.history.events import Asked
from twsmq_nodes.history.jobs import HeadJob, Job
from twsmq_nodes.history.plan import DAY_S, NS, SIZES_S
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws.calls import NotSent, SessionDown, Written
from twsmq_nodes.tws.events import GatewayError
from twsmq_nodes.tws.reference_events import Bar, HeadTimestamp, HistoricalBars, HistoricalBarsEnd
from twsmq_nodes.tws.session_events import FarmState, FarmStatus
from twsmq_protocol.errors import ErrorCode, RequestError

STEPS = {"5 secs": 5 * NS, "1 hour": HOUR}
UNIT_S = {"S": 1, "D": DAY_S, "W": 7 * DAY_S, "Y": 365 * DAY_S}
FOR_NOW = (
    (162, "Historical Market Data Service error message:Historical data request pacing violation"),
    (162, "Trading TWS session is connected from a different IP address"),
    (322, "Error processing request:Only 50 simultaneous API historical data requests"),
)
FOR_GOOD = ((162, "No market data permissions for ISLAND STK"), (321, "Error validating request"))
NO_DATA = (162, "HMDS query returned no data: A@SMART Trades")
UNKNOWN = (200, "No security definition has been found for the request")
REJECTED = f"failed: {ErrorCode.GATEWAY_REJECTED}"
NOTICES = ((2188, "Up-to-the-second historical data"), (366, "No historical data query found"), (162, "API "
           "historical data query cancelled: 28"))  # fmt: skip
EXAMPLES = 30
Patience = st.floats(5, 900)


class Desk(HistoryWorld):
    """Clients that ask, a gateway that answers when and how it likes, and a clock that honours the timer."""

    # --- clients -------------------------------------------------------------------------------------------

    @rule(
        symbol=st.sampled_from(SYMBOLS), bulk=st.booleans(), begin=st.integers(0, 20 * 24),
        length=st.integers(1, 20 * 24), patience=Patience, limit=st.sampled_from((20_000, 50, 7)),
    )  # fmt: skip
    def ask_for_hours(
        self, symbol: str, bulk: bool, begin: int, length: int, patience: float, limit: int
    ) -> None:
        first = MONDAY + begin * HOUR
        self.ask_for_bars(symbol, "1h", first, first + length * HOUR, patience, limit, bulk=bulk)

    @rule(symbol=st.sampled_from(SYMBOLS), begin=st.integers(0, 500), minutes=st.integers(1, 60))
    def ask_for_seconds(self, symbol: str, begin: int, minutes: int) -> None:
        first = MONDAY + begin * 60 * NS + 5 * HOUR
        self.ask_for_bars(symbol, "5s", first, first + minutes * 60 * NS)

    def ask_for_bars(
        self, symbol: str, size: str, first: int, last: int, patience: float = 900.0, limit: int = 20_000,
        *, bulk: bool = False,
    ) -> None:  # fmt: skip
        series, spans = f"{symbol}|{size}", self.spans
        known = self.store.bars(series, first, last, 1e9)
        key = (series, first, last, limit, self.splits[symbol])

        def make() -> Job:
            return BarsJob(
                key, contract(symbol), "TRADES", size, first, last, NOW, limit,
                rth=False, form="packed", spans=spans, series=series, known=known,
            )  # fmt: skip

        self.did["known"] += bool(known)
        settled = self.now - self.split_at[symbol] > DAY_S
        wanted = Wanted(symbol, SIZES_S[size] * NS, first, last, limit, self.splits[symbol], settled)
        self.ask(wanted, key, make, patience, bulk=bulk)

    @rule(symbol=st.sampled_from(SYMBOLS), patience=Patience)
    def ask_for_head(self, symbol: str, patience: float) -> None:
        key = ("head", symbol)
        self.ask(None, key, lambda: HeadJob(key, contract(symbol), "TRADES", rth=False), patience, bulk=False)

    def ask(
        self, wanted: Wanted | None, key: object, make: Callable[[], Job], patience: float, *, bulk: bool
    ) -> None:
        call = next(self.calls)
        self.waiting[call] = wanted
        self.deadlines[call] = self.now + patience
        self.feed(Asked(call, key, make, self.now + patience, bulk))

    # --- what a rule needs ---------------------------------------------------------------------------------

    def one_asked(self, symbol: str, hours: tuple[int, int] = (0, 5), patience: float = 900.0) -> int:
        """The request of a call for hours of a weekday that nobody has asked for before."""
        self.session_is_there()
        if len(self.sent) == MOST_OPEN:
            self.gateway_answers_everything()
        week = next(self.fresh)
        day = MONDAY - 7 * week * DAY
        before = set(self.sent)
        first, last = (day + hour * HOUR for hour in hours)
        self.ask_for_bars(symbol, "1h", first, last, patience)
        return max(self.sent.keys() - before)

    def session_is_there(self) -> None:
        if not self.up:
            self.up = True
            self.feed(UP)
            self.calm_at = self.now + 61.0

    def calm(self) -> None:
        """A minute after a session has begun anew, what the gateway says is believed."""
        self.session_is_there()
        self.pass_time(max(0.0, self.calm_at - self.now))

    def finish(self, req_id: int) -> None:
        del self.sent[req_id]
        self.over.append(req_id)

    # --- the gateway ---------------------------------------------------------------------------------------

    def answer(self, req_id: int, *, over_and_over: bool = False) -> None:
        request = self.sent[req_id]
        self.finish(req_id)
        if isinstance(request, ref.ReqHeadTimestamp):
            self.feed(HeadTimestamp(req_id, str(HEAD // NS)))
            return
        assert isinstance(request, ref.ReqHistoricalData)
        rows = self.bars_for(request)
        for part in [rows, rows[len(rows) // 2 :]] if over_and_over else [rows]:
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
        price = self.price(symbol)
        return [
            Bar(str(time // NS), price, price, price, price, 5.0, price, 1)
            for time in moments(symbol, begin, end, step)
        ]

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), doubled=st.booleans())
    def gateway_answers(self, data: st.DataObject, doubled: bool) -> None:
        self.answer(data.draw(st.sampled_from(sorted(self.sent))), over_and_over=doubled)

    @rule()
    def gateway_answers_everything(self) -> None:
        self.session_is_there()
        for _ in range(100):
            if not self.sent:
                break
            self.answer(min(self.sent))

    @rule(symbol=st.sampled_from(SYMBOLS))
    def an_answer_comes_again(self, symbol: str) -> None:
        """Of a request that is over: nobody may be told."""
        old = self.one_asked(symbol)
        self.answer(old)
        before = self.did["answered"]
        self.feed(HistoricalBars(old, (Bar(str(MONDAY // NS), 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1),)))
        self.feed(HistoricalBarsEnd(old, "", ""))
        assert self.did["answered"] == before
        self.did["doubled"] += 1

    @rule(symbol=st.sampled_from(SYMBOLS), why=st.sampled_from(FOR_NOW))
    def gateway_refuses_for_now(self, symbol: str, why: tuple[int, str]) -> None:
        self.require_no_failure(self.one_asked(symbol), why)
        self.did["refused for now"] += 1

    @rule(symbol=st.sampled_from(SYMBOLS), why=st.sampled_from(FOR_GOOD))
    def gateway_refuses_for_good(self, symbol: str, why: tuple[int, str]) -> None:
        self.calm()
        before = self.did[REJECTED]
        self.refuse(self.one_asked(symbol), why)
        assert self.did[REJECTED] == before + 1

    def require_no_failure(self, req_id: int, why: tuple[int, str]) -> None:
        before = self.did[REJECTED]
        self.refuse(req_id, why)
        assert self.did[REJECTED] == before

    def refuse(self, req_id: int, why: tuple[int, str]) -> None:
        self.finish(req_id)
        self.feed(GatewayError(req_id, *why))

    @rule(symbol=st.sampled_from(SYMBOLS))
    def gateway_has_no_data(self, symbol: str) -> None:
        """Of the quarter of a day that is empty, where a request reaches no further."""
        self.calm()
        req_id = self.one_asked(symbol, (9, 10))
        request = self.sent[req_id]
        assert isinstance(request, ref.ReqHistoricalData)
        assert not self.bars_for(request)
        self.refuse(req_id, NO_DATA)
        self.did["no data"] += 1

    @rule(symbol=st.sampled_from(SYMBOLS), notice=st.sampled_from(NOTICES))
    def gateway_notes(self, symbol: str, notice: tuple[int, str]) -> None:
        self.feed(GatewayError(self.one_asked(symbol), *notice))

    @rule(symbol=st.sampled_from(SYMBOLS), why=st.sampled_from((UNKNOWN, NO_DATA)))
    def gateway_knows_nothing_in_an_outage(self, symbol: str, why: tuple[int, str]) -> None:
        req_id = self.one_asked(symbol)
        self.feed(FarmStatus("historical", "ushmds", FarmState.BROKEN))
        before = self.did["answered"]
        self.require_no_failure(req_id, why)
        assert self.did["answered"] == before
        self.feed(FarmStatus("historical", "ushmds", FarmState.INACTIVE))
        self.did["outage"] += 1
        self.pass_time(61.0)

    @rule(symbol=st.sampled_from(SYMBOLS), written=st.booleans())
    def request_leaves_or_not(self, symbol: str, written: bool) -> None:
        req_id = self.one_asked(symbol)
        if written:
            self.feed(Written(req_id))
        else:
            self.finish(req_id)
            self.feed(NotSent(req_id, RequestError(ErrorCode.NOT_READY, "the session was lost")))

    @rule(symbol=st.sampled_from(SYMBOLS), days=st.integers(1, 3))
    def split(self, symbol: str, days: int) -> None:
        """Then somebody asks for what follows what is known."""
        first = MONDAY - 7 * next(self.fresh) * DAY
        self.ask_for_bars(symbol, "1h", first, first + days * DAY)
        self.gateway_answers_everything()
        self.splits[symbol] += 1
        self.split_at[symbol] = self.now
        self.ask_for_bars(symbol, "1h", first + days * DAY, first + (days + 1) * DAY)
        self.gateway_answers_everything()

    @rule(symbol=st.sampled_from(SYMBOLS), begin=st.integers(0, 100), length=st.integers(1, 100))
    def a_day_passes(self, symbol: str, begin: int, length: int) -> None:
        """After which what is known has to be confirmed."""
        self.gateway_answers_everything()
        self.pass_time(DAY_S + 1_000.0)
        first = MONDAY + begin * HOUR
        self.ask_for_bars(symbol, "1h", first, first + length * HOUR)
        self.gateway_answers_everything()

    # --- what lives and dies -------------------------------------------------------------------------------

    @rule(symbol=st.sampled_from(SYMBOLS))
    def session_is_lost(self, symbol: str) -> None:
        self.one_asked(symbol)
        self.up = False
        self.over += self.sent
        self.sent.clear()
        self.feed(SessionDown())
        self.did["lost"] += 1

    @rule(symbol=st.sampled_from(SYMBOLS))
    def node_is_killed(self, symbol: str) -> None:
        """Its clients ask the next one; what it kept and what it asked for are not forgotten."""
        self.one_asked(symbol)
        self.over += self.sent
        self.sent.clear()
        self.waiting.clear()
        self.deadlines.clear()
        self.ledger.session_lost()
        self.start()
        self.timer = None
        self.did["killed"] += 1

    @rule(symbol=st.sampled_from(SYMBOLS))
    def a_caller_has_no_patience(self, symbol: str) -> None:
        self.one_asked(symbol, patience=1.0)
        self.pass_time(1.5)

    @rule(seconds=st.floats(0.0, 90.0))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

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
        try:
            self.session_is_there()
            for _ in range(400):
                if not self.deadlines:
                    break
                self.gateway_answers_everything()
                if self.timer is not None:
                    self.pass_time(max(0.0, self.timer - self.now) + 0.001)
            assert not self.deadlines
            DID.update(self.did)
        finally:
            self.store.close()
            self.folder.cleanup()


DID: Counter[str] = Counter()
MUST = (
    "asked", "answered", "bars", "known", "kept", "confirmed", "forgot", "cancelled", "doubled", "no data",
    "outage", "lost", "killed", "refused for now", REJECTED, f"failed: {ErrorCode.TIMEOUT}",
)  # fmt: skip


class TestDesk(Desk.TestCase):
    """The machine, and that it did what it is there for."""

    settings = settings(max_examples=EXAMPLES, stateful_step_count=30, deadline=None)

    def runTest(self) -> None:  # noqa: N802 - unittest's name
        DID.clear()
        super().runTest()
        never = [what for what in MUST if not DID[what]]
        assert not never, f"never happened: {never}; what did: {dict(DID)}"
