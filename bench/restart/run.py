"""How long a killed process is missed: from `kill -9` to its first heartbeat that says ready.

    python bench/restart/run.py [--rounds 5] [--out bench/results]

One cluster with the simulated gateway. Each node in turn is killed, and a subscriber that was there before,
as a client is, awaits its next heartbeat with state `ready`. Most of the time is what Python imports.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from conftest import GATEWAY_OFFSET, reserved_ports  # noqa: E402
from support.cluster import NODES, Cluster  # noqa: E402
from support.plain_client import PlainClient  # noqa: E402

SETTLE_S = 1.0
"""Between two kills: restarts in quick succession are put off on purpose."""


def missed_s(client: PlainClient, name: str) -> float:
    old = client.await_event(lambda topic, _: topic == f"node/{name}/")["pid"]
    began = time.monotonic()
    os.kill(old, signal.SIGKILL)
    client.await_event(
        lambda topic, event: topic == f"node/{name}/" and event["pid"] != old and event["state"] == "ready"
    )
    return time.monotonic() - began


def measured(rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in NODES}
    with tempfile.TemporaryDirectory() as folder, reserved_ports() as port_base:
        cluster = Cluster(Path(folder), port_base, port_base + GATEWAY_OFFSET)
        cluster.start()
        client = PlainClient(port_base)
        client.subscribe("node/")
        try:
            for _ in range(rounds):
                for name in NODES:
                    found[name].append(missed_s(client, name))
                    cluster.await_ready()
                    time.sleep(SETTLE_S)
        finally:
            client.close()
            cluster.stop()
    return found


def table(found: dict[str, list[float]]) -> str:
    rows = ["| process | median s | slowest s |", "|---|---|---|"]
    every = [value for values in found.values() for value in values]
    for name, values in [*found.items(), ("all", every)]:
        rows.append(f"| {name} | {statistics.median(values):.2f} | {max(values):.2f} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="write restart.md into this folder")
    options = parser.parse_args()
    text = table(measured(options.rounds))
    print(text)
    if options.out is not None:
        how = f"`python bench/restart/run.py --rounds {options.rounds}`, {os.cpu_count()} cores."
        head = f"# From kill -9 to ready\n\n{how}\n\n"
        (options.out / "restart.md").write_text(head + text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
