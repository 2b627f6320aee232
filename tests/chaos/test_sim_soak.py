"""Random clients and random faults against one simulator: it never crashes, its memory stays flat, and at the
end its books are right: every fill once, positions and cash what the fills add up to.

The short form runs with the tests; `-m slow` runs ten minutes of it.
"""

from __future__ import annotations

import asyncio
import gc
import random
from decimal import Decimal
from pathlib import Path

import psutil
import pytest
from support.sim_stream import Client, close_all, connected
from twsmq_simulator import Server, Settings, serve
from twsmq_simulator.broker.ledger import START_CASH
from twsmq_simulator.broker.model import Status
from twsmq_simulator.commands import carry_out

SYMBOLS = ("AAPL", "MSFT", "TSLA", "KO", "F", "SPY")
KINDS = ("MKT", "LMT", "STP", "STP LMT", "TRAIL", "MIT", "REL", "MTL", "MOC", "FEELINGS")
FAULTS: tuple[tuple[str, dict[str, object]], ...] = (
    ("drop", {}),
    ("connectivity_lost", {}),
    ("connectivity_restored", {"data_lost": True}),
    ("connectivity_restored", {}),
    ("farm", {"code": 2103}),
    ("silent_feed", {"symbol": "AAPL"}),
    ("silent_feed", {"symbol": "AAPL", "on": False}),
    ("line", {"split_bytes": 5}),
    ("line", {"delay_ms": 5}),
    ("line", {"coalesce_ms": 5}),
    ("line", {}),
    ("swallow_next_order", {}),
    ("lose_next_acknowledgement", {}),
    ("reject_next_order", {}),
    ("double_perm_id", {}),
    ("late_fill", {}),
    ("competing_session", {}),
    ("competing_session", {"on": False}),
    ("price_jump", {"symbol": "TSLA", "percent": 5}),
    ("price_jump", {"symbol": "TSLA", "percent": -5}),
    ("halt", {"symbol": "KO"}),
    ("halt", {"symbol": "KO", "on": False}),
    ("nightly_restart", {"seconds": 0.05}),
    ("silence", {"on": True}),
    ("silence", {"on": False}),
)


def random_order(client: Client, rng: random.Random, order_id: int) -> None:
    symbol, kind = rng.choice(SYMBOLS), rng.choice(KINDS)
    prices = {"limit": f"{rng.uniform(1, 700):.2f}", "aux": f"{rng.uniform(1, 700):.2f}"}
    client.place(
        order_id,
        rng.choice(["BUY", "SELL"]),
        rng.choice([1, 10, 100, 3000]),
        kind,
        contract=f"0|{symbol}|STK|||||SMART||USD||||",
        tif=rng.choice(["DAY", "GTC", "IOC", "FOK"]),
        transmit=int(rng.random() < 0.9),
        oca=rng.choice(["", "", "", f"group{rng.randrange(3)}"]),
        parent=rng.choice([0, 0, max(0, order_id - 1)]),
        what_if=int(rng.random() < 0.05),
        **prices,
    )


async def trade(port: int, client_id: int, rng: random.Random, deadline: float) -> None:
    """A client that does anything at all and connects again when it is thrown out."""
    loop = asyncio.get_running_loop()
    while loop.time() < deadline:
        try:
            client = await asyncio.wait_for(connected(port, client_id), 2)
        except (OSError, EOFError, TimeoutError):
            await asyncio.sleep(0.05)
            continue
        order_id = max(int(f[2]) for f in client.seen if f[0] == "9")
        client.forgetful = True
        reader = asyncio.ensure_future(client.hung_up())
        while loop.time() < deadline and not reader.done():
            act(client, rng, order_id)
            order_id += 1
            await asyncio.sleep(rng.uniform(0, 0.06))
        client.close()
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


def act(client: Client, rng: random.Random, order_id: int) -> None:
    match rng.randrange(12):
        case 0 | 1 | 2:
            random_order(client, rng, order_id)
        case 3:
            random_order(client, rng, max(1, order_id - rng.randrange(4)))  # a modification, or a duplicate
        case 4 | 5:
            client.cancel(max(1, order_id - rng.randrange(6)))
        case 6:
            client.subscribe(rng.randrange(100), rng.choice(SYMBOLS))
        case 7:
            client.send("2", "2", str(rng.randrange(100)))
        case 8:
            client.send(rng.choice(["5", "16", "61", "8"]), "1")
        case 9:
            client.send("7", "3", "9", "0", "AAPL", "", "", "NOSUCH", "", "", "", "0")
        case 10:
            nonsense = [rng.choice(["", "1", "x", "-1"]) for _ in range(rng.randrange(25))]
            client.send(str(rng.randrange(120)), *nonsense)
        case _:
            if rng.random() < 0.1:
                client.send("58", "", "")  # so that not more and more orders rest


async def break_things(server: Server, rng: random.Random, deadline: float) -> None:
    loop = asyncio.get_running_loop()
    while loop.time() < deadline:
        op, args = rng.choice(FAULTS)
        carry_out(server.gateway, op, args)
        server.gateway.settle()
        await asyncio.sleep(rng.uniform(0, 0.1))
    for op, args in (("silence", {"on": False}), ("connectivity_restored", {}), ("line", {})):
        carry_out(server.gateway, op, args)
    server.gateway.settle()


def check_books(server: Server) -> None:
    """Fills, positions and cash tell one story."""
    broker = server.gateway.broker
    held: dict[int, Decimal] = {}
    cash = START_CASH
    by_order: dict[int, Decimal] = {}
    for execution in broker.executions.values():
        instrument = broker.instrument(execution.con_id)
        signed = execution.quantity if execution.bought else -execution.quantity
        held[execution.con_id] = held.get(execution.con_id, Decimal(0)) + signed
        cash -= signed * Decimal(str(execution.price)) * instrument.factor + execution.commission
        by_order[execution.perm_id] = by_order.get(execution.perm_id, Decimal(0)) + execution.quantity
    assert {c: q for c, q in held.items() if q} == {
        c: p.quantity for c, p in broker.ledger.positions.items() if p.quantity
    }
    assert cash == broker.ledger.cash["USD"]
    for order in broker.orders.values():
        assert by_order.get(order.perm_id, Decimal(0)) == order.filled <= order.ticket.quantity
        assert (order.status is Status.FILLED) == (order.remaining == 0), order


async def soak(folder: Path, seconds: float, seed: int) -> tuple[int, int, int]:
    """Returns the number of executions and the memory (bytes) halfway and at the end."""
    settings = Settings(data_dir=folder, tick_rate=50, seed=seed, limits="none")
    server = await serve(settings)
    rng = random.Random(seed)
    loop = asyncio.get_running_loop()
    memory: list[int] = []
    try:
        for _ in range(2):
            deadline = loop.time() + seconds / 2
            clients = [trade(server.port, n, random.Random(seed * 100 + n), deadline) for n in range(1, 6)]
            await asyncio.gather(*clients, break_things(server, rng, deadline))
            await close_all()
            check_books(server)
            gc.collect()
            memory.append(psutil.Process().memory_info().rss)
        executions = len(server.gateway.broker.executions)
        orders = {perm_id: order.status for perm_id, order in server.gateway.broker.orders.items()}
    finally:
        await server.close()
        await close_all()
    again = await serve(settings)
    try:
        check_books(again)
        assert set(again.gateway.broker.orders) == set(orders)
    finally:
        await again.close()
    return executions, memory[0], memory[1]


def test_a_short_soak(tmp_path: Path) -> None:
    executions, _, _ = asyncio.run(soak(tmp_path, 8, seed=7))
    assert executions > 20, "a soak in which nothing trades proves nothing"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_minutes(tmp_path: Path) -> None:
    executions, halfway, end = asyncio.run(soak(tmp_path, 600, seed=11))
    assert executions > 1000
    assert end < halfway * 1.3 + 50_000_000, f"memory grew from {halfway} to {end} bytes"
