"""What is answered, and to whom: the routes and the checks before them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from twsmq_protocol.board import SECTIONS
from twsmq_protocol.envelope import Args
from twsmq_protocol.hosts import is_loopback
from twsmq_protocol.order_query_requests import ReplayEvents

from .access import Access, Refused, Session
from .commands import COMMANDS
from .desk import Desk
from .exposition import CONTENT_TYPE

STATIC = Path(__file__).parent / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
_RETRY = b"retry: 500\n\n"
"""How long (ms) a browser waits before it connects again; its own default is some 3 s."""
_MOST_BYTES = 64 * 1024
_BODY_S = 10.0
_HISTORY = "replay_events"
"""What a key has to open for its session to read an order's events."""
SESSION_S = 1.0
"""How often a stream looks whether its session still stands."""
MOST_STREAMS = 256
"""Browsers that listen at once."""
_OPEN = frozenset(("/metrics", "/api/login"))
"""Paths that are answered without a session, the first to this machine only: it shows what accounts are
worth. Static files hold no data."""


class Checks:
    """Host, Origin and session, before anything else; security headers on every answer."""

    def __init__(self, app: ASGIApp, access: Access, desk: Desk) -> None:
        self._app = app
        self._access = access
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        request = Request(scope)
        try:
            self._access.check_host(request.headers)
            if request.method == "POST":
                self._access.check_post(request.headers)
            path: str = scope["path"]
            if _is_guarded(path, request):
                scope["session"] = self._access.session(
                    request.cookies.get(self._access.cookie), request.headers.get("authorization")
                )
        except Refused as refused:
            await self._desk.refused(refused)(scope, receive, sent)
            return
        await self._app(scope, receive, sent)


class Pages:
    """What each path answers. A handler raises `Refused`, which `refuse` puts into words."""

    def __init__(self, desk: Desk, access: Access) -> None:
        self._desk = desk
        self._access = access

    def _me_of(self, session: Session) -> dict[str, Any]:
        """`may`: the commands that are not refused; the page shows no button for others."""
        role, may = self._access.role(session), self._access.may(session, COMMANDS)
        return {
            "who": session.who,
            "role": role,
            "may": may,
            "reads_orders": self._reads_orders(session),
            "reads_logs": self._access.reads_logs(session),
        }

    def _reads_orders(self, session: Session) -> bool:
        try:
            self._access.require_key(session, _HISTORY, Args())
        except Refused:
            return False
        return True

    async def page(self, _: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})

    async def login(self, request: Request) -> Response:
        given = await _body(request)
        cookie, session = self._access.log_in(
            str(given.get("key", "")), request.cookies.get(self._access.cookie)
        )
        answer = _json(self._me_of(session))
        seconds = int(self._desk.config.web.session_hours * 3600)
        answer.set_cookie(
            self._access.cookie, cookie, max_age=seconds, httponly=True, samesite="strict", path="/"
        )
        return answer

    async def logout(self, request: Request) -> Response:
        self._access.log_out(request.cookies.get(self._access.cookie))
        answer = _json({"ok": True})
        answer.delete_cookie(self._access.cookie, path="/")
        return answer

    async def step_down(self, request: Request) -> Response:
        self._access.step_down(_session(request))
        return _json(self._me_of(_session(request)))

    async def me(self, request: Request) -> Response:
        return _json(self._me_of(_session(request)))

    async def command(self, request: Request) -> Response:
        session = _session(request)
        self._access.require_operator(session)
        given = await _body(request)
        op = str(given.get("op", ""))
        if op in COMMANDS:
            self._access.require_operator(session, op)
        args: Any = given.get("args") or {}
        if not isinstance(args, dict):
            raise Refused(400, "malformed", "`args` has to be an object")
        role = self._access.role(session)
        return _json(await self._desk.commands.run(session.who, role, op, cast("dict[str, Any]", args)))

    async def events(self, request: Request) -> Response:
        credentials = request.cookies.get(self._access.cookie), request.headers.get("authorization")
        if len(self._desk.browsers) >= MOST_STREAMS:
            raise Refused(503, "streams", f"{MOST_STREAMS} browsers listen already; close some")
        browser = self._desk.browsers.add(self._desk.whole)

        async def stream() -> AsyncIterator[bytes]:
            try:
                yield _RETRY
                looked = time.monotonic()
                async for message in browser.messages(self._desk.alive):
                    if time.monotonic() - looked > SESSION_S:
                        looked = time.monotonic()
                        self._access.session(*credentials)  # who has logged out receives no more
                    yield message
            except Refused:
                return
            finally:
                self._desk.browsers.remove(browser)

        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)

    async def sections(self, _: Request) -> Response:
        return _json(SECTIONS)

    async def board(self, _: Request) -> Response:
        return await self._desk.board()

    async def audit(self, _: Request) -> Response:
        return _json(self._desk.audit.latest(300))

    async def log(self, request: Request) -> Response:
        self._access.require_logs(_session(request))
        return _json(self._desk.log(request.path_params["name"]))

    async def history(self, request: Request) -> Response:
        """The journal is read with this process's own key: what the session's does not open stays closed."""
        strategy = request.query_params.get("strategy", "")
        self._access.require_key(_session(request), _HISTORY, ReplayEvents(after=0, strategy=strategy))
        return _json(await self._desk.history(strategy, request.query_params.get("client_order_id", "")))

    async def records(self, _: Request) -> Response:
        return _json(await self._desk.records())

    async def metrics(self, _: Request) -> Response:
        return Response(
            await self._desk.metrics(), media_type=CONTENT_TYPE, headers={"cache-control": "no-store"}
        )

    def refuse(self, _: Request, refused: Exception) -> Response:
        assert isinstance(refused, Refused)
        return self._desk.refused(refused)


def build(desk: Desk, access: Access) -> Starlette:
    """The application."""
    pages = Pages(desk, access)
    app = Starlette(
        exception_handlers={Refused: pages.refuse},
        routes=[
            Route("/", pages.page),
            Route("/events", pages.events),
            Route("/metrics", pages.metrics),
            Route("/api/login", pages.login, methods=["POST"]),
            Route("/api/logout", pages.logout, methods=["POST"]),
            Route("/api/step_down", pages.step_down, methods=["POST"]),
            Route("/api/command", pages.command, methods=["POST"]),
            Route("/api/me", pages.me),
            Route("/api/board", pages.board),
            Route("/api/sections", pages.sections),
            Route("/api/audit", pages.audit),
            Route("/api/log/{name}", pages.log),
            Route("/api/history", pages.history),
            Route("/api/records", pages.records),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Checks, access=access, desk=desk)],
    )
    app.router.redirect_slashes = False
    return app


def _is_guarded(path: str, request: Request) -> bool:
    """Whether it takes a session. Beyond loopback nothing is shown without a key."""
    if path == "/metrics":
        return request.client is None or not is_loopback(request.client.host)
    return (path.startswith("/api/") or path == "/events") and path not in _OPEN


def _session(request: Request) -> Session:
    session = request.scope["session"]
    assert isinstance(session, Session)
    return session


async def _body(request: Request) -> dict[str, Any]:
    """A JSON object of moderate size. Raises `Refused` for anything else."""
    read = b""
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                read += chunk
                if len(read) > _MOST_BYTES:
                    raise Refused(413, "too_large", f"a request has {_MOST_BYTES} bytes at most")
    except ClientDisconnect as error:
        raise Refused(400, "malformed", "the request ended before its end") from error
    except TimeoutError as error:
        raise Refused(408, "too_slow", f"a request has to be here within {_BODY_S:.0f} s") from error
    try:
        return msgspec.json.decode(read, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, "malformed", "send one JSON object") from error


def _json(value: object) -> Response:
    return Response(
        msgspec.json.encode(value), media_type="application/json", headers={"cache-control": "no-store"}
    )
