"""A real Chromium at the page of a real cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.cluster import TWSMQ, Cluster
from support.patience import patient
from support.plain_client import PlainClient

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
VIEWS = ("desk", "orders", "fills", "positions", "market", "processes", "budget", "alerts", "control")
TRUE_WITHIN_MS = 3500
"""Three seconds and what a loaded machine takes to look."""


@contextmanager
def chromium() -> Iterator[Any]:
    """Debian's, headless; needs playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


def place(cluster: Cluster, name: str, **more: Any) -> None:
    order = {"strategy": "alpha", "client_order_id": name, "instrument": "STK:AAPL:SMART:USD"}
    ask(cluster, "place_order", {**order, "side": "BUY", "quantity": 10, **more})


def ask(cluster: Cluster, op: str, args: dict[str, Any]) -> Any:
    client = PlainClient(cluster.port_base)
    try:
        reply = client.request("orders", op, **args)
        assert reply["ok"], reply
        return reply["result"]
    finally:
        client.close()


def cell(section: str, key: str, column: str) -> str:
    """The selector of one value of the board."""
    return f'table[data-section={section}] tr[data-key="{key}"] td[data-column={column}]'


class Page:
    """A browser that is logged in. What it complains about is kept."""

    def __init__(self, browser: Any, cluster: Cluster, *, operator: bool = False) -> None:
        self.complaints: list[str] = []
        self._context = browser.new_context(viewport={"width": 1360, "height": 800})
        self.page = self._context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        words = [*TWSMQ, "web", "--config", str(cluster.config), *(["--operator"] if operator else [])]
        link = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
        self.page.goto(link)
        self.page.locator("table[data-section=processes]").wait_for(timeout=patient(10_000))

    def _said(self, message: Any) -> None:
        offline = "ERR_CONNECTION_REFUSED" in message.text or "ERR_INCOMPLETE_CHUNKED" in message.text
        if message.type == "error" and not offline:
            self.complaints.append(message.text)

    def cell(self, section: str, key: str, column: str) -> Any:
        return self.page.locator(cell(section, key, column))

    def shows(self, locator: Any, text: str, within: int = TRUE_WITHIN_MS) -> None:
        from playwright.sync_api import expect

        expect(locator).to_contain_text(text, timeout=patient(within))

    def view(self, name: str) -> None:
        self.page.keyboard.press(str(VIEWS.index(name) + 1))
        self.page.locator(f"main[data-view={name}]").wait_for()

    def picture(self, name: str) -> None:
        """Keep what is shown, in both themes, where `TWSMQ_PICTURES` names a folder."""
        folder = os.environ.get("TWSMQ_PICTURES")
        if folder:
            for _ in range(2):
                theme = self.page.evaluate("document.documentElement.dataset.theme")
                self.page.wait_for_timeout(300)
                self.page.screenshot(path=str(Path(folder) / f"{name}-{theme}.png"), full_page=True)
                self.page.keyboard.press("t")

    def close(self) -> None:
        self._context.close()
        assert self.complaints == []
