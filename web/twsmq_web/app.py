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

from .access import COOKIE, Access, Refused, Session
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
MOST_STREAMS = 256
"""Browsers that listen at once."""
_OPEN = frozenset(("/metrics", "/api/login"))
"""Paths below which something is shown without a session; static files hold no data."""


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
            if (path.startswith("/api/") or path == "/events") and path not in _OPEN:
                scope["session"] = self._access.session(
                    request.cookies.get(COOKIE), request.headers.get("authorization")
                )
        except Refused as refused:
            await self._desk.refused(refused)(scope, receive, sent)
            return
        await self._app(scope, receive, sent)


def build(desk: Desk, access: Access) -> Starlette:  # noqa: C901  a table of routes, each a few lines
    """The application."""

    async def page(_: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})

    async def login(request: Request) -> Response:
        given = await _body(request)
        cookie, session = access.log_in(str(given.get("key", "")), request.cookies.get(COOKIE))
        answer = _json(_me(session))
        seconds = int(desk.config.web.session_hours * 3600)
        answer.set_cookie(COOKIE, cookie, max_age=seconds, httponly=True, samesite="strict", path="/")
        return answer

    async def logout(request: Request) -> Response:
        access.log_out(request.cookies.get(COOKIE))
        answer = _json({"ok": True})
        answer.delete_cookie(COOKIE, path="/")
        return answer

    async def step_down(request: Request) -> Response:
        access.step_down(_session(request))
        return _json(_me(_session(request)))

    async def me(request: Request) -> Response:
        return _json(_me(_session(request)))

    async def command(request: Request) -> Response:
        session = _session(request)
        access.require_operator(session)
        given = await _body(request)
        args: Any = given.get("args") or {}
        if not isinstance(args, dict):
            raise Refused(400, "malformed", "`args` has to be an object")
        role, op = session.role(time.time()), str(given.get("op", ""))
        return _json(await desk.commands.run(session.who, role, op, cast("dict[str, Any]", args)))

    async def events(_: Request) -> Response:
        if len(desk.browsers) >= MOST_STREAMS:
            raise Refused(503, "streams", f"{MOST_STREAMS} browsers listen already; close some")
        browser = desk.browsers.add(desk.whole)

        async def stream() -> AsyncIterator[bytes]:
            try:
                yield _RETRY
                async for message in browser.messages(desk.alive):
                    yield message
            finally:
                desk.browsers.remove(browser)

        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)

    async def sections(_: Request) -> Response:
        return _json(SECTIONS)

    async def board(_: Request) -> Response:
        return await desk.board()

    async def audit(_: Request) -> Response:
        return _json(desk.audit.latest(300))

    async def log(request: Request) -> Response:
        return _json(desk.log(request.path_params["name"]))

    async def history(request: Request) -> Response:
        return _json(
            await desk.history(
                request.query_params.get("strategy", ""), request.query_params.get("client_order_id", "")
            )
        )

    async def records(_: Request) -> Response:
        return _json(await desk.records())

    async def metrics(_: Request) -> Response:
        return Response(await desk.metrics(), media_type=CONTENT_TYPE, headers={"cache-control": "no-store"})

    def refuse(_: Request, refused: Exception) -> Response:
        assert isinstance(refused, Refused)
        return desk.refused(refused)

    app = Starlette(
        exception_handlers={Refused: refuse},
        routes=[
            Route("/", page),
            Route("/events", events),
            Route("/metrics", metrics),
            Route("/api/login", login, methods=["POST"]),
            Route("/api/logout", logout, methods=["POST"]),
            Route("/api/step_down", step_down, methods=["POST"]),
            Route("/api/command", command, methods=["POST"]),
            Route("/api/me", me),
            Route("/api/board", board),
            Route("/api/sections", sections),
            Route("/api/audit", audit),
            Route("/api/log/{name}", log),
            Route("/api/history", history),
            Route("/api/records", records),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Checks, access=access, desk=desk)],
    )
    app.router.redirect_slashes = False
    return app


def _session(request: Request) -> Session:
    session = request.scope["session"]
    assert isinstance(session, Session)
    return session


def _me(session: Session) -> dict[str, Any]:
    return {"who": session.who, "role": session.role(time.time())}


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
