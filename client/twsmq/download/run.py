"""The download itself: asks the history node for what the plan has left, until nothing is.

Each piece ends as data, proved empty, retry or refused, and its line is in the ledger before it counts. An
answer without bars where the schedule has a session proves nothing before a second one has said the same.
What passes (not ready, no answer in time, throttled) makes a pause, which grows, and the piece is asked for
again, smaller where an answer took too long. The last bar of a piece comes again with the piece after it:
where the two differ, the gateway has adjusted its past meanwhile, and the instrument is fetched anew.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import Struct, field
from twsmq_protocol.errors import ErrorCode, MalformedMessage
from twsmq_protocol.history_requests import BarPage, Head, Schedule
from twsmq_protocol.market_events import BarRow

from ..errors import OutcomeUnknown, RequestRefused
from .disk import Disk, digest
from .errors import NotOurs
from .ledger import (
    Begun,
    Ledger,
    PieceEnded,
    Records,
    Restarted,
    Scheduled,
    Wanted,
    YearMerged,
)
from .planner import (
    DAY_NS,
    Interval,
    Pace,
    Piece,
    Plan,
    Session,
    Span,
    seconds_of,
    shown,
    spans_of,
    uncovered,
    year_begin,
    year_of,
)
from .progress import Progress
from .recovery import recover
from .store import (
    PIECES,
    Description,
    Format,
    adjusted_for,
    decode_piece,
    encode_piece,
    instrument_folder,
    sidecar,
    year_file,
)

PAUSES_S = (1.0, 2.0, 5.0, 10.0, 30.0)
PATIENCE_S = 180.0
PROOF_AFTER_S = 2.0
"""Between the two answers that prove a session empty."""
MOST_RESTARTS = 2
MOST_REFUSED = 3
"""Pieces in a row, after which the gateway is not asked for that instrument any more."""
_PASSING = {ErrorCode.NOT_READY, ErrorCode.TIMEOUT, ErrorCode.THROTTLED}
_NO_SUCH_CONTRACT = 200
_WHOLE_YEAR = 1 << 40


class Ask(Protocol):
    """Asks the history node. Raises `RequestRefused`, `OutcomeUnknown`, `MalformedMessage`."""

    def __call__(self, op: str, args: dict[str, Any], timeout: float) -> Awaitable[Any]: ...


class Order(Struct, frozen=True, kw_only=True):
    """What is wanted: bars that begin from `begin` to, not including, `end`, ns."""

    instruments: Sequence[str]
    begin: int
    end: int
    size: str
    what: str | None
    rth: bool
    format: str


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


class _Passing(Exception):
    """Ask again later. `slow`: and for less."""

    def __init__(self, text: str, *, slow: bool) -> None:
        self.text, self.slow = text, slow
        super().__init__(text)


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
        self._folder, self._order, self._form, self._ask = folder, order, form, ask
        self._disk, self._wall, self._note = disk, wall, note
        self.progress = Progress()
        self._pace = Pace()
        self._pauses = 0
        self._resume_at = 0.0
        self._retried: set[tuple[str, int]] = set()
        self._ledger = Ledger(folder, disk)
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
                known = await self._schedule(job, begin, end)
                self._ledger.append(known)
        except _Passing as passing:
            self._pause(passing)
        except RequestRefused as refused:
            self._give_up(job, refused)
        else:
            self._plan(job)
        finally:
            job.preparing = False

    async def _schedule(self, job: _Job, begin: int, end: int) -> Scheduled:
        """Raises `RequestRefused` only where the instrument itself was refused."""
        # The session that the last day counts for may open after `end`.
        until = max(end, min(end + 2 * DAY_NS, self._wall()))
        args = {"instrument": job.instrument, "from": begin, "to": until, "rth": self._order.rth}
        schedule = Schedule(sessions=[], time_zone="")
        try:
            schedule = await self._answer("schedule", args, Schedule)
        except RequestRefused as refused:
            if _of_instrument(refused):
                raise
            self._note(f"{job.instrument} has no schedule ({refused.message}): planned by days")
        known = job.records.schedule
        head = known.head if known is not None else None
        return Scheduled(
            instrument=job.instrument,
            begin=begin,
            end=end,
            time_zone=schedule.time_zone,
            sessions=[Session(row.open, row.close, row.date) for row in schedule.sessions],
            head=head if head is not None else await self._head(job),
        )

    async def _head(self, job: _Job) -> int | None:
        """When its history begins; None where the gateway does not know."""
        args = {"instrument": job.instrument, "what": self._order.what, "rth": self._order.rth}
        try:
            return (await self._answer("head_timestamp", args, Head)).time
        except RequestRefused as refused:
            if _of_instrument(refused):
                raise
            return None

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
            first = piece.begin if piece.overlap is None else piece.overlap
            page = await self._bars(job, first, piece.end)
            await self._prove(job, piece, page)
        except _Passing as passing:
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
        self._record(job, piece, page)

    async def _bars(self, job: _Job, begin: int, end: int) -> BarPage:
        """All bars from `begin` to `end`, sorted, each once."""
        rows: dict[int, BarRow] = {}
        at: int | None = begin
        what = ""
        con_id = None
        while at is not None and at < end:
            args: dict[str, Any] = {
                "instrument": job.instrument,
                "size": self._order.size,
                "from": at,
                "what": self._order.what,
                "rth": self._order.rth,
                "bulk": True,
            }
            if self._order.what != "ADJUSTED_LAST":  # which IBKR serves up to now only
                args["to"] = end
            page = await self._answer("bars", args, BarPage)
            rows |= {row.time: row for row in page.bars if begin <= row.time < end}
            what, con_id = page.what, page.con_id
            if page.next is not None and page.next <= at:
                raise MalformedMessage(f"history answered bars with a next that is not later: {page.next}")
            at = page.next
        return BarPage(bars=[rows[time] for time in sorted(rows)], con_id=con_id, what=what)

    async def _prove(self, job: _Job, piece: Piece, page: BarPage) -> None:
        """Ask again for sessions without any bar; what comes is put into `page`."""
        empty = _empty_stretches(job.spans, piece, page.bars)
        if not empty:
            return
        await asyncio.sleep(PROOF_AFTER_S)
        for begin, end in empty:
            page.bars.extend((await self._bars(job, begin, end)).bars)
        page.bars.sort(key=lambda row: row.time)

    async def _answer(self, op: str, args: dict[str, Any], kind: type[Any]) -> Any:
        """Raises `_Passing`, `RequestRefused`."""
        try:
            return msgspec.convert(await self._ask(op, args, PATIENCE_S), kind)
        except OutcomeUnknown as unknown:
            raise _Passing("no answer from the history process", slow=True) from unknown
        except RequestRefused as refused:
            if refused.code not in _PASSING:
                raise
            slow = refused.code == ErrorCode.TIMEOUT
            raise _Passing(f"{refused.code}: {refused.message}", slow=slow) from refused
        except msgspec.ValidationError as error:
            raise MalformedMessage(f"history answered {op} with something else: {error}") from error

    def _again(self, job: _Job, piece: Piece, passing: _Passing) -> None:
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
        if _of_instrument(refused) or job.in_a_row >= MOST_REFUSED:
            self._give_up(job, refused)

    def _give_up(self, job: _Job, refused: RequestRefused) -> None:
        job.given_up = True
        code = f" [gateway error {refused.tws_code}]" if refused.tws_code is not None else ""
        text = f"not asked for any more: {refused.message}{code}"
        job.refusals.append(text)
        self._note(f"{job.instrument}: {text}")

    def _pause(self, passing: _Passing) -> None:
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

    def _record(self, job: _Job, piece: Piece, page: BarPage) -> None:
        rows = [row for row in page.bars if row.time >= piece.begin]
        before = next((row for row in reversed(page.bars) if row.time < piece.begin), None)
        ended = PieceEnded(
            instrument=job.instrument,
            begin=piece.begin,
            end=piece.end,
            outcome="data" if rows else "empty",
            at=self._wall(),
            rows=len(rows),
            before=before,
            last=rows[-1] if rows else None,
            con_id=page.con_id,
            what=page.what,
        )
        if (differs := _adjusted(job.records, ended)) is not None:
            self._restart(job, differs)
            return
        if rows:
            content = encode_piece(rows)
            name = f"{digest(job.instrument.encode())[:12]}-{piece.begin}-{piece.end}"
            self._disk.put(self._folder / PIECES / name, content)
            ended = msgspec.structs.replace(ended, name=name, sha256=digest(content))
        self._ledger.append(ended)
        job.in_a_row = 0
        room = sum(_room(span, piece, self._order.size) for span in job.spans)
        self.progress.advance(len(rows), room, asyncio.get_running_loop().time())
        year = year_of(piece.begin)
        assert job.plan is not None
        flying = {year_of(one.begin) for one in job.flying}
        if year not in job.plan.years_left() and year not in flying:
            self._merge(job, year)

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

    # --- years ---------------------------------------------------------------------------------------------

    def _finish(self, job: _Job) -> None:
        """Put what was fetched into the data files."""
        if job.finished or job.plan is None:
            return
        begin, end = self._years(job)
        for year in range(begin, end + 1):
            self._merge(job, year)
        if job.plan.empty and not job.refusals:
            job.finished = True
            self._remove_stale(job)

    def _years(self, job: _Job) -> Interval:
        parts = job.records.wanted_parts()
        return year_of(parts[0][0]), year_of(max(parts[-1][1] - 1, parts[0][0]))

    def _merge(self, job: _Job, year: int) -> None:
        pieces = job.records.unmerged(year, year_begin(year), year_begin(year + 1))
        if not pieces:
            return
        file = year_file(self._folder, job.instrument, year, self._form.suffix)
        old = job.records.years.get(year)
        files = [self._folder / PIECES / piece.name for piece in pieces]
        rows = [row for piece in files for row in decode_piece(piece.read_bytes())]
        description = self._description(job, pieces)
        content, count = self._form.encode(file if old is not None else None, rows, description)
        staged = self._disk.stage(file, content)
        self._ledger.append(
            YearMerged(
                instrument=job.instrument,
                year=year,
                rows=count,
                sha256=digest(content),
                old=old.sha256 if old is not None else "",
                names=[piece.name for piece in pieces],
            )
        )
        if self._form.suffix == "csv":
            self._disk.put(file.with_suffix(".json"), sidecar(description))
        self._disk.commit(staged, file)
        for piece in files:
            self._disk.remove(piece)

    def _description(self, job: _Job, pieces: Sequence[PieceEnded]) -> Description:
        everything = [piece for piece in job.records.pieces.values() if piece.rows]
        schedule = job.records.schedule
        what = pieces[-1].what
        return Description(
            instrument=job.instrument,
            con_id=pieces[-1].con_id,
            size=self._order.size,
            what=what,
            rth=self._order.rth,
            adjusted=adjusted_for(what),
            time_zone=schedule.time_zone if schedule is not None else "",
            fetched_from=min(piece.at for piece in everything),
            fetched_to=max(piece.at for piece in everything),
        )

    def _remove_stale(self, job: _Job) -> None:
        """Files of years that have no bars since the instrument was begun anew."""
        for folder in instrument_folder(self._folder, job.instrument).glob("year=*"):
            year = folder.name.removeprefix("year=")
            if year.isdigit() and int(year) not in job.records.years:
                self._disk.remove(folder / f"bars.{self._form.suffix}")


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


def _of_instrument(refused: RequestRefused) -> bool:
    """Whether nothing else that is asked of this instrument can be answered either."""
    return refused.code != ErrorCode.GATEWAY_REJECTED or refused.tws_code == _NO_SUCH_CONTRACT


def _room(span: Span, piece: Piece, size: str) -> int:
    begin, end = max(span.begin, piece.begin), min(span.end, piece.end)
    return max(0, -(-(end - begin) // (seconds_of(size) * 10**9)))


def _empty_stretches(spans: Sequence[Span], piece: Piece, rows: Sequence[BarRow]) -> list[Interval]:
    """Sessions of a piece that must have bars and have none, joined where they follow each other; the whole
    piece, where nobody knows."""
    inside = [row.time for row in rows if row.time >= piece.begin]
    if not inside:
        return [(piece.begin, piece.end)]
    found: list[Interval] = []
    joined = False
    for span in spans:
        begin, end = max(span.begin, piece.begin), min(span.end, piece.end)
        if begin >= end:
            continue
        empty = bool(span.bars) and end - begin > DAY_NS // 24 and not _any_between(inside, begin, end)
        if empty and joined:
            found[-1] = (found[-1][0], end)
        elif empty:
            found.append((begin, end))
        joined = empty
    return found


def _any_between(times: Sequence[int], begin: int, end: int) -> bool:
    nth = bisect_left(times, begin)
    return nth < len(times) and times[nth] < end


def _adjusted(records: Records, ended: PieceEnded) -> int | None:
    """When a bar begins that was sent twice and differently: with a piece, and with its neighbour."""
    for piece in records.pieces.values():
        for last, before in ((piece.last, ended.before), (ended.last, piece.before)):
            if last is not None and before is not None and last.time == before.time and last != before:
                return last.time
    return None
