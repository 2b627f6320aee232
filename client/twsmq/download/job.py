"""How far one instrument of a download is. No file, no clock."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from .ledger import Records
from .planner import Piece, Plan, Span


class Job(Struct):
    """One instrument. `generation` counts how often it was begun anew in this run; `put_away`: all that came
    since is in the data files, or will be without more ado; `for_good`: asking again would change nothing."""

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
    for_good: bool = False
    put_away: bool = False
    finished: bool = False

    @property
    def unplanned(self) -> bool:
        return self.plan is None and not self.preparing and not self.given_up


def outcome_of(jobs: Sequence[Job]) -> str:
    """After a run, for a person: what is to be done."""
    lost = [job.instrument for job in jobs if job.for_good]
    if not lost:
        return "not complete; run it again to go on" if any(job.refusals for job in jobs) else "complete"
    names = ", ".join(lost[:3]) + (f" and {len(lost) - 3} more" if lost[3:] else "")
    rest = any(job.refusals and not job.for_good for job in jobs)
    more = "run it again to go on with the rest" if rest else "all the rest is there"
    text = f"not complete: {names} cannot be had as given (see above): correct or leave out"
    return text if len(lost) == len(jobs) else f"{text}; {more}"
