"""Five strategies trade while orders node, gateway and supervisor are killed and every order fault is on.

Afterwards journal, gateway and each strategy's own record agree, order by order and fill by fill: nothing is
lost, nothing doubled, nothing unknown any more. The seed of a run is in its output.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgpack
import psutil
import pytest
import zmq
from ib_async import IB, ExecutionFilter
from support.orders_traders import Trader
from support.plain_client import PlainClient
from support.processes import still_running
from support.simulated_gateway import GatewayProcess

CLIENT_ID = 101
WORKING = {"submitted", "partially_filled", "inactive", "pending_cancel", "pending"}


class Desk:
    """An orders node and a gateway, each a process that may be killed and comes back."""

    victims: tuple[str, ...] = ("orders", "orders", "gateway")

    def __init__(self, folder: Path, config: Path, port_base: int) -> None:
        self.port_base = port_base
        self.gateway = GatewayProcess(
            folder / "gateway", "--control-port", str(port_base + 90), port=port_base + 95
        )
        self.config = config
        self.log = folder / "orders.log"
        self.node: subprocess.Popen[bytes] | None = None
        self.doubles = 0
        """How often the gateway was told to make a second order of a modification."""
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    def start_node(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "twsmq_nodes.orders", "--config", str(self.config)]
            self.node = subprocess.Popen(command, stderr=log)

    def kill(self, victim: str) -> None:
        if victim == "orders":
            assert self.node is not None
            self.node.kill()
            self.node.wait(60)
            self.start_node()
        else:
            self.gateway.kill()
            self.gateway.start()

    def end_node(self) -> None:
        """In order, if it has not ended yet."""
        if self.node is not None and self.node.poll() is None:
            self.node.send_signal(signal.SIGINT)
            assert self.node.wait(60) == 0, self.log.read_text()[-3000:]

    def stop(self) -> None:
        self.end_node()
        self._context.destroy(linger=0)

    def fault(self, op: str, **args: Any) -> None:
        """A command to the gateway's control socket; a gateway that is just dead misses it."""
        socket = self._context.socket(zmq.REQ)
        socket.connect(f"tcp://127.0.0.1:{self.port_base + 90}")
        socket.send(msgpack.packb({"v": 1, "id": 1, "op": op, "args": args}))
        if socket.poll(2000):
            reply = msgpack.unpackb(socket.recv())
            refused = None if reply["ok"] else reply["error"]["code"]
            assert refused in (None, "invalid_argument"), reply  # no execution yet to double or correct
        socket.close(0)


class ClusterDesk(Desk):
    """The same under a supervisor, with all other nodes around it: `twsmq up`, which may be killed too."""

    victims = ("orders", "orders", "gateway", "supervisor")

    def start_node(self) -> None:
        command = [sys.executable, "-m", "twsmq.cli", "up", "--config", str(self.config)]
        with self.log.open("ab") as log:
            self.node = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.config.parent
            )

    def kill(self, victim: str) -> None:
        assert self.node is not None
        if victim == "gateway":
            super().kill(victim)
            return
        children = psutil.Process(self.node.pid).children(recursive=True)
        if victim == "supervisor":
            self.node.kill()
            self.node.wait(60)
            assert not still_running(children, within=5), "processes outlived their supervisor"
            self.start_node()
            return
        for child in children:
            with suppress(psutil.Error):  # it may be between two lives just now
                if "twsmq_nodes.orders" in child.cmdline():
                    child.kill()


@pytest.fixture
def desk(tmp_path: Path, config_file: Path, port_base: int, no_orphans: None) -> Iterator[Desk]:
    yield from running_desk(Desk(tmp_path, config_file, port_base))


@pytest.fixture
def cluster_desk(tmp_path: Path, config_file: Path, port_base: int, no_orphans: None) -> Iterator[Desk]:
    external = config_file.read_text().replace("[gateway]\n", '[gateway]\nmode = "external"\n')
    config_file.write_text(external)
    yield from running_desk(ClusterDesk(tmp_path, config_file, port_base))


def running_desk(running: Desk) -> Iterator[Desk]:
    running.gateway.start()
    running.start_node()
    yield running
    running.stop()
    process = running.gateway.process
    if process is not None and process.poll() is None:
        running.gateway.stop()


def a_fault(desk: Desk, rng: random.Random) -> None:
    op, args = rng.choice(
        [
            ("swallow_next_order", {"client_id": CLIENT_ID}),
            ("lose_next_acknowledgement", {"client_id": CLIENT_ID}),
            ("reject_next_order", {"client_id": CLIENT_ID}),
            ("double_perm_id", {"client_id": CLIENT_ID}),
            ("late_fill", {"client_id": CLIENT_ID}),
            ("duplicate_execution", {}),
            ("correct_execution", {"price": 123.0}),
            ("roll_back_next_id", {"client_id": CLIENT_ID}),
            ("drop", {"client_id": CLIENT_ID}),
            ("linger_client_id", {"client_id": CLIENT_ID, "seconds": 0.5}),
            ("line", {"delay_ms": 20.0, "client_id": CLIENT_ID}),
            ("line", {"client_id": CLIENT_ID}),
            ("connectivity_lost", {}),
        ]
    )
    desk.fault(op, **args)
    desk.doubles += op == "double_perm_id"
    if op == "connectivity_lost":
        desk.fault("connectivity_restored", data_lost=rng.random() < 0.5)


def trade_and_kill(desk: Desk, kills: int, seed: int) -> list[Trader]:
    rng = random.Random(seed)
    traders = [Trader(f"s{n}", desk.port_base, seed + n) for n in range(5)]
    for trader in traders:
        trader.start()
    observer = PlainClient(desk.port_base)
    observer.subscribe("order/")
    for done in range(kills):
        if done % 25 == 0:
            print(f"{done} of {kills} kills", flush=True)
        for _ in range(rng.randint(1, 3)):
            a_fault(desk, rng)
        # Any moment of the trading will do: after so many events, wherever that is.
        wanted = rng.randint(5, 60)
        for count, _event in enumerate(observer.events(10.0)):
            if count >= wanted:
                break
        desk.kill(rng.choice(desk.victims))
    desk.fault("connectivity_restored", data_lost=False)
    desk.fault("line", client_id=CLIENT_ID)
    desk.fault("linger_client_id", client_id=CLIENT_ID, seconds=0.0)
    for trader in traders:
        trader.finish()
    observer.close()
    return traders


def await_certainty(client: PlainClient) -> list[dict[str, Any]]:
    """All orders, once none is unknown or unanswered and no cancel is under way."""
    client.subscribe("order/", "node/orders/")
    deadline = time.monotonic() + 60
    while True:
        orders = client.await_result("orders", "get_orders")["orders"]
        open_questions = [o for o in orders if o["status"] in ("unknown", "pending", "pending_cancel")]
        if not open_questions:
            return orders
        assert time.monotonic() < deadline, open_questions
        next(client.events(0.5), None)


async def _ask(port: int) -> tuple[list[Any], list[Any], list[Any]]:
    ib = IB()
    await ib.connectAsync("127.0.0.1", port, clientId=CLIENT_ID, timeout=60)
    try:
        working = await ib.reqOpenOrdersAsync()
        fills = await ib.reqExecutionsAsync(ExecutionFilter())
        return working, fills, await ib.reqCompletedOrdersAsync(False)
    finally:
        ib.disconnect()
        await asyncio.sleep(0)  # the transport closes in the loop's next turn


class Truth:
    """What the gateway itself has, asked under the orders node's client id by a client that is not ours."""

    def __init__(self, port: int) -> None:
        working, fills, done = asyncio.run(_ask(port))
        self.open = {t.order.orderRef: t for t in working}
        newest: dict[str, Any] = {}
        for fill in fills:
            prefix, _, number = fill.execution.execId.rpartition(".")
            known = newest.get(prefix)
            if known is None or int(known.execId.rpartition(".")[2]) < int(number):
                newest[prefix] = fill.execution
        self.executions = {e.execId: (e.orderRef, e.shares, e.price) for e in newest.values()}
        # ib_async makes one trade of two open orders with one order id; its list of answers has it twice.
        alive = {t.order.permId for t in working}
        ended = {(t.order.orderRef, t.order.permId) for t in done if t.order.permId not in alive}
        self.incarnations = Counter([t.order.orderRef for t in working] + [ref for ref, _ in ended])
        self.done = {t.order.orderRef: t.orderStatus.status for t in done}


def agrees(order: dict[str, Any], theirs: Any) -> None:
    """A working order stands here as it stands at the gateway."""
    ours = (order["quantity"], order["order_type"], order["tif"])
    assert ours == (theirs.totalQuantity, theirs.orderType, theirs.tif), (order, theirs)
    if order["order_type"] == "LMT":
        assert order["limit_price"] == theirs.lmtPrice, (order, theirs)


def compare(desk: Desk, traders: list[Trader]) -> str:
    client = PlainClient(desk.port_base)
    orders = await_certainty(client)
    told: dict[str, int] = {}
    for row in orders:
        told[row["strategy"]] = max(told.get(row["strategy"], 0), row["strategy_no"])
    numbers = client.await_event(  # not a beat from before what `orders` says
        lambda topic, event: (
            topic == "node/orders/" and all(event["strategy_nos"].get(s, 0) >= no for s, no in told.items())
        )
    )["strategy_nos"]
    for trader in traders:
        trader.settle(numbers.get(trader.strategy, 0))  # one that got nothing through has no events
    rows = client.result("orders", "get_executions")["executions"]
    client.close()
    desk.end_node()
    truth = Truth(desk.gateway.port)

    booked = {
        row["exec_id"]: (f"{row['strategy']}/{row['client_order_id']}", row["quantity"], row["price"])
        for row in rows
    }
    assert booked == truth.executions
    heard = {exec_id: fill for trader in traders for exec_id, fill in trader.fills.items()}
    assert heard.keys() == booked.keys()
    by_ref = {f"{order['strategy']}/{order['client_order_id']}": order for order in orders}
    assert {ref for ref, order in by_ref.items() if order["status"] in WORKING} == truth.open.keys()
    doubled = sum(count - 1 for count in truth.incarnations.values())
    assert doubled <= desk.doubles, truth.incarnations.most_common(3)
    for ref, order in by_ref.items():
        filled = sum(shares for owner, shares, _ in truth.executions.values() if owner == ref)
        assert order["filled"] == filled, order
        assert (order["status"] == "filled") == (filled >= order["quantity"]), order
        if ref in truth.open and truth.incarnations[ref] == 1:
            agrees(order, truth.open[ref].order)
        if order["status"] == "not_sent":
            assert ref not in truth.incarnations, order
        if order["status"] == "cancelled" and ref in truth.done:
            assert truth.done[ref] == "Cancelled", order
    assert truth.incarnations.keys() <= by_ref.keys()
    for trader in traders:
        mine = {o["client_order_id"]: o for o in orders if o["strategy"] == trader.strategy}
        assert trader.orders.keys() == mine.keys()
        assert mine.keys() <= set(trader.placed)
        for cid, order in mine.items():
            for field in ("status", "filled", "order_id", "perm_id", "event_no"):
                assert trader.orders[cid][field] == order[field], (field, order)
    statuses = dict(Counter(order["status"] for order in orders))
    replays = sum(trader.replayed for trader in traders)
    return (
        f"{len(orders)} orders {statuses}, {doubled} doubled by the gateway, {len(rows)} executions, "
        f"{replays} replays: all agree"
    )


@pytest.mark.timeout(900)
def test_nothing_is_lost_and_nothing_doubled_whatever_is_killed(desk: Desk) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    traders = trade_and_kill(desk, kills=12, seed=seed)
    print(compare(desk, traders))
    for trader in traders:
        trader.close()


@pytest.mark.slow
@pytest.mark.timeout(3 * 3600)
def test_nothing_is_lost_and_nothing_doubled_in_500_kills(cluster_desk: Desk) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    traders = trade_and_kill(cluster_desk, kills=int(os.environ.get("TWSMQ_KILLS", "500")), seed=seed)
    print(compare(cluster_desk, traders))
    for trader in traders:
        trader.close()
