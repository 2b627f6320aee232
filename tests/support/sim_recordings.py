"""Conversations recorded with real gateways, and a player of their client's side.

A recording is a list of turns: connecting, or a request, and what the gateway said until the client's next
move. The player brings a simulator's market to the prices of the recorded fills, makes the same moves and
collects its turns in the same form. The clock stands still but for a second after each move, which is ample
for all that follows from it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from twsmq_simulator import Server
from twsmq_simulator.commands import carry_out

from support.sim_stream import Client, Fields, connected

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "tws" / "recordings"
ZONES = {"CET": "Europe/Berlin", "Central European Standard Time": "Europe/Berlin"}
SECOND = 1_000_000_000


class Event(NamedTuple):
    """A message: its type, the state it tells (a status, an error's code), and its figures as text."""

    kind: str
    state: str = ""
    figures: str = ""


class Turn(NamedTuple):
    """`move` is "connect" or the client's request; `arguments` are those of the request."""

    move: str
    arguments: dict[str, Any]
    events: list[Event]


class Recording:
    """`connected_at` is when its first connection was made, ns UTC; `account` is the account's code."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.turns: list[Turn] = []
        self.connected_at = 0
        self.account = ""
        for line in (RECORDINGS / f"{name}.txt").read_text().splitlines():
            if not line or line.startswith("#"):
                continue
            who, _, rest = line.partition(" ")
            what, _, text = rest.partition(" ")
            match who:
                case "handshake":
                    self.connected_at = self.connected_at or _moment(json.loads(rest)["connection_time"])
                    self.turns.append(Turn("connect", {}, []))
                case "client":
                    self.turns.append(Turn(what, json.loads(text), []))
                case "server":
                    if what == "managed_accounts":
                        (self.account,) = json.loads(text)["accounts"]
                    self.turns[-1].events.append(_told(what, json.loads(text)))
                case "raw":
                    payload = base64.b64decode(text)[4:]
                    self.turns[-1].events.append(event_of(payload.decode().split("\0")[:-1]))
                case _:
                    assert who in ("sleep", "disconnect"), line


def _moment(text: str) -> int:
    """ "20260415 18:28:40 Central European Standard Time", ns UTC."""
    day, clock, zone = text.split(" ", 2)
    local = datetime.strptime(f"{day} {clock}", "%Y%m%d %H:%M:%S").replace(tzinfo=ZoneInfo(ZONES[zone]))
    return int(local.timestamp() * 1e9)


def _told(what: str, a: dict[str, Any]) -> Event:
    """A message as a transcript writes it."""
    match what:
        case "order_status":
            return Event(
                what, a["status"], f"{a['filled']} of {float(a['filled']) + float(a['remaining']):g}"
            )
        case "execution_detail":
            return Event(what, a["side"], _trade(a["shares"], a["price"]))
        case "api_error":
            return _error(int(a["req_id"]), str(a["code"]), a["message"])
        case "historical_schedule":
            names = ("start_date_time", "end_date_time", "ref_date")
            rows = [[session[name] for name in names] for session in a["sessions"]]
            return _schedule([a["start_date_time"], a["end_date_time"], a["time_zone"]], rows)
        case _:
            return Event(what)


def event_of(fields: Fields) -> Event:
    """A message as it is on the wire at version 200."""
    match fields[0]:
        case "3":
            return Event("order_status", fields[2], f"{fields[3]} of {float(fields[3]) + float(fields[4]):g}")
        case "4":
            return _error(int(fields[1]), fields[2], fields[3])
        case "11":
            return Event("execution_detail", fields[18], _trade(fields[19], fields[20]))
        case "101":
            return Event("completed_order", fields[-9].strip(), "|".join(fields[1:]))
        case "106":
            rows = [fields[nth : nth + 3] for nth in range(6, len(fields), 3)]
            return _schedule(fields[2:5], rows)
        case kind:
            return Event(NAMES.get(kind, kind))


NAMES = {
    "5": "open_order",
    "9": "next_valid_id",
    "15": "managed_accounts",
    "49": "current_time",
    "53": "open_order_end",
    "59": "commission_report",
    "102": "completed_orders_end",
}


def _trade(size: str, price: str) -> str:
    return f"{float(size):g} at {float(price):g}"


def _error(request_id: int, code: str, text: str) -> Event:
    """The letters of -'bN' change from build to build; farms differ from gateway to gateway."""
    return Event("notice", code) if request_id < 0 else Event("api_error", code, re.sub(r"-'\w+'", "", text))


def _schedule(head: list[str], rows: list[list[str]]) -> Event:
    return Event("historical_schedule", head[2], ", ".join("/".join(row) for row in [head[:2], *rows]))


class Player:
    """Plays the client's side of a recording, one connection after the other, as these client ids."""

    def __init__(self, server: Server, client_ids: tuple[int, ...] = (1,)) -> None:
        self._server = server
        self._client_ids = list(client_ids)
        self._client: Client | None = None
        self._after = 0

    async def play(self, recording: Recording) -> list[Turn]:
        """The recording's turns as the simulator sees to them."""
        return [
            Turn(turn.move, turn.arguments, [event_of(fields) for fields in await self._turn(turn)])
            for turn in recording.turns
        ]

    async def _turn(self, turn: Turn) -> list[Fields]:
        if turn.move == "connect":
            client = await self._connect()
        else:
            client = self._client
            assert client is not None
            self._move(client, turn)
        await self._settle(client)
        seen = [fields for fields in client.seen[self._after :] if fields[:2] != ["4", FENCE]]
        self._after = len(client.seen)
        return seen

    async def _connect(self) -> Client:
        if self._client is not None:
            self._client.close()
            while self._server.gateway.by_client:  # noqa: ASYNC110 - nobody is told when a client has gone
                await asyncio.sleep(0)
        client_id = self._client_ids[0] if len(self._client_ids) == 1 else self._client_ids.pop(0)
        self._client, self._after = await connected(self._server.port, client_id), 1  # past the handshake
        return self._client

    def _move(self, client: Client, turn: Turn) -> None:
        arguments = turn.arguments
        match turn.move:
            case "place_order":
                self._set_market(turn)
                _place(client, arguments)
            case "cancel_order":
                client.cancel(int(arguments["order_id"]))
            case "req_open_orders":
                client.send(*{"all": ("16", "1"), "client": ("5", "1")}[arguments["scope"]])
            case "req_completed_orders":
                client.send("99", "1" if arguments["api_only"] else "0")
            case "req_current_time":
                client.send("49", "1")
            case "req_ids":
                client.send("8", "1", arguments["num_ids"])
            case "req_historical_bars":
                _ask_history(client, arguments)
            case other:
                raise AssertionError(other)

    def _set_market(self, turn: Turn) -> None:
        """Puts the side of the book that an order will take at the price of its recorded fill."""
        contract = _contract(turn.arguments)
        for event in turn.events:
            if event.kind == "execution_detail":
                price = float(event.figures.partition(" at ")[2])
                args = {"symbol": contract["symbol"], "sec_type": contract["sec_type"]}
                carry_out(self._server.gateway, "set_price", args | {"price": price})
                book = self._server.gateway.exchange.required(int(contract["con_id"]))
                away = (book.ask if turn.arguments["action"] == "BUY" else book.bid) - price
                carry_out(self._server.gateway, "set_price", args | {"price": price - away})

    async def _settle(self, client: Client) -> None:
        """A second for all that follows from the last move, and everything read."""
        await _fenced(client)
        self._server.gateway.step_clock(SECOND)
        self._server.gateway.settle()
        await _fenced(client)


FENCE = "999999"


async def _fenced(client: Client) -> None:
    """Reads on until the answer to a request that is no part of the conversation: everything before it has
    been read.
    """
    client.send("2", "1", FENCE)
    await client.until("4", lambda fields: fields[1] == FENCE)


def _contract(arguments: dict[str, Any]) -> dict[str, Any]:
    """Some transcripts leave the contract out of a request and have it in the answer: always this one."""
    return arguments.get("contract", {"con_id": "265598", "symbol": "AAPL", "sec_type": "STK"})


def _place(client: Client, arguments: dict[str, Any]) -> None:
    contract = _contract(arguments)
    head = "|".join((contract["con_id"], contract["symbol"], contract["sec_type"]))
    client.place(
        int(arguments["order_id"]),
        arguments["action"],
        arguments["total_quantity"],
        arguments["order_type"],
        limit=arguments.get("lmt_price", ""),
        tif=arguments["tif"],
        contract=f"{head}|||||{contract.get('exchange', 'SMART')}||USD||||",
        transmit=0 if arguments.get("transmit") is False else 1,
    )


def _ask_history(client: Client, arguments: dict[str, Any]) -> None:
    """Up to now: the transcript has a variable for the request's end."""
    contract = arguments["contract"]
    described = ["0", contract["symbol"], contract["sec_type"], "", "", "", ""]
    described += [contract["exchange"], contract["primary_exchange"], contract["currency"]]
    described += [contract["local_symbol"], ""]
    regular = "1" if arguments["use_rth"] else "0"
    asked = [arguments["bar_size"], arguments["duration"], regular, arguments["what_to_show"]]
    client.send("20", "1", *described, "0", "", *asked, "1", "0", "")
