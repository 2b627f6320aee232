"""What goes wrong, played by the simulator, as a browser sees it: the page says so within seconds, in the
view where a desk looks for it, and heals alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from conftest import running_cluster
from support.cluster import Cluster
from support.page import CHROMIUM, VIEWS, Page, ask, chromium, place
from support.patience import patient
from support.plain_client import PlainClient

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium (Debian's package)"),
    pytest.mark.timeout(300),
]
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra dev)")

EXTRA = """
[web]
enabled = true
[marketdata]
lines = 5
silent_s = 1.5
quiet_repeat_s = 1.0
grace_s = 0.5
"""
ALWAYS_OPEN = "quote/CRYPTO:BTC:PAXOS:USD/"
"""Only what trades at the moment can be silent."""
QUOTES = [*(f"quote/STK:{symbol}:SMART:USD/" for symbol in ("AAPL", "MSFT")), ALWAYS_OPEN]
LATER_MS = 20_000


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("scenes"), EXTRA) as running:
        yield running


@pytest.fixture(scope="module")
def consumer(desk: Cluster) -> Iterator[PlainClient]:
    """A program that listens to a few quotes, and has traded."""
    client = PlainClient(desk.port_base)
    client.subscribe(*QUOTES)
    for topic in QUOTES:
        client.await_event(lambda each, event, topic=topic: each == topic and event["type"] == "quote")
    place(desk, "works", order_type="LMT", limit_price=1.0, tif="GTC")
    place(desk, "done", order_type="MKT")
    place(desk, "sold", order_type="MKT", side="SELL", quantity=4)
    yield client
    client.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as launched:
        yield launched


@pytest.fixture
def page(browser: Any, desk: Cluster, consumer: PlainClient) -> Iterator[Page]:
    opened = Page(browser, desk, operator=True)
    yield opened
    opened.close()


def stream(page: Page, topic: str, column: str = "state") -> Any:
    return page.cell("streams", f"marketdata-0 {topic}", column)


def gone(locator: Any) -> None:
    playwright.expect(locator).to_have_count(0, timeout=patient(LATER_MS))


def test_all_is_well_in_every_view(page: Page) -> None:
    for name in VIEWS:
        page.view(name)
        page.picture(f"well-{name}")
    page.view("market")
    for topic in QUOTES:
        page.shows(stream(page, topic), "active")
        page.shows(stream(page, topic, "last_data"), "s")


def test_the_nightly_restart(page: Page, desk: Cluster) -> None:
    page.view("market")
    desk.fault("nightly_restart", "seconds=6")
    gateway = page.page.locator("[data-fact=gateway]")
    page.shows(gateway, "connect")  # connecting, disconnected
    page.shows(stream(page, QUOTES[0]), "gap")
    page.picture("restart-market")
    page.view("desk")
    page.shows(page.cell("processes", "orders", "ready"), "connecting")
    page.picture("restart-desk")
    page.shows(gateway, "up", LATER_MS)
    page.shows(page.cell("orders", "alpha/works", "status"), "submitted", LATER_MS)
    page.shows(page.cell("processes", "orders", "ready"), "ready", LATER_MS)
    page.view("market")
    for topic in QUOTES:
        page.shows(stream(page, topic), "active", LATER_MS)
        page.shows(stream(page, topic, "gaps"), "1", LATER_MS)


def test_an_order_of_which_nobody_knows_where_it_is(page: Page, desk: Cluster) -> None:
    desk.fault("swallow_next_order")
    place(desk, "lost", order_type="LMT", limit_price=2.0)
    desk.fault("nightly_restart", "seconds=6")
    lost = page.cell("orders", "alpha/lost", "status")
    page.shows(lost, "unknown")
    first = page.page.locator("table[data-section=orders] tbody tr").first
    assert first.get_attribute("data-key") == "alpha/lost"  # on top
    page.shows(page.page.locator("[data-fact=unknown]"), "1")
    page.shows(page.page.locator("main"), "Do not place them anew")
    page.picture("unknown-desk")
    page.shows(page.page.locator("[data-fact=unknown]"), "0", LATER_MS)
    page.view("orders")
    page.shows(lost, "not_sent", LATER_MS)  # proved absent


def test_more_streams_than_lines(page: Page, desk: Cluster, consumer: PlainClient) -> None:
    more = [f"quote/STK:{symbol}:SMART:USD/" for symbol in ("NVDA", "TSLA", "KO", "IBM")]
    page.view("market")
    consumer.subscribe(*more)
    row = page.page.locator('table[data-section=lines] tr[data-key="marketdata-0 market_data"]')
    page.shows(row.locator("td[data-column=used]"), "5")  # `twsmq up` itself takes some
    page.shows(row.locator("td[data-column=share]"), "100.0 %")
    crowded = page.page.locator("table[data-section=streams] td[data-column=state]", has_text="error")
    playwright.expect(crowded.first).to_be_visible(timeout=patient(LATER_MS))
    page.picture("limit-market")
    page.view("alerts")
    page.shows(page.page.locator("table[data-section=alerts]"), "LineLimit", LATER_MS)
    page.picture("limit-alerts")
    for topic in more:
        consumer.sub.unsubscribe(topic.encode())
    page.shows(
        page.page.locator("table[data-section=alerts] td[data-column=state]").first, "resolved", LATER_MS
    )
    page.view("market")
    gone(crowded)


def test_a_feed_that_falls_silent(page: Page, desk: Cluster, consumer: PlainClient) -> None:
    del consumer
    page.view("market")
    state = stream(page, ALWAYS_OPEN)
    page.shows(state, "active")
    gaps = stream(page, ALWAYS_OPEN, "gaps")
    before = gaps.inner_text()
    desk.fault("silent_feed", "symbol=BTC", "sec_type=CRYPTO")
    # Counted, not seen: the feed answers who asks anew, so a gap may end before the page is drawn again.
    playwright.expect(gaps).not_to_have_text(before, timeout=patient(30_000))
    page.shows(stream(page, QUOTES[0]), "e")  # active, resumed: the others go on
    page.picture("silent-market")
    desk.fault("silent_feed", "symbol=BTC", "sec_type=CRYPTO", "on=false")
    page.shows(state, "active", LATER_MS)


def test_a_kill_switch_that_leaves_something_says_what_until_it_is_gone(page: Page, desk: Cluster) -> None:
    for number in range(3):
        place(desk, f"stays-{number}", order_type="LMT", limit_price=1.0)
    desk.fault("stall", "client_id=101")  # cancels reach nobody
    page.page.keyboard.press("k")
    page.page.locator("[data-test=word]").fill("CANCEL ALL")
    page.picture("kill-dialog")
    page.page.locator("[data-test=word]").fill("CANCEL ALL")
    page.page.locator("[data-test=confirm]").click()
    remaining = page.page.locator("[data-test=remaining]")
    page.shows(remaining, "4 remaining", 30_000)
    page.shows(page.page.locator("[data-banner=halted]"), "everybody")
    page.shows(page.page.locator("[data-alert=KillIncomplete]"), "still work or are unknown", 30_000)
    page.picture("kill-remaining")
    desk.fault("stall", "client_id=101", "on=false")
    page.shows(remaining, "everybody: 0 remaining", 60_000)
    page.picture("kill-done")
    ask(desk, "resume", {})
    gone(page.page.locator("[data-banner=halted]"))
    gone(page.page.locator("[data-alert=KillIncomplete]"))
