"""The download itself: fetches what the plan has left, until nothing is.

Each piece ends as data, proved empty, retry or refused, and its line is in the ledger before it counts. An
answer without bars where the schedule has a session proves nothing before a second one is empty too.
What passes (not ready, no answer in time, throttled) makes a pause, which grows, and the piece is asked for
again, smaller where an answer took too long. The last bar of a piece comes again with the piece after it, and
that of a run an hour ago or more before anything is added to it: where the two differ, the gateway has
adjusted its past meanwhile, and the instrument is fetched anew.

What waits for the disk (a piece, its line, a year's file) is done in the background, one thing at a time and
in the order in which the answers came, while more are waited for. Invariant: `_writing` is held from what is
looked at for a line until that line counts, so no other piece is judged by what is out of date.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from pathlib import Path
from typing import Any

import msgspec
from twsmq_protocol.errors import gateway_error
from twsmq_protocol.history_requests import PackedBars
from twsmq_protocol.packed_bars import between, row_of

from ..errors import RequestRefused
from .adjustment import adjusted, last_known, overlapping, same_prices
from .agreement import agree, each_once
from .asking import Ask, Fetched, Order, Passing, Questions, is_unknown, of_instrument
from .disk import Disk, digest
from .job import Job, outcome_of
from .ledger import Ledger, PieceEnded, Restarted, Unknown, Wanted
from .planner import (
    DAY_NS,
    Pace,
    Piece,
    Plan,
    shown,
    year_of,
)
from .progress import Progress
from .recovery import recover
from .store import PIECES, Format, encode_piece, set_aside
from .wanted import known_up_to, room_in, settled_before, spans_wanted, still_missing
from .years import Years

PAUSES_S = (1.0, 2.0, 5.0, 10.0, 30.0)
MOST_RESTARTS = 2
MOST_REFUSED = 3
"""Pieces in a row, after which the gateway is not asked for that instrument any more."""
PLANNED_AHEAD = 2
TRUSTED_NS = DAY_NS // 24
"""Less than a market is closed over night, in which pasts are adjusted."""
_UNCOMPARED = (
    "the gateway has the bar of {} no more, so whether the past was adjusted since nobody knows; "
    "what is new is added to it"
)
_NEWEST = "the gateway has not given its newest bars, run it again in 20 minutes: not fetched from"


async def at_once(work: Callable[[], Any]) -> Any:
    """In the foreground: whoever waits for nothing else."""
    return work()


_WHOLE_YEAR = 1 << 40
"""Of what is given up to now only: every piece makes the gateway send all that follows it too."""


class Download:
    """`note` takes each sentence that a person should read; `background` does what waits for the disk."""

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
        background: Callable[[Callable[[], Any]], Awaitable[Any]] = at_once,
    ) -> None:
        self._folder, self._order = folder, order
        self._disk, self._wall, self._note, self._background = disk, wall, note, background
        self._writing = asyncio.Lock()
        self.progress = Progress(paced=order.paced)
        self._pace = Pace(paced=order.paced)
        self._pauses = 0
        self._resume_at = 0.0
        self._retried: set[tuple[str, int]] = set()
        self._ledger = Ledger(folder, disk)
        self._questions = Questions(ask, order, wall, note)
        self._years = Years(folder, order, form, disk, self._ledger)
        names = each_once(self._ledger, order.instruments)
        agree(self._ledger, folder, order, names)
        for sentence in recover(folder, self._ledger, disk, form.suffix):
            note(sentence)
        self._jobs = [Job(name, self._ledger.state.of(name)) for name in names]
        for job in self._jobs:
            self._want(job)

    @property
    def refused(self) -> list[str]:
        """Why something was not fetched: empty after a run that is complete."""
        return [f"{job.instrument}: {text}" for job in self._jobs for text in job.refusals]

    @property
    def outcome(self) -> str:
        """After a run, for a person: what is to be done."""
        return outcome_of(self._jobs)

    def _want(self, job: Job) -> None:
        begin, end = self._order.begin, self._order.end
        end = min(end, settled_before(job.instrument, self._order.size, self._wall()))
        if end <= begin:
            job.given_up = True
            job.refusals.append("no bar since then has its settlement price yet; run it again in a day")
            self._note(f"{job.instrument}: {job.refusals[-1]}")
        elif not any(first <= begin and end <= last for first, last in job.records.wanted_parts()):
            self._ledger.append(Wanted(instrument=job.instrument, begin=begin, end=end))

    # --- the loop ------------------------------------------------------------------------------------------

    async def run(self) -> bool:
        """Whether everything is there now. Raises `Unwritable`."""
        tasks: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        try:
            while True:
                pause = self._resume_at - loop.time()
                while pause <= 0 and self._has_place(tasks) and (work := self._next()) is not None:
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
            await self._finish(job)
        return all(job.plan is not None and job.plan.empty and not job.refusals for job in self._jobs)

    def _has_place(self, tasks: Collection[object]) -> bool:
        """Plans that wait for pacing (when history begins) take no place of what fetches bars."""
        return len(tasks) - self._planning() < self._pace.at_once

    def _planning(self) -> int:
        return sum(job.preparing for job in self._jobs)

    def _next(self) -> Coroutine[Any, Any, None] | None:
        """A piece of the first instrument that has one. Of the others few are planned ahead: that history
        begins somewhere is asked for within the strictest rule of pacing, and nobody should wait for all."""
        unplanned = next((job for job in self._jobs if job.unplanned), None)
        ahead = sum(job.preparing or (job.plan is not None and not job.plan.empty) for job in self._jobs)
        if unplanned is None or ahead >= PLANNED_AHEAD:
            piece = self._next_piece()
            if piece is not None:
                return piece
        if unplanned is None or self._planning() >= self._pace.at_once:
            return None
        unplanned.preparing = True
        return self._prepare(unplanned)

    def _next_piece(self) -> Coroutine[Any, Any, None] | None:
        for job in self._jobs:
            if job.plan is None or job.given_up:
                continue
            piece = job.plan.take(_WHOLE_YEAR if self._order.up_to_now(job.instrument) else self._pace.bars)
            if piece is not None:
                piece = overlapping(job.records, piece)
                job.flying.append(piece)
                self.progress.current = job.instrument
                return self._fetch(job, piece, job.generation)
            if not (job.flying or job.put_away):
                job.put_away = True
                return self._finish(job)
        return None

    # --- the plan ------------------------------------------------------------------------------------------

    async def _prepare(self, job: Job) -> None:
        parts = job.records.wanted_parts()
        begin, end = parts[0][0], parts[-1][1]
        known = job.records.schedule
        try:
            if known is None or known.begin > begin or known.end < end:
                known = await self._questions.schedule(job.instrument, job.records, begin, end)
                self._ledger.append(known)
            await self._confirm(job)
        except Passing as passing:
            self._pause(passing)
        except RequestRefused as refused:
            if is_unknown(refused) and job.records.schedule is None:
                self._ledger.append(Unknown(instrument=job.instrument, text=str(refused.message)))
            self._give_up(job, refused)
        else:
            self._plan(job)
        finally:
            job.preparing = False
            planned = sum(job.plan is not None or job.given_up for job in self._jobs)
            self.progress.planned = planned / len(self._jobs)

    async def _confirm(self, job: Job) -> None:
        """Of a while ago, before more is added. Raises `Passing`, `RequestRefused`."""
        pieces = job.records.pieces.values()
        last = last_known(job.records)
        if last is None or self._wall() - max(piece.at for piece in pieces) < TRUSTED_NS:
            return
        if not still_missing(job.records, self._order.size):
            return
        try:
            now = await self._questions.bar(job.instrument, last.time)
        except RequestRefused as refused:
            if of_instrument(refused):
                raise
            return  # of old bars there are none any more, where bars are small
        if now is None:
            self._note(f"{job.instrument}: {_UNCOMPARED.format(shown(last.time))}")
        elif not same_prices(now, last):
            text = f"the bar of {shown(last.time)} is not what it was: its past was adjusted"
            self._begin_anew(job, text)
            self._note(f"{job.instrument}: {text}; all of it is fetched anew")

    def _begin_anew(self, job: Job, text: str) -> None:
        """Small bars of half a year ago and more the gateway gives no second time, so what is there stays,
        out of every reader's way."""
        if self._pace.paced:
            kept = set_aside(self._folder, self._disk, job.instrument)
            if kept is not None:
                self._note(f"{job.instrument}: what was fetched before is kept in {kept}")
        self._ledger.append(Restarted(instrument=job.instrument, text=text))

    def _plan(self, job: Job) -> None:
        before = 0 if job.plan is None else job.plan.bars_left()
        job.spans = spans_wanted(job.records, self._order.size)
        job.plan = Plan(job.spans, job.records.covered(), self._order.size)
        self.progress.total += job.plan.bars_left() - before

    # --- a piece -------------------------------------------------------------------------------------------

    async def _fetch(self, job: Job, piece: Piece, generation: int) -> None:
        loop = asyncio.get_running_loop()
        began, asked_at = loop.time(), self._wall()
        try:
            fetched = await self._questions.piece(job.instrument, piece, job.spans)
            if generation == job.generation:
                self._pace.answered(loop.time() - began)
                self._pauses = 0
                self.progress.paused = ""
            async with self._writing:
                if generation == job.generation:
                    await self._record(job, piece, fetched, asked_at)
        except Passing as passing:
            if generation == job.generation:
                self._again(job, piece, passing)
        except RequestRefused as refused:
            if generation == job.generation:
                self._refuse(job, piece, refused)
        finally:
            if generation == job.generation:
                job.flying.remove(piece)

    def _again(self, job: Job, piece: Piece, passing: Passing) -> None:
        assert job.plan is not None
        job.plan.give_back(piece)
        if (job.instrument, piece.begin) not in self._retried:
            self._retried.add((job.instrument, piece.begin))
            self._ledger.append(self._ended(job, piece, "retry", passing.text))
        self._pause(passing)

    def _refuse(self, job: Job, piece: Piece, refused: RequestRefused) -> None:
        self._ledger.append(self._ended(job, piece, "refused", str(refused.message)))
        job.in_a_row += 1
        self.progress.total -= room_in(job.spans, piece, self._order.size)
        job.refusals.append(f"{shown(piece.begin)} to {shown(piece.end)}: {refused.message}")
        self._note(f"{job.instrument}: {job.refusals[-1]}")
        if of_instrument(refused) or job.in_a_row >= MOST_REFUSED:
            self._give_up(job, refused)

    def _give_up(self, job: Job, refused: RequestRefused) -> None:
        if job.plan is not None and not job.given_up:
            self.progress.total -= job.plan.bars_left()
        job.given_up, job.for_good = True, of_instrument(refused)
        text = f"not asked for any more: {refused.message}{gateway_error(refused.tws_code)}"
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

    def _ended(self, job: Job, piece: Piece, outcome: Any, text: str) -> PieceEnded:
        return PieceEnded(
            instrument=job.instrument,
            begin=piece.begin,
            end=piece.end,
            outcome=outcome,
            at=self._wall(),
            text=text,
        )

    async def _record(self, job: Job, piece: Piece, fetched: Fetched, asked_at: int) -> None:
        inside = between(fetched.bars, piece.begin, piece.end)
        earlier = len(fetched.bars) - len(inside)
        rows = len(inside)
        end = known_up_to(piece, inside, self._order.size, asked_at)
        ended = PieceEnded(
            instrument=job.instrument,
            begin=piece.begin,
            end=end,
            outcome="data" if rows else "empty",
            at=self._wall(),
            rows=rows,
            before=row_of(fetched.bars, earlier - 1) if earlier else None,
            last=row_of(inside, rows - 1) if rows else None,
            con_id=fetched.con_id,
            what=fetched.what,
        )
        if (differs := adjusted(job.records, ended)) is not None:
            self._restart(job, differs)
            return
        if end < piece.end:
            job.refusals.append(f"{_NEWEST} {shown(end)}")
            self._note(f"{job.instrument}: {job.refusals[-1]}")
        if end <= piece.begin:
            return
        ended = await self._background(lambda: self._write(ended, inside))
        self._ledger.state.apply(ended)
        job.put_away = False
        if rows:
            self._years.keep_at_hand(ended, inside)
        job.in_a_row = 0
        room = room_in(job.spans, piece, self._order.size)
        self.progress.advance(rows, room, asyncio.get_running_loop().time())
        year = year_of(piece.begin)
        assert job.plan is not None
        flying = {year_of(one.begin) for one in job.flying if one is not piece}
        if year not in job.plan.years_left() and year not in flying:
            await self._merge(job, year)

    def _write(self, ended: PieceEnded, bars: PackedBars) -> PieceEnded:
        if ended.rows:
            content = encode_piece(bars)
            name = f"{digest(ended.instrument.encode())[:12]}-{ended.begin}-{ended.end}"
            self._disk.put(self._folder / PIECES / name, content)
            ended = msgspec.structs.replace(ended, name=name, sha256=digest(content))
        self._ledger.write(ended)
        return ended

    async def _merge(self, job: Job, year: int) -> None:
        merge = self._years.prepared(job.instrument, job.records, year)
        if merge is not None:
            self._ledger.state.apply(await self._background(merge))

    def _restart(self, job: Job, time: int) -> None:
        text = f"the bar of {shown(time)} is not what it was: its past was adjusted"
        self._begin_anew(job, text)
        job.generation += 1
        self.progress.total -= sum(room_in(job.spans, one, self._order.size) for one in job.flying)
        job.flying.clear()
        if job.generation > MOST_RESTARTS:
            job.given_up = True
            job.refusals.append(f"{text}, and changes while it is fetched; try again later")
            self._note(f"{job.instrument}: {job.refusals[-1]}")
            return
        self._note(f"{job.instrument}: {text}; all of it is fetched anew")
        self._plan(job)

    async def _finish(self, job: Job) -> None:
        """Put what was fetched into the data files."""
        if job.finished or job.plan is None:
            return
        async with self._writing:
            for year in self._years.wanted(job.records):
                await self._merge(job, year)
            if job.plan.empty and not (job.flying or job.refusals):
                job.finished = True
                await self._background(lambda: self._years.remove_stale(job.instrument, job.records))
