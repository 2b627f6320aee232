"""The supervisor under a service manager's rules: told when it is ready, beaten for, restarted whenever it
ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.cluster import Cluster
from support.patience import patient
from support.plain_client import PlainClient

RESTART_S = 1.0
"""`RestartSec=` of the unit."""
TRADING_WITHIN_S = 15.0
FIRST_START_S = 12.0
"""A machine on which even the very first start takes longer has other work."""


class Manager:
    """`Restart=always`, `Type=notify`: starts the supervisor anew a second after it has ended, until
    `stop`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._path = str(cluster.folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self._path)
        self._socket.settimeout(0.2)
        self._stopping, self._deaf = threading.Event(), threading.Event()
        self.told: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None
        self._threads = [threading.Thread(target=run) for run in (self._supervise, self._listen)]
        for thread in self._threads:
            thread.start()

    def _supervise(self) -> None:
        environment = {**os.environ, "NOTIFY_SOCKET": self._path, "WATCHDOG_USEC": "15000000"}
        while not self._stopping.is_set():
            command = [sys.executable, "-m", "twsmq_supervisor", "--config", str(self._cluster.config)]
            with (self._cluster.folder / "supervisor.out").open("ab") as output:
                self.process = subprocess.Popen(
                    command,
                    env=environment,
                    cwd=self._cluster.folder,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,  # it shares its time with nobody, as in a cgroup of its own
                )
            self.process.wait()
            self._stopping.wait(RESTART_S)

    def _listen(self) -> None:
        while not self._deaf.is_set():
            try:
                self.told.append(self._socket.recv(4096).decode())
            except TimeoutError:
                continue

    def await_told(self, word: str, times: int = 1, since: int = 0) -> None:
        """`since`: so many messages came before."""
        deadline = time.monotonic() + patient(30)
        while sum(text.startswith(word) for text in self.told[since:]) < times:
            assert time.monotonic() < deadline, self.told[-5:]
            time.sleep(0.05)

    def stop(self) -> None:
        self._stopping.set()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
        self._threads[0].join()
        self._deaf.set()
        self._threads[1].join()
        self._socket.close()


@pytest.fixture
def cluster(tmp_path: Path, port_base: int) -> Iterator[Cluster]:
    made = Cluster(tmp_path, port_base, port_base + 95)
    yield made
    made.kill()


def traded(client: PlainClient, name: str) -> None:
    order = {
        "client_order_id": name,
        "strategy": "s",
        "instrument": "STK:AAPL:SMART:USD",
        "side": "BUY",
        "quantity": 1,
        "order_type": "MKT",
    }
    deadline = time.monotonic() + patient(60)
    while True:
        reply = client.request("orders", "place_order", timeout=patient(60), **order)
        if reply["ok"]:
            return
        assert reply["error"]["code"] in ("not_ready", "timeout"), reply
        assert time.monotonic() < deadline
        time.sleep(0.1)


def await_end_of(processes: list[psutil.Process]) -> None:
    """Or until nothing of them is left but what their new parent has not looked at."""
    deadline = time.monotonic() + patient(10)
    while left := [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]:
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def since(killed_ns: int, story: dict[str, Any]) -> str:
    """When a process was started anew and what it came to, in seconds after the kill."""
    changes = [(change["state"], (change["at"] - killed_ns) / 1e9) for change in story["changes"]]
    return ", ".join(f"{state} {at:.1f}" for state, at in changes)


def test_a_killed_supervisor_is_started_again_and_trades(cluster: Cluster) -> None:
    began = time.monotonic()
    manager = Manager(cluster)
    client = PlainClient(cluster.port_base)
    try:
        manager.await_told("READY=1")
        manager.await_told("WATCHDOG=1", 2)
        traded(client, "before")
        first = time.monotonic() - began
        cluster.await_ready(60)
        assert manager.process is not None
        old = [process for process in cluster.members() if process.pid != manager.process.pid]
        assert len(old) > len(cluster.expected)  # the front is one of them
        told = len(manager.told)
        killed, killed_ns = time.monotonic(), time.time_ns()
        manager.process.send_signal(signal.SIGKILL)
        await_end_of(old)
        without_them = time.monotonic() - killed
        manager.await_told("READY=1", since=told)
        supervised = time.monotonic() - killed
        traded(client, "after")
        took = time.monotonic() - killed
        stories = client.result("supervisor", "explain")["processes"]
        parts = [
            f"trading again {took:.1f} s after kill -9 of the supervisor; the first start took {first:.1f} s",
            f"its processes were gone after {without_them:.1f} s, its successor ready at {supervised:.1f}",
            *(f"{story['name']}: {since(killed_ns, story)}" for story in stories),
        ]
        print(*parts, sep="\n")
        limit = TRADING_WITHIN_S if first < FIRST_START_S else patient(TRADING_WITHIN_S)
        assert took < limit, "\n".join(parts)
        manager.await_told(f"STATUS={len(cluster.expected)} of {len(cluster.expected)} ready", since=told)
    finally:
        client.close()
        manager.stop()
    assert any(text.startswith("STOPPING=1") for text in manager.told)
