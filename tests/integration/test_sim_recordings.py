"""Conversations recorded with real gateways, replayed against the simulator with the market at the recorded
prices: the same messages, statuses, sizes and prices in the same order, turn by turn.

Most recordings are curated: they leave out repeated reports and some messages. What the simulator does
otherwise is listed here with the reason; everything else has to agree, and a listed difference has to occur.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from support.sim_recordings import RECORDINGS, Event, Recording, Turn
from support.sim_recordings_player import Player
from support.sim_stream import Client, Fields, close_all, connected, play
from twsmq_simulator import Server, Settings, serve

pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not at hand")

NAMES = [
    "api_client_id0_order_observation_aapl",
    "api_cross_client_cancel_aapl",
    "api_dollar_cost_averaging_aapl",
    "api_future_campaign_mes",
    "api_order_handle_reconnect_cancel_aapl",
    "api_order_rest_cancel_aapl",
    "api_reconnect_active_order_aapl",
    "api_transmit_false_then_transmit_aapl",
    "completed_orders_cancelled_system_live",
    "current_time",
    "historical_schedule_aapl",
    "place_order_fill_native_execution_time",
    "place_order_invalid_type_live_error",
    "place_order_modify_to_market_late_execution",
    "req_ids",
]
OTHERS_CANCEL = {"api_client_id0_order_observation_aapl": 295, "api_cross_client_cancel_aapl": 296}
CLIENT_IDS = dict(zip(OTHERS_CANCEL, ((1, 0), (1, 2)), strict=True))  # one for each connection
RECONNECTING = {"api_order_handle_reconnect_cancel_aapl", "api_reconnect_active_order_aapl"}
RESTING = {
    *OTHERS_CANCEL,
    *RECONNECTING,
    "api_transmit_false_then_transmit_aapl",
    "place_order_modify_to_market_late_execution",
}
ONE_NOTICE = {"current_time", "place_order_fill_native_execution_time", "req_ids"}
ALL_NOTICES = {"historical_schedule_aapl"}
LISTING = {*OTHERS_CANCEL, "api_reconnect_active_order_aapl"}


class LeftOut(NamedTuple):
    """A message that the simulator sends and these recordings do not have."""

    recordings: set[str]
    move: str
    kind: str
    state: str
    why: str


class Instead(NamedTuple):
    """What the simulator says where this recording has something else."""

    recording: str
    move: str
    recorded: list[Event]
    here: list[Event]
    why: str


LEFT_OUT = [
    *(
        LeftOut(
            set(NAMES) - ONE_NOTICE - ALL_NOTICES if code == "2104" else set(NAMES) - ALL_NOTICES,
            "connect",
            "notice",
            code,
            "of the farm notices the transcripts keep none or one, and one of them all kinds",
        )
        for code in ("2104", "2106", "2158")
    ),
    *(
        LeftOut(
            RECONNECTING,
            "connect",
            kind,
            state,
            "exact captures at versions 214 and 225 have a client's working orders before managedAccounts",
        )
        for kind, state in (("open_order", ""), ("order_status", "Submitted"), ("open_order_end", ""))
    ),
    LeftOut(
        LISTING,
        "req_open_orders",
        "order_status",
        "Submitted",
        "exact captures have orderStatus after every openOrder",
    ),
    LeftOut(
        RESTING,
        "place_order",
        "order_status",
        "PreSubmitted",
        "left out of all but one recording of a resting order",
    ),
    LeftOut(
        {"api_dollar_cost_averaging_aapl"},
        "place_order",
        "commission_report",
        "",
        "every other recorded fill has one",
    ),
    LeftOut(
        {"completed_orders_cancelled_system_live"},
        "req_completed_orders",
        "completed_order",
        "Cancelled by Trader",
        "of the bracket that its group and parent id speak of, one order is recorded",
    ),
]
INSTEAD = [
    *(
        Instead(
            name,
            "cancel_order",
            [
                Event("order_status", "Cancelled", "0 of 10"),
                Event("api_error", "202", "Order Canceled - reason:"),
            ],
            [Event("api_error", "10147", f"OrderId {order_id} that needs to be cancelled is not found.")],
            "exact captures of another client's cancel have 10147",
        )
        for name, order_id in OTHERS_CANCEL.items()
    ),
    Instead(
        "api_dollar_cost_averaging_aapl",
        "place_order",
        [Event("order_status", "Submitted", "0 of 15")],
        [Event("order_status", "PreSubmitted", "0 of 15")],
        "of four market orders the last was Submitted before it filled; which will be is not known",
    ),
    Instead(
        "api_order_rest_cancel_aapl",
        "cancel_order",
        [Event("order_status", "PendingCancel", "0 of 1")],
        [],
        "reported here only; exact captures go straight to Cancelled",
    ),
    Instead(
        "place_order_modify_to_market_late_execution",
        "place_order",
        [Event("order_status", "Filled", "1 of 1"), Event("execution_detail", "BOT", "1 at 257.9")],
        [
            Event("order_status", "Submitted", "0 of 1"),
            Event("execution_detail", "BOT", "1 at 257.9"),
            Event("order_status", "Filled", "1 of 1"),
        ],
        "Filled came before its execution here only; the new version is reported before it trades",
    ),
]
# Fields of the completed order that cannot be the same: place -> why
COMPLETED_FIELDS = {
    17: "the group is named after the parent's permId",
    22: "permId",
    32: "rule80A: 0 in this capture, nothing in one at version 204",
    43: "displaySize: as the client sent it",
    59: "trailStopPrice: nothing in this capture, lmtPrice + 1 in one at version 204",
    79: "trailStopPrice again",
    84: "when a GTC order ends is told in the gateway's time zone, here US/Eastern",
    91: "the parent's permId",
    92: "when it ended",
    101: "submitter: nothing in this capture, a name in one at version 204",
}


def reported_once(events: list[Event]) -> list[Event]:
    """Recordings leave out what is reported again: an openOrder after the first of a turn, the same
    message.
    """
    kept: list[Event] = []
    for event in events:
        if event.kind == "open_order" and event in kept:
            continue
        if not kept or event != kept[-1]:
            kept.append(event)
    return kept


def without_left_out(turn: Turn, name: str, met: list[object]) -> list[Event]:
    kept: list[Event] = []
    for event in turn.events:
        listed = [
            each
            for each in LEFT_OUT
            if name in each.recordings and each[1:4] == (turn.move, event.kind, event.state)
        ]
        met += listed
        kept += [] if listed else [event]
    return reported_once(kept)


def with_differences(turn: Turn, name: str, met: list[object]) -> list[Event]:
    """The recorded turn as it is expected here."""
    events = reported_once(turn.events)
    for each in INSTEAD:
        size = len(each.recorded)
        for nth in range(len(events) - size + 1):
            if (name, turn.move, events[nth : nth + size]) == each[:3]:
                events[nth : nth + size] = each.here
                met.append(each)
                break
    return events


def masked(event: Event) -> Event:
    if event.kind != "completed_order":
        return event
    fields = event.figures.split("|")
    return event._replace(
        figures="|".join("" if nth in COMPLETED_FIELDS else field for nth, field in enumerate(fields))
    )


async def cancelled_bracket(server: Server) -> None:
    """What must have led to the recorded completed order: its parent was cancelled."""
    client = await connected(server.port, 1)
    client.place(1, "BUY", 1, "LMT", limit="1.00", tif="GTC", transmit=0)
    client.place(2, "SELL", 1, "LMT", limit="500.00", tif="GTC", parent=1)
    await client.status(2, "PreSubmitted")
    client.cancel(1)
    await client.drained()
    server.gateway.step_clock(1_000_000_000)
    server.gateway.settle()
    await client.error(202)
    client.close()
    while server.gateway.by_client:  # noqa: ASYNC110 - nobody is told when a client has gone
        await asyncio.sleep(0)


PROLOGUES: dict[str, Callable[[Server], Awaitable[None]]] = {
    "completed_orders_cancelled_system_live": cancelled_bracket
}


def replayed(folder: Path, recording: Recording) -> list[Turn]:
    async def run() -> list[Turn]:
        settings = Settings(
            data_dir=folder,
            start=recording.connected_at,
            accounts=(recording.account,),
            tick_rate=20,
            clock_speed=0,
            reports="plain",
        )
        server = await serve(settings)
        try:
            if recording.name in PROLOGUES:
                await PROLOGUES[recording.name](server)
            player = Player(server, CLIENT_IDS.get(recording.name, (1,)))
            return await asyncio.wait_for(player.play(recording), 20)
        finally:
            await server.close()
            await close_all()

    return asyncio.run(run())


@pytest.mark.parametrize("name", NAMES)
def test_the_same_conversation(tmp_path: Path, name: str) -> None:
    recording, met = Recording(name), list[object]()
    turns = replayed(tmp_path, recording)
    assert any(turn.events for turn in recording.turns[1:]), "a recording without events proves nothing"
    for recorded, here in zip(recording.turns, turns, strict=True):
        wanted = with_differences(recorded, name, met)
        seen = without_left_out(here, name, met)
        assert [masked(event) for event in seen] == [masked(event) for event in wanted], recorded.move
    listed = [each for each in LEFT_OUT if name in each.recordings]
    listed += [each for each in INSTEAD if each.recording == name]
    assert not [each for each in listed if each not in met], "listed, but no difference"


def test_every_recording_is_replayed() -> None:
    assert sorted(path.stem for path in RECORDINGS.glob("*.txt")) == sorted(NAMES)


# ---- a session recorded with TWS at version 173: what each request was answered, byte by byte

MONEY = {"61": [15], "63": [5], "49": [2]}  # average cost, an account's figure, the time: not ours to repeat


async def with_the_recorded_positions(server: Server) -> None:
    """Short 110 AAPL, long one ES, as the recorded account was."""
    trader = await connected(server.port, 1)
    trader.place(1, "SELL", 110, "MKT")
    trader.place(2, "BUY", 1, "MKT", contract="637533641|ES|FUT|||||CME||USD||||")
    for order_id in (1, 2):
        await trader.status(order_id, "Filled")
    trader.close()


def told(fields: Fields) -> Fields:
    """A message without its figures of money and with the recorded account's name."""
    hidden = [("" if nth in MONEY.get(fields[0], ()) else field) for nth, field in enumerate(fields)]
    return ["ACCOUNT_ID" if field == "DU1234567" else field for field in hidden]


def test_the_session_recorded_at_version_173(tmp_path: Path) -> None:
    """Every request in the recorded bytes and order; cancelPnL without a subscription stays unanswered."""
    session = yaml.safe_load((RECORDINGS / "tws_interactions.v173.yaml").read_text())
    recorded_at = datetime.fromisoformat(session["header"]["recorded_at"][:19]).replace(tzinfo=UTC)

    async def story(server: Server) -> None:
        await with_the_recorded_positions(server)
        client = Client(*await asyncio.open_connection("127.0.0.1", server.port))
        await client.greet(2, f"v100..{session['header']['server_version']}")
        await client.until("4", lambda fields: "2158" in fields)
        assert client.version == session["header"]["server_version"]
        for each in session["interactions"]:
            before = len(client.seen)
            client.send(*each["request"]["raw"].split("\0")[:-1])
            await client.drained()
            recorded = [response["raw"].split("\0")[:-1] for response in each["responses"]]
            assert [told(f) for f in client.seen[before:-1]] == [told(f) for f in recorded], each["name"]

    play(tmp_path, story, start=int(recorded_at.timestamp() * 1e9))
