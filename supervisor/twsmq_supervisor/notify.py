"""What a service manager learns: ready, alive, stopping (systemd's `sd_notify` protocol, `man sd_notify`).

Does nothing where no `NOTIFY_SOCKET` is set. Beats go out only while the supervisor's loop turns, so that a
watchdog (`WatchdogSec=`) sees one that hangs. Never raises: a service manager that went away is no reason to
stop.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


class ServiceManager:
    """`environment`: where the manager has put its address and the watchdog's time."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._status = ""
        self._stopping = False
        self._beaten_at: float | None = None
        self._interval_s: float | None = None
        micros = environment.get("WATCHDOG_USEC", "")
        meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        if micros.isdecimal() and int(micros) > 0 and meant:
            self._interval_s = int(micros) / 1e6 / 3

    def ready(self, status: str) -> None:
        """The service has started: from now on it is restarted if it ends, not given up."""
        self._send(f"READY=1\nSTATUS={status}\nMAINPID={os.getpid()}")

    def stopping(self) -> None:
        """May be said again and again."""
        if self._stopping:
            return
        self._stopping = True
        self._send("STOPPING=1\nSTATUS=stopping in order")

    def status(self, text: str) -> None:
        """One line for `systemctl status`, when it has changed."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={text}")

    def beat(self, now: float) -> None:
        """Call it often; it beats three times in the watchdog's time. `now` in seconds, monotonic."""
        if self._interval_s is None or not self._address:
            return
        if self._beaten_at is None or now >= self._beaten_at + self._interval_s:
            self._beaten_at = now
            self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        where = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            notified.setblocking(False)
            notified.sendto(text.encode(), where)
