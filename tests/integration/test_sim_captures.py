"""Captures of April to August 2026 at server versions 200 to 225, played at 200 by their meaning.

A gateway reports one thing in several ways; here each order takes the way that was captured (see
`broker/habits.py`), so that what remains different is listed, with its reason. Compared are, turn by turn,
statuses with sizes, codes, fills and what else comes for a request; the same again counts once.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NamedTuple

import pytest
from support.sim_recordings import OURS, RECORDINGS, Recording, Turn
from support.sim_recordings_player import Player
from support.sim_stream import close_all
from twsmq_simulator import Settings, serve
from twsmq_simulator.broker.habits import Habits
from twsmq_simulator.broker.model import Order, Status

STATUSES = {status.value: status for status in Status}
# Pairs and fills are recorded in part, and of farm notices every capture has its own.
LEFT_OUT = {"open_order", "commission_report", "open_order_end", "notice", "tick"}


class Ways(Habits):
    """Each order in the way that was recorded for it: by its id, the statuses of its first turn and so on."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(plain=True)
        self._shown: dict[int, list[str]] = {}
        self._notice_first: dict[int, bool] = {}
        self._pending: dict[int, int] = {}
        self._pairs: dict[int, int] = {}
        for turn in recording.turns:
            if turn.move == "place_order":
                order_id = int(turn.arguments["order_id"])
                self._shown.setdefault(order_id, [e.state for e in turn.events if e.kind == "order_status"])
                kinds = [e.state if e.kind == "api_error" else e.kind for e in turn.events]
                first = kinds.index("399") < kinds.index("order_status") if "399" in kinds else True
                self._notice_first.setdefault(order_id, first)
                self._pairs.setdefault(order_id, max(1, kinds.count("order_status")))
            elif turn.move == "cancel_order" and any(e.state == "PendingCancel" for e in turn.events):
                single = not any(e.kind == "open_order" for e in turn.events)
                self._pending[int(turn.arguments["order_id"])] = -1 if single else 2

    def market_way(self, order: Order) -> tuple[Status, ...]:
        shown = dict.fromkeys(self._shown.get(order.order_id, ["PreSubmitted"]))
        way = tuple(STATUSES[s] for s in shown if s in ("PreSubmitted", "Submitted"))
        return way or (Status.PRE_SUBMITTED,)

    def notice_first(self, order: Order) -> bool:
        return self._notice_first.get(order.order_id, True)

    def pending_pairs(self, order: Order) -> int:
        return self._pending.get(order.order_id, 0)

    def waiting_pairs(self, order: Order) -> int:
        return self._pairs.get(order.order_id, 1)


class Capture(NamedTuple):
    """`hours` "exchange" for what was captured at night; `at` puts AAPL where the client thought it was;
    `differs`: (what was asked, recorded, here, why).
    """

    name: str
    hours: str = "always"
    unsubscribed: tuple[str, ...] = ()
    differs: tuple[tuple[str, str, str, str], ...] = ()
    at: float = 0.0


PLACE, DATA = "place_order", "market_data"
NO_TICKS = (DATA, "tick_req_params, tick_snapshot_end",
          "market_data_type 3, tick_req_params, tick_snapshot_end",
          "this snapshot at night had neither a type nor ticks; another of that day has both")  # fmt: skip
CAPTURES = [
    Capture("api_ioc_fok_aapl", at=400.0, differs=(
        (PLACE, "PendingCancel, Cancelled", "PreSubmitted, Submitted, PendingCancel, Cancelled, 202",
         "curated: the reports before the end and 202 are left out"),
        (PLACE, "Inactive", "PreSubmitted, Submitted, Inactive", "curated: the reports before are left out"),
    )),
    Capture("api_order_type_matrix_first_order_v200"),
    Capture("api_pairs_trading_aapl_msft"),
    Capture("api_stop_loss_management_aapl"),
    Capture("api_tif_attribute_matrix_aapl", differs=(
        (PLACE, "PreSubmitted, Submitted, SLD 1 at 263.88, Filled", "PreSubmitted",
         "a trailing stop waits for the market to move, and within the second it does not"),
    )),
    Capture("realtime_bars_api_error", unsubscribed=("NASDAQ",), differs=(
        ("req_realtime_bars", "10089", "420", "users' logs have 420 for the same refusal"),
    )),
    Capture("grounded_account_summary"),
    Capture("grounded_bootstrap"),
    Capture("grounded_contract_details_aapl"),
    Capture("grounded_historical_bars"),
    Capture("grounded_positions", differs=(
        ("req_positions", "position, position_end", "position_end", "the account begins without positions"),
    )),
    Capture("api_bracket_trailing_stop_aapl", "exchange", ("NASDAQ",)),
    Capture("api_delayed_success_modify_aapl", "exchange", ("NASDAQ",), (NO_TICKS,)),
    Capture("api_oca_trigger_aapl", "exchange", ("NASDAQ",), (
        NO_TICKS,
        (PLACE, "", "399, PreSubmitted",
         "both orders were sent before anything came; here the first is answered first"),
        (PLACE, "PreSubmitted, 399, PreSubmitted, 399, PreSubmitted", "PreSubmitted, 399, PreSubmitted",
         "the same: what came for both is in the second's turn"),
    )),
    Capture("api_order_fill_aapl"),
    Capture("api_order_stop_cancel_aapl", "exchange", ("NASDAQ",), (NO_TICKS,)),
    Capture("api_whatif_margin_aapl", "exchange", differs=(
        (PLACE, "10255", "", "the client of these tests sends no algorithm"),
    )),
    Capture("completed_orders_sv204_live", differs=(
        ("req_completed_orders", "Cancelled by Trader, Filled Size: 1, completed_orders_end",
         "completed_orders_end", "the orders of an earlier run are not there"),
    )),
    Capture("empty_tif_default_aapl", "exchange", differs=(
        (PLACE, "PreSubmitted", "399, PreSubmitted", "the notice came late here only, after the cancel"),
        ("cancel_order", "399, PreSubmitted, PendingCancel, Cancelled, 202", "PendingCancel, Cancelled, 202",
         "the notice and a working report came late"),
    )),
    Capture("historical_bars_sv208"),
    Capture("set_type_switch_while_streaming", unsubscribed=("NASDAQ",)),
]  # fmt: skip
OWN = [
    Capture("market_orders_three_ways"),
    Capture("stop_moved_twice"),
    Capture("limit_at_night", "exchange"),
    Capture("limit_announced_as_pending", "exchange"),
    Capture("trailing_child_refused", "exchange"),
    Capture("three_fills_of_one_order"),
    Capture("killed_and_expired", at=400.0),
]  # fmt: skip


def told(turn: Turn) -> str:
    """A turn in words: statuses, codes, fills, what else came; the same again counts once."""
    words: list[str] = []
    for event in turn.events:
        word = event.kind
        if event.kind in LEFT_OUT or event.kind in ("managed_accounts", "next_valid_id"):
            continue
        if event.kind in ("order_status", "api_error", "completed_order"):
            word = event.state
        elif event.kind in ("execution_detail", "market_data_type"):
            word = f"{event.kind} {event.state}" if event.kind != "execution_detail" else (
                f"{event.state} {event.figures}"
            )  # fmt: skip
        if not words or words[-1] != word:
            words.append(word)
    return ", ".join(words)


def replayed(folder: Path, capture: Capture, recording: Recording) -> list[Turn]:
    async def run() -> list[Turn]:
        server = await serve(
            Settings(
                data_dir=folder,
                start=recording.connected_at,
                accounts=(recording.account,),
                tick_rate=20,
                clock_speed=0,
                hours=capture.hours,
                unsubscribed=capture.unsubscribed,
                limits="none",
            )
        )
        broker = server.gateway.broker
        broker.habits = Ways(recording)
        ids = [int(turn.arguments["order_id"]) for turn in recording.turns if turn.move == PLACE]
        if ids:
            broker.orders.use_id(1, min(ids) - 1)
        if capture.at:
            server.gateway.exchange.required(265598).set_price(capture.at)
        try:
            return await asyncio.wait_for(Player(server).play(recording), 20)
        finally:
            await server.close()
            await close_all()

    return asyncio.run(run())


def check(folder: Path, capture: Capture, recording: Recording) -> None:
    turns = replayed(folder, capture, recording)
    differing = {(move, recorded): here for move, recorded, here, _ in capture.differs}
    met: set[tuple[str, str]] = set()
    compared = 0
    for recorded, here in zip(recording.turns, turns, strict=True):
        if recorded.move == "connect":
            continue
        wanted, got = told(recorded), told(here)
        key = (recorded.move, wanted)
        if key in differing:
            met.add(key)
            wanted = differing[key]
        assert got == wanted, (capture.name, recorded.move, recorded.arguments)
        compared += bool(wanted)
    assert met == set(differing), "listed, but no difference"
    assert compared or capture.name == "grounded_bootstrap", "a recording without events proves nothing"


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the captures are not part of the repository")
@pytest.mark.parametrize("capture", CAPTURES, ids=[capture.name for capture in CAPTURES])
def test_a_capture_is_played(tmp_path: Path, capture: Capture) -> None:
    check(tmp_path, capture, Recording(capture.name))


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the captures are not part of the repository")
def test_every_capture_is_played() -> None:
    files = {path.stem for path in (RECORDINGS / "more").rglob("*.txt")}
    assert files == {capture.name for capture in CAPTURES}


@pytest.mark.parametrize("capture", OWN, ids=[capture.name for capture in OWN])
def test_a_recording_of_our_own_is_played(tmp_path: Path, capture: Capture) -> None:
    check(tmp_path, capture, Recording(capture.name, OURS))


def test_every_recording_of_our_own_is_played() -> None:
    assert {path.stem for path in OURS.glob("*.txt")} == {capture.name for capture in OWN}
