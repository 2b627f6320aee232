"""A past that is arithmetic, and a history node's core before it: answers are held against what must be."""

import tempfile
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

from msgspec import Struct
from twsmq_nodes.history.core import MOST_OPEN, HistoryCore
from twsmq_nodes.history.events import Action, Input
from twsmq_nodes.history.jobs import Forget, Keep
from twsmq_nodes.history.plan import DAY_S, NS, SIZES_S, Spans
from twsmq_nodes.history.store import Store
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import requests as rq
from twsmq_nodes.tws.calls import Answer, Cancel, Fail, Send
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.ledger import SMALL_BARS, PacingLedger
from twsmq_protocol.errors import ErrorCode
from twsmq_protocol.history_requests import BarPage, Head
from twsmq_protocol.packed_bars import between, rows_of, times

from support.core_machine import CoreMachine
from support.history_desk import MONDAY

SYMBOLS: tuple[str, ...] = ("A", "B", "C")
HOUR, DAY = 3_600 * NS, DAY_S * NS
NOW = MONDAY + 120 * DAY
HEAD = MONDAY - 400 * DAY


def contract(symbol: str) -> Contract:
    return Contract(symbol=symbol, sec_type="STK", exchange="SMART", currency="USD")


def has_bar(symbol: str, time: int, step: int) -> bool:
    """Two days in seven are empty, as is a quarter of every day, and every fifth bar is missing."""
    if (time // DAY + 3) % 7 >= 5 or time // (6 * HOUR) % 4 == 1:
        return False
    return (time // step + ord(symbol)) % 5 != 0


def moments(symbol: str, begin: int, end: int, step: int) -> list[int]:
    return [time for time in range(-(-begin // step) * step, end, step) if has_bar(symbol, time, step)]


class Wanted(Struct, frozen=True):
    """`splits`: how often it had been split when it was asked for; `settled`: not within the day before."""

    symbol: str
    step: int
    begin: int
    end: int
    limit: int
    splits: int
    settled: bool


class HistoryWorld(CoreMachine):
    """The node's core and store, and what has become of all that was asked; rules are the machine's."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = count(1)
        self.splits, self.split_at = dict.fromkeys(SYMBOLS, 0), dict.fromkeys(SYMBOLS, -1e9)
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(Path(self.folder.name) / "history.store", 100_000_000, self.wall)
        self.did: Counter[str] = Counter()
        self.req_ids, self.fresh = count(1), count(1)
        self.ledger = PacingLedger()
        self.waiting: dict[int, Wanted | None] = {}
        self.deadlines: dict[int, float] = {}
        self.sent: dict[int, rq.Request] = {}
        self.over: list[int] = []
        self.small: list[float] = []
        self.calm_at = 0.0
        self.start()

    def start(self) -> None:
        self.core, self.spans, self.up = HistoryCore(self.req_ids.__next__, self.ledger), Spans(), False

    def wall(self) -> int:
        return NOW + int(self.now * NS)

    def price(self, symbol: str) -> float:
        return 1024.0 / 2 ** self.splits[symbol]

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
                req_id: int = getattr(request, "req_id", 0)
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
                self.store.forget(str(series))
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
        self.store.keep(series, keep.begin, keep.end, keep.bars, keep.confirmed)
        step, after = SIZES_S[series.split("|")[1]] * NS, 0
        for one in self.store.bars(series, keep.begin, keep.end, 1e9):
            bars = between(one.bars, one.begin, one.end)
            assert times(bars).tolist() == moments(series[0], one.begin, one.end, step), "all that there is"
            assert len({row.close for row in rows_of(one.bars)}) == 1, "adjusted alike"
            assert one.begin >= after
            after = one.end
        self.did["kept"] += 1
        self.did["confirmed"] += bool(keep.confirmed)

    def require_right(self, wanted: Wanted | None, result: Any) -> None:
        self.did["answered"] += 1
        if wanted is None:
            assert isinstance(result, Head)
            assert result.time == HEAD
            return
        assert isinstance(result, BarPage)
        assert result.packed is not None
        all_there = moments(wanted.symbol, wanted.begin, wanted.end, wanted.step)
        rows = rows_of(result.packed)
        assert [row.time for row in rows] == all_there[: wanted.limit], "each bar once, and all of them"
        assert (result.next is None) == (len(all_there) <= wanted.limit)
        assert result.next is None or all(time >= result.next for time in all_there[wanted.limit :])
        prices = {row.close for row in rows}
        assert prices <= {1024.0 / 2**splits for splits in range(60)}
        if wanted.settled and wanted.splits == self.splits[wanted.symbol] and rows:
            assert prices == {self.price(wanted.symbol)}, "an adjustment of long ago is noticed"
        self.did["bars"] += len(rows)
