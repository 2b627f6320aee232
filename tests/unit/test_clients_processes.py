"""Clients in other languages know every process, its port and how many shards there are, as Python does, and
find out alike that a peer is gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from twsmq_protocol import half_open
from twsmq_protocol.processes import MARKETDATA, PROCESSES

CLIENTS = Path(__file__).parents[2] / "clients"
TYPESCRIPT = CLIENTS / "typescript" / "src" / "keys.ts"
CPP = CLIENTS / "cpp" / "include" / "twsmq.hpp"
PORTS = {process.name: process.port for process in PROCESSES if process.name != MARKETDATA}
(SHARDED,) = (process for process in PROCESSES if process.name == MARKETDATA)


@pytest.mark.parametrize(
    ("file", "begins", "row"),
    [
        (TYPESCRIPT, r"const REQUESTS\b", r'\["([a-z]+)", (\d+)\]'),
        (CPP, r"std::map<std::string, int> offsets = \{", r'\{"([a-z]+)", (\d+)\}'),
    ],
)
def test_every_process_has_its_port(file: Path, begins: str, row: str) -> None:
    table = re.split(begins, file.read_text(encoding="utf-8"))[1].partition(";")[0]
    assert {name: int(port) for name, port in re.findall(row, table)} == PORTS


def test_they_count_the_same_shards() -> None:
    last = SHARDED.shards - 1
    assert f"/^marketdata-([0-{last}])$/" in TYPESCRIPT.read_text(encoding="utf-8")
    assert f"const SHARDS = {SHARDED.shards};" in TYPESCRIPT.read_text(encoding="utf-8")
    cpp = CPP.read_text(encoding="utf-8")
    assert f"number < {SHARDED.shards}) return tcp({SHARDED.port} + 2 * number);" in cpp


@pytest.mark.parametrize(
    ("file", "spelled"),
    [
        (
            CLIENTS / "typescript" / "src" / "sockets.ts",
            (
                "tcpKeepaliveIdle: {}",
                "tcpKeepaliveInterval: {}",
                "tcpKeepaliveCount: {}",
                "tcpMaxRetransmitTimeout: {}",
            ),
        ),
        (CPP, ("keepalive_idle, {}", "keepalive_intvl, {}", "keepalive_cnt, {}", "tcp_maxrt, {}")),
    ],
)
def test_they_give_up_a_connection_that_is_half_open_as_soon(file: Path, spelled: tuple[str, ...]) -> None:
    """Keepalive alone does not: it waits for what was sent and is not acknowledged, a request for example."""
    text = re.sub(r"(?<=\d)[_'](?=\d)", "", file.read_text(encoding="utf-8"))
    values = (
        half_open.KEEPALIVE_IDLE_S,
        half_open.KEEPALIVE_INTERVAL_S,
        half_open.KEEPALIVE_COUNT,
        half_open.MAXRT_MS,
    )
    for setting, value in zip(spelled, values, strict=True):
        assert setting.format(value) in text
