"""The requests by name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar, Unpack

from msgspec import Struct
from twsmq_protocol.history_requests import MOST_TICKS, TickRow
from twsmq_protocol.market_events import BarRow
from twsmq_protocol.order_control_requests import RiskLayer
from twsmq_protocol.order_events import Order
from twsmq_protocol.order_query_requests import ExecutionRow
from twsmq_protocol.reference_requests import FoundSymbol, ListedContract
from twsmq_protocol.requests import (
    ContractRow,
    Description,
    Halted,
    Health,
    OrderAccepted,
    PositionRow,
    Preview,
)

from .. import ops
from ..calls import Ask
from ..errors import AmbiguousContract
from ..mirrors import QuoteMirror, Quotes
from ..ops import (
    TIMEOUT_S,
    ClusterState,
    ExecutionFilter,
    NewOrder,
    OrderChange,
    OrderFilter,
    OrderName,
    OrderScope,
)
from ..table import Table

R = TypeVar("R")
T = TypeVar("T")


class AsyncRequests:
    """Each takes `timeout` in seconds, after which the request can no longer take effect. It raises
    `RequestRefused` for an error reply and `OutcomeUnknown` when none came."""

    quotes: Quotes

    async def wait_until(self, look: Callable[[], T | None], timeout: float | None = None) -> T:
        raise NotImplementedError

    async def _ask(self, ask: Ask[R], timeout: float, valid_until: int | None = None) -> R:
        raise NotImplementedError

    async def request(
        self,
        process: str,
        op: str,
        args: Struct | dict[str, Any] | None = None,
        *,
        timeout: float = TIMEOUT_S,
        valid_until: int | None = None,
    ) -> Any:
        """Ask any op; its result as plain data. `valid_until`: ns since epoch (default: now + timeout)."""
        return await self._ask(ops.anything(process, op, args), timeout, valid_until)

    async def place_order(self, *, timeout: float = TIMEOUT_S, **order: Unpack[NewOrder]) -> OrderAccepted:
        """Accepted means durable and written; the verdict comes on `order/<strategy>/<client_order_id>/`."""
        return await self._ask(ops.place_order(order), timeout)

    async def place_orders(
        self, orders: list[NewOrder], *, link: str = "none", oca_type: int = 1, timeout: float = TIMEOUT_S
    ) -> list[OrderAccepted]:
        """All of them or none; `link` is none, bracket or oca."""
        return (await self._ask(ops.place_orders(orders, link, oca_type), timeout)).orders

    async def preview_order(self, *, timeout: float = 15.0, **order: Unpack[NewOrder]) -> Preview:
        """Margin and commission; nothing is placed."""
        return await self._ask(ops.preview_order(order), timeout)

    async def modify_order(
        self, *, timeout: float = TIMEOUT_S, **change: Unpack[OrderChange]
    ) -> OrderAccepted:
        """What is given changes, the rest stays. Accepted means written; what came of it is an event."""
        return await self._ask(ops.modify_order(change), timeout)

    async def cancel_order(self, *, timeout: float = TIMEOUT_S, **name: Unpack[OrderName]) -> OrderAccepted:
        """The node owes the cancel from then on, through restarts."""
        return await self._ask(ops.cancel_order(name), timeout)

    async def cancel_orders(
        self, *, timeout: float = TIMEOUT_S, **which: Unpack[OrderScope]
    ) -> list[OrderAccepted]:
        """All working orders that match everything given; `all=True` for everybody's."""
        return (await self._ask(ops.cancel_orders(which), timeout)).orders

    async def get_orders(self, *, timeout: float = TIMEOUT_S, **wanted: Unpack[OrderFilter]) -> list[Order]:
        """All orders, finished ones too, oldest first."""
        return (await self._ask(ops.orders(wanted), timeout)).orders

    async def executions(
        self, *, timeout: float = TIMEOUT_S, **wanted: Unpack[ExecutionFilter]
    ) -> list[ExecutionRow]:
        """Executions as they stand after corrections, with their costs, oldest first."""
        return (await self._ask(ops.executions(wanted), timeout)).executions

    async def halt(
        self,
        reason: str,
        *,
        strategy: str | None = None,
        cancel: bool = False,
        timeout: float = 15.0,
    ) -> Halted:
        """No new orders of a strategy, or of anybody; `cancel`: cancel what works, and list what remains."""
        return await self._ask(ops.halt(reason, strategy, cancel), timeout)

    async def resume(self, *, strategy: str | None = None, timeout: float = TIMEOUT_S) -> Halted:
        """Take a halt back."""
        return await self._ask(ops.resume(strategy), timeout)

    async def risk(self, *, timeout: float = TIMEOUT_S) -> list[RiskLayer]:
        """The limits that hold."""
        return (await self._ask(ops.risk(), timeout)).layers

    async def set_risk(
        self, limits: dict[str, Any], *, scope: str = "default", name: str = "", timeout: float = TIMEOUT_S
    ) -> list[RiskLayer]:
        """The limits of one layer from now on, in place of those it had."""
        return (await self._ask(ops.set_risk(limits, scope, name), timeout)).layers

    async def positions(self, *, timeout: float = TIMEOUT_S) -> list[PositionRow]:
        """Every position of every account."""
        return (await self._ask(ops.positions(), timeout)).positions

    async def contract_details(self, instrument: str, *, timeout: float = 30.0) -> list[ContractRow]:
        """Every contract that matches; the gateway answers these slowly. `timeout` is a page's."""
        page = await self._ask(ops.contract_details(instrument, None), timeout)
        rows, after = list(page.contracts), page.next
        while after is not None:
            page = await self._ask(ops.contract_details(instrument, after), timeout)
            rows += page.contracts
            after = ops.following("contract_details", after, page.next)
        return rows

    async def contract(self, instrument: str, *, timeout: float = 60.0) -> ContractRow:
        """The one contract that is spelled. Raises `AmbiguousContract` if several match: it names the fields
        that differ."""
        found = await self._ask(ops.qualify(instrument), timeout)
        if found.contract is None:
            raise AmbiguousContract(instrument, found.candidates, found.told_apart_by)
        return found.contract

    async def chain(
        self,
        instrument: str,
        expiry: str | None = None,
        *,
        trading_class: str | None = None,
        timeout: float = 300.0,
    ) -> Table[ListedContract]:
        """The options on an underlying that are really listed: of one expiry (YYYYMMDD) or, page by page, of
        all. `timeout` is a page's."""
        page = await self._ask(ops.option_chain(instrument, expiry, trading_class, None), timeout)
        rows = list(page.contracts)
        after = page.next
        while after is not None:
            page = await self._ask(ops.option_chain(instrument, None, trading_class, after), timeout)
            rows += page.contracts
            after = ops.following("option_chain", after, page.next)
        return Table(ListedContract, rows)

    async def search(self, pattern: str, *, timeout: float = 30.0) -> Table[FoundSymbol]:
        """Instruments whose symbol begins with `pattern`, or whose name has it; at most 16."""
        return Table(FoundSymbol, (await self._ask(ops.search(pattern), timeout)).contracts)

    async def bars(
        self,
        instrument: str,
        size: str,
        *,
        duration: str | None = None,
        start: int | datetime | None = None,
        end: int | datetime | None = None,
        what: str | None = None,
        rth: bool = False,
        timeout: float = 120.0,
        on_page: Callable[[list[BarRow], int | None], None] | None = None,
    ) -> Table[BarRow]:
        """Bars of the past, oldest first, each once: a `duration` like `2D` before `end`, or all from
        `start` (included) to `end` (not included; now unless given). Times are ns since the epoch or
        datetimes with a zone; `timeout` is a page's, of which a long range has several. `on_page` is called
        after each, with all rows until then and where the next page begins, None at the end."""
        to = ops.nanoseconds(end)
        args: dict[str, Any] = {"instrument": instrument, "size": size, "what": what, "rth": rth, "to": to}
        at = ops.nanoseconds(start)
        rows: list[BarRow] = []
        args["from"], args["duration"] = at, duration
        while True:
            page = await self._ask(ops.bars(args), timeout)
            rows += page.bars
            at = ops.following("bars", at, page.next)
            if on_page is not None:
                on_page(rows, at)
            if at is None:
                return Table(BarRow, rows)
            args["from"], args["duration"] = at, None

    async def ticks(
        self,
        instrument: str,
        start: int | datetime,
        end: int | datetime | None = None,
        *,
        what: str = "TRADES",
        rth: bool = False,
        ignore_size: bool = False,
        limit: int | None = None,
        timeout: float = 120.0,
        on_page: Callable[[list[TickRow], int | None], None] | None = None,
    ) -> Table[TickRow]:
        """Ticks of the past, oldest first, whole seconds: TRADES, BID_ASK or MIDPOINT, until there are
        `limit` of them or more. Times as those of `bars`, and `on_page`; `timeout` is a page's."""
        args: dict[str, Any] = {"instrument": instrument, "to": ops.nanoseconds(end), "what": what}
        args |= {"rth": rth, "ignore_size": ignore_size}
        rows: list[TickRow] = []
        at = ops.nanoseconds(start)
        while at is not None and (limit is None or len(rows) < limit):
            most = MOST_TICKS if limit is None else min(MOST_TICKS, limit - len(rows))
            page = await self._ask(ops.ticks(args | {"from": at, "limit": most}), timeout)
            rows += page.ticks
            at = ops.following("ticks", at, page.next)
            if on_page is not None:
                on_page(rows, at)
        return Table(TickRow, rows)

    async def snapshot(
        self, instrument: str, *, regulatory: bool = False, timeout: float = 15.0
    ) -> dict[str, Any]:
        """One quote, once: the fields of a `quote` event. `regulatory`: at IBKR's fee for each, unless the
        configuration forbids it."""
        return (await self._ask(ops.snapshot(instrument, regulatory), timeout)).quote

    async def wait_quote(
        self, instrument: str, *, live: bool = True, timeout: float | None = 30.0
    ) -> QuoteMirror:
        """Subscribe, and return once there is a bid and an ask: of live data, unless `live` is False. The
        mirror goes on being updated. Raises `StreamRefused` as soon as it is known that there will be none
        (no such contract), else `TimeoutError`, which has the reason."""
        mirror = self.quotes[instrument]

        def there() -> QuoteMirror | None:
            mirror.require_possible()
            whole = mirror.bid is not None and mirror.ask is not None
            return mirror if whole and (mirror.live or not live) else None

        try:
            return await self.wait_until(there, timeout)
        except TimeoutError:
            text = f"no quote of {instrument} within {timeout:g} s: {mirror.why_not(live=live)}"
            raise TimeoutError(text) from None

    async def status(self, *, timeout: float = TIMEOUT_S) -> ClusterState:
        """Every process, as the supervisor sees it."""
        return await self._ask(ops.status(), timeout)

    async def health(self, *, timeout: float = TIMEOUT_S) -> Health:
        """Every process as the status node receives its heartbeats; also without a supervisor."""
        return await self._ask(ops.health(), timeout)

    async def describe(self, process: str, *, timeout: float = TIMEOUT_S) -> Description:
        """What a process is and what it answers."""
        return await self._ask(ops.describe(process), timeout)
