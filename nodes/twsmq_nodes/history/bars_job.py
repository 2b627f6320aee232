"""Bars of the past, gathered piece by piece: from what was kept before, and from the gateway. Pure.

    known ──── taken as it is ──────────────────────────────┐
    unknown ── a piece, as long as `Spans` has learned ──── rows ─→ the next, until `end` or `limit`
                                    └─ reaches into what is known, and differs ─→ all is asked anew, once

Bars of a second come by the half hour and a night would be as many requests as a session, so where there may
be nights the sessions are asked for first (`_planning`), and what lies between them is passed over; where
there is no schedule nothing is.

`_own`: what this job has kept, which is compared with its next pieces as known stretches are.

Theory of what may be kept. The gateway adjusts its past: a split divides every price before it. Every
request reaches a little further than its piece, so bars that are known come again beside new ones; where
the closes of a known stretch differ, all that is known of the series is forgotten (`Forget`) and the job
begins anew without it; stretches that came again and were the same are named with what is kept. A bar is kept
(`Keep`) once it is finished; that there is none is never kept, since an empty answer alone proves nothing,
nor that none follows the last one of the newest, which a gateway may delay.
What came in the place of another `what` is kept under no name.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Literal

from msgspec import Struct
from twsmq_protocol import packed_bars
from twsmq_protocol.history_requests import HISTORY_SIZES, NEWEST_S, BarPage, PackedBars, up_to_now

from twsmq_nodes.tws import reference_requests, requests
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.reference_events import (
    HistoricalBarColumns,
    HistoricalBars,
    HistoricalBarsEnd,
    HistoricalSchedule,
)

from . import columns
from .jobs import Forget, Job, Keep, Sessions, Taken
from .plan import DAY_LATE_S, DAY_S, NS, SIZES_S, Spans, duration, never_cut, reach, utc

SHORT = ("1s",)
"""Sizes of which no piece is ever longer than `SPANS_S`."""
LONGEST_UNPLANNED_S, LONGEST_NIGHT_S = 8 * 3_600, 10 * DAY_S
"""A piece of a download is shorter, which knows the sessions; and no market closes for longer."""
SETTLED_S = 60
"""A bar that has just ended may still change; that of a day longer (`DAY_LATE_S`)."""


_QUOTES = ("BID", "ASK", "BID_ASK", "MIDPOINT")

Form = Literal["rows", "columns", "packed"]
"""Of the bars in the answer."""


class Known(Struct, frozen=True):
    """All bars that begin from `begin` to, not including, `end`, as they were kept at `at`, ns. `bars` may
    hold later ones, which are not believed before they have come again."""

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
        self._anew = False
        self._nights: list[tuple[int, int]] = []
        self._planning: Sessions | None = None
        self._begin_anew()
        if size in SHORT and end - self._at > LONGEST_UNPLANNED_S * NS:
            self._planning = Sessions(contract, self._at, end, now, rth)

    def _begin_anew(self) -> None:
        self._at = self._begin
        self._parts: list[PackedBars] = []
        self._count = 0
        self._fetched_at = self._now
        self._piece: list[PackedBars] = []
        self._own: list[PackedBars] = []
        self._asked: tuple[int, int] = (0, 0)
        self._asked_to = 0
        self._taken: list[Taken] = []
        self._take_known()
        if self._begin >= self._end:
            self._finish(None)

    @property
    def _stop(self) -> int:
        span = self._spans.seconds(self._size) * NS
        following = (known.begin for known in self._known if known.begin > self._at)
        return min(self._at + span, self._end, *following)

    @property
    def lesson(self) -> object:
        full = self._stop - self._at >= self._spans.seconds(self._size) * NS
        return (id(self._spans), self._size) if full and self._spans.grows(self._size) else None

    def request(self, req_id: int) -> requests.Request:
        if self._planning is not None:
            return self._planning.request(req_id)
        self._piece = []
        no_end = up_to_now(self.what, self.contract.sec_type)
        stop = self._end if no_end else self._stop
        self._asked = (self._at, stop)
        last = self._now if no_end else min(reach(self._size, stop), max(stop, self._now))
        self._asked_to = last
        return reference_requests.ReqHistoricalData(
            req_id,
            self.contract,
            end="" if no_end else utc(-(-last // NS) * NS),
            duration=duration(self._size, self._at, last),
            bar_size=HISTORY_SIZES[self._size],
            what_to_show=self.what,
            use_rth=int(self.rth),
            format_date=2,
        )

    def received(self, event: Event) -> bool:
        match event:
            case HistoricalSchedule() if self._planning is not None:
                self._plan(self._planning, event)
                return True
            case HistoricalBarColumns() if event.dates:
                self._receive(columns.of_message(event))
                return False
            case HistoricalBars(bars=bars):
                self._receive(columns.of_bars(bars))
                return False
            case HistoricalBarsEnd():
                self._take()
                return True
            case _:
                return False

    def _receive(self, bars: PackedBars) -> None:
        marked = self.what in _QUOTES and self.contract.sec_type != "BAG"  # a spread may cost -1
        bars = columns.begun(bars, self._size)
        self._piece.append(columns.without_marks(bars) if marked else bars)

    def empty(self) -> None:
        if not self.spares():
            self._piece = []
            self._take()

    def spares(self) -> bool:
        planned, self._planning = self._planning is not None, None
        return planned

    def other_what(self, what: str) -> bool:
        if not super().other_what(what):
            return False
        self._series, self._known = None, []
        self._begin_anew()
        return True

    def shrink(self) -> bool:
        begin, end = self._asked
        return self.spares() or self._spans.silent(self._size, (end - begin) // NS)

    def answered(self, within_s: float) -> None:
        begin, end = self._asked
        self._spans.answered(self._size, (end - begin) // NS, within_s)

    def taken(self) -> list[Taken]:
        taken, self._taken = self._taken, []
        return taken

    def _plan(self, question: Sessions, event: HistoricalSchedule) -> None:
        """Sessions of which one cannot be read tell of no night."""
        self._planning = None
        rows, unreadable = question.read(event)
        if unreadable or not rows:
            return
        closes = [question.begin, *accumulate((row.close for row in rows), max)]
        opens = [*(row.open for row in rows), self._end]
        self._nights = [
            (close, following)
            for close, following in zip(closes, opens, strict=True)
            if 0 < following - close <= LONGEST_NIGHT_S * NS
        ]
        self._take_known()

    # --- a piece ---------------------------------------------------------------------------------------

    def _take(self) -> None:
        came = (
            self._piece[0] if len(self._piece) == 1 else packed_bars.ordered(packed_bars.joined(self._piece))
        )
        self._piece = []
        begin, stop = self._asked
        # The day of a session round the clock ends after midnight UTC.
        late = DAY_LATE_S * NS if self._step >= DAY_S * NS and not self.rth else 0
        confirmed: tuple[int, ...] | None = ()
        if self._known or self._own:
            confirmed = self._agree(self._whole(came, begin, self._asked_to - self._step - late))
        if confirmed is None:
            self._known, self._anew = [], True
            self._begin_anew()
            self._taken = [Forget(self._series)]
            return
        inside = packed_bars.between(came, begin, min(stop, self._now - self._step - late + 1))
        self._keep(begin, stop, inside, confirmed)
        self._add(inside, stop)

    def _whole(self, came: PackedBars, begin: int, last: int) -> PackedBars:
        """Those of which the request cut nothing off: that begin up to `last`, and not where it begins."""
        when = packed_bars.times(came)
        first = when[0] if when else 0
        if when and first < begin and not never_cut(self._size, first):
            first += 1
        return packed_bars.between(came, first, last + 1)

    def _agree(self, came: PackedBars) -> tuple[int, ...] | None:
        """A bar of each known stretch of which some came again, the same; None: of one most were not."""
        confirmed: list[int] = []
        for bars in [*(known.bars for known in self._known), *self._own]:
            found = columns.common(came, bars)
            if found.differing * 2 > found.both:
                return None
            if found.both:
                confirmed.append(found.last)
        return tuple(confirmed)

    def _keep(self, begin: int, stop: int, bars: PackedBars, confirmed: tuple[int, ...]) -> None:
        grace = SETTLED_S if self._step < DAY_S * NS else DAY_LATE_S
        end = min(stop, self._now - self._step - grace * NS)
        if not len(bars):
            return
        last = packed_bars.times(bars)[-1]
        if last + self._step > end:
            end = min(end, last)
        end = min(end, max(last + self._step, self._now - NEWEST_S * NS))
        if self._series is not None and begin < end:
            kept = packed_bars.between(bars, begin, end)
            self._taken.append(Keep(self._series, begin, end, kept, confirmed))
            if not self._anew:  # once: a gateway that never says the same would be asked for ever
                self._own.append(kept)

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
            return
        morning = next((opens for closes, opens in self._nights if closes <= self._at < opens), None)
        if morning is not None:
            self._add(packed_bars.EMPTY, min(morning, self._end))

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
