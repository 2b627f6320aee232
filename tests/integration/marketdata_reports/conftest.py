"""A market-data process between a client and a gateway that says what a test tells it to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import GATEWAY_OFFSET, orphans_refused
from support.marketdata_node import client_of, configured
from support.node_process import running_node
from support.plain_client import PlainClient
from support.scripted_gateway import ScriptedGateway


@pytest.fixture(autouse=True)
def no_orphans() -> Iterator[None]:
    with orphans_refused():
        yield


@pytest.fixture
def config(tmp_path: Path, port_base: int) -> Path:
    return configured(tmp_path, port_base, grace_s=0.2, quiet_repeat_s=60)


@pytest.fixture
def gateway(port_base: int) -> Iterator[ScriptedGateway]:
    with ScriptedGateway(port_base + GATEWAY_OFFSET) as gateway:
        yield gateway


@pytest.fixture
def client(port_base: int) -> Iterator[PlainClient]:
    with client_of(port_base) as client:
        yield client


@pytest.fixture
def node(config: Path, gateway: ScriptedGateway) -> Iterator[None]:
    del gateway  # it listens first
    with running_node("marketdata", config):
        yield
