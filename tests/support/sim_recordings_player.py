"""Plays a recording's moves to the simulated gateway and gathers what it says."""

from __future__ import annotations

import asyncio
from typing import Any

from twsmq_simulator import Server
from twsmq_simulator.commands import carry_out

from support.sim_recordings import SECOND, Recording, Turn, event_of
from support.sim_stream import Client, Fields, connected


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

    def _move(self, client: Client, turn: Turn) -> None:  # noqa: C901  a table of moves
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
            case "market_data_type":
                client.send("59", "1", str(arguments["kind"]))
            case "market_data":
                once = "1" if arguments["snapshot"] else "0"
                client.send("1", "11", str(arguments["req_id"]), *STOCK, "0", "", once, "0", "")
            case "cancel_market_data":
                client.send("2", "2", str(arguments["req_id"]))
            case "global_cancel":
                client.send("58", "", "")
            case "executions":
                client.send("7", "3", "1", *[""] * 7, "2147483647", "0")
            case "req_account_summary":
                client.send("62", "1", "1", "All", ",".join(arguments["tags"]))
            case "cancel_account_summary":
                client.send("63", "1", "1")
            case "req_positions":
                client.send("61", "1")
            case "cancel_positions":
                client.send("64", "1")
            case "req_contract_details":
                client.send("9", "8", "1", *STOCK, "0", "", "", "")
            case "req_realtime_bars":
                client.send("50", "3", "1", *STOCK, "5", "TRADES", "1", "")
            case other:
                raise AssertionError(other)

    def _set_market(self, turn: Turn) -> None:
        """Puts the side of the book that an order will take at the price of its recorded fill."""
        contract = _contract(turn.arguments)
        fills = [event.figures for event in turn.events if event.kind == "execution_detail"]
        if len(fills) > 1:
            self._set_levels(contract, turn.arguments["action"], fills)
            return
        for event in turn.events:
            if event.kind == "execution_detail":
                price = float(event.figures.partition(" at ")[2])
                args = {"symbol": contract["symbol"], "sec_type": contract["sec_type"]}
                carry_out(self._server.gateway, "set_price", args | {"price": price})
                book = self._server.gateway.exchange.required(int(contract["con_id"]))
                away = (book.ask if turn.arguments["action"] == "BUY" else book.bid) - price
                carry_out(self._server.gateway, "set_price", args | {"price": price - away})

    def _set_levels(self, contract: dict[str, Any], action: str, fills: list[str]) -> None:
        """Several fills: the book has just these levels."""
        book = self._server.gateway.exchange.required(int(contract["con_id"]))
        tick = book.instrument.min_tick
        levels = [
            [round(float(at) / tick), int(size)] for size, _, at in (f.partition(" at ") for f in fills)
        ]
        book.set_price(levels[0][0] * tick)
        side = book.asks if action == "BUY" else book.bids
        side[: len(levels)] = levels

    async def _settle(self, client: Client) -> None:
        """A second for all that follows from the last move, and everything read."""
        await _fenced(client)
        self._server.gateway.step_clock(SECOND)
        self._server.gateway.settle()
        await _fenced(client)


FENCE = "999999"
STOCK = ["0", "AAPL", "STK", "", "", "", "", "SMART", "", "USD", "", ""]


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
        aux=arguments.get("aux_price", "") or _amount(arguments),
        tif=arguments["tif"],
        parent=int(arguments.get("parent", 0)),
        oca=arguments.get("oca", ""),
        what_if=1 if arguments.get("what_if") else 0,
        contract=f"{head}|||||{contract.get('exchange', 'SMART')}||USD||||",
        transmit=0 if arguments.get("transmit") is False else 1,
    )


def _amount(arguments: dict[str, Any]) -> str:
    """A trailing percentage as an amount: these tests' requests have no place for the first."""
    percent = arguments.get("trailing_percent")
    return f"{264 * float(percent) / 100:.2f}" if percent else ""


def _ask_history(client: Client, arguments: dict[str, Any]) -> None:
    """Up to now: the transcript has a variable for the request's end."""
    contract = arguments["contract"]
    described = ["0", contract["symbol"], contract["sec_type"], "", "", "", ""]
    described += [contract["exchange"], contract["primary_exchange"], contract["currency"]]
    described += [contract["local_symbol"], ""]
    regular = "1" if arguments["use_rth"] else "0"
    asked = [arguments["bar_size"], arguments["duration"], regular, arguments["what_to_show"]]
    client.send("20", "1", *described, "0", "", *asked, "1", "0", "")
