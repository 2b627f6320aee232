"""Answers that take long to make are made piece by piece, and everybody else is served in between.

A real gateway serves its clients side by side; this one is one loop, and a quarter of minutes takes it half a
second. Each turn makes one piece, of whoever has waited longest; what was asked and cancelled, or asked by a
client that is gone, is not made any further.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.session import Session


class _Answer:
    def __init__(self, session: Session, request_id: int, pieces: Iterator[None]) -> None:
        self.session = session
        self.request_id = request_id
        self.pieces = pieces


class LongAnswers:
    """`settle` ends a turn: what was written leaves."""

    def __init__(self, settle: Callable[[], None]) -> None:
        self._settle = settle
        self._waiting: deque[_Answer] = deque()
        self._turn: asyncio.Handle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, session: Session, request_id: int, pieces: Iterator[None]) -> None:
        """`pieces` is advanced a step a turn and writes the answer in the end; RequestRefused goes to the
        client."""
        self._waiting.append(_Answer(session, request_id, pieces))
        self._schedule()

    def withdraw(self, session: Session, request_id: int) -> bool:
        """Whether there was such an answer under way."""
        return self._drop(lambda one: one.session is session and one.request_id == request_id)

    def forget(self, session: Session) -> None:
        """The client is gone."""
        self._drop(lambda one: one.session is session)

    def close(self) -> None:
        self._waiting.clear()
        if self._turn is not None:
            self._turn.cancel()

    def _drop(self, is_meant: Callable[[_Answer], bool]) -> bool:
        before = len(self._waiting)
        self._waiting = deque(one for one in self._waiting if not is_meant(one))
        return len(self._waiting) < before

    def _schedule(self) -> None:
        if self._turn is None and self._waiting:
            self._turn = asyncio.get_running_loop().call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._turn = None
        if self._waiting:
            one = self._waiting.popleft()
            with suppress(StopIteration):
                try:
                    next(one.pieces)
                except RequestRefused as refused:
                    one.session.error(one.request_id, refused.code, refused.text)
                else:
                    self._waiting.append(one)
            self._settle()
            self._schedule()


def exhaust(pieces: Iterator[None]) -> None:
    """Makes it all at once."""
    for _ in pieces:
        pass
