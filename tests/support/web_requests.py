"""What a browser sends to the page of a running cluster, without a browser."""

from __future__ import annotations

import http.client
import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from support.patience import patient

JSON = {"Content-Type": "application/json"}


class Served(Protocol):
    """A cluster with a page."""

    @property
    def port_base(self) -> int: ...


def ask(
    cluster: Served, method: str, path: str, body: str | bytes | None = None, **headers: str
) -> tuple[int, bytes]:
    """Status, and what was answered."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with _answer(cluster, method, path, body, (JSON if method == "POST" else {}) | named) as answer:
        return answer.status, answer.read()


def log_in(cluster: Served, key: str) -> tuple[int, str]:
    """Status, and the cookie that was set."""
    with _answer(cluster, "POST", "/api/login", json.dumps({"key": key}), JSON) as answer:
        answer.read()
        return answer.status, (answer.getheader("set-cookie") or "").partition(";")[0]


@contextmanager
def _answer(
    cluster: Served, method: str, path: str, body: str | bytes | None, headers: dict[str, str]
) -> Generator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", cluster.port_base + 80, timeout=patient(15))
    try:
        connection.request(method, path, body, headers)
        yield connection.getresponse()
    finally:
        connection.close()
