"""Ticks of the past, gathered request by request. Pure."""

from __future__ import annotations

from twsmq_protocol.history_requests import TickPage, TickRow

from twsmq_nodes.tws import reference_requests, requests
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.reference_events import HistoricalTick, HistoricalTicks

from .jobs import Job
from .plan import NS, next_day, utc

TICKS_PER_REQUEST = 1000


class TicksJob(Job):
    """Ticks from `begin` to `end`, whole seconds, until there are `limit` or more.

    A request gives a thousand and what it takes to complete the last second, of one session (IBKR's
    documentation 21.06): after a second that came whole the next request begins one second later, after an
    answer without any on the next day. An answer of a thousand exactly looks the same whether its last second
    is whole or was cut off: that second is asked for again.
    """

    def __init__(
        self,
        key: object,
        contract: Contract,
        what: str,
        begin: int,
        end: int,
        limit: int,
        *,
        rth: bool,
        ignore_size: bool,
    ) -> None:
        super().__init__(key, contract, what, rth=rth)
        self._at, self._end, self._limit = begin // NS * NS, end, limit
        self._begin = begin
        self._ignore_size = ignore_size
        self._rows: list[TickRow] = []
        self._piece: list[TickRow] = []
        if begin >= end:
            self._finish(None)

    def request(self, req_id: int) -> requests.Request:
        self._piece = []
        return reference_requests.ReqHistoricalTicks(
            req_id,
            self.contract,
            start=utc(self._at),
            end="",
            number_of_ticks=TICKS_PER_REQUEST,
            what_to_show=self.what,
            use_rth=int(self.rth),
            ignore_size=self._ignore_size,
        )

    def cancel(self, req_id: int) -> requests.Request | None:
        return None  # there is no cancel for ticks of the past

    def received(self, event: Event) -> bool:
        if not isinstance(event, HistoricalTicks):
            return False
        self._piece += map(_tick_row, event.ticks)
        if event.done:
            self._take()
        return event.done

    def empty(self) -> None:
        self._piece = []
        self._take()

    def _take(self) -> None:
        came, self._piece = sorted(self._piece, key=lambda row: row.time), []
        following = next_day(self._at)
        if came and came[-1].time >= self._at:
            following = came[-1].time + NS
            if len(came) == TICKS_PER_REQUEST and came[0].time < came[-1].time:
                following = came[-1].time
        stop = min(self._end, following)
        self._rows += [row for row in came if max(self._at, self._begin) <= row.time < stop]
        self._at = following
        if self._at >= self._end:
            self._finish(None)
        elif len(self._rows) >= self._limit:
            self._finish(self._at)

    def _finish(self, following: int | None) -> None:
        self.result = TickPage(ticks=self._rows, con_id=self.contract.con_id or None, next=following)


def _tick_row(tick: HistoricalTick) -> TickRow:
    return TickRow(
        time=tick.time_s * NS,
        price=tick.price,
        size=tick.size,
        bid=tick.bid_price,
        ask=tick.ask_price,
        bid_size=tick.bid_size,
        ask_size=tick.ask_size,
        exchange=tick.exchange,
        conditions=tick.special_conditions,
        attributes=tick.attribs,
    )
