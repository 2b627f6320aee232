"""The sum of all logs of a running cluster stays within `logs_mb`, whatever is written to them."""

from __future__ import annotations

import random
import time
from pathlib import Path

import msgpack
import pytest
from conftest import GATEWAY_OFFSET, orphans_refused, reserved_ports
from support.cluster import Cluster
from support.plain_client import OFFSETS, PlainClient

LOGS_MB = 10
WRITTEN_MB = 24
MB_PER_SECOND = 1.0
SLACK_MB = 8
"""What may be written between two looks of the supervisor."""


def total(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.glob("*.log*")) / 1e6


@pytest.mark.timeout(600)
def test_all_logs_stay_within_their_bound_under_a_flood_of_unlike_messages(tmp_path: Path) -> None:
    chance = random.Random(7)
    with reserved_ports() as base, orphans_refused():
        cluster = Cluster(tmp_path, base, base + GATEWAY_OFFSET)
        cluster.config.write_text(
            cluster.config.read_text().replace("[cluster]", f"[cluster]\nlogs_mb = {LOGS_MB}")
        )
        client = PlainClient(base)
        try:
            cluster.start()
            logs = next(tmp_path.rglob("orders.log")).parent
            written, most, rotated = 0.0, 0.0, False
            began = time.monotonic()
            deadline = began + 400
            while written < WRITTEN_MB or not rotated:
                assert time.monotonic() < deadline, (written, rotated)
                for process in OFFSETS:
                    junk = chance.randbytes(50)
                    client.raw(process, [junk, junk])
                    op = chance.randbytes(20).hex()
                    client.raw(process, [msgpack.packb({"v": 1, "id": 1, "op": op})])
                if written < (time.monotonic() - began) * MB_PER_SECOND:
                    for path in logs.glob("*.log"):  # as a process that writes without measure
                        with path.open("ab") as log:
                            log.write(chance.randbytes(10_000).hex().encode() + b"\n")
                            written += 0.02
                most = max(most, total(logs))
                rotated = rotated or any(logs.glob("*.log.1"))
                assert most < LOGS_MB + SLACK_MB
            deadline = time.monotonic() + 120
            while total(logs) > LOGS_MB:
                assert time.monotonic() < deadline, total(logs)
                time.sleep(0.1)
            cluster.stop()
        finally:
            client.close()
            cluster.kill()
