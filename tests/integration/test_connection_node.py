"""The connection node as a process: what it tells of the link while a gateway comes, goes and complains."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from conftest import GATEWAY_OFFSET
from support.node_process import running_node
from support.plain_client import Event, PlainClient
from support.plain_process import PlainProcess
from support.scripted_gateway import ScriptedGateway
from support.simulated_gateway import GatewayProcess
from twsmq_simulator.wire.requests import StartApi

pytestmark = pytest.mark.usefixtures("no_orphans")


@pytest.fixture
def gateway_port(port_base: int) -> int:
    return port_base + GATEWAY_OFFSET


class Watcher:
    """Two subscribers, so that waiting for one topic passes over nothing of the other."""

    def __init__(self, port_base: int) -> None:
        self.link, self.node = PlainClient(port_base), PlainClient(port_base)
        self.link.subscribe("gateway/")
        self.node.subscribe("node/connection/")

    def close(self) -> None:
        self.link.close()
        self.node.close()

    def status(self) -> Event:
        return self.node.result("connection", "gateway_status")

    def await_link(self, state: str) -> Event:
        return self.link.await_event(lambda _, event: event["state"] == state)

    def await_node(self, state: str) -> Event:
        return self.node.await_event(lambda _, event: event["state"] == state)


@pytest.fixture
def watcher(port_base: int) -> Iterator[Watcher]:
    watcher = Watcher(port_base)
    yield watcher
    watcher.close()


def test_it_tells_the_link_and_survives_the_gateways_death(
    tmp_path: Path, config_file: Path, gateway_port: int, watcher: Watcher
) -> None:
    gateway = GatewayProcess(tmp_path / "gateway", port=gateway_port).start()
    try:
        with running_node("connection", config_file):
            watcher.await_node("ready")
            known = watcher.status()
            assert (known["state"], known["upstream"], known["port"]) == ("up", "connected", gateway_port)
            assert known["accounts"] == ["DU1234567"]
            assert known["server_version"] == 200

            gateway.kill()
            lost = watcher.await_link("disconnected")
            assert (lost["server_version"], lost["farms"]) == (None, {})
            assert lost["reason"]
            assert watcher.await_node("connecting")["detail"]

            gateway = GatewayProcess(tmp_path / "gateway", port=gateway_port).start()
            assert watcher.await_link("up")["reason"] is None
            watcher.await_node("ready")
    finally:
        gateway.kill()


def test_without_a_gateway_it_beats_and_says_why_it_waits(
    config_file: Path, gateway_port: int, watcher: Watcher
) -> None:
    with running_node("connection", config_file):
        waiting = watcher.await_node("connecting")
        assert f"127.0.0.1:{gateway_port}" in waiting["detail"]
        assert waiting["client_id"] == 100
        down = watcher.await_link("disconnected")
        assert watcher.status()["reason"] == down["reason"]


def test_a_client_id_held_by_another_connection_is_waited_for(
    config_file: Path, gateway_port: int, watcher: Watcher
) -> None:
    with ScriptedGateway(gateway_port) as gateway:
        gateway.refuse_client_ids = True
        with running_node("connection", config_file):
            assert "client ID 100" in watcher.await_node("waiting_client_id")["detail"]
            assert watcher.await_link("waiting_client_id")["accounts"] == []
            gateway.refuse_client_ids = False
            watcher.await_node("ready")
            assert gateway.await_request(StartApi).client_id == 100


def test_what_the_gateway_says_of_its_own_connection_is_told_to_everybody(
    config_file: Path, gateway_port: int, watcher: Watcher
) -> None:
    with ScriptedGateway(gateway_port) as gateway, running_node("connection", config_file):
        watcher.await_link("up")
        gateway.notice(2103, "Market data farm connection is broken:usfarm")
        gateway.notice(1100, "Connectivity between IBKR and Trader Workstation has been lost.")
        lost = watcher.await_link("upstream_lost")
        assert (lost["upstream"], lost["farms"]) == ("lost", {"usfarm": "broken"})
        gateway.notice(
            1102,
            "Connectivity ... has been restored - data maintained. "
            "The following farms are connected: usfarm. The following farms are not connected: ushmds.",
        )
        back = watcher.await_link("up")
        assert "1102" in back["reason"]
        assert back["farms"] == {"usfarm": "ok", "ushmds": "broken"}
        gateway.notice(2110, "Connectivity between Trader Workstation and server is broken.")
        watcher.await_link("upstream_lost")
        gateway.notice(1101, "Connectivity ... has been restored - data lost.")
        restored = watcher.await_link("up")
        assert "1101" in restored["reason"]
        assert restored["accounts"] == ["DU1"]


def test_a_late_subscriber_gets_the_present_state_at_once(
    config_file: Path, gateway_port: int, port_base: int, watcher: Watcher
) -> None:
    with ScriptedGateway(gateway_port), running_node("connection", config_file):
        watcher.await_link("up")
        late = Watcher(port_base)
        try:
            assert late.await_link("up")["snapshot"] is True
        finally:
            late.close()


def test_a_shard_whose_feed_stays_silent_is_asked_to_connect_anew(
    config_file: Path, gateway_port: int, port_base: int, watcher: Watcher
) -> None:
    asked = {"ok": True, "result": {"name": "marketdata-0"}}
    with (
        ScriptedGateway(gateway_port) as gateway,
        PlainProcess("marketdata-0", port_base, lambda _: asked) as shard,
        running_node("connection", config_file),
    ):
        watcher.await_link("up")
        shard.await_subscription("node/marketdata-0/")

        def beating(silent_lines: int, **more: bool) -> Event:
            """The next that is published of the link. As a shard does, it beats every second: one beat alone
            is lost where the connection node connects anew after a silence.
            """
            own = {"name": "marketdata-0", "pid": 1, "state": "ready", "client_id": 110}

            def beat() -> bool:
                shard.publish("node/marketdata-0/", "heartbeat", **own, silent_lines=silent_lines, **more)
                return bool(watcher.link.sub.poll(0))

            watcher.node.await_event(lambda *_: beat(), timeout=40)
            return watcher.await_link("up")

        assert "2 lines stay silent" in beating(2)["reason"]
        assert "asked to connect anew" in beating(2)["reason"]
        (request,) = shard.requests
        assert (request["op"], request["args"]) == ("reconnect", {})
        assert request["valid_until"]
        assert "no silent lines" in beating(0)["reason"]
        assert "another session of this user has taken over" in beating(0, competing=True)["alarm"]
        assert beating(0, competing=False)["alarm"] is None
        assert gateway.requests.qsize() == 1, "START_API, and nothing else of which an answer depends"


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process")
def test_that_no_descriptor_is_left_is_said_and_it_goes_on_when_one_is(
    config_file: Path, gateway_port: int, watcher: Watcher
) -> None:
    with ScriptedGateway(gateway_port) as gateway, running_node("connection", config_file) as node:
        watcher.await_node("ready")
        watcher.await_link("up")
        limited = psutil.Process(node.pid)
        before = limited.rlimit(psutil.RLIMIT_NOFILE)
        limited.rlimit(psutil.RLIMIT_NOFILE, (8, before[1]))
        gateway.drop()
        said = watcher.link.await_event(
            lambda _, event: event["state"] == "disconnected" and "file descriptor" in event["reason"]
        )
        assert "ulimit -n" in said["reason"]
        assert "gateway was not asked" in said["reason"]
        waits = watcher.node.await_event(lambda _, event: "file descriptor" in (event["detail"] or ""))
        assert waits["state"] == "connecting"
        limited.rlimit(psutil.RLIMIT_NOFILE, before)
        watcher.await_link("up")
        watcher.await_node("ready")
        told = [line for line in node.log() if line["event"] == "no connection can be opened"]
        assert len(told) == 1
