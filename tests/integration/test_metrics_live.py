"""`/metrics` of a live cluster: complete, quick, bounded; and the rules and dashboards made for it name
what is there."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import running_cluster
from support.cluster import TWSMQ, Cluster
from support.plain_client import PlainClient
from twsmq_protocol.alerts import ALERTS
from twsmq_protocol.metrics import METRICS, PREFIX

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
NAME = re.compile(rf"\b{PREFIX}[a-z_]+")
promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian's package prometheus)"
)


EXTRA = """
[web]
enabled = true
[orders.risk]
max_order_quantity = 1000
[alerts]
command = ["true"]
restart_at = "23:45"
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("served"), EXTRA) as running:
        yield running


def get(cluster: Cluster, path: str, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", cluster.port_base + 80, timeout=5)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def scraped(served: Cluster) -> str:
    """After everything that is counted has happened once: the first answer that has all there is."""
    client = PlainClient(served.port_base)
    try:
        client.subscribe("quote/STK:AAPL:SMART:USD/")
        place(client, "filled", order_type="MKT")
        place(client, "works", order_type="LMT", limit_price=1.0)
        refused = place(client, "too-large", order_type="MKT", quantity=5000)
        assert refused["error"]["code"] == "risk_rejected"
        assert client.request("status", "test_alerts")["ok"]
        assert get(served, "/api/board")[0] == 401
        deadline = time.monotonic() + 60
        while True:
            status, body = get(served, "/metrics")
            text = body.decode()
            missing = [name for name in METRICS if not is_in(text, PREFIX + name)]
            if status == 200 and not missing:
                return text
            assert time.monotonic() < deadline, f"nobody counts {missing}\n{text}"
            time.sleep(0.1)
    finally:
        client.close()


def place(client: PlainClient, name: str, **more: Any) -> dict[str, Any]:
    order: dict[str, Any] = {"strategy": "alpha", "instrument": "STK:AAPL:SMART:USD", "side": "BUY"}
    return client.request("orders", "place_order", client_order_id=name, **({"quantity": 1} | order | more))


def is_in(text: str, name: str) -> bool:
    """Whether a metric of that name, or a part of its histogram, has a sample."""
    return re.search(rf"^{name}(_bucket)?[{{ ]", text, re.MULTILINE) is not None


def expressions() -> list[tuple[str, str]]:
    """Every expression of the rules and of the dashboard, with where it stands."""
    rules = re.findall(r"^ +expr: '?(.*?)'?$", (PROMETHEUS / "rules.yml").read_text(), re.MULTILINE)
    found = [("rules.yml", each) for each in rules]
    dashboard: dict[str, Any] = json.loads((DEPLOY / "grafana" / "twsmq.json").read_text())
    for panel in dashboard["panels"]:
        found += [(panel["title"], target["expr"]) for target in panel["targets"]]
    return found


def test_every_metric_of_rules_and_dashboard_is_really_there(scraped: str) -> None:
    assert len(expressions()) >= 50
    for where, expression in expressions():
        for full in NAME.findall(expression):
            assert re.search(rf"^{full}[{{ ]", scraped, re.MULTILINE), f"{where}: {full}"


def test_every_alert_has_a_rule_with_a_test() -> None:
    names = re.findall(r"- alert: (\w+)", (PROMETHEUS / "rules.yml").read_text())
    tested = re.findall(r"alertname: (\w+)", (PROMETHEUS / "rules_test.yml").read_text())
    assert set(names) == set(tested) == set(ALERTS)


def test_it_is_bounded_and_quick(served: Cluster, scraped: str) -> None:
    assert sum(not line.startswith("#") for line in scraped.splitlines()) < 2000
    took: list[float] = []
    for _ in range(5):
        began = time.monotonic()
        assert get(served, "/metrics")[0] == 200
        took.append(time.monotonic() - began)
    assert min(took) < 0.05


def test_every_process_answers(scraped: str) -> None:
    names = set(re.findall(r'twsmq_build_info\{process="([^"]+)"', scraped))
    assert {"connection", "reference", "marketdata-0", "status", "orders", "web"} <= names


@promtool
def test_promtool_accepts_what_is_served_and_the_rules_do_what_they_say(scraped: str) -> None:
    def run(*words: str, given: str = "") -> None:
        done = subprocess.run(
            ["promtool", *words], cwd=PROMETHEUS, input=given, capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run("check", "metrics", given=scraped)
    run("check", "rules", "rules.yml")
    run("test", "rules", "rules_test.yml")
    run("check", "config", "prometheus.yml")


@promtool
def test_every_expression_of_the_dashboard_is_promql(tmp_path: Path) -> None:
    rules = [
        f"      - record: panel:{n}\n        expr: {json.dumps(each)}"
        for n, (_, each) in enumerate(expressions())
    ]
    path = tmp_path / "panels.yml"
    path.write_text("groups:\n  - name: panels\n    rules:\n" + "\n".join(rules) + "\n")
    done = subprocess.run(
        ["promtool", "check", "rules", str(path)], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_panels_stand_side_by_side_and_have_ids_of_their_own() -> None:
    panels = json.loads((DEPLOY / "grafana" / "twsmq.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken
        taken |= cells


def test_the_board_needs_a_session_and_no_other_name_gets_in(served: Cluster) -> None:
    assert get(served, "/api/board")[0] == 401
    assert get(served, "/events")[0] == 401
    assert get(served, "/metrics", Host="evil.example")[0] == 421


def test_it_ends_at_once_with_a_browser_listening(served: Cluster, eventually: Callable[..., None]) -> None:
    link = subprocess.run(
        [*TWSMQ, "web", "--config", str(served.config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    key = link.stdout.strip().partition("#login=")[2]
    connection = http.client.HTTPConnection("127.0.0.1", served.port_base + 80, timeout=5)
    body = json.dumps({"key": key})
    connection.request("POST", "/api/login", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200
    cookie = (answer.getheader("set-cookie") or "").partition(";")[0]
    answer.read()
    connection.request("GET", "/events", headers={"Cookie": cookie})
    stream = connection.getresponse()
    assert stream.readline().startswith(b"retry: ")
    assert stream.readline() == b"\n"
    assert stream.readline().startswith(b"event: whole")
    eventually(lambda: get(served, "/api/board", Cookie=cookie)[0] == 200)
    board = json.loads(get(served, "/api/board", Cookie=cookie)[1])
    assert {section["name"] for section in board["sections"]} >= {"desk", "orders", "processes", "alerts"}

    web = psutil.Process(served.pid("web"))
    web.terminate()
    eventually(lambda: not web.is_running() or web.status() == psutil.STATUS_ZOMBIE, within=3)
    connection.close()

    def answers() -> bool:
        try:
            return get(served, "/api/board", Cookie=cookie)[0] == 200  # the session outlived it
        except OSError:
            return False

    eventually(answers, within=10)
