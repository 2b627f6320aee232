"""The page in a real Chromium while the simulator plays what goes wrong: truthful, and healing alone."""

from __future__ import annotations

import gzip
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import running_cluster
from support.cluster import Cluster
from support.page import CHROMIUM, VIEWS, Page, ask, cell, chromium, place
from support.patience import patient
from support.plain_client import Event
from support.truth import Record, Truth

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium (Debian's package)")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra dev)")

STATIC = Path(__file__).parents[2] / "web" / "twsmq_web" / "static"
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("desk"), "[web]\nenabled = true\n") as running:
        place(running, "works", order_type="LMT", limit_price=1.0)
        place(running, "done", order_type="MKT")
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as launched:
        yield launched


@pytest.fixture
def page(browser: Any, desk: Cluster) -> Iterator[Page]:
    opened = Page(browser, desk)
    yield opened
    opened.close()


def is_process(name: str, before: int, state: str | None = None) -> Callable[[str, Event], bool]:
    """The supervisor's word of a later incarnation than that of pid `before`."""
    return lambda topic, event: (
        topic == f"process/{name}/" and event["pid"] not in (None, before) and state in (None, event["state"])
    )


def test_a_desk_is_understood_at_a_glance(page: Page) -> None:
    page.shows(page.page.locator("[data-fact=mode]"), "PAPER")
    page.shows(page.page.locator("[data-fact=gateway]"), "up")
    page.shows(page.cell("orders", "alpha/works", "status"), "submitted")
    page.shows(page.cell("processes", "orders", "ready"), "ready")
    page.view("fills")
    page.shows(page.page.locator("table[data-section=fills] td[data-column=client_order_id]"), "done")
    page.view("positions")
    page.shows(page.page.locator("table[data-section=positions] td[data-column=own]"), "10")


def test_who_is_not_logged_in_sees_nothing(browser: Any, desk: Cluster) -> None:
    context = browser.new_context()
    stranger = context.new_page()
    stranger.goto(f"http://127.0.0.1:{desk.port_base + 80}/")
    playwright.expect(stranger.locator("body")).to_contain_text("twsmq web")
    assert stranger.locator("table").count() == 0
    stranger.locator("[data-test=key]").fill("guess")
    stranger.locator("[data-test=login]").click()
    playwright.expect(stranger.get_by_role("alert")).to_contain_text("not good")
    context.close()


def test_a_link_that_was_used_says_so_whether_the_browser_is_logged_in_or_not(
    browser: Any, desk: Cluster, page: Page
) -> None:
    """It showed the bare login, or, where another link had logged in, a page without the right it was for."""
    used = f"http://127.0.0.1:{desk.port_base + 80}/#login=used"
    context = browser.new_context(viewport={"width": 380, "height": 700})
    for opened in (context.new_page(), page.page):
        opened.goto("about:blank")
        opened.goto(used)
        told = opened.get_by_role("alert").filter(has_text="used already")
        playwright.expect(told).to_be_visible(timeout=patient(5_000))
    page.picture("used-link")
    told.get_by_role("button").click()
    playwright.expect(told).to_have_count(0)
    context.close()
    page.complaints.clear()  # the browser itself notes the 401


def test_a_button_that_would_be_refused_is_not_shown(page: Page) -> None:
    """An operator whose key halts and does not resume saw everything an operator can do."""
    may = {"may": ["halt", "cancel_order"], "reads_orders": False, "reads_logs": False}
    me = json.dumps({"who": "ann", "role": "operator"} | may)

    def answered(route: Any) -> None:
        route.fulfill(body=me, content_type="application/json")

    page.page.route("**/api/me", answered)
    page.page.reload()
    page.page.locator("table[data-section=processes]").wait_for(timeout=patient(10_000))
    page.view("control")
    playwright.expect(page.page.locator("[data-test=kill-all]")).to_be_enabled()
    for name in ("resume …", "restart a process"):
        assert name not in page.page.locator("main").inner_text().lower()
    page.view("alerts")
    assert page.page.get_by_role("button", name="test every sink").count() == 0
    page.view("orders")
    playwright.expect(page.page.locator("td.act button").first).to_have_text("cancel")
    assert page.page.locator("td[data-column=client_order_id] button").count() == 0
    page.view("processes")
    assert page.page.locator("table[data-section=processes] td button").count() == 0


MANY = """async (count) => {
  const { board } = await import("/static/board.js");
  const there = board.sections.orders, row = there.rows.get("alpha/works");
  for (let i = 0; i < count; i++) there.rows.set(`alpha/m${i}`, { ...row, key: `alpha/m${i}` });
  there.list = null;
}"""


def test_however_many_rows_there_are_a_click_draws_some(page: Page) -> None:
    """With 30,000 orders one click drew them all, and the browser stood still."""
    page.view("orders")
    page.page.evaluate(MANY, 30_000)
    rows, more = (
        page.page.locator("table[data-section=orders] tbody tr"),
        page.page.locator("[data-test=more]"),
    )
    playwright.expect(more).to_contain_text("show 500 more of 30", timeout=patient(10_000))
    playwright.expect(rows).to_have_count(100)
    more.click()
    playwright.expect(rows).to_have_count(600)


def test_a_plot_follows_what_is_recorded_also_when_the_week_is_full(page: Page) -> None:
    """From then on there were always as many points, and the plot of an open page stood still."""
    figures = {"net_liquidation": [1.0, 2.0], "daily": [0.0, 1.0], "currency": "USD"}
    answers = [{"minute": [60 * n, 60 * n + 60], **figures} for n in (0, 500)]

    def answered(route: Any) -> None:
        series = answers.pop(0) if len(answers) > 1 else answers[0]
        route.fulfill(json={"accounts": {"DU1": series}, "fills": {"time": []}, "gaps": [], "problem": None})

    page.page.route("**/api/records", answered)
    page.page.clock.install()
    page.page.reload()
    page.page.locator("table[data-section=processes]").wait_for(timeout=patient(10_000))
    page.view("positions")
    plot = page.page.locator("figure.plot").first
    playwright.expect(plot.locator("figcaption")).to_have_text("DU1: net liquidation, USD")
    drawn = "() => document.querySelector('figure.plot canvas')?.toDataURL()"
    page.page.wait_for_function(drawn)
    before = page.page.evaluate(drawn)
    page.page.clock.fast_forward(61_000)
    page.page.wait_for_function(f"before => ({drawn})() !== before", arg=before, timeout=patient(15_000))


def test_it_is_small_and_painted_at_once(browser: Any, desk: Cluster) -> None:
    first = [*STATIC.glob("*.*"), STATIC / "vendor" / "preact-htm.js"]
    assert sum(len(gzip.compress(path.read_bytes())) for path in first) < 60_000
    context = browser.new_context()
    fresh = context.new_page()
    fresh.goto(f"http://127.0.0.1:{desk.port_base + 80}/")
    paint = fresh.evaluate(
        "new Promise(done => new PerformanceObserver(list => done(list.getEntries()[0].startTime))"
        ".observe({type: 'paint', buffered: true}))"
    )
    assert paint < 500
    context.close()


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed (npm ci in tests/browser)")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_view_can_be_read_by_everybody(page: Page, theme: str) -> None:
    if page.page.evaluate("document.documentElement.dataset.theme") != theme:
        page.page.keyboard.press("t")
    for name in VIEWS:
        page.view(name)
        page.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
        assert [(each["id"], each["nodes"][0]["html"]) for each in serious] == [], name


@pytest.mark.parametrize(
    "name", ["simulator", "connection", "reference", "history", "marketdata-0", "orders", "status"]
)
def test_a_process_that_is_killed_is_shown_restarted_and_ready(
    page: Page, desk: Cluster, name: str, record_property: Record
) -> None:
    before = desk.rows()[name]
    ready, restarts = cell("processes", name, "ready"), cell("processes", name, "restarts")
    with Truth(page, desk, record_property) as truth:
        down, again = (
            truth.watch(ready, "ready", "differs"),
            truth.watch(restarts, str(before["restarts"] + 1)),
        )
        killed = time.time()
        os.kill(before["pid"], signal.SIGKILL)
        truth.shown(f"{name} is gone", down, killed)
        truth.shown(f"{name} is restarted", again, truth.event(is_process(name, before["pid"])))
        back = truth.watch(ready, "ready", fresh=False)
        truth.shown(f"{name} is ready", back, truth.event(is_process(name, before["pid"], "ready")))
    desk.await_ready(after=(name, before["pid"]))
    playwright.expect(page.page.locator("[data-banner]")).to_have_count(0, timeout=patient(10_000))
    page.shows(page.cell("orders", "alpha/works", "status"), "submitted", 10_000)


def test_a_status_node_that_hangs_is_told_and_nothing_old_passes_for_new(
    page: Page, desk: Cluster, record_property: Record
) -> None:
    pid = desk.pid("status")
    banner = "[data-banner=status]"
    with Truth(page, desk, record_property) as truth:
        told = truth.watch(banner)
        stopped = time.time()
        os.kill(pid, signal.SIGSTOP)
        truth.shown("status hangs", told, stopped)
        page.shows(page.cell("processes", "status", "beating"), "silent")
        page.shows(page.cell("processes", "orders", "ready"), "ready")  # heard without it
        healed = truth.watch(banner, kind="gone", fresh=False)
        # the supervisor kills what hangs
        truth.shown("status is back", healed, truth.event(is_process("status", pid, "ready")))


def test_the_pages_own_process_may_die_too(page: Page, desk: Cluster, record_property: Record) -> None:
    pid = desk.pid("web")
    banner = "[data-banner=server]"
    with Truth(page, desk, record_property) as truth:
        told = truth.watch(banner)
        killed = time.time()
        os.kill(pid, signal.SIGKILL)
        truth.shown("web is gone", told, killed)
        healed = truth.watch(banner, kind="gone", fresh=False)
        truth.shown("web is back", healed, truth.event(is_process("web", pid, "ready")))
    page.shows(page.cell("processes", "web", "ready"), "ready", 10_000)


def test_lost_upstream_and_broken_farms_are_told_and_heal(
    page: Page, desk: Cluster, record_property: Record
) -> None:
    upstream = "[data-fact=upstream]"
    with Truth(page, desk, record_property, "gateway/") as truth:
        lost, back = truth.watch(upstream, "lost"), truth.watch("[data-fact=gateway]", "upstream_lost")
        desk.fault("connectivity_lost")
        since = truth.event(lambda _, event: event.get("upstream") == "lost")
        truth.shown("the broker cannot be reached", lost, since)
        truth.shown("the gateway lost its upstream", back, since)
        healed = truth.watch(upstream, "connected")
        desk.fault("connectivity_restored", "data_lost=true")
        truth.shown(
            "the broker is back", healed, truth.event(lambda _, event: event.get("upstream") == "connected")
        )
    page.shows(page.page.locator("[data-fact=gateway]"), "up", 10_000)


def test_the_kill_switch_takes_two_actions_and_shows_what_remains(browser: Any, desk: Cluster) -> None:
    page = Page(browser, desk, operator=True)
    for number in range(3):
        place(desk, f"kill-{number}-{time.time_ns()}", order_type="LMT", limit_price=1.0)
    page.page.keyboard.press("k")
    confirm = page.page.locator("[data-test=confirm]")
    playwright.expect(page.page.locator("[data-test=cancel]")).to_be_focused()
    playwright.expect(confirm).to_be_disabled()
    page.page.locator("[data-test=word]").fill("cancel all")
    playwright.expect(confirm).to_be_disabled()  # the word, as it stands there
    page.page.locator("[data-test=word]").fill("CANCEL ALL")
    confirm.click()
    page.shows(page.page.locator("[data-test=remaining]"), "everybody: 0 remaining", 15_000)
    page.shows(page.page.locator("[data-banner=halted]"), "everybody")
    status = desk.pid("status")
    os.kill(status, signal.SIGSTOP)  # whoever says nothing does not say that nothing remains
    page.shows(page.page.locator("[data-test=remaining]"), "not known what remains", 8000)
    for fact in ("gateway", "upstream", "farms"):
        page.shows(page.page.locator(f"[data-fact={fact}]"), "(OLD)", 8000)
    os.kill(status, signal.SIGCONT)
    page.shows(page.page.locator("[data-test=remaining]"), "everybody: 0 remaining", 15_000)
    page.shows(page.page.locator("[data-test=everybody]"), "halted")
    page.shows(page.page.locator("[data-alert=Halted]"), "halted", 5000)
    page.shows(page.page.locator("table[data-section=audit]"), "halt", 8000)
    page.view("desk")
    page.shows(page.page.locator("section", has_text="Working orders"), "finished under Orders")
    page.view("control")
    page.page.locator("[data-test=resume-all]").click()
    page.page.locator("[data-test=confirm]").click()
    playwright.expect(page.page.locator("[data-banner=halted]")).to_have_count(0, timeout=patient(5000))
    page.close()


def test_texts_of_others_are_shown_and_never_run(browser: Any, desk: Cluster) -> None:
    """A reason goes to the banner, the alert, the table of control, the audit and the log."""
    page = Page(browser, desk, operator=True)
    text = '<img src=x onerror="window.ran=1"><b>loud</b>&amp; \u202etxet desrever\u0007'
    ask(desk, "halt", {"reason": text})
    page.shows(
        page.page.locator("[data-banner=halted]"), '<img src=x onerror="window.ran=1"><b>loud</b>&amp; '
    )
    page.shows(page.page.locator("[data-alert=Halted]"), "<img src=x", 5000)
    for name in VIEWS:
        page.view(name)
        assert page.page.locator("main img, header img, main script").count() == 0, name
        assert page.page.evaluate("window.ran") is None, name
        said = page.page.locator("body").inner_text()
        assert "\u202e" not in said, name
        assert "\u0007" not in said, name
    page.view("processes")
    page.page.locator("tr[data-key=orders] button").click()
    page.page.locator("pre.log").wait_for()
    assert page.page.evaluate("window.ran") is None
    ask(desk, "resume", {})
    playwright.expect(page.page.locator("[data-banner=halted]")).to_have_count(0, timeout=patient(5000))
    page.close()


def test_a_viewer_cannot_act_whatever_it_sends(page: Page) -> None:
    page.view("control")
    playwright.expect(page.page.locator("[data-test=kill-all]")).to_be_disabled()
    status = page.page.evaluate(
        "fetch('/api/command', {method: 'POST', headers: {'content-type': 'application/json'},"
        " body: JSON.stringify({op: 'halt', args: {reason: 'x'}})}).then(answer => answer.status)"
    )
    assert status == 403
    page.complaints.clear()  # the browser itself notes the 403


def test_where_a_stop_waits_is_shown_on_a_narrow_screen_too(page: Page, desk: Cluster) -> None:
    """Its limit was a dash and its stop left out: no price at all."""
    place(desk, "stop", order_type="STP", stop_price=1234.5)
    page.page.set_viewport_size({"width": 380, "height": 800})
    page.view("orders")
    stop = page.cell("orders", "alpha/stop", "stop_price")
    page.shows(stop, "1,234.50")
    playwright.expect(stop).to_be_visible()
    page.picture("narrow-orders")
    beyond = """[...document.querySelectorAll("table.many td")].filter((each) =>
      each.getBoundingClientRect().right > innerWidth).length"""
    assert page.page.evaluate(beyond) == 0, "how an order stands, and its button, were beyond the edge"
    ask(desk, "cancel_order", {"strategy": "alpha", "client_order_id": "stop"})


def test_every_view_fits_a_narrow_screen(page: Page) -> None:
    page.page.set_viewport_size({"width": 380, "height": 800})
    covered = """(cells) => [...document.querySelectorAll(cells)].filter((each) => {
      const at = each.getBoundingClientRect();
      const there = document.elementFromPoint(at.left + 6, at.top + at.height / 2);
      return at.top > 200 && at.bottom < innerHeight && !each.contains(there);
    }).map((each) => each.textContent)"""
    sideways = """[...document.querySelectorAll(".scroll:has(td[data-title])")].filter((each) =>
      each.scrollWidth > each.clientWidth).map((each) => each.getAttribute("aria-label"))"""
    names = "table.control tr td:first-child, td[data-column=strategy]"
    for name in VIEWS:
        page.view(name)
        wide = page.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 380, name
        assert page.page.evaluate(covered, names) == [], name  # whom a button halts can be read
        assert page.page.evaluate(sideways) == [], name


def test_a_cancel_that_is_refused_is_told(browser: Any, desk: Cluster) -> None:
    place(desk, "refused", order_type="LMT", limit_price=1.0)
    page = Page(browser, desk, operator=True)
    answer = '{"ok": false, "error": {"code": "timeout", "message": "nobody answered"}}'
    page.page.route(
        "**/api/command", lambda route: route.fulfill(body=answer, content_type="application/json")
    )
    page.page.locator('tr[data-key="alpha/refused"] td.act button').click()
    page.shows(page.page.locator("main [role=alert]"), "alpha/refused is not cancelled: nobody answered")
    page.close()
