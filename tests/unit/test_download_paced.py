"""Downloads where IBKR's pacing decides how long they take: what requests are spent on, who waits."""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from support.history_of_a_desk import AAPL, DAY, HOUR, MSFT, NEW_YEARS_EVE, NS, Past, Run, order, refusal
from twsmq.download.ledger import Records, Scheduled
from twsmq.download.progress import Progress
from twsmq.download.verify import verify
from twsmq.download.wanted import spans_wanted

LONGEST_S, WINDOW_S, MOST = 1_992, 600.0, 54
"""Of bars of a second in one request of the history process; what IBKR and SPARE leave to bulk."""


class Paced(Past):
    """Each half hour of bars costs one of the requests that are allowed in ten minutes, each head one; what
    is not allowed yet waits, until its asker has had enough."""

    def __init__(self) -> None:
        super().__init__(1)
        self.requests: deque[float] = deque()
        self.count = 0
        self.absent = lambda time: time // NS % 30 > 0

    async def __call__(self, op: str, args: dict[str, Any], timeout: float) -> Any:  # noqa: ASYNC109
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        paced = {
            "bars": -(-(args.get("to", 0) - args.get("from", 0)) // (LONGEST_S * NS)),
            "head_timestamp": 1,
        }
        for _ in range(paced.get(op, 0)):
            while len(self.requests) >= MOST and self.requests[0] > loop.time() - WINDOW_S:
                wait = self.requests[0] + WINDOW_S - loop.time()
                if loop.time() + wait > deadline:
                    await asyncio.sleep(deadline - loop.time())
                    raise refusal("timeout", "not asked yet: IBKR allows 60 requests in 10 minutes")
                await asyncio.sleep(wait)
            self.requests.append(loop.time())
            if len(self.requests) > MOST:
                self.requests.popleft()
            self.count += 1
        return await super().__call__(op, args, timeout)


def test_bars_of_a_second_cost_hardly_more_requests_than_they_must(tmp_path: Path) -> None:
    """No night is asked for, no request is for a rest that another had room for, and whoever waits for pacing
    does not ask for less."""
    past = Paced()
    begin, days = NEW_YEARS_EVE - 9 * DAY, 8
    run = Run(tmp_path, past, order(begin, begin + 10 * DAY, size="1s"))
    assert run()
    assert verify(tmp_path).complete
    assert verify(tmp_path).instruments[0].bars == days * 780
    least = days * -(-23_400 // 2_000)
    assert past.count <= 1.1 * least + 1
    assert not [note for note in run.notes if "paused" in note]


def test_a_head_is_asked_for_only_where_it_spares_pieces(tmp_path: Path) -> None:
    past = Past()
    past.head = NEW_YEARS_EVE - 2 * DAY
    assert Run(tmp_path / "short", past, order(NEW_YEARS_EVE - 9 * DAY, NEW_YEARS_EVE))()
    assert "head_timestamp" not in [op for op, _ in past.asked]
    assert verify(tmp_path / "short").complete
    assert Run(tmp_path / "long", past, order(NEW_YEARS_EVE - 99 * DAY, NEW_YEARS_EVE))()
    assert "head_timestamp" in [op for op, _ in past.asked]


def test_bars_do_not_wait_for_heads_that_do(tmp_path: Path) -> None:
    class SlowHeads(Past):
        """Of all but the first."""

        def __init__(self) -> None:
            super().__init__()
            self.heads = 0
            self.came: list[float] = []

        async def __call__(self, op: str, args: dict[str, Any], timeout: float) -> Any:  # noqa: ASYNC109
            if op == "head_timestamp":
                self.heads += 1
                if self.heads > 1:
                    await asyncio.sleep(500.0)
            elif op == "bars" and args["instrument"] == AAPL:
                await asyncio.sleep(30.0)
                self.came.append(asyncio.get_running_loop().time())
            return await super().__call__(op, args, timeout)

    past, names = SlowHeads(), [AAPL, *(f"STK:S{nth}:SMART:USD" for nth in range(4))]
    run = Run(tmp_path, past, order(NEW_YEARS_EVE - 300 * DAY, NEW_YEARS_EVE, *names))
    assert run()
    assert not [note for note in run.notes if "paused" in note]
    assert past.came[3] - past.came[0] < 1.0, "four at a time, whoever plans"


def test_many_sessions_without_a_bar_are_proved_by_one_request(tmp_path: Path) -> None:
    past = Past()
    past.absent = lambda time: time // DAY % 2 == 0
    assert Run(tmp_path, past, order(NEW_YEARS_EVE - 100 * DAY, NEW_YEARS_EVE))()
    assert verify(tmp_path).complete
    assert sum(op == "bars" for op, _ in past.asked) == 4, "two pieces, and a proof of each"


def test_days_after_an_expiry_are_not_asked_for() -> None:
    begin, end = NEW_YEARS_EVE - 300 * DAY, NEW_YEARS_EVE + 300 * DAY
    for name, last in (
        ("FUT:ES:CME:USD:20261231", NEW_YEARS_EVE + 4 * DAY),
        ("FUT:CL:NYMEX:USD:202612", NEW_YEARS_EVE + 34 * DAY),
        ("OPT:SPY:SMART:USD:20261231:C:450", NEW_YEARS_EVE + 4 * DAY),
        (AAPL, end),
    ):
        schedule = Scheduled(instrument=name, begin=begin, end=end, time_zone="UTC", sessions=[])
        spans = spans_wanted(Records(wanted=[(begin, end)], schedule=schedule), "1s")
        assert (spans[0].begin, spans[-1].end) == (begin, last)


@pytest.mark.parametrize("share", [1, 5])
def test_what_is_left_is_counted_by_room_not_by_bars(share: int) -> None:
    """Of what trades in one minute of five, four fifths of the plan never come."""
    progress = Progress()
    progress.total = 1_000
    for second in range(11):
        progress.advance(10 // share, 10, float(second))
    assert progress.line(10.0).endswith("1 min 29 s left")
    assert progress.line(19.0).startswith(
        f"{110 // share} bars fetched, 11 % of the plan, {100 // share / 19:.0f} bars/s"
    )


def test_what_is_refused_is_not_waited_for(tmp_path: Path) -> None:
    denied = refusal("gateway_rejected", "No market data permissions", 162)

    class Denied(Past):
        async def __call__(self, op: str, args: dict[str, Any], timeout: float) -> Any:  # noqa: ASYNC109
            if op == "bars" and args["instrument"] == MSFT:
                raise denied
            return await super().__call__(op, args, timeout)

    run = Run(tmp_path, Denied(), order(NEW_YEARS_EVE - 200 * DAY, NEW_YEARS_EVE, AAPL, MSFT))
    assert not run()
    assert run.download is not None
    assert run.download.progress.line(0.0).split(", ")[1] == "100 % of the plan"


def test_the_end_of_a_paced_download_is_not_told_by_its_first_burst() -> None:
    progress = Progress(paced=True)
    progress.total = 40_000
    for second in range(11):
        progress.advance(1_000, 1_000, float(second))
    assert progress.line(10.0).endswith("IBKR allows 60 requests for bars this small in ten minutes")
    assert progress.line(600.0).endswith("29 min 00 s left")


def test_small_bars_that_are_fetched_anew_do_not_destroy_those_before(tmp_path: Path) -> None:
    """A split: the gateway gives bars of a second of the last half year only."""
    past = Paced()
    begin = NEW_YEARS_EVE - 2 * DAY
    assert Run(tmp_path, past, order(begin, begin + DAY, size="1s"))()
    (before,) = tmp_path.glob("instrument=*/year=*/bars.parquet")
    whole = before.read_bytes()
    past.price = 0.5
    run = Run(tmp_path, past, order(begin, begin + 2 * DAY, size="1s"))
    assert run()
    (kept,) = tmp_path.glob(".twsmq/before/*/year=*/bars.parquet")
    assert kept.read_bytes() == whole
    assert any(str(kept.parent.parent) in note for note in run.notes)
    assert verify(tmp_path).complete


def test_a_bar_that_the_gateway_has_no_more_is_named(tmp_path: Path) -> None:
    """As of another listing under the same name: nobody knows whether the two go together."""
    past = Past()
    begin = NEW_YEARS_EVE - 9 * DAY
    assert Run(tmp_path, past, order(begin, begin + 2 * DAY))()
    past.head = begin + 3 * DAY
    run = Run(tmp_path, past, order(begin, NEW_YEARS_EVE))
    run.wall += 8 * HOUR
    assert run()
    assert any("the gateway has the bar of" in note for note in run.notes)
