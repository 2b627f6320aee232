"""Alerts reach real receivers: a web server, programs, apprise, the log; one that hangs or fails costs the
others nothing."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
import structlog
from support.scripted_port import listening
from twsmq_nodes.status import sinks as module
from twsmq_nodes.status.sinks import Sinks
from twsmq_protocol.alerts import Alert
from twsmq_protocol.config import Alerts
from twsmq_transport.metrics import Registry

FIRING = Alert(
    name="OrderUnknown",
    severity="page",
    state="firing",
    text="1 order unknown",
    since=5,
    runbook="docs/runbook/OrderUnknown.md",
)
RESOLVED = msgspec.structs.replace(FIRING, state="resolved", resolved=9)
SECRET = "T0K3N"

Runner = Callable[[Coroutine[Any, Any, None]], None]


class Receiver:
    """A web server. `answers`: what it answers next, by default 200; `hold`: set to let hung ones go."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.answers: list[int | None] = []
        self.location = ""
        self.hold = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                answer = receiver.answers.pop(0) if receiver.answers else 200
                if answer is None:
                    receiver.hold.wait(60)
                    return
                if answer == 200:
                    receiver.paths.append(self.path)
                    receiver.bodies.append(json.loads(body) if body else {})
                self.send_response(answer)
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.end_headers()

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.close()


@pytest.fixture(params=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Runner:
    if request.param == "asyncio":
        return asyncio.run
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")
    return uvloop.run


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.01)


def deliveries(metrics: Registry) -> dict[tuple[str, str], float]:
    return {
        (sample.labels["sink"], sample.labels["result"]): sample.value
        for family in metrics.gather()
        for sample in family.samples
    }


async def until(true: Callable[[], bool], within: float = 30.0) -> None:
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def writes_to(path: Path) -> list[str]:
    program = f"import sys; open({str(path)!r}, 'a').write(sys.stdin.read() + chr(10))"
    return [sys.executable, "-c", program]


def test_a_webhook_gets_both_ends_of_an_alert_in_their_order(
    receiver: Receiver, runner: Runner, no_pause: None
) -> None:
    """Although the first try of the first is refused."""
    receiver.answers = [500]
    metrics = Registry()

    async def story() -> None:
        sinks = Sinks(Alerts(webhook=f"http://{receiver.address}/hook"), metrics)
        assert sinks.names == ["webhook", "log"]
        sinks.deliver(FIRING)
        sinks.deliver(RESOLVED)
        await until(lambda: len(receiver.bodies) == 2)
        await sinks.close()

    runner(story())
    assert [(body["alert"], body["state"], body["text"]) for body in receiver.bodies] == [
        ("OrderUnknown", "firing", "1 order unknown"),
        ("OrderUnknown", "resolved", "1 order unknown"),
    ]
    assert deliveries(metrics) == {("webhook", "ok"): 2}


def test_a_command_gets_the_alert_on_its_standard_input(tmp_path: Path, runner: Runner) -> None:
    path, metrics = tmp_path / "got", Registry()

    async def story() -> None:
        sinks = Sinks(Alerts(command=writes_to(path), log=False), metrics)
        sinks.deliver(FIRING)
        await until(lambda: bool(deliveries(metrics)))
        await sinks.close()

    runner(story())
    assert json.loads(path.read_text())["runbook"] == "docs/runbook/OrderUnknown.md"
    assert deliveries(metrics) == {("command", "ok"): 1}


def test_a_command_need_not_read_what_it_gets(runner: Runner) -> None:
    """It may be over before it is written to."""
    metrics = Registry()

    async def story() -> None:
        sinks = Sinks(Alerts(command=["true"], log=False), metrics)
        for _ in range(40):
            sinks.deliver(FIRING)
        await until(lambda: sum(deliveries(metrics).values()) == 40)
        await sinks.close()

    runner(story())
    assert deliveries(metrics) == {("command", "ok"): 40}


def test_one_that_hangs_delays_nobody_and_ends_with_the_process(
    tmp_path: Path, receiver: Receiver, runner: Runner
) -> None:
    receiver.answers = [None, None, None]
    path, metrics = tmp_path / "pid", Registry()
    hangs = ["sh", "-c", f"echo $$ > {path}; exec sleep 600"]

    async def story() -> None:
        sinks = Sinks(Alerts(webhook=f"http://{receiver.address}/", command=hangs, log=False), metrics)
        sinks.deliver(FIRING)
        other = msgspec.structs.replace(FIRING, name="Halted")
        await until(lambda: path.exists() and path.read_text() != "")
        receiver.answers = []
        sinks.deliver(other)
        await until(lambda: deliveries(metrics).get(("webhook", "ok")) == 1, within=8)
        await sinks.close()

    began = time.monotonic()
    runner(story())
    assert time.monotonic() - began < 9  # nobody waited for the ten seconds of the hung ones
    end = time.monotonic() + 10
    while psutil.pid_exists(int(path.read_text())):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_what_fails_is_tried_thrice_and_named_without_its_address(
    receiver: Receiver, runner: Runner, no_pause: None
) -> None:
    receiver.answers = [500] * 6
    metrics = Registry()

    async def story() -> None:
        config = Alerts(webhook=f"http://{receiver.address}/{SECRET}", command=["/nowhere/at-all"], log=False)
        sinks = Sinks(config, metrics)
        sinks.deliver(FIRING)
        await until(lambda: len(deliveries(metrics)) == 2)
        await sinks.close()

    with structlog.testing.capture_logs() as logged:
        runner(story())
    assert deliveries(metrics) == {("webhook", "failed"): 1, ("command", "failed"): 1}
    assert len(receiver.answers) == 3
    assert {line["problem"] for line in logged} == {
        "HTTPError 500",
        "/nowhere/at-all: No such file or directory",
    }
    assert SECRET not in str(logged)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


@pytest.mark.parametrize(
    ("scheme", "first", "result"),
    [("http", HEAD, "ok"), ("http", HEAD[:9], "failed"), ("https", b"\x16\x03\x03\x40\x00", "failed")],
)
def test_a_server_that_goes_on_sending_keeps_no_thread(
    scheme: str, first: bytes, result: str, no_pause: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose answer never ended got each alert three times, counted as failed; and one that never came to
    its status kept a thread for each try."""
    monkeypatch.setattr(module, "DELIVERY_S", 0.3)
    metrics = Registry()
    asked: list[bytes] = []

    def drip(connected: socket.socket) -> None:
        asked.append(connected.recv(4096))
        connected.sendall(first)
        with suppress(OSError):
            while True:
                connected.sendall(b"X")
                time.sleep(0.02)

    async def story(port: int) -> None:
        sinks = Sinks(Alerts(webhook=f"{scheme}://127.0.0.1:{port}/", log=False), metrics)
        sinks.deliver(FIRING)
        await until(lambda: bool(deliveries(metrics)))
        await sinks.close()

    with listening(drip) as port:
        asyncio.run(story(port))
        assert deliveries(metrics) == {("webhook", result): 1}
        assert len(asked) == (1 if result == "ok" else 3)
        end = time.monotonic() + 30
        while any(each.name == "delivery" for each in threading.enumerate()):
            assert time.monotonic() < end
            time.sleep(0.02)


def test_a_name_that_is_looked_up_for_ever_keeps_some_threads_and_sends_nothing_late(
    receiver: Receiver, no_pause: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try left one behind."""
    monkeypatch.setattr(module, "DELIVERY_S", 0.1)
    monkeypatch.setattr(module, "MOST_THREADS", 2)
    metrics, found, look_up = Registry(), threading.Event(), socket.getaddrinfo

    def slowly(host: str, *more: Any, **named: Any) -> Any:
        if host == "slow.test":
            found.wait()
        return look_up("127.0.0.1" if host == "slow.test" else host, *more, **named)

    def waiting() -> int:
        return sum(each.name == "delivery" for each in threading.enumerate())

    async def story() -> None:
        sinks = Sinks(
            Alerts(webhook=f"http://slow.test:{receiver.address.split(':')[1]}/", log=False), metrics
        )
        for name in ("Halted", "LineLimit", "DiskLow"):
            sinks.deliver(msgspec.structs.replace(FIRING, name=name))
        await until(lambda: deliveries(metrics) == {("webhook", "failed"): 3})
        assert waiting() == 2
        found.set()
        await until(lambda: waiting() == 0)
        monkeypatch.setattr(module, "DELIVERY_S", 10.0)
        sinks.deliver(FIRING)
        await until(lambda: deliveries(metrics).get(("webhook", "ok")) == 1)
        await sinks.close()

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    try:
        asyncio.run(story())
    finally:
        found.set()
    assert [body["alert"] for body in receiver.bodies] == [FIRING.name]


def test_a_hundred_at_once_all_arrive(receiver: Receiver) -> None:
    """A bad day halts many: the fifty-first alert of a second was given up though nothing was wrong."""
    metrics = Registry()

    async def story() -> None:
        sinks = Sinks(Alerts(webhook=f"http://{receiver.address}/", log=False), metrics)
        for number in range(100):
            sinks.deliver(msgspec.structs.replace(FIRING, about=f"s-{number}"))
        await until(lambda: sum(deliveries(metrics).values()) == 100)
        await sinks.close()

    asyncio.run(story())
    assert deliveries(metrics) == {("webhook", "ok"): 100}
    assert {body["about"] for body in receiver.bodies} == {f"s-{number}" for number in range(100)}


def test_who_only_redirects_has_not_got_it(receiver: Receiver, no_pause: None) -> None:
    """urllib follows by a GET without the alert, and that was `ok`."""
    metrics = Registry()
    receiver.answers = [302, 302, 302]
    receiver.location = "/elsewhere"

    async def story() -> None:
        sinks = Sinks(Alerts(webhook=f"http://{receiver.address}/", log=False), metrics)
        sinks.deliver(FIRING)
        await until(lambda: bool(deliveries(metrics)))
        await sinks.close()

    asyncio.run(story())
    assert deliveries(metrics) == {("webhook", "failed"): 1}
    assert receiver.paths == []


def test_only_what_is_worth_a_page_leaves_where_that_is_asked_for(receiver: Receiver) -> None:
    metrics = Registry()

    async def story() -> None:
        sinks = Sinks(Alerts(webhook=f"http://{receiver.address}/", minimum="page"), metrics)
        sinks.deliver(msgspec.structs.replace(FIRING, name="LineLimit", severity="warn"))
        sinks.deliver(FIRING)
        sinks.deliver(msgspec.structs.replace(FIRING, name="Test", severity="warn", test=True))
        await until(lambda: len(receiver.bodies) == 2)
        await sinks.close()

    with structlog.testing.capture_logs() as logged:
        asyncio.run(story())
    assert {body["alert"] for body in receiver.bodies} == {"OrderUnknown", "Test"}
    assert [(line["log_level"], line["alert"]) for line in logged] == [
        ("warning", "LineLimit"),
        ("error", "OrderUnknown"),
        ("warning", "Test"),
    ]


def test_the_ping_goes_out(receiver: Receiver) -> None:
    async def story() -> None:
        sinks = Sinks(Alerts(deadman_url=f"http://{receiver.address}/alive"), Registry())
        sinks.ping()
        await until(lambda: receiver.paths == ["/alive"])
        await sinks.close()

    asyncio.run(story())


@pytest.mark.skipif(importlib.util.find_spec("apprise") is None, reason="apprise is not installed (extra)")
def test_apprise_carries_it_on(receiver: Receiver) -> None:
    metrics = Registry()

    async def story() -> None:
        sinks = Sinks(Alerts(apprise=[f"json://{receiver.address}/"], log=False), metrics)
        sinks.deliver(FIRING)
        await until(lambda: bool(deliveries(metrics)), within=60)
        await sinks.close()

    asyncio.run(story())
    assert deliveries(metrics) == {("apprise", "ok"): 1}
    (body,) = receiver.bodies
    assert (body["title"], body["message"].split("\n")[0]) == (
        "twsmq: OrderUnknown firing",
        "1 order unknown",
    )
