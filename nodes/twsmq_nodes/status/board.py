"""The board: rows by section, what changed since they were last published, and pages of it.

Invariants: `rev` of a section counts its changes; whoever has a section at `rev` n and applies the change n
+ 1 has what is here. A section whose rows are the same and whose source confirmed them goes out with a
later `as_of` and no rows, at most once a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from msgspec import Struct
from twsmq_protocol.board import SECTIONS, Board, BoardChange, BoardSection, GetBoard
from twsmq_protocol.errors import ErrorCode, RequestError

Row = dict[str, Any]
CONFIRM_NS = 900_000_000


class _Section(Struct):
    rev: int = 0
    as_of: int | None = None
    published_as_of: int | None = None
    rows: dict[str, Row] = {}


class BoardKeeper:
    """`incarnation`: of the process that keeps it."""

    def __init__(self, incarnation: int) -> None:
        self._incarnation = incarnation
        self._sections = {name: _Section() for name in SECTIONS}

    def update(self, name: str, rows: Mapping[str, Row], as_of: int | None) -> BoardChange | None:
        """What is to be published: the rows as they now stand, confirmed at `as_of` (ns)."""
        section = self._sections[name]
        before = section.rows
        changed: dict[str, Row | None] = {
            key: row for key, row in rows.items() if (old := before.get(key)) is not row and old != row
        }
        changed.update((key, None) for key in before if key not in rows)
        section.rows = dict(rows)
        section.as_of = as_of
        late = (as_of or 0) - (section.published_as_of or 0) >= CONFIRM_NS
        if not changed and not (late or (as_of is None) != (section.published_as_of is None)):
            return None
        section.rev += 1
        section.published_as_of = as_of
        return BoardChange(section=name, rev=section.rev, as_of=as_of, rows=changed)

    def rows(self, name: str) -> list[Row]:
        return list(self._sections[name].rows.values())

    def as_of(self, name: str) -> int | None:
        return self._sections[name].as_of

    def answer(self, args: GetBoard, now_ns: int) -> Board:
        """One page. Raises `RequestError` for a section there is not."""
        names = list(SECTIONS) if args.sections is None else args.sections
        for name in names:
            if name not in SECTIONS:
                known = ", ".join(SECTIONS)
                raise RequestError(
                    ErrorCode.INVALID_ARGUMENT, f"no section is called {name[:40]!r}; there are {known}",
                    field="sections",
                )  # fmt: skip
        end = args.after + args.limit
        more = any(len(self._sections[name].rows) > end for name in names)
        return Board(
            at=now_ns,
            incarnation=self._incarnation,
            sections=[self._page(name, args.after, end) for name in names],
            next=end if more else None,
        )

    def _page(self, name: str, begin: int, end: int) -> BoardSection:
        section = self._sections[name]
        rows = list(islice(section.rows.values(), begin, end))
        return BoardSection(
            name=name, rev=section.rev, as_of=section.as_of, total=len(section.rows), rows=rows
        )


def by_key(rows: Iterable[Row]) -> dict[str, Row]:
    return {row["key"]: row for row in rows}
