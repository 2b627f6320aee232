"""The download itself: fetches what the plan has left, until nothing is.

Each piece ends as data, proved empty, retry or refused, and its line is in the ledger before it counts. An
answer without bars where the schedule has a session proves nothing before a second one has said the same.
What passes (not ready, no answer in time, throttled) makes a pause, which grows, and the piece is asked for
again, smaller where an answer took too long. The last bar of a piece comes again with the piece after it:
where the two differ, the gateway has adjusted its past meanwhile, and the instrument is fetched anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field
from twsmq_protocol.packed_bars import between, row_of

from ..errors import RequestRefused
from .asking import Ask, Fetched, Order, Passing, Questions, of_instrument
from .disk import Disk, digest
from .errors import NotOurs
from .ledger import (
    Begun,
    Ledger,
    PieceEnded,
    Records,
    Restarted,
    Wanted,
)
from .planner import (
    Interval,
    Pace,
    Piece,
    Plan,
    Span,
    seconds_of,
    shown,
    spans_of,
    uncovered,
    year_of,
)
from .progress import Progress
from .recovery import recover
from .store import PIECES, Format, encode_piece
from .years import Years

PAUSES_S = (1.0, 2.0, 5.0, 10.0, 30.0)
MOST_RESTARTS = 2
MOST_REFUSED = 3
"""Pieces in a row, after which the gateway is not asked for that instrument any more."""
_WHOLE_YEAR = 1 << 40


class _Job(Struct):
    """One instrument. `generation` counts how often it was begun anew in this run."""

    instrument: str
    records: Records
    spans: list[Span] = field(default_factory=list[Span])
    plan: Plan | None = None
    preparing: bool = False
    flying: list[Piece] = field(default_factory=list[Piece])
    generation: int = 0
    refusals: list[str] = field(default_factory=list[str])
    in_a_row: int = 0
    given_up: bool = False
    finished: bool = False


class Download:
    """`note` takes each sentence that a person should read."""

    def __init__(
        self,
        folder: Path,
        order: Order,
        form: Format,
        ask: Ask,
        *,
        disk: Disk,
        wall: Callable[[], int],
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._folder, self._order = folder, order
        self._disk, self._wall, self._note = disk, wall, note
        self.progress = Progress()
        self._pace = Pace()
        self._pauses = 0
        self._resume_at = 0.0
        self._retried: set[tuple[str, int]] = set()
        self._ledger = Ledger(folder, disk)
        self._questions = Questions(ask, order, wall, note)
        self._years = Years(folder, order, form, disk, self._ledger)
        self._begin()
        for sentence in recover(folder, self._ledger, disk, form.suffix):
            note(sentence)
        names = dict.fromkeys(order.instruments)
        self._jobs = [_Job(name, self._ledger.state.of(name)) for name in names]
        for job in self._jobs:
            self._want(job)

    @property
    def refused(self) -> list[str]:
        """Why something was not fetched: empty after a run that is complete."""
        return [f"{job.instrument}: {text}" for job in self._jobs for text in job.refusals]

    def _begin(self) -> None:
        order, begun = self._order, self._ledger.state.begun
        if begun is None:
            self._ledger.append(
                Begun(version=1, size=order.size, what=order.what, rth=order.rth, format=order.format)
            )
            return
        for option, there, wanted in (
            ("--size", begun.size, order.size),
            ("--what", begun.what, order.what),
            ("--rth", begun.rth, order.rth),
            ("--format", begun.format, order.format),
        ):
            if there != wanted:
                raise NotOurs(
                    f"{self._folder} was begun with {option} {there}, not {wanted}: give that, or another -o"
                )

    def _want(self, job: _Job) -> None:
        begin, end = self._order.begin, self._order.end
        if not any(first <= begin and end <= last for first, last in job.records.wanted_parts()):
            self._ledger.append(Wanted(instrument=job.instrument, begin=begin, end=end))

    # --- the loop ------------------------------------------------------------------------------------------

    async def run(self) -> bool:
        """Whether everything is there now. Raises `Unwritable`."""
        tasks: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        try:
            while True:
                pause = self._resume_at - loop.time()
                while pause <= 0 and len(tasks) < self._pace.at_once and (work := self._next()) is not None:
                    tasks.add(asyncio.create_task(work))
                if not tasks and pause <= 0:
                    break
                if not tasks:
                    await asyncio.sleep(pause)
                    continue
                timeout = pause if pause > 0 else None
                done, tasks = await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                errors = [error for task in done if (error := task.exception()) is not None]
                if errors:
                    raise errors[0]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for job in self._jobs:
            self._finish(job)
        return all(job.plan is not None and job.plan.empty and not job.refusals for job in self._jobs)

    def _next(self) -> Coroutine[Any, Any, None] | None:
        for job in self._jobs:
            if job.plan is None and not job.preparing and not job.given_up:
                job.preparing = True
                return self._prepare(job)
        for job in self._jobs:
            if job.plan is None or job.given_up:
                continue
            # Every piece of ADJUSTED_LAST makes the gateway send all that follows it too.
            piece = job.plan.take(_WHOLE_YEAR if self._order.what == "ADJUSTED_LAST" else self._pace.bars)
            if piece is not None:
                job.flying.append(piece)
                self.progress.current = job.instrument
                return self._fetch(job, piece, job.generation)
            if not job.flying:
                self._finish(job)
        return None

    # --- the plan ------------------------------------------------------------------------------------------

    async def _prepare(self, job: _Job) -> None:
        parts = job.records.wanted_parts()
        begin, end = parts[0][0], parts[-1][1]
        known = job.records.schedule
        try:
            if known is None or known.begin > begin or known.end < end:
                known = await self._questions.schedule(job.instrument, job.records, begin, end)
                self._ledger.append(known)
        except Passing as passing:
            self._pause(passing)
        except RequestRefused as refused:
            self._give_up(job, refused)
        else:
            self._plan(job)
        finally:
            job.preparing = False

    def _plan(self, job: _Job) -> None:
        before = 0 if job.plan is None else job.plan.bars_left()
        job.spans = spans_wanted(job.records, self._order.size)
        job.plan = Plan(job.spans, job.records.covered(), self._order.size)
        self.progress.total += job.plan.bars_left() - before

    # --- a piece -------------------------------------------------------------------------------------------

    async def _fetch(self, job: _Job, piece: Piece, generation: int) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            fetched = await self._questions.piece(job.instrument, piece, job.spans)
        except Passing as passing:
            if generation == job.generation:
                self._again(job, piece, passing)
            return
        except RequestRefused as refused:
            if generation == job.generation:
                self._refuse(job, piece, refused)
            return
        finally:
            if generation == job.generation:
                job.flying.remove(piece)
        if generation != job.generation:
            return
        self._pace.answered(loop.time() - began)
        self._pauses = 0
        self.progress.paused = ""
        self._record(job, piece, fetched)

    def _again(self, job: _Job, piece: Piece, passing: Passing) -> None:
        assert job.plan is not None
        job.plan.give_back(piece)
        if (job.instrument, piece.begin) not in self._retried:
            self._retried.add((job.instrument, piece.begin))
            self._ledger.append(self._ended(job, piece, "retry", passing.text))
        self._pause(passing)

    def _refuse(self, job: _Job, piece: Piece, refused: RequestRefused) -> None:
        self._ledger.append(self._ended(job, piece, "refused", str(refused.message)))
        job.in_a_row += 1
        job.refusals.append(f"{shown(piece.begin)} to {shown(piece.end)}: {refused.message}")
        self._note(f"{job.instrument}: {job.refusals[-1]}")
        if of_instrument(refused) or job.in_a_row >= MOST_REFUSED:
            self._give_up(job, refused)

    def _give_up(self, job: _Job, refused: RequestRefused) -> None:
        job.given_up = True
        code = f" [gateway error {refused.tws_code}]" if refused.tws_code is not None else ""
        text = f"not asked for any more: {refused.message}{code}"
        job.refusals.append(text)
        self._note(f"{job.instrument}: {text}")

    def _pause(self, passing: Passing) -> None:
        if passing.slow:
            self._pace.timed_out()
        else:
            self._pace.throttled()
        now = asyncio.get_running_loop().time()
        if now >= self._resume_at:
            pause = PAUSES_S[min(self._pauses, len(PAUSES_S) - 1)]
            self._pauses += 1
            self._resume_at = now + pause
        if not self.progress.paused:
            self._note(f"paused: {passing.text}; it goes on by itself")
        self.progress.paused = passing.text

    def _ended(self, job: _Job, piece: Piece, outcome: Any, text: str) -> PieceEnded:
        return PieceEnded(
            instrument=job.instrument,
            begin=piece.begin,
            end=piece.end,
            outcome=outcome,
            at=self._wall(),
            text=text,
        )

    def _record(self, job: _Job, piece: Piece, fetched: Fetched) -> None:
        inside = between(fetched.bars, piece.begin, piece.end)
        earlier = len(fetched.bars) - len(inside)
        rows = len(inside)
        ended = PieceEnded(
            instrument=job.instrument,
            begin=piece.begin,
            end=piece.end,
            outcome="data" if rows else "empty",
            at=self._wall(),
            rows=rows,
            before=row_of(fetched.bars, earlier - 1) if earlier else None,
            last=row_of(inside, rows - 1) if rows else None,
            con_id=fetched.con_id,
            what=fetched.what,
        )
        if (differs := _adjusted(job.records, ended)) is not None:
            self._restart(job, differs)
            return
        if rows:
            content = encode_piece(inside)
            name = f"{digest(job.instrument.encode())[:12]}-{piece.begin}-{piece.end}"
            self._disk.put(self._folder / PIECES / name, content)
            ended = msgspec.structs.replace(ended, name=name, sha256=digest(content))
        self._ledger.append(ended)
        if rows:
            self._years.keep_at_hand(ended, inside)
        job.in_a_row = 0
        room = sum(_room(span, piece, self._order.size) for span in job.spans)
        self.progress.advance(rows, room, asyncio.get_running_loop().time())
        year = year_of(piece.begin)
        assert job.plan is not None
        flying = {year_of(one.begin) for one in job.flying}
        if year not in job.plan.years_left() and year not in flying:
            self._years.merge(job.instrument, job.records, year)

    def _restart(self, job: _Job, time: int) -> None:
        text = f"the bar of {shown(time)} is not what it was: its past was adjusted"
        self._ledger.append(Restarted(instrument=job.instrument, text=text))
        job.generation += 1
        job.flying.clear()
        if job.generation > MOST_RESTARTS:
            job.given_up = True
            job.refusals.append(f"{text}, and changes while it is fetched; try again later")
            self._note(f"{job.instrument}: {job.refusals[-1]}")
            return
        self._note(f"{job.instrument}: {text}; all of it is fetched anew")
        self._plan(job)

    def _finish(self, job: _Job) -> None:
        """Put what was fetched into the data files."""
        if job.finished or job.plan is None:
            return
        self._years.merge_all(job.instrument, job.records)
        if job.plan.empty and not job.refusals:
            job.finished = True
            self._years.remove_stale(job.instrument, job.records)


def spans_wanted(records: Records, size: str) -> list[Span]:
    """The spans of everything that was asked for of an instrument; its schedule is known."""
    schedule = records.schedule
    assert schedule is not None
    head = schedule.head or 0
    return [
        span
        for begin, end in records.wanted_parts()
        for span in spans_of(schedule.sessions, size, schedule.time_zone, begin, end, head)
    ]


def still_missing(records: Records, size: str) -> list[Interval]:
    return uncovered(spans_wanted(records, size), records.covered())


def _room(span: Span, piece: Piece, size: str) -> int:
    begin, end = max(span.begin, piece.begin), min(span.end, piece.end)
    return max(0, -(-(end - begin) // (seconds_of(size) * 10**9)))


def _adjusted(records: Records, ended: PieceEnded) -> int | None:
    """When a bar begins that was sent twice and differently: with a piece, and with its neighbour."""
    for piece in records.pieces.values():
        for last, before in ((piece.last, ended.before), (ended.last, piece.before)):
            if last is not None and before is not None and last.time == before.time and last != before:
                return last.time
    return None
