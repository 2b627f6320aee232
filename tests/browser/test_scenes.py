"""What goes wrong, played by the simulator, as a browser sees it: the page says so within three seconds
of the cluster's own event, in the view where a desk looks for it, and heals alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import running_cluster
from support.cluster import Cluster
from support.page import CHROMIUM, VIEWS, Page, ask, cell, chromium, place
from support.patience import patient
from support.plain_client import Event, PlainClient
from support.truth import Record, Truth

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
Wanted = Callable[[str, Event], bool]


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


def stream_cell(topic: str, column: str = "state") -> str:
    return cell("streams", f"marketdata-0 {topic}", column)


def is_gateway(state: str, *, other: bool = False) -> Wanted:
    return lambda topic, event: topic == "gateway/" and (event["state"] == state) != other


def is_stream(on: str, state: str) -> Wanted:
    return lambda topic, event: topic == on and event.get("state") == state


def is_order(status: str, name: str = "lost") -> Wanted:
    return lambda topic, event: topic == f"order/alpha/{name}/" and event.get("status") == status


def is_alert(name: str, state: str) -> Wanted:
    return lambda topic, event: topic == f"alert/{name}/" and event["state"] == state


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


def test_the_nightly_restart(page: Page, desk: Cluster, record_property: Record) -> None:
    page.view("market")
    gateway = "[data-fact=gateway]"
    with Truth(page, desk, record_property, "gateway/", QUOTES[0]) as truth:
        lost = truth.watch(gateway, "connect")  # connecting, disconnected
        gap = truth.watch(stream_cell(QUOTES[0]), "gap")
        desk.fault("nightly_restart", "seconds=6")
        outage = truth.event(is_gateway("up", other=True))
        truth.shown("the gateway is gone", lost, outage)
        truth.shown("a stream has a gap", gap, truth.event(is_stream(QUOTES[0], "gap")))
        page.picture("restart-market")
        page.view("desk")
        page.shows(page.cell("processes", "orders", "ready"), "connecting")
        page.picture("restart-desk")
        up = truth.watch(gateway, "up", fresh=False)
        ready = truth.watch(cell("processes", "orders", "ready"), "ready", fresh=False)
        end = truth.event(is_gateway("up"), outage)
        truth.shown("the gateway is back", up, end)
        again = truth.event(
            lambda topic, event: topic == "node/orders/" and event["state"] != "ready", outage
        )
        again = truth.event(lambda topic, event: topic == "node/orders/" and event["state"] == "ready", again)
        truth.shown("orders are taken again", ready, again)
    page.shows(page.cell("orders", "alpha/works", "status"), "submitted", LATER_MS)
    page.view("market")
    for topic in QUOTES:
        page.shows(stream(page, topic), "active", LATER_MS)
        page.shows(stream(page, topic, "gaps"), "1", LATER_MS)


def test_an_order_of_which_nobody_knows_where_it_is(
    page: Page, desk: Cluster, record_property: Record
) -> None:
    desk.fault("swallow_next_order")
    place(desk, "lost", order_type="LMT", limit_price=2.0)
    lost = page.cell("orders", "alpha/lost", "status")
    page.shows(lost, "pending")
    with Truth(page, desk, record_property, "order/alpha/lost/") as truth:
        unknown = truth.watch(cell("orders", "alpha/lost", "status"), "unknown")
        desk.fault("nightly_restart", "seconds=6")
        truth.shown("an order is unknown", unknown, truth.event(is_order("unknown")))
        first = page.page.locator("table[data-section=orders] tbody tr").first
        assert first.get_attribute("data-key") == "alpha/lost"  # on top
        page.shows(page.page.locator("[data-fact=unknown]"), "1")
        page.shows(page.page.locator("main"), "Do not place them anew")
        page.picture("unknown-desk")
        proved = truth.watch(cell("orders", "alpha/lost", "status"), kind="gone", fresh=False)
        truth.shown("it is proved absent", proved, truth.event(is_order("not_sent")))
    page.shows(page.page.locator("[data-fact=unknown]"), "0", LATER_MS)
    page.view("orders")
    page.shows(lost, "not_sent", LATER_MS)


def test_more_streams_than_lines(
    page: Page, desk: Cluster, consumer: PlainClient, record_property: Record
) -> None:
    more = [f"quote/STK:{symbol}:SMART:USD/" for symbol in ("NVDA", "TSLA", "KO", "IBM")]
    page.view("market")
    with Truth(page, desk, record_property, *more, "alert/LineLimit/") as truth:
        refused = truth.watch("table[data-section=streams] td[data-column=state]", "error")
        consumer.subscribe(*more)
        since = truth.event(lambda topic, event: topic in more and event.get("state") == "error")
        truth.shown("a stream has no line", refused, since)
        row = page.page.locator('table[data-section=lines] tr[data-key="marketdata-0 market_data"]')
        page.shows(row.locator("td[data-column=used]"), "5")  # `twsmq up` itself takes some
        page.shows(row.locator("td[data-column=share]"), "100.0 %")
        page.picture("limit-market")
        page.view("alerts")
        alerts = "table[data-section=alerts] tbody tr:first-child"
        fired = truth.watch(alerts, "LineLimit", fresh=False)
        truth.shown("the alert LineLimit fires", fired, truth.event(is_alert("LineLimit", "firing")))
        page.picture("limit-alerts")
        resolved = truth.watch(f"{alerts} td[data-column=state]", "resolved")
        for topic in more:
            consumer.sub.unsubscribe(topic.encode())
            truth.leave(topic)
        truth.shown("it is resolved", resolved, truth.event(is_alert("LineLimit", "resolved")))
    page.view("market")
    gone(page.page.locator("table[data-section=streams] td[data-column=state]", has_text="error"))


def test_a_feed_that_falls_silent(
    page: Page, desk: Cluster, consumer: PlainClient, record_property: Record
) -> None:
    del consumer
    page.view("market")
    state = stream(page, ALWAYS_OPEN)
    page.shows(state, "active")
    gaps = stream_cell(ALWAYS_OPEN, "gaps")
    with Truth(page, desk, record_property, ALWAYS_OPEN) as truth:
        # Counted, not seen: the feed answers who asks anew, so a gap may end before the page is drawn again.
        counted = truth.watch(gaps, page.page.locator(gaps).inner_text(), "differs")
        desk.fault("silent_feed", "symbol=BTC", "sec_type=CRYPTO")
        truth.shown("a silent feed", counted, truth.event(is_stream(ALWAYS_OPEN, "gap")))
        page.shows(stream(page, QUOTES[0]), "e")  # active, resumed: the others go on
        page.picture("silent-market")
    desk.fault("silent_feed", "symbol=BTC", "sec_type=CRYPTO", "on=false")
    page.shows(state, "active", LATER_MS)


def test_a_kill_switch_that_leaves_something_says_what_until_it_is_gone(
    page: Page, desk: Cluster, record_property: Record
) -> None:
    for number in range(3):
        place(desk, f"stays-{number}", order_type="LMT", limit_price=1.0)
    page.shows(page.page.locator("[data-fact=working]"), "4")
    desk.fault("stall", "client_id=101")  # cancels reach nobody
    halted, incomplete = "[data-banner=halted]", "[data-alert=KillIncomplete]"
    with Truth(page, desk, record_property, "alert/KillIncomplete/", "order/alpha/") as truth:
        page.page.keyboard.press("k")
        page.page.locator("[data-test=word]").fill("CANCEL ALL")
        page.picture("kill-dialog")
        page.page.locator("[data-test=word]").fill("CANCEL ALL")
        banner = truth.watch(halted, "everybody")
        alert = truth.watch(incomplete, "not finished after the kill switch")
        pressed = time.time()
        page.page.locator("[data-test=confirm]").click()
        truth.shown("everybody is halted", banner, pressed)
        remaining = page.page.locator("[data-test=remaining]")
        page.shows(remaining, "4 remaining", 30_000)
        truth.shown("something remains", alert, truth.event(is_alert("KillIncomplete", "firing")))
        page.picture("kill-remaining")
        none = truth.watch("[data-test=remaining]", "everybody: 0 remaining")
        desk.fault("stall", "client_id=101", "on=false")
        ended = {
            name: truth.event(is_order("cancelled", name))
            for name in ("works", "stays-0", "stays-1", "stays-2")
        }
        truth.shown("nothing remains", none, max(ended.values()))
        page.picture("kill-done")
        resumed = truth.watch(halted, kind="gone")
        asked = time.time()
        ask(desk, "resume", {})
        truth.shown("trading is resumed", resumed, asked)
    gone(page.page.locator(incomplete))


def test_a_supervisor_that_is_killed_is_told_and_the_page_heals_with_the_cluster(
    page: Page, desk: Cluster, record_property: Record
) -> None:
    """All processes end with it, the page's own too; the browser stays open."""
    server = "[data-banner=server]"
    with Truth(page, desk, record_property) as truth:
        told = truth.watch(server)
        assert desk.process is not None
        killed = time.time()
        desk.process.kill()
        truth.shown("nobody serves the page", told, killed)
    desk.kill()
    desk.start()
    gone(page.page.locator(server))
    page.shows(page.cell("processes", "orders", "ready"), "ready", LATER_MS)
    page.shows(page.page.locator("[data-fact=gateway]"), "up", LATER_MS)
