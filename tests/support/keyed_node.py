"""A node with keys on, by itself: how it is set up by commands, and a client of plain pyzmq."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack
import zmq

from .node_process import NodeProcess, running_node
from .simulated_gateway import running_gateway


def twsmq(config: Path, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "twsmq.cli", *words, "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=config.parent,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


class Plain:
    """A client in a few lines, as SPEC's section on keys has it."""

    def __init__(self, keys: Path | None, port_base: int) -> None:
        self.context = zmq.Context()
        self.base = port_base
        self.found: dict[str, str] = {}
        if keys is not None:
            self.found = dict(re.findall(r'^(\w+) = "?([^"\n]*)"?$', keys.read_text(), re.MULTILINE))

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.destroy(linger=0)

    def socket(self, kind: int) -> zmq.Socket[bytes]:
        opened = self.context.socket(kind)
        opened.linger = 0
        if self.found:
            opened.curve_publickey = self.found["public_key"].encode()
            opened.curve_secretkey = self.found["secret_key"].encode()
            opened.curve_serverkey = self.found["server_key"].encode()
        return opened

    def ask(
        self, offset: int, op: str, within: float = 10, name: bytes = b"", **args: Any
    ) -> dict[str, Any] | None:
        with self.socket(zmq.DEALER) as dealer:
            if name:
                dealer.routing_id = name
            dealer.connect(f"tcp://127.0.0.1:{self.base + offset}")
            dealer.send(msgpack.packb({"v": 1, "id": 1, "op": op, "args": args}))
            return msgpack.unpackb(dealer.recv()) if dealer.poll(int(within * 1000)) else None

    def refusal(self, offset: int, op: str, **args: Any) -> tuple[str, str | None] | None:
        """Code and field of the error, None for a result."""
        reply = self.ask(offset, op, **args)
        assert reply is not None
        return None if reply["ok"] else (reply["error"]["code"], reply["error"]["field"])


def add(config: Path, name: str, rights: str) -> Path:
    target = config.parent / f"{name}.key"
    twsmq(config, "keys", "add", name, "--rights", rights, "-o", str(target))
    return target


def await_ready(config: Path, port_base: int) -> None:
    with Plain(config.parent / "var" / "keys" / "local.key", port_base) as local:
        deadline = time.monotonic() + 20
        while (local.ask(30, "get_risk") or {}).get("ok") is not True:
            assert time.monotonic() < deadline


def switch_on(config: Path) -> Path:
    config.write_text(config.read_text().replace("[cluster]\n", '[cluster]\nkeys = "on"\n'))
    twsmq(config, "keys", "init")
    return config


@contextmanager
def running_orders(config: Path, port_base: int, folder: Path) -> Generator[NodeProcess]:
    with (
        running_gateway(folder / "sim", "--port", str(port_base + 95)),
        running_node("orders", config) as node,
    ):
        yield node
