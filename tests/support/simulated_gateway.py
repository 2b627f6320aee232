"""Starts the simulated gateway as a process of its own, on a free port."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack
import zmq

from support.patience import patient

CLIENTS = Path(__file__).resolve().parents[2] / ".venv" / "clients"


class GatewayProcess:
    """`port` is known once `start` returned; `log` collects what it writes after that."""

    def __init__(self, data_dir: Path, *options: str, port: int = 0) -> None:
        self.data_dir = data_dir
        self.options = options
        self.port = port
        self.process: subprocess.Popen[str] | None = None
        self.control_port = 0
        self.log: list[str] = []

    def start(self, pass_fds: tuple[int, ...] = (), **environment: str) -> GatewayProcess:
        command = [sys.executable, "-m", "twsmq_simulator", "--port", str(self.port)]
        command += ["--data-dir", str(self.data_dir), *self.options]
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=os.environ | environment, pass_fds=pass_fds
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            event = json.loads(line)
            if event["event"] == "listening":
                self.port = event["port"]
                self.control_port = event["control_port"]
                threading.Thread(target=self._drain, daemon=True).start()
                return self
        raise AssertionError(f"the simulator ended with {self.process.wait()} before it listened")

    def _drain(self) -> None:
        """Reads on, lest a full pipe stops the simulator."""
        assert self.process is not None
        assert self.process.stderr is not None
        with contextlib.suppress(ValueError):  # closed when the process has ended
            for line in self.process.stderr:
                self.log.append(line)

    def command(self, op: str, **args: object) -> Any:
        """To its control socket; the result."""
        with zmq.Context() as context, context.socket(zmq.REQ) as control:
            control.linger = 0
            control.connect(f"tcp://127.0.0.1:{self.control_port}")
            control.send(msgpack.packb({"v": 1, "id": 1, "op": op, "args": args}))
            assert control.poll(int(patient(10_000))), f"the simulator did not answer {op}"
            reply: Any = msgpack.unpackb(control.recv())
        assert reply["ok"], reply
        return reply["result"]

    def kill(self) -> None:
        """kill -9, as a crash would."""
        assert self.process is not None
        self.process.kill()
        self._reap()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self._reap()

    def _reap(self) -> int:
        assert self.process is not None
        assert self.process.stderr is not None
        code = self.process.wait(patient(10))
        self.process.stderr.close()
        return code


@contextmanager
def running_gateway(data_dir: Path, *options: str, port: int = 0) -> Iterator[GatewayProcess]:
    gateway = GatewayProcess(data_dir, *options, port=port).start()
    try:
        yield gateway
    finally:
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.stop()
