"""What was fetched before, asked for from the loop: the store in a thread of its own, and how old each kind
of answer may be.

Whoever asks is answered later, in the loop, and in the order of asking. A store that fails in a way it does
not know itself costs the answer, not the node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from time import time_ns
from typing import Any, TypeVar

import structlog
from msgspec import Struct
from twsmq_protocol.config import Config
from twsmq_protocol.history_requests import NEWEST_S, Head, Histogram, Schedule, TickPage
from twsmq_protocol.instruments import canonical

from .bars_job import Known
from .jobs import Forget, Keep
from .plan import DAY_S, NS
from .store import Answered, Store

T = TypeVar("T")

AGES_S: dict[type[Struct], float] = {Head: DAY_S, Schedule: DAY_S / 4, Histogram: 60.0}
"""How old an answer may be at most, whatever is configured; ticks that are past for good as old as bars."""
ADJUSTED_S = float(DAY_S)
"""Of what is given up to now only: prices less dividends change with every dividend, those of a continuous
future may with every roll."""

log = structlog.stdlib.get_logger()


class Memory:
    """`store`: used in its thread only."""

    def __init__(self, config: Config, store: Store) -> None:
        gateway, self._age_s = config.gateway, config.history.store_days * DAY_S
        seed = f":{config.simulator.seed}" if gateway.mode == "simulated" else ""
        self._address = f"{gateway.mode}:{gateway.host}:{gateway.port}{seed}"
        self._source = f"unknown:{time_ns()}"  # nobody else's, as long as it is not known who answers there
        self._on = config.history.store_mb > 0
        self._store = store
        self._thread = ThreadPoolExecutor(1, "history-store")
        self._loop = asyncio.get_running_loop()

    def logged_in(self, accounts: Iterable[str]) -> None:
        """A gateway answers. At the same address a simulated one may have answered before."""
        self._source = f"{self._address}:{','.join(sorted(accounts))}"

    def close(self) -> None:
        """What is to be kept still is."""
        self._thread.submit(self._store.close)
        self._thread.shutdown(wait=True)

    def name(self, op: str, instrument: str, *rest: object) -> str:
        """The same for two spellings of one instrument, another for each gateway: a simulated one has prices
        of its own."""
        return "|".join(map(str, (self._source, op, canonical(instrument), *rest)))

    def bars(
        self, series: str, begin: int, end: int, max_age_s: float | None,
        then: Callable[[list[Known]], None], *, up_to_now: bool,
    ) -> None:  # fmt: skip
        """Calls `then` with what is known, now or later."""
        age = self._age(max_age_s, ADJUSTED_S if up_to_now else self._age_s)
        if age <= 0 or begin >= end:
            then([])
        else:
            self._ask(lambda: self._store.bars(series, begin, end, age), [], then)

    def answer(
        self, name: str, kind: type[Any], max_age_s: float | None, then: Callable[[Answered | None], None]
    ) -> None:
        age = self._age(max_age_s, AGES_S.get(kind, self._age_s))
        if age <= 0:
            then(None)
        else:
            self._ask(lambda: self._store.answer(name, kind, age), None, then)

    def keep(self, taken: Keep | Forget) -> None:
        if not self._on:
            return
        store, series = self._store, str(taken.series)
        match taken:
            case Keep(_, begin, end, bars, confirmed):
                self._submit(lambda: store.keep(series, begin, end, bars, confirmed))
            case Forget():
                self._submit(lambda: store.forget(series))

    def keep_answer(self, name: str, result: Struct) -> None:
        if self._on:
            self._submit(lambda: self._store.keep_answer(name, result))

    def _age(self, wanted_s: float | None, most_s: float) -> float:
        if not self._on:
            return 0.0
        return most_s if wanted_s is None else wanted_s

    def _submit(self, work: Callable[[], object]) -> Future[object]:
        future = self._thread.submit(work)
        future.add_done_callback(_log_failure)
        return future

    def _ask(self, work: Callable[[], T], otherwise: T, then: Callable[[T], None]) -> None:
        def answered(future: Future[T]) -> None:
            found = otherwise if future.exception() is not None else future.result()
            self._loop.call_soon_threadsafe(then, found)

        future = self._thread.submit(work)
        future.add_done_callback(_log_failure)
        future.add_done_callback(answered)


def past_for_good(page: TickPage, to: int | None, now: int) -> bool:
    """Whether a page of ticks will be the same whenever it is asked for: the newest may be late."""
    last = page.next if page.next is not None else to
    return last is not None and last <= now - NEWEST_S * NS


def _log_failure(future: Future[Any]) -> None:
    error = future.exception()
    if error is not None:
        log.error("the store of history failed", problem=f"{type(error).__name__}: {error}")
