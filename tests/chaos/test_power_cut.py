"""A loss of power: whatever was not flushed to the disk is gone, of the journal and of all beside it.

A library loaded before the system's keeps a copy of each file as it is when it is flushed; the cut is
`kill -9`, after which every file is put back to its last copy. The next start is another boot of the machine.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.node_process import NodeProcess
from support.plain_client import PlainClient
from support.simulated_gateway import GatewayProcess, running_gateway

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler"
)

SOURCE = Path(__file__).parents[1] / "support" / "power_cut.c"
COUNT = 40
ORDER: dict[str, Any] = {
    "strategy": "s", "instrument": "STK:AAPL:SMART:USD", "side": "BUY", "quantity": 10, "order_type": "LMT",
    "limit_price": 1.0,
}  # fmt: skip


class Disk:
    """Of a node whose data are in `data`. `journaled`: the events in the journal."""

    def __init__(self, folder: Path, data: Path) -> None:
        self._data, self._kept, self._library = data, folder / "kept", folder / "power_cut.so"
        self._kept.mkdir()
        command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(self._library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True, timeout=60)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self._library),
            "POWER_CUT_FOLDER": str(self._data),
            "POWER_CUT_KEPT": str(self._kept),
        }

    @property
    def journaled(self) -> int:
        looked_at = self._kept.with_name("looked_at")  # to close a journal changes its files
        shutil.rmtree(looked_at, ignore_errors=True)
        shutil.copytree(self._data, looked_at)
        journal = sqlite3.connect(looked_at / "orders.journal")
        try:
            (count,) = journal.execute("SELECT count(*) FROM entries").fetchone()
        finally:
            journal.close()
        return count

    def cut(self) -> None:
        mark = self._data / "orders.mark"
        for path in (*self._data.glob("orders.journal*"), mark):
            path.unlink()
            flushed = self._kept / path.name
            if flushed.exists():
                shutil.copy(flushed, path)
        mark.write_text(json.dumps(json.loads(mark.read_text()) | {"boot": "the one before"}))


@pytest.fixture
def gateway(tmp_path: Path, port_base: int, no_orphans: None) -> Iterator[GatewayProcess]:
    with running_gateway(
        tmp_path / "g", "--control-port", str(port_base + 90), port=port_base + 95
    ) as running:
        yield running


@pytest.fixture
def client(port_base: int, no_orphans: None) -> Iterator[PlainClient]:
    plain = PlainClient(port_base)
    yield plain
    plain.close()


def place(client: PlainClient, number: int) -> int:
    """The order's id, also when it was there already."""
    result = client.await_result("orders", "place_order", client_order_id=f"{number}", **ORDER)
    assert result["order_id"] is not None
    return result["order_id"]


@pytest.mark.parametrize("durability", ["disk", "process"])
def test_an_order_that_was_answered_is_one_order_after_a_power_cut(
    client: PlainClient, gateway: GatewayProcess, config_file: Path, tmp_path: Path, durability: str
) -> None:
    with config_file.open("a") as config:
        config.write(f'[orders]\ndurability = "{durability}"\n')
    disk = Disk(tmp_path, config_file.parent / "var")
    node = NodeProcess("orders", config_file).start(pass_fds=(), **disk.environment)
    try:
        client.await_result("orders", "halt", strategy="t", reason="it lost its head")
        placed = {number: place(client, number) for number in range(COUNT)}
        node.kill()
        before = disk.journaled
        disk.cut()
        if durability == "process":
            assert disk.journaled < before, "the cut has cut nothing"
        node = NodeProcess("orders", config_file).start()
        assert {number: place(client, number) for number in range(COUNT)} == placed
        assert place(client, COUNT) > max(placed.values())
        halted = client.result("orders", "resume", strategy="u")["halted"]
        assert halted == {"t": "it lost its head"}, "no list of the gateway has a halt"
        orders = client.result("orders", "get_orders", strategy="s")["orders"]
        assert {int(each["client_order_id"]) for each in orders} == {*placed, COUNT}
        assert gateway.command("status")["open_orders"] == COUNT + 1
        assert node.stop() == 0
        node = NodeProcess("orders", config_file).start()  # a start like any other
        assert {number: place(client, number) for number in range(COUNT)} == placed
        assert node.stop() == 0
    finally:
        node.kill()
