"""A real cluster for tests: `twsmq up` as a user runs it, on ports and in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from twsmq_protocol.config import parse_config
from twsmq_protocol.processes import node_names

from support.patience import patient
from support.plain_client import PlainClient

TWSMQ = [sys.executable, "-m", "twsmq.cli"]
NODES = node_names(parse_config("[web]\nenabled = false"))
PROCESSES = ("simulator", *NODES)


class Cluster:
    """`port_base` .. +99 must be free; `gateway_port` too. Everything lives below `folder`."""

    def __init__(self, folder: Path, port_base: int, gateway_port: int, extra: str = "") -> None:
        self.folder = folder
        self.port_base = port_base
        self.gateway_port = gateway_port
        self.config = folder / "twsmq.toml"
        self.expected = (*PROCESSES, *(("web",) if "[web]\nenabled = true" in extra else ()))
        page = "" if "[web]" in extra else "[web]\nenabled = false\n"
        self.config.write_text(
            f"[cluster]\nport_base = {port_base}\n[gateway]\nport = {gateway_port}\n{extra}\n{page}"
        )
        self._log = folder / "up.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, ready_within: float = 60) -> None:
        with self._log.open("ab") as out:
            self.process = subprocess.Popen(
                [*TWSMQ, "up", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
            )
        try:
            self.await_ready(ready_within)
        except BaseException:
            self.kill()
            raise

    def await_ready(self, within: float = 30, after: tuple[str, int] | None = None) -> float:
        """Seconds until every process is ready; `after` (name, pid): that one in another incarnation."""
        began = time.monotonic()
        within = patient(within)
        client = PlainClient(self.port_base)
        client.subscribe("process/")
        try:
            while True:
                left = began + within - time.monotonic()
                assert self.process is None or self.process.poll() is None, self.output()
                assert left > 0, f"not ready within {within} s: {self.rows()}\n{self.output()[-3000:]}"
                reply = client.request("supervisor", "status", timeout=left)
                rows = {row["name"]: row for row in reply["result"]["processes"]}
                healed = after is None or rows[after[0]]["pid"] != after[1]
                if healed and all(name in rows and rows[name]["state"] == "ready" for name in self.expected):
                    return time.monotonic() - began
                next(client.events(0.2), None)  # woken by the next change
        finally:
            client.close()

    def rows(self) -> dict[str, dict[str, Any]]:
        """What `twsmq status --json` says, by process name."""
        done = subprocess.run(
            [*TWSMQ, "status", "--json", "--config", str(self.config)],
            capture_output=True,
            cwd=self.folder,
            timeout=patient(30),
            check=False,
        )
        return {row["name"]: row for row in json.loads(done.stdout)["processes"]}

    def pid(self, name: str) -> int:
        return self.rows()[name]["pid"]

    def fault(self, *words: str) -> None:
        """A command to the simulated gateway, as `twsmq simulator fault` sends it."""
        command = [*TWSMQ, "simulator", "fault", "--config", str(self.config), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    def members(self) -> list[psutil.Process]:
        """Every live process of this cluster, found by its working folder or its command line."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                mine = (
                    str(self.folder) in " ".join(process.cmdline())
                    and process.status() != psutil.STATUS_ZOMBIE
                )
            except psutil.Error:
                continue
            if mine:
                found.append(process)
        return found

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def stop(self) -> int:
        """Ctrl-C, as a user would; the exit code."""
        assert self.process is not None
        with suppress(ProcessLookupError):  # ended by itself
            os.killpg(self.process.pid, signal.SIGINT)
        code = self.process.wait(patient(30))
        self.process = None
        return code

    def kill(self) -> None:
        """Whatever is left, at once."""
        for process in self.members():
            process.kill()
        if self.process is not None:
            self.process.wait(patient(10))
            self.process = None
