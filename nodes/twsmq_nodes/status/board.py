"""The board: rows by section, what changed since they were last published, and pages of it.

Invariants: `rev` of a section counts its changes; whoever has a section at `rev` n and applies the change n
+ 1 has what is here. A section whose rows are the same and whose source confirmed them goes out with a
later `as_of` and no rows, at most once a second. Pages of one answer are of one moment, whatever changes
between them: where there is more than one, all rows as they stand are set aside for the next ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from msgspec import Struct, structs
from twsmq_protocol.board import SECTIONS, Board, BoardChange, BoardSection, GetBoard, Row, laid_out
from twsmq_protocol.errors import ErrorCode, RequestError

CONFIRM_NS = 900_000_000
MOST_CHANGED = 1000
MOST_ASIDE = 32
"""Answers whose next pages may still be asked for."""
_ASIDE = 2**32
"""`after` is the number of such an answer times this, and the row."""


class Changes(Struct, frozen=True):
    """Of a section with many rows, those only that may have changed; None for one that is gone."""

    rows: Mapping[str, Row | None]


class _Section(Struct):
    """`laid_out`: its rows stand in the order of the section."""

    laid_out: bool = True
    rev: int = 0
    as_of: int | None = None
    published_as_of: int | None = None
    rows: dict[str, Row] = {}


class BoardKeeper:
    """`incarnation`: of the process that keeps it."""

    def __init__(self, incarnation: int) -> None:
        self._incarnation = incarnation
        self._sections = {name: _Section() for name in SECTIONS}
        self._aside: dict[int, dict[str, _Section]] = {}
        self._last = 0

    def update(self, name: str, rows: Mapping[str, Row] | Changes, as_of: int | None) -> BoardChange | None:
        """What is to be published: the rows as they now stand, confirmed at `as_of` (ns)."""
        section = self._sections[name]
        changed = _amend(section, rows.rows) if isinstance(rows, Changes) else _replace(section, rows)
        section.as_of = as_of
        # A clock may be set back: what is confirmed before what was published is news as well.
        late = abs((as_of or 0) - (section.published_as_of or 0)) >= CONFIRM_NS
        if not changed and not (late or (as_of is None) != (section.published_as_of is None)):
            return None
        section.rev += 1
        section.published_as_of = as_of
        return BoardChange(section=name, rev=section.rev, as_of=as_of, rows=changed)

    def parts(self, change: BoardChange) -> Iterator[BoardChange]:
        """What `update` has just returned, in events of moderate size: a peer drops a connection that sends
        one it has no room for. Each is a change of its own."""
        rows = iter(change.rows.items())
        section = self._sections[change.section]
        yield structs.replace(change, rows=dict(islice(rows, MOST_CHANGED)))
        while more := dict(islice(rows, MOST_CHANGED)):
            section.rev += 1
            yield structs.replace(change, rev=section.rev, rows=more)

    def rows(self, name: str) -> list[Row]:
        return list(self._sections[name].rows.values())

    def as_of(self, name: str) -> int | None:
        return self._sections[name].as_of

    def answer(self, args: GetBoard, now_ns: int) -> Board:
        """One page. Raises `RequestError` for a section there is not, and for a page asked for too late."""
        names = list(SECTIONS) if args.sections is None else args.sections
        for name in names:
            if name not in SECTIONS:
                known = ", ".join(SECTIONS)
                raise RequestError(
                    ErrorCode.INVALID_ARGUMENT, f"no section is called {name[:40]!r}; there are {known}",
                    field="sections",
                )  # fmt: skip
        number, begin = divmod(args.after, _ASIDE)
        sections = self._aside.get(number) if number else self._sections
        if sections is None:
            raise RequestError(
                ErrorCode.INVALID_ARGUMENT, "this page was asked for too late; begin again without `after`",
                field="after",
            )  # fmt: skip
        end = begin + args.limit
        for name in names:
            _lay_out(name, sections[name])
        more = any(len(sections[name].rows) > end for name in names)
        if more and begin == 0:
            number = self._set_aside()
        return Board(
            at=now_ns,
            incarnation=self._incarnation,
            sections=[_page(name, sections[name], begin, end) for name in names],
            next=number * _ASIDE + end if more else None,
        )

    def _set_aside(self) -> int:
        """Rows are never changed, only replaced: what is set aside are references to them."""
        self._last = self._last % 1_000_000 + 1
        self._aside[self._last] = {
            name: _Section(laid_out=each.laid_out, rev=each.rev, as_of=each.as_of, rows=dict(each.rows))
            for name, each in self._sections.items()
        }
        while len(self._aside) > MOST_ASIDE:
            del self._aside[next(iter(self._aside))]
        return self._last


def _replace(section: _Section, rows: Mapping[str, Row]) -> dict[str, Row | None]:
    before = section.rows
    changed: dict[str, Row | None] = {
        key: row for key, row in rows.items() if (old := before.get(key)) is not row and old != row
    }
    changed.update((key, None) for key in before if key not in rows)
    section.rows = dict(rows)
    return changed


def _amend(section: _Section, rows: Mapping[str, Row | None]) -> dict[str, Row | None]:
    before = section.rows
    changed = {key: row for key, row in rows.items() if before.get(key) != row}
    for key, row in changed.items():
        if row is None:
            del before[key]
        else:
            before[key] = row
    section.laid_out = section.laid_out and not changed
    return changed


def _lay_out(name: str, section: _Section) -> None:
    """The rows that stand first are the first page's; where many change, that is seen to once they are asked
    for."""
    if section.laid_out:
        return
    section.rows = laid_out(section.rows, SECTIONS[name].order)
    section.laid_out = True


def _page(name: str, section: _Section, begin: int, end: int) -> BoardSection:
    rows = list(islice(section.rows.values(), begin, end))
    return BoardSection(name=name, rev=section.rev, as_of=section.as_of, total=len(section.rows), rows=rows)


def by_key(rows: Iterable[Row]) -> dict[str, Row]:
    return {row["key"]: row for row in rows}
