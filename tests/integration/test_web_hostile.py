"""The page's process among those who mean it ill: strangers, other sites, replayed links, bodies and streams
without end. It answers each with a refusal, keeps beating, and everybody else goes on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvicorn
from conftest import running_cluster
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from support.cluster import TWSMQ, Cluster
from support.patience import patient
from support.plain_client import PlainClient
from support.web_requests import ask, log_in
from twsmq_web import connections
from twsmq_web.app import MOST_STREAMS

GUARDED = (
    ("GET", "/events"), ("GET", "/api/me"), ("GET", "/api/board"), ("GET", "/api/sections"),
    ("GET", "/api/audit"), ("GET", "/api/log/orders"), ("GET", "/api/history"), ("GET", "/api/records"),
    ("POST", "/api/command"), ("POST", "/api/logout"), ("POST", "/api/step_down"),
)  # fmt: skip
HALT = json.dumps({"op": "halt", "args": {"reason": "a stranger"}})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("hostile"), "[web]\nenabled = true\n") as running:
        yield running


def link(cluster: Cluster, *more: str) -> str:
    words = [*TWSMQ, "web", "--config", str(cluster.config), *more]
    done = subprocess.run(words, capture_output=True, text=True, timeout=patient(30), check=True)
    return done.stdout.strip().partition("#login=")[2]


@pytest.fixture(scope="module")
def operator(served: Cluster) -> str:
    """The cookie of a browser that may act."""
    status, cookie = log_in(served, link(served, "--operator"))
    assert status == 200
    return cookie


def nobody_is_halted(cluster: Cluster) -> bool:
    client = PlainClient(cluster.port_base)
    try:
        client.subscribe("node/orders/")
        return not client.await_event(lambda topic, _: topic == "node/orders/")["halted"]
    finally:
        client.close()


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_without_a_login_nothing_is_shown_and_nothing_done(served: Cluster, method: str, path: str) -> None:
    name = f"twsmq_session_{served.port_base + 80}"
    for cookie in ("", f"{name}=", f"{name}=guess", f"{name}=" + "x" * 4000):
        status, body = ask(served, method, path, HALT if method == "POST" else None, Cookie=cookie)
        assert (status, json.loads(body)["error"]["code"]) == (401, "no_session")
    for path_again in (path + "/", "/" + path, path.replace("/", "//"), path.upper(), path + "%00"):
        status, _ = ask(served, method, path_again, HALT if method == "POST" else None)
        assert status in (401, 404, 405)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"Content_Type": "text/plain"},
        {"Content_Type": "multipart/form-data; boundary=x"},
    ],
)
def test_another_sites_page_cannot_use_an_operators_browser(
    served: Cluster, operator: str, headers: dict[str, str]
) -> None:
    status, _ = ask(served, "POST", "/api/command", HALT, Cookie=operator, **headers)
    assert status in (403, 421)
    assert nobody_is_halted(served)


def test_a_link_lets_one_in_however_many_use_it_at_once(served: Cluster) -> None:
    key = link(served)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(log_in(served, key)[0])) for _ in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(found) == [200, *[401] * 11]
    assert log_in(served, key)[0] == 401


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b'"halt"', b"{", b'{"op": "halt", "args": [1, 2]}',
        b'{"op": "halt", "args": "ab"}', b'{"op": "halt", "args": 5}', b'{"a":' * 12_000, b"[" * 60_000,
        b"\xff\xfe{}", b'{"op": "\\ud800"}',
        b'{"op": ["halt"], "args": {"reason": {}}}', b'{"op": "halt", "args": {"reason": 1e999}}',
        b'{"op": "halt", "args": {"reason": "x", "by": "somebody else", "more": 1}}',
        b'{"op": "place_order", "args": {}}', b'{"op": "resume", "args": {"strategy": "../../etc/passwd"}}',
    ],
)  # fmt: skip
def test_a_broken_body_is_refused_with_words(served: Cluster, operator: str, body: bytes) -> None:
    status, answer = ask(served, "POST", "/api/command", body, Cookie=operator)
    told = json.loads(answer)
    assert status in (200, 400, 403)
    assert not told["ok"]
    assert told["error"]["message"]
    assert ask(served, "POST", "/api/login", body)[0] in (400, 401)
    assert nobody_is_halted(served)


@pytest.mark.parametrize("cookie", [True, False])
def test_a_body_without_end_is_cut_off(served: Cluster, operator: str, cookie: bool) -> None:
    host = f"127.0.0.1:{served.port_base + 80}"
    with socket.create_connection(("127.0.0.1", served.port_base + 80), patient(15)) as stranger:
        head = f"POST /api/command HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        head += f"Cookie: {operator}\r\n" if cookie else ""
        stranger.sendall(head.encode() + b"Content-Length: 10000000000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(2000):  # until it is shut in our face
                stranger.sendall(b"x" * 65_536)
            raise AssertionError("130 MB were taken")
    assert ask(served, "POST", "/api/command", b" " * 65_537, Cookie=operator)[0] == 413


def test_many_scrapes_at_once_ask_the_processes_once(served: Cluster) -> None:
    asked = re.compile(r'^twsmq_requests_total\{.*op="metrics".*process="orders"\S* (\d+)', re.M)
    asked_too = re.compile(r'^twsmq_requests_total\{.*process="orders".*op="metrics"\S* (\d+)', re.M)

    def count() -> float:
        text = ask(served, "GET", "/metrics")[1].decode()
        found = asked.search(text) or asked_too.search(text)
        assert found is not None
        return float(found[1])

    began, before = time.monotonic(), count()
    threads = [
        threading.Thread(target=lambda: [ask(served, "GET", "/metrics") for _ in range(10)]) for _ in range(8)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    took = time.monotonic() - began + 1.0
    assert count() - before <= took * (2 + 1) + 3  # twice a second for all, and the status node's own


class Streams:
    """Readers of `/events` that do as they please."""

    def __init__(self, cluster: Cluster, cookie: str) -> None:
        self._address = ("127.0.0.1", cluster.port_base + 80)
        host = f"{self._address[0]}:{self._address[1]}"
        self._request = f"GET /events HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n".encode()
        self._open: list[socket.socket] = []

    def one(self, receive_buffer: int | None = None) -> socket.socket:
        made = socket.socket()
        if receive_buffer is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        made.settimeout(patient(20))
        made.connect(self._address)
        made.sendall(self._request)
        self._open.append(made)
        return made

    def close(self) -> None:
        for each in self._open:
            each.close()
        self._open.clear()


def read_until(reader: socket.socket, text: bytes) -> None:
    read, deadline = b"", time.monotonic() + patient(20)
    while text not in read:
        assert time.monotonic() < deadline, read[-300:]
        read = read[-200_000:] + reader.recv(65_536)


def test_two_hundred_streams_of_which_most_are_never_read(served: Cluster, operator: str) -> None:
    web = psutil.Process(served.pid("web"))
    streams, client = Streams(served, operator), PlainClient(served.port_base)
    try:
        client.sub.connect(f"tcp://127.0.0.1:{served.port_base + 83}")
        client.subscribe("node/web/")
        readers = [streams.one() for _ in range(20)]
        for _ in range(180):
            streams.one(receive_buffer=2048)  # never read
        for each in readers:
            read_until(each, b"event: whole")
        before = web.memory_info().rss
        for number in range(200):
            client.result(
                "orders", "place_order", strategy="alpha", client_order_id=f"many-{number}", side="BUY",
                quantity=1, instrument="STK:AAPL:SMART:USD", order_type="LMT", limit_price=1.0,
            )  # fmt: skip
        for each in readers:
            read_until(each, b"alpha/many-199")
        lag = client.await_event(lambda topic, _: topic == "node/web/")["loop_lag_s"]
        assert lag < patient(0.5)
        assert web.memory_info().rss - before < 300e6
        for _ in range(MOST_STREAMS - 200):
            read_until(streams.one(), b"200 OK")
        read_until(streams.one(), b"503 ")
    finally:
        streams.close()
        client.close()
    deadline = time.monotonic() + patient(20)
    while b'twsmq_web_streams{process="web"} 0.0' not in ask(served, "GET", "/metrics")[1]:
        assert time.monotonic() < deadline
        time.sleep(0.6)
    assert served.rows()["web"]["restarts"] == 0


def test_who_logs_out_hears_no_more(served: Cluster) -> None:
    """A stream that was open went on for ever, whatever had become of its session."""
    _, cookie = log_in(served, link(served))
    streams = Streams(served, cookie)
    try:
        reader = streams.one()
        read_until(reader, b"event: whole")
        assert ask(served, "POST", "/api/logout", "{}", Cookie=cookie)[0] == 200
        deadline = time.monotonic() + patient(20)
        while reader.recv(65_536):
            assert time.monotonic() < deadline
    finally:
        streams.close()


class Served:
    """The connections of the page's process, with other answers; whatever is silent ends soon."""

    async def __aenter__(self) -> Served:
        async def endless(_: Request) -> StreamingResponse:
            async def words() -> AsyncIterator[bytes]:
                while True:
                    yield b"still here\n"
                    await asyncio.sleep(0.1)

            return StreamingResponse(words())

        async def answer(_: Request) -> Response:
            return Response(b"answered")

        app = Starlette(routes=[Route("/endless", endless), Route("/", answer)])
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(app, http=connections.Connection, log_config=None, lifespan="off", ws="none",
                           timeout_graceful_shutdown=0)
        )  # fmt: skip
        self._serving = asyncio.create_task(self._server._serve([self._socket]))  # signals stay the test's
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        await self._serving


def test_who_sends_nothing_whole_is_let_go_and_who_listens_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SILENT_S", 0.3)

    async def look() -> None:
        async with Served() as served, asyncio.timeout(patient(15)):
            opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = [
                await asyncio.open_connection("127.0.0.1", served.port) for _ in range(3)
            ]
            nothing, half, asked = opened
            half[1].write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            asked[1].write(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
            while await half[0].read(100):
                half[1].write(b"a")
            assert await nothing[0].read() == b""
            for _ in range(10):
                assert await asked[0].read(100)
            for _, writer in opened:
                writer.close()

    asyncio.run(look())


def test_an_audit_that_cannot_be_written_stops_the_command_and_says_so(
    served: Cluster, operator: str
) -> None:
    audit: Path = served.folder / "var" / "web" / "audit.jsonl"
    kept: Any = audit.read_bytes() if audit.exists() else None
    audit.unlink(missing_ok=True)
    audit.mkdir()
    try:
        _, answer = ask(served, "POST", "/api/command", HALT, Cookie=operator)
    finally:
        audit.rmdir()
        if kept is not None:
            audit.write_bytes(kept)
    assert "nothing was sent" in json.loads(answer)["error"]["message"]
    assert nobody_is_halted(served)
