"""Conversations recorded with a paper Gateway, replayed against the simulator with the market at the recorded
prices: the same types of messages and statuses in the same order.

The recordings are curated: they leave out repeated reports and some messages. `DIFFERENCES` lists what the
simulator does otherwise, with the reason; everything else has to agree.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sim_stream import Client, close_all, connected
from twsmq_simulator import Server, Settings, serve
from twsmq_simulator.commands import carry_out

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "tws" / "recordings"
START = 1_776_270_000_000_000_000  # 15 April 2026, when most were recorded
WATCHED = ("open_order", "order_status", "execution_detail", "api_error", "commission_report")
NOTICE = {"api_error": -1}  # errors about nothing the client asked for
Steps = list[tuple[str, str, dict[str, Any]]]
REPLAYED = [
    "api_dollar_cost_averaging_aapl",
    "api_future_campaign_mes",
    "api_order_rest_cancel_aapl",
    "api_reconnect_active_order_aapl",
    "api_order_handle_reconnect_cancel_aapl",
    "api_transmit_false_then_transmit_aapl",
    "place_order_fill_native_execution_time",
    "place_order_invalid_type_live_error",
]
# What recordings leave out or have of their own: event -> (recordings it concerns, None for all; why)
DIFFERENCES: dict[tuple[str, str], tuple[set[str] | None, str]] = {
    ("open_order", ""): (None, "repeated reports are left out of the recordings"),
    ("commission_report", ""): (None, "left out of most recordings"),
    ("order_status", "PreSubmitted"): (
        None,
        "a resting order is reported PreSubmitted first in one of them only",
    ),
    ("order_status", "PendingCancel"): (
        {"api_order_rest_cancel_aapl"},
        "reported here; exact captures go straight to Cancelled",
    ),
    ("order_status", "Submitted"): (
        {"api_dollar_cost_averaging_aapl"},
        "the last market order was Submitted before it filled, the others were not",
    ),
}
NOT_REPLAYED = {
    "api_client_id0_order_observation_aapl": "another client cancels; exact captures show 10147 instead",
    "api_cross_client_cancel_aapl": "another client cancels; exact captures show 10147 instead",
    "place_order_modify_to_market_late_execution": "Filled before its execution; other captures: after it",
    "completed_orders_cancelled_system_live": "one frame without the conversation that led to it",
    "current_time": "no order; part of the conformance scenarios",
    "historical_schedule_aapl": "compared below",
    "req_ids": "compared below",
}


class Recording:
    """Lines of a transcript as (who, what, arguments)."""

    def __init__(self, name: str) -> None:
        self.steps: Steps = []
        for line in (RECORDINGS / f"{name}.txt").read_text().splitlines():
            if not line or line.startswith("#"):
                continue
            who, _, rest = line.partition(" ")
            if who == "handshake":
                self.steps.append((who, "", {}))
            elif who in ("client", "server"):
                what, _, arguments = rest.partition(" ")
                self.steps.append((who, what, json.loads(arguments)))
            else:
                self.steps.append((who, "", {}))


def event_of(what: str, arguments: dict[str, Any]) -> tuple[str, str]:
    if what == "order_status":
        return what, arguments["status"]
    if what == "api_error":
        return what, str(arguments["code"])
    return what, ""


def seen_event(fields: list[str]) -> tuple[str, str] | None:
    match fields[0]:
        case "3":
            return "order_status", fields[2]
        case "5":
            return "open_order", ""
        case "11":
            return "execution_detail", ""
        case "59":
            return "commission_report", ""
        case "53":
            return "open_order_end", ""
        case "4" if int(fields[1]) > 0:
            return "api_error", fields[2]
        case _:
            return None


def essential(events: list[tuple[str, str]], name: str) -> list[tuple[str, str]]:
    """Without what the differences allow, and without a state reported again."""
    allowed = {
        event for event, (concerned, _) in DIFFERENCES.items() if concerned is None or name in concerned
    }
    kept = [event for event in events if event not in allowed and event[0] != "open_order_end"]
    return [event for nth, event in enumerate(kept) if nth == 0 or event != kept[nth - 1]]


class Player:
    """Plays the client's side of a recording. Order ids are those the simulator hands out."""

    def __init__(self, server: Server, name: str) -> None:
        self._server = server
        self._name = name
        self._ids: dict[str, int] = {}
        self._client: Client | None = None
        self._after = 0
        self.recorded: list[tuple[str, str]] = []
        self.seen: list[tuple[str, str]] = []

    async def play(self, recording: Recording) -> None:
        for nth, (who, what, arguments) in enumerate(recording.steps):
            if who == "handshake":
                self._client = await connected(self._server.port, 1)
                self._after = len(self._client.seen)
            elif who == "server" and what in WATCHED and arguments.get("req_id") != NOTICE.get(what, ()):
                self.recorded.append(event_of(what, arguments))
            elif who == "client":
                await self._act(what, arguments, recording.steps[nth + 1 :])
            elif who == "disconnect":
                await self._hang_up()

    async def _act(self, what: str, arguments: dict[str, Any], rest: Steps) -> None:
        client = self._client
        assert client is not None
        match what:
            case "place_order":
                self._set_market(rest)
                self._place(client, arguments)
            case "cancel_order":
                client.cancel(self._ids[arguments["order_id"]])
            case "req_open_orders":
                client.send("5", "1")
            case _:
                raise AssertionError(what)
        await self._until_quiet(client, rest)

    def _set_market(self, rest: Steps) -> None:
        """Puts the market at the price of the order's next fill, if it has one."""
        for who, what, arguments in rest:
            if who == "client":
                return
            if what == "execution_detail":
                args = {"symbol": arguments["symbol"], "price": float(arguments["price"])}
                kind = "FUT" if arguments["symbol"] == "MES" else "STK"
                carry_out(self._server.gateway, "set_price", args | {"sec_type": kind})

    def _place(self, client: Client, arguments: dict[str, Any]) -> None:
        recorded_id = str(arguments["order_id"])
        mine = self._ids.setdefault(recorded_id, len(self._ids) + 1)
        contract = arguments.get("contract", {"con_id": "265598", "symbol": "AAPL", "sec_type": "STK"})
        head = "|".join((contract["con_id"], contract["symbol"], contract["sec_type"]))
        spec = f"{head}|||||{contract.get('exchange', 'SMART')}||USD||||"
        transmit = 0 if arguments.get("transmit") is False else 1
        client.place(
            mine, arguments["action"], arguments["total_quantity"], arguments["order_type"],
            limit=arguments.get("lmt_price", ""), tif=arguments["tif"], contract=spec, transmit=transmit,
        )  # fmt: skip

    async def _until_quiet(self, client: Client, rest: Steps) -> None:
        """Reads until the last event recorded before the client's next move has come."""
        expected: list[tuple[str, str]] = []
        for who, what, arguments in rest:
            if who != "server":
                if who in ("client", "disconnect"):
                    break
                continue
            expected.append(event_of(what, arguments))
        wanted = essential(expected, self._name)[-1:] or [("open_order", "")] * bool(expected)
        while wanted:
            fields = await client.receive()
            if seen_event(fields) == wanted[0]:
                break
        await client.drained()

    async def _hang_up(self) -> None:
        client = self._client
        assert client is not None
        self.seen += [event for fields in client.seen[self._after :] if (event := seen_event(fields))]
        client.close()
        while self._server.gateway.by_client:  # noqa: ASYNC110 - nobody is told when a client has gone
            await asyncio.sleep(0)


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not at hand")
@pytest.mark.parametrize("name", REPLAYED)
def test_the_same_conversation(tmp_path: Path, name: str) -> None:
    async def run() -> Player:
        server = await serve(Settings(data_dir=tmp_path, start=START, accounts=("DU9000001",), tick_rate=20))
        player = Player(server, name)
        try:
            await asyncio.wait_for(player.play(Recording(name)), 20)
        finally:
            await server.close()
            await close_all()
        return player

    player = asyncio.run(run())
    assert essential(player.recorded, name), "a recording without events proves nothing"
    assert essential(player.seen, name) == essential(player.recorded, name)


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not at hand")
def test_every_recording_is_replayed_or_has_a_reason() -> None:
    names = {path.stem for path in RECORDINGS.glob("*.txt")}
    assert names == set(REPLAYED) | set(NOT_REPLAYED)


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not at hand")
def test_the_recorded_schedule(tmp_path: Path) -> None:
    """AAPL's sessions of a month: the same days and hours but Good Friday; there are no holidays here."""
    recorded = Recording("historical_schedule_aapl").steps[-2][2]["sessions"]

    async def run() -> list[str]:
        april_11 = 1_775_930_000_000_000_000
        server = await serve(Settings(data_dir=tmp_path, start=april_11))
        try:
            client = await connected(server.port, 1)
            contract = ["0", "AAPL", "STK", "", "", "", "", "SMART", "", "USD", "", ""]
            client.send("20", "1", *contract, "0", "", "1 day", "1 M", "1", "SCHEDULE", "1", "0", "")
            return await client.until("106")
        finally:
            await server.close()
            await close_all()

    fields = asyncio.run(run())
    rows = [tuple(fields[nth : nth + 3]) for nth in range(6, len(fields), 3)]
    wanted = [(s["start_date_time"], s["end_date_time"], s["ref_date"]) for s in recorded]
    assert fields[4] == "US/Eastern"
    assert [row for row in rows if row[2] != "20260403"][-len(wanted) :] == wanted
