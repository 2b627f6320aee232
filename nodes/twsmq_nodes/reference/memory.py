"""Answers remembered, so that a query is not asked again while its kind stays true. Pure.

Invariants: what is too old is dropped; above the size in rows, what was used longest ago is.
"""

from __future__ import annotations

from collections import OrderedDict

from .look_ups import KINDS, Query, Rows


class Memory:
    """`most_rows`: an answer without rows counts as one; one that is larger by itself is not remembered."""

    def __init__(self, most_rows: int) -> None:
        self._most_rows = most_rows
        self._rows = 0
        self._answers: OrderedDict[Query, tuple[float, Rows]] = OrderedDict()

    def find(self, query: Query, now: float) -> Rows | None:
        until, rows = self._answers.get(query, (0.0, None))
        if rows is None:
            return None
        if now >= until:
            self._drop(query)
            return None
        self._answers.move_to_end(query)
        return rows

    def keep(self, query: Query, rows: Rows, now: float) -> None:
        keep_s = KINDS[query.kind].keep_s
        size = max(1, len(rows))
        if size > self._most_rows or not keep_s:
            return
        self._drop(query)
        self._answers[query] = (now + keep_s, rows)
        self._rows += size
        while self._rows > self._most_rows:
            self._drop(next(iter(self._answers)))

    def forget(self) -> None:
        self._answers.clear()
        self._rows = 0

    def _drop(self, query: Query) -> None:
        if query in self._answers:
            _, rows = self._answers.pop(query)
            self._rows -= max(1, len(rows))

    def validate(self) -> None:
        """Raises `AssertionError` where an invariant is broken."""
        assert self._rows == sum(max(1, len(rows)) for _, rows in self._answers.values())
        assert self._rows <= self._most_rows
