"""What a service manager is told."""

from __future__ import annotations

import socket
from pathlib import Path

from twsmq_supervisor.notify import ServiceManager


def test_ready_beats_and_status_reach_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(10)
        told = ServiceManager({"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "3000000"})
        told.ready("well")
        assert manager.recv(1000).startswith(b"READY=1\nSTATUS=well\n")
        for now in (0.0, 0.5, 0.9, 1.0, 1.5, 2.1):
            told.beat(now)
        for text in ("a", "a", "b"):
            told.status(text)
        told.stopping()
        seen = [manager.recv(1000) for _ in range(6)]
        assert seen == [b"WATCHDOG=1"] * 3 + [
            b"STATUS=a",
            b"STATUS=b",
            b"STOPPING=1\nSTATUS=stopping in order",
        ]


def test_without_a_manager_or_with_one_that_is_gone_nothing_happens(tmp_path: Path) -> None:
    ServiceManager({}).ready("well")
    told = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "rubbish"})
    told.ready("well")
    told.beat(1.0)
    ServiceManager({"NOTIFY_SOCKET": "@abstract-and-gone"}).stopping()
