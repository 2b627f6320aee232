"""What is asked of the history node: the plan of an instrument, and the bars of a piece.

What passes (not ready, no answer in time, throttled) is `Passing`; whatever else is refused is for good. What
the node gave before it may give again from its own store, but a proof must come from the gateway.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import Struct
from twsmq_protocol.errors import ErrorCode, MalformedMessage
from twsmq_protocol.history_requests import (
    MOST_BARS,
    PACED_SIZES,
    BarPage,
    Head,
    PackedBars,
    Schedule,
    up_to_now,
)
from twsmq_protocol.instruments import parse_instrument
from twsmq_protocol.market_events import BarRow
from twsmq_protocol.packed_bars import EMPTY, between, joined, ordered, rows_of, times
from twsmq_protocol.streams import seconds_of

from ..errors import OutcomeUnknown, RequestRefused
from ..ops import following
from .ledger import Records, Scheduled
from .planner import (
    DAY_NS,
    MOST_PIECE_BARS,
    NS,
    Interval,
    Piece,
    Session,
    Span,
    fits_a_piece,
    touching,
)

PATIENCE_S, PACED_PATIENCE_S = 180.0, 1_500.0
"""What is paced may wait for ten minutes, and for others that wait."""
PROOF_AFTER_S = 2.0
"""Between the two answers that prove a session empty."""
_PASSING = {ErrorCode.NOT_READY, ErrorCode.TIMEOUT, ErrorCode.THROTTLED}
_NO_SUCH_CONTRACT = 200


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

    @property
    def paced(self) -> bool:
        return self.size in PACED_SIZES

    def up_to_now(self, instrument: str) -> bool:
        """Whether the gateway takes no end of its bars."""
        return up_to_now(self.what, parse_instrument(instrument).sec_type)


class Passing(Exception):
    """Ask again later. `slow`: and for less."""

    def __init__(self, text: str, *, slow: bool) -> None:
        self.text, self.slow = text, slow
        super().__init__(text)


class Fetched(Struct, frozen=True):
    """All bars of a stretch. `what`: what was asked of the gateway."""

    bars: PackedBars
    con_id: int | None
    what: str


class Questions:
    """`wall`: ns since the epoch; `note` takes each sentence that a person should read."""

    def __init__(self, ask: Ask, order: Order, wall: Callable[[], int], note: Callable[[str], None]) -> None:
        self._ask, self._order, self._wall, self._note = ask, order, wall, note

    # --- the plan ------------------------------------------------------------------------------------------

    async def schedule(self, instrument: str, records: Records, begin: int, end: int) -> Scheduled:
        """Raises `Passing`, and `RequestRefused` only where the instrument itself was refused."""
        # The session that the last day counts for may open after `end`.
        until = max(end, min(end + 2 * DAY_NS, self._wall()))
        args = {"instrument": instrument, "from": begin, "to": until, "rth": self._order.rth}
        schedule = Schedule(sessions=[], time_zone="")
        try:
            schedule = await self._answer("schedule", args, Schedule)
        except RequestRefused as refused:
            if of_instrument(refused):
                raise
            self._note(f"{instrument} has no schedule ({refused.message}): planned by days")
        known, zone = records.schedule, schedule.time_zone
        sessions = [Session(row.open, row.close, row.date) for row in schedule.sessions]
        head = known.head if known is not None else None
        if head is None and not fits_a_piece(sessions, self._order.size, zone, begin, end):
            head = await self._head(instrument)
        return Scheduled(
            instrument=instrument, begin=begin, end=end, time_zone=zone, sessions=sessions, head=head
        )

    async def _head(self, instrument: str) -> int | None:
        """When its history begins; None where the gateway does not know. It is paced, sixty in ten minutes,
        and worth that only where it spares more than one piece."""
        args = {"instrument": instrument, "what": self._order.what, "rth": self._order.rth}
        try:
            return (await self._answer("head_timestamp", args, Head, PACED_PATIENCE_S)).time
        except RequestRefused as refused:
            if of_instrument(refused):
                raise
            return None

    # --- bars ----------------------------------------------------------------------------------------------

    async def piece(self, instrument: str, piece: Piece, spans: Sequence[Span]) -> Fetched:
        """Its bars, and the one before it where it names an overlap. Sessions without any bar are asked for
        again, of the gateway."""
        every = [await self._bars(instrument, *part) for part in self._parts(instrument, piece)]
        fetched = msgspec.structs.replace(every[-1], bars=_merged([one.bars for one in every]))
        empty = _empty_stretches(spans, piece, fetched.bars)
        if not empty:
            return fetched
        await asyncio.sleep(PROOF_AFTER_S)
        # All at once: of what trades seldom there are many, and one request has room for all.
        again = await self._bars(instrument, empty[0][0], empty[-1][1], proof=True)
        return msgspec.structs.replace(fetched, bars=_merged([fetched.bars, again.bars]))

    def _parts(self, instrument: str, piece: Piece) -> list[Interval]:
        """The bar before apart where a night lies between that would take more requests than it: of bars of a
        second one has half an hour."""
        if piece.overlap is None:
            return [(piece.begin, piece.end)]
        step = seconds_of(self._order.size) * NS
        near = piece.begin - piece.overlap <= MOST_PIECE_BARS * step
        if near or self._order.up_to_now(instrument):
            return [(piece.overlap, piece.end)]
        return [(piece.overlap, piece.overlap + step), (piece.begin, piece.end)]

    async def bar(self, instrument: str, time: int) -> BarRow | None:
        """The one that begins then, as the gateway has it now. All of it is asked for: only what came whole
        replaces what the history process kept, all of which goes if that differs."""
        end = time + seconds_of(self._order.size) * NS
        fetched = await self._bars(instrument, time, end, proof=True)
        found = rows_of(fetched.bars)
        return found[0] if found and found[0].time == time else None

    async def _bars(self, instrument: str, begin: int, end: int, *, proof: bool = False) -> Fetched:
        """All bars from `begin` to `end`, sorted, each once."""
        args: dict[str, Any] = {
            "instrument": instrument, "size": self._order.size, "what": self._order.what,
            "rth": self._order.rth, "bulk": True, "packed": True, "limit": MOST_BARS,
        }  # fmt: skip
        if proof:
            args["max_age"] = 0
        if not self._order.up_to_now(instrument):
            args["to"] = end
        parts: list[PackedBars] = []
        at: int | None = begin
        page, patience = None, PACED_PATIENCE_S if self._order.paced else PATIENCE_S
        while at is not None and at < end:
            page = await self._answer("bars", args | {"from": at}, BarPage, patience)
            parts.append(page.packed or EMPTY)
            at = following("bars", at, page.next)
        assert page is not None
        return Fetched(between(_merged(parts), begin, end), page.con_id, page.what)

    async def _answer(
        self, op: str, args: dict[str, Any], kind: type[Any], patience: float = PATIENCE_S
    ) -> Any:
        """Raises `Passing`, `RequestRefused`."""
        try:
            return msgspec.convert(await self._ask(op, args, patience), kind)
        except OutcomeUnknown as unknown:
            raise Passing("no answer from the history process", slow=True) from unknown
        except RequestRefused as refused:
            if refused.code not in _PASSING:
                raise
            slow = refused.code == ErrorCode.TIMEOUT
            raise Passing(f"{refused.code}: {refused.message}", slow=slow) from refused
        except msgspec.ValidationError as error:
            raise MalformedMessage(f"history answered {op} with something else: {error}") from error


def of_instrument(refused: RequestRefused) -> bool:
    """Whether nothing else that is asked of this instrument can be answered either."""
    return refused.code != ErrorCode.GATEWAY_REJECTED or is_unknown(refused)


def is_unknown(refused: RequestRefused) -> bool:
    """Whether the gateway knows no such instrument."""
    return refused.tws_code == _NO_SUCH_CONTRACT


def _merged(parts: Sequence[PackedBars]) -> PackedBars:
    """In the order of time, each once, whatever somebody sent."""
    return ordered(joined(parts))


def _empty_stretches(spans: Sequence[Span], piece: Piece, bars: PackedBars) -> list[Interval]:
    """Sessions of a piece that must have bars and have none, joined where they follow each other; the whole
    piece, where nobody knows."""
    inside = between(bars, piece.begin, piece.end)
    when = times(inside)
    if not when:
        return [(piece.begin, piece.end)]
    found: list[Interval] = []
    adjacent = False
    for span in touching(spans, piece.begin, piece.end):
        begin, end = max(span.begin, piece.begin), min(span.end, piece.end)
        empty = bool(span.bars) and end - begin > DAY_NS // 24 and not _any_between(when, begin, end)
        if empty and adjacent:
            found[-1] = (found[-1][0], end)
        elif empty:
            found.append((begin, end))
        adjacent = empty
    return found


def _any_between(when: Sequence[int], begin: int, end: int) -> bool:
    nth = bisect_left(when, begin)
    return nth < len(when) and when[nth] < end
