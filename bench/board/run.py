"""The page under load: from an event to the pixel, and what it costs.

    python bench/board/run.py [--orders 500] [--events 300] [--seconds 15] [--out bench/results]

One cluster with the simulated gateway: many working orders, 100 streams that tick. A Chromium shows the
orders; each new order's row is looked for in every frame, and its time less that of the order's own first
event is the way from event to pixel (one machine, one clock). Then ten readers of the stream of events, with
and without one that never reads, and `/metrics`. What counting costs the way of ticks is measured apart, in
one process, with and without it by turns. Needs chromium and playwright.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from conftest import GATEWAY_OFFSET, reserved_ports  # noqa: E402
from hot_path import loss  # noqa: E402
from support.cluster import TWSMQ, Cluster  # noqa: E402
from support.page import Page, chromium  # noqa: E402
from support.plain_client import PlainClient  # noqa: E402

SYMBOLS = (
    "AAPL",
    "AMZN",
    "F",
    "GOOG",
    "IBM",
    "JPM",
    "KO",
    "KWEB",
    "META",
    "MSFT",
    "NVDA",
    "QQQ",
    "SPY",
    "TSLA",
)
KINDS = ("quote/{};generic=233/", "quote/{}/", "tick/{}/", "tick/{};generic=233/", "greeks/{}/", "bar5s/{}/",
         "quote/{};generic=225/", "tick/{};generic=225/")  # fmt: skip
WATCH = """
window.seen = {};
const body = document.querySelector("table[data-section=orders] tbody");
new MutationObserver((changes) => {
  const now = performance.timeOrigin;
  for (const change of changes) for (const row of change.addedNodes) {
    const key = row.dataset?.key;
    if (key && !(key in window.seen)) {
      window.seen[key] = null;
      requestAnimationFrame(() => { window.seen[key] = now + performance.now(); });
    }
  }
}).observe(body, { childList: true });
"""


def share(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def place(client: PlainClient, name: str) -> None:
    client.result(
        "orders", "place_order", strategy="bench", client_order_id=name, instrument="STK:AAPL:SMART:USD",
        side="BUY", quantity=1, order_type="LMT", limit_price=1.0,
    )  # fmt: skip


class Reader(threading.Thread):
    """A browser's stream, as a thread; how late each change was."""

    def __init__(self, port: int, cookie: str) -> None:
        super().__init__(daemon=True)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.request("GET", "/events", headers={"Cookie": cookie})
        self._answer = self._connection.getresponse()
        self.late_ms: list[float] = []
        self.events = 0
        self.over = False

    def run(self) -> None:
        while not self.over:
            line = self._answer.readline()
            self.events += line.startswith(b"event:")
            if line.startswith(b"data: ") and b'"section":"orders"' in line[:60]:
                rows = json.loads(line[6:])["rows"]
                stamps = [row["since"] for row in rows.values() if row and row["status"] == "submitted"]
                if stamps:
                    self.late_ms.append(time.time() * 1000 - max(stamps) / 1e6)


def log_in(cluster: Cluster) -> str:
    port = cluster.port_base + 80
    words = [*TWSMQ, "web", "--config", str(cluster.config)]
    link = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    key = json.dumps({"key": link.partition("#login=")[2]})
    connection.request("POST", "/api/login", key, {"Content-Type": "application/json"})
    return (connection.getresponse().getheader("set-cookie") or "").partition(";")[0]


def event_to_pixel(cluster: Cluster, client: PlainClient, events: int) -> dict[str, float]:
    born: dict[str, float] = {}
    client.subscribe("order/bench/")
    with chromium() as browser:
        page = Page(browser, cluster)
        paint = page.page.evaluate("performance.getEntriesByType('paint').map(entry => entry.startTime)[0]")
        page.view("orders")
        page.page.wait_for_timeout(1000)
        page.page.evaluate(WATCH)
        for number in range(events):
            place(client, f"seen-{number}")
            for topic, event in client.events(0.02):
                if event["type"] == "order":
                    born.setdefault(f"bench/{event['client_order_id']}", event["ts"] / 1e6)
                del topic
            page.page.wait_for_timeout(30)
        page.page.wait_for_timeout(1000)
        seen = page.page.evaluate("window.seen")
        page.close()
    late = [at - born[key] for key, at in seen.items() if at is not None and key in born]
    assert len(late) > events / 2, (len(late), len(seen), len(born))
    return {"n": len(late), "p50": share(late, 0.5), "p99": share(late, 0.99), "paint": paint}


def readers(cluster: Cluster, client: PlainClient, seconds: float, *, stuck: bool) -> dict[str, float]:
    """Ten readers, and one that never reads if `stuck`, while orders are placed."""
    cookie, port = log_in(cluster), cluster.port_base + 80
    listening = [Reader(port, cookie) for _ in range(10)]
    idle = Reader(port, cookie) if stuck else None
    for each in listening:
        each.start()
    web = psutil.Process(cluster.pid("web"))
    time.sleep(1)
    before, began = web.cpu_times(), time.monotonic()
    number = 0
    while time.monotonic() < began + seconds:
        place(client, f"read-{stuck}-{number}")
        number += 1
        time.sleep(0.2)
    after, took = web.cpu_times(), time.monotonic() - began
    for each in listening:
        each.over = True
    del idle
    late = [value for each in listening for value in each.late_ms]
    cpu = (after.user + after.system - before.user - before.system) / took
    return {"cpu": cpu, "p50": share(late, 0.5), "p99": share(late, 0.99), "rss": web.memory_info().rss / 1e6}


def metrics(cluster: Cluster) -> dict[str, float]:
    took: list[float] = []
    body = b""
    for _ in range(25):
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", cluster.port_base + 80, timeout=10)
        connection.request("GET", "/metrics")
        body = connection.getresponse().read()
        connection.close()
        took.append((time.monotonic() - began) * 1000)
        time.sleep(0.6)  # within half a second all get one answer
    series = sum(not line.startswith(b"#") for line in body.splitlines())
    return {"series": series, "median": statistics.median(took), "p99": share(took, 0.99)}


def measure(orders: int, events: int, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, reserved_ports() as base:
        extra = "[web]\nenabled = true\n[marketdata]\nlines = 100\n"
        cluster = Cluster(Path(folder), base, base + GATEWAY_OFFSET, extra)
        try:
            cluster.start()
            client = PlainClient(base)
            listener = PlainClient(base)
            topics = [kind.format(f"STK:{symbol}:SMART:USD") for symbol in SYMBOLS for kind in KINDS][:100]
            listener.subscribe(*topics)
            for number in range(orders):
                place(client, f"there-{number}")
            deadline = time.monotonic() + 120
            while len(client.result("marketdata-0", "subscriptions")["subscriptions"]) < 100:
                assert time.monotonic() < deadline
                time.sleep(0.5)
            found: dict[str, Any] = {
                "orders": orders,
                "streams": len(topics),
                "pixel": event_to_pixel(cluster, client, events),
                "ten": readers(cluster, client, seconds, stuck=False),
                "stuck": readers(cluster, client, seconds, stuck=True),
                "metrics": metrics(cluster),
            }
            client.close()
            listener.close()
            cluster.stop()
        finally:
            cluster.kill()
    found["loss"] = loss()
    found["load"] = os.getloadavg()[1]
    return found


def written(found: dict[str, Any], machine: str) -> str:
    pixel, ten, stuck, scraped = found["pixel"], found["ten"], found["stuck"], found["metrics"]

    def verdict(met: bool) -> str:
        return "met" if met else "**missed**"

    def row(target: str, measured: str, met: bool) -> str:
        return f"| {target} | {measured} | {verdict(met)} |\n"

    return (
        "# The page under load\n\n"
        f"{found['orders']} working orders, {found['streams']} streams that tick; {machine}, a load of"
        f" {found['load']:.0f}.\n"
        "`python bench/board/run.py`\n\n"
        "| target | measured | |\n|---|---|---|\n"
        + row("event to pixel p99 < 150 ms", f"{pixel['p99']:.0f} ms (p50 {pixel['p50']:.0f} ms, "
              f"{pixel['n']} orders)", pixel["p99"] < 150)
        + row("first paint < 500 ms", f"{pixel['paint']:.0f} ms", pixel["paint"] < 500)
        + row("web < 15 % of a core with 10 browsers", f"{ten['cpu']:.1%}", ten["cpu"] < 0.15)
        + row("a stuck browser costs the others nothing",
              f"p99 {stuck['p99']:.0f} ms beside {ten['p99']:.0f} ms without, web {stuck['cpu']:.1%}",
              stuck["p99"] < 2 * ten["p99"] + 20)
        + row("`/metrics` < 2,000 series", f"{scraped['series']:.0f}", scraped["series"] < 2000)
        + row("`/metrics` < 50 ms", f"{scraped['median']:.0f} ms (p99 {scraped['p99']:.0f} ms)",
              scraped["median"] < 50)
        + row("counting costs the way of ticks < 2 %", f"{found['loss']:.2%}", found["loss"] < 0.02)
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=500)
    parser.add_argument("--events", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results")
    parser.add_argument("--machine", default=f"{psutil.cpu_count()} cores, Python {sys.version.split()[0]}")
    given = parser.parse_args()
    found = measure(given.orders, given.events, given.seconds)
    text = written(found, given.machine)
    (given.out / "board.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
