"""One HTTP request of an alert's or of a ping, over with in bounded time.

Theory: whoever answers with a status has got it; what else comes is not waited for. A timeout of the socket
bounds each wait and not their sum: a server that sends a byte now and then would keep a thread for hours. So
the connection is shut down when the time is over, whatever it is doing then.
"""

from __future__ import annotations

import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from types import TracebackType
from typing import IO, Any
from urllib.error import HTTPError


class SinkFailed(Exception):
    """One try of a delivery failed; `str()` says why, without addresses."""


def fetch(url: str, body: bytes | None, within: float) -> None:
    """POST of JSON, or GET without a body. Raises `SinkFailed`."""
    headers = {"Content-Type": "application/json", "User-Agent": "twsmq"}
    try:
        request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - as configured
        with _Ends(within) as ends:
            opener = urllib.request.build_opener(_Redirects, _Http(ends), _Https(ends))
            opener.open(request, timeout=within).close()
    except HTTPError as error:
        error.close()
        raise SinkFailed(f"HTTPError {error.code}") from None
    except (OSError, ValueError, HTTPException) as error:
        raise SinkFailed(type(error).__name__) from None


class _Redirects(urllib.request.HTTPRedirectHandler):
    """urllib follows by a GET without the alert, and whoever answers that has not got it: only a ping may."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        return None if req.data else super().redirect_request(req, fp, code, msg, headers, newurl)


class _Ends:
    """Ends the connections of one request after `within` seconds. Each is held by a descriptor of its own:
    TLS takes the socket's away."""

    def __init__(self, within: float) -> None:
        self._timer = threading.Timer(within, self._end)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._held: list[socket.socket] = []
        self._over = False

    def __enter__(self) -> _Ends:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for each in self._held:
                each.close()
            self._held.clear()

    def hold(self, connected: socket.socket) -> None:
        with self._lock:
            self._held.append(connected.dup())
        if self._over:
            self._end()

    def _end(self) -> None:
        self._over = True
        with self._lock:
            for each in self._held:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)


class _Connection(HTTPConnection):
    ends: _Ends | None = None

    def connect(self) -> None:
        super().connect()
        if self.ends is not None:
            self.ends.hold(self.sock)


class _SecureConnection(HTTPSConnection, _Connection):
    """Its `connect` calls that of `_Connection` before it begins with TLS."""


def _held(kind: type[_Connection], ends: _Ends) -> Callable[..., HTTPConnection]:
    def made(host: str, **more: Any) -> HTTPConnection:
        connection = kind(host, **more)
        connection.ends = ends
        return connection

    return made


class _Http(urllib.request.HTTPHandler):
    def __init__(self, ends: _Ends) -> None:
        super().__init__()
        self._ends = ends

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_held(_Connection, self._ends), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, ends: _Ends) -> None:
        super().__init__()
        self._ends = ends

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        made = _held(_SecureConnection, self._ends)
        return self.do_open(made, req, context=ssl.create_default_context())
