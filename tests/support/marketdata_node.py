"""A market-data node with a client, against whatever gateway a test gives it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from conftest import GATEWAY_OFFSET

from support.node_process import NodeProcess, running_node
from support.plain_client import Event, PlainClient
from support.simulated_gateway import GatewayProcess

AAPL = "quote/STK:AAPL:SMART:USD/"
AAPL_BY_ID = "quote/CONID:265598:SMART/"


def configured(folder: Path, port_base: int, **options: object) -> Path:
    lines = "\n".join(f"{name} = {value!r}".replace("'", '"') for name, value in options.items())
    file = folder / "twsmq.toml"
    file.write_text(
        f"[cluster]\nport_base = {port_base}\n[gateway]\nport = {port_base + GATEWAY_OFFSET}\n"
        f"messages_per_second = 0\n[marketdata]\n{lines}\n"
    )
    return file


@contextmanager
def client_of(port_base: int) -> Generator[PlainClient]:
    client = PlainClient(port_base)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def node_and_client(
    folder: Path, port_base: int, **options: object
) -> Generator[tuple[NodeProcess, PlainClient]]:
    config = configured(folder, port_base, **options)
    with running_node("marketdata", config) as node, client_of(port_base) as client:
        yield node, client


def quote(topic: str) -> Callable[[str, Event], bool]:
    return lambda at, event: at == topic and event["type"] == "quote"


def stream(topic: str, state: str) -> Callable[[str, Event], bool]:
    return lambda at, event: at == topic and event["type"] == "stream" and event["state"] == state


def of_type(topic: str, kind: str) -> Callable[[str, Event], bool]:
    return lambda at, event: at == topic and event["type"] == kind


@contextmanager
def simulated_gateway(folder: Path, port_base: int) -> Generator[GatewayProcess]:
    process = GatewayProcess(folder, "--tick-rate", "20", port=port_base + GATEWAY_OFFSET)
    process.start()
    try:
        yield process
    finally:
        if process.process is not None and process.process.poll() is None:
            process.stop()
