"""A gateway in trouble is restarted over IBC, by the real node, a simulated gateway and a scripted IBC."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.node_process import running_node
from support.patience import patient
from support.plain_client import PlainClient
from support.simulated_gateway import GatewayProcess

pytestmark = pytest.mark.usefixtures("no_orphans")


class ScriptedIbc:
    """Answers as IBC's command server does, and remembers what it was told."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.commands: list[str] = []
        self._told = threading.Condition()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connected, _ = self._server.accept()
            except OSError:
                return
            with connected:
                connected.sendall(b"INFO IBC command server\r\n")
                word = connected.makefile().readline().strip()
                connected.sendall(b"INFO processing\r\nOK " + word.encode() + b" in progress\r\n")
                with self._told:
                    self.commands.append(word)
                    self._told.notify_all()

    def await_command(self, word: str) -> None:
        with self._told:
            assert self._told.wait_for(lambda: word in self.commands, patient(20)), self.commands

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


@pytest.fixture
def ibc() -> Iterator[ScriptedIbc]:
    made = ScriptedIbc()
    yield made
    made.close()


@pytest.fixture
def config(config_file: Path, ibc: ScriptedIbc) -> Path:
    life = (
        f"[gateway.life]\nibc_port = {ibc.port}\nreset = []\ndrain_s = 2\nstalled_s = 1\nabsent_s = 1\n"
        'upstream_s = 1\nfarm_s = 1\nlogin_hours = "00:00-23:59"\n'
    )
    config_file.write_text(config_file.read_text() + life)
    return config_file


@pytest.fixture
def gateway(tmp_path: Path, port_base: int) -> Iterator[GatewayProcess]:
    running = GatewayProcess(tmp_path / "gateway", "--control-port", "0", port=port_base + 95).start()
    yield running
    if running.process is not None and running.process.poll() is None:
        running.kill()


@pytest.fixture
def watcher(port_base: int) -> Iterator[PlainClient]:
    client = PlainClient(port_base)
    client.subscribe("gateway/")
    yield client
    client.close()


def test_an_outage_of_ibkr_is_reconnected_then_restarted_with_orders_held(
    config: Path, gateway: GatewayProcess, ibc: ScriptedIbc, watcher: PlainClient
) -> None:
    with running_node("connection", config), running_node("orders", config):
        watcher.await_event(lambda _, event: event["state"] == "up")
        watcher.subscribe("node/orders/")
        watcher.await_event(lambda topic, event: topic == "node/orders/" and event["state"] == "ready")
        gateway.command("connectivity_lost")
        told = watcher.await_event(
            lambda topic, event: topic == "gateway/" and event["maintenance"] is not None
        )
        assert "RECONNECTACCOUNT" in told["maintenance"]
        assert ibc.commands == [], "everybody is told before anything is done"
        order = {
            "strategy": "s",
            "client_order_id": "held",
            "instrument": "STK:AAPL:SMART:USD",
            "side": "BUY",
            "quantity": 1,
            "order_type": "LMT",
            "limit_price": 1.0,
        }
        refused = watcher.error("orders", "place_order", **order)
        assert refused["code"] == "not_ready"
        ibc.await_command("RECONNECTACCOUNT")
        gateway.command("connectivity_restored")
        over = watcher.await_event(lambda topic, event: topic == "gateway/" and event["maintenance"] is None)
        assert over["upstream"] == "connected"
        assert watcher.await_result("orders", "place_order", **order)["order_id"] >= 1
        assert ibc.commands == ["RECONNECTACCOUNT"]


def test_a_stalled_gateway_is_restarted_and_trades_again(
    config: Path,
    gateway: GatewayProcess,
    ibc: ScriptedIbc,
    watcher: PlainClient,
    port_base: int,
    tmp_path: Path,
) -> None:
    with running_node("connection", config):
        watcher.await_event(lambda _, event: event["state"] == "up")
        gateway.command("silence", on=True)
        ibc.await_command("RESTART")
        assert ibc.commands == ["RESTART"]
        gateway.kill()
        again = GatewayProcess(tmp_path / "gateway", port=port_base + 95).start()
        try:
            watcher.await_event(lambda _, event: event["state"] == "up" and event["maintenance"] is None)
        finally:
            again.kill()


def test_what_it_cannot_do_it_calls_a_person_for_once(
    config: Path, ibc: ScriptedIbc, watcher: PlainClient, port_base: int, tmp_path: Path
) -> None:
    """Nothing listens and no program is there to start it: IBC cannot help either."""
    with running_node("connection", config) as node:
        alarm = watcher.await_event(lambda _, event: event["alarm"] is not None)
        assert "no gateway listens" in alarm["alarm"]
        gateway = GatewayProcess(tmp_path / "gateway", port=port_base + 95).start()
        try:
            watcher.await_event(lambda _, event: event["state"] == "up")
            watcher.await_event(lambda _, event: event["alarm"] is None, timeout=30)
        finally:
            gateway.kill()
        assert sum(line["event"] == "the gateway needs a person" for line in node.log()) == 1
    remembered = json.loads((config.parent / "var" / "gateway_life.json").read_text())
    assert remembered["login_at"] > 0
    assert ibc.commands == []


def test_a_program_starts_the_gateway_where_nothing_listens(
    config: Path, watcher: PlainClient, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    started = tmp_path / "started"
    config.write_text(config.read_text() + f'start = ["touch", "{started}"]\n')
    with running_node("connection", config):
        told = watcher.await_event(lambda _, event: event["maintenance"] is not None)
        assert "restarted" in told["maintenance"]
        eventually(started.exists)
