"""Bars of the past, gathered piece by piece: from what was kept before, and from the gateway. Pure.

    known ──── taken as it is ──────────────────────────────┐
    unknown ── a piece, as long as `Spans` has learned ──── rows ─→ the next, until `end` or `limit`
                                    └─ reaches into what is known, and differs ─→ all is asked anew, once

Theory of what may be kept. The gateway adjusts its past: a split divides every price before it. Every
request reaches a little further back than its piece, so bars that are known come again beside new ones; where
their closes differ, all that is known of the series is forgotten (`Forget`) and the job begins anew without
it. A bar is kept (`Keep`) once it is finished and cannot be one that the request cut off; that there is none
is never kept, since an empty answer alone proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from twsmq_protocol import packed_bars
from twsmq_protocol.history_requests import HISTORY_SIZES, BarPage, PackedBars

from twsmq_nodes.tws import reference_requests, requests
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.reference_events import HistoricalBarColumns, HistoricalBars, HistoricalBarsEnd

from . import columns
from .jobs import Forget, Job, Keep, Taken
from .plan import DAY_S, NS, SIZES_S, Spans, duration, utc

SETTLED_S, DAY_SETTLED_S = 60, 6 * 3_600
"""A bar that has just ended may still change; that of a day longer, its session may end after midnight."""


Form = Literal["rows", "columns", "packed"]
"""Of the bars in the answer."""


class Known(Struct, frozen=True):
    """All bars that begin from `begin` to, not including, `end`, as they were kept at `at`, ns."""

    begin: int
    end: int
    bars: PackedBars
    at: int


class BarsJob(Job):
    """Bars from `begin` to `end`, oldest first, at most `limit`. `known`: in order, not overlapping."""

    def __init__(
        self,
        key: object,
        contract: Contract,
        what: str,
        size: str,
        begin: int,
        end: int,
        now: int,
        limit: int,
        *,
        rth: bool,
        form: Form = "rows",
        spans: Spans | None = None,
        series: object = None,
        known: Sequence[Known] = (),
    ) -> None:
        super().__init__(key, contract, what, rth=rth)
        self._size, self._step = size, SIZES_S[size] * NS
        self._begin, self._end, self._now, self._limit = begin, end, now, limit
        self._form: Form = form
        self._spans = spans or Spans()
        self._series = series
        self._known = list(known)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._at = self._begin
        self._parts: list[PackedBars] = []
        self._count = 0
        self._fetched_at = self._now
        self._piece: list[PackedBars] = []
        self._asked: tuple[int, int] = (0, 0)
        self._taken: list[Taken] = []
        self._take_known()
        if self._begin >= self._end:
            self._finish(None)

    @property
    def _stop(self) -> int:
        span = self._spans.seconds(self._size) * NS
        following = (known.begin for known in self._known if known.begin > self._at)
        return min(self._at + span, self._end, *following)

    def request(self, req_id: int) -> requests.Request:
        self._piece = []
        up_to_now = self.what == "ADJUSTED_LAST"
        stop = self._end if up_to_now else self._stop
        self._asked = (self._at, stop)
        return reference_requests.ReqHistoricalData(
            req_id,
            self.contract,
            end="" if up_to_now else utc(-(-stop // NS) * NS),
            duration=duration(self._size, self._at, self._now if up_to_now else stop),
            bar_size=HISTORY_SIZES[self._size],
            what_to_show=self.what,
            use_rth=int(self.rth),
            format_date=2,
        )

    def received(self, event: Event) -> bool:
        match event:
            case HistoricalBarColumns() if event.dates:
                self._piece.append(columns.of_message(event))
                return False
            case HistoricalBars(bars=bars):
                self._piece.append(columns.of_bars(bars))
                return False
            case HistoricalBarsEnd():
                self._take()
                return True
            case _:
                return False

    def empty(self) -> None:
        self._piece = []
        self._take()

    def shrink(self) -> bool:
        return self._spans.silent(self._size)

    def answered(self, within_s: float) -> None:
        begin, end = self._asked
        self._spans.answered(self._size, (end - begin) // NS, within_s)

    def taken(self) -> list[Taken]:
        taken, self._taken = self._taken, []
        return taken

    # --- a piece ---------------------------------------------------------------------------------------

    def _take(self) -> None:
        came = (
            self._piece[0] if len(self._piece) == 1 else packed_bars.ordered(packed_bars.joined(self._piece))
        )
        self._piece = []
        begin, stop = self._asked
        confirmed = self._agree(came)
        if confirmed is None:
            self._known = []
            self._begin_anew()
            self._taken = [Forget(self._series)]
            return
        inside = packed_bars.between(came, begin, min(stop, self._now - self._step + 1))
        self._keep(begin, stop, inside, confirmed=confirmed)
        self._add(inside, stop)

    def _agree(self, came: PackedBars) -> bool | None:
        """Whether bars that were known came again and were the same; None: most were not."""
        same = differ = 0
        when = packed_bars.times(came)
        for known in self._known:
            if when and known.begin <= when[-1] and when[0] < known.end:
                common, others = columns.disagreements(came, known.bars)
                same, differ = same + common, differ + others
        return None if differ * 2 > same else same > 0

    def _keep(self, begin: int, stop: int, bars: PackedBars, *, confirmed: bool) -> None:
        grace = SETTLED_S if self._step < DAY_S * NS else DAY_SETTLED_S
        end = min(stop, self._now - self._step - grace * NS)
        if not len(bars):
            return
        last = packed_bars.times(bars)[-1]
        if last + self._step > end:
            end = min(end, last)
        if self._series is not None and begin < end:
            kept = packed_bars.between(bars, begin, end)
            self._taken.append(Keep(self._series, begin, end, kept, confirmed))

    def _add(self, bars: PackedBars, stop: int) -> None:
        """All bars up to `stop` are there now."""
        self._parts.append(bars)
        self._count += len(bars)
        self._at = stop
        if self._count > self._limit:
            self._finish(packed_bars.times(packed_bars.joined(self._parts))[self._limit])
        elif stop >= self._end:
            self._finish(None)
        elif self._count == self._limit:
            self._finish(stop)
        else:
            self._take_known()

    def _take_known(self) -> None:
        known = next((one for one in self._known if one.begin <= self._at < one.end), None)
        if known is not None:
            self._fetched_at = min(self._fetched_at, known.at)
            stop = min(known.end, self._end)
            self._add(packed_bars.between(known.bars, self._at, stop), stop)

    def _finish(self, following: int | None) -> None:
        bars = packed_bars.part(packed_bars.joined(self._parts), 0, self._limit)
        self.result = BarPage(
            bars=packed_bars.rows_of(bars) if self._form == "rows" else [],
            columns=packed_bars.columns_of(bars) if self._form == "columns" else None,
            packed=bars if self._form == "packed" else None,
            con_id=self.contract.con_id or None,
            what=self.what,
            fetched_at=self._fetched_at,
            next=following,
        )
