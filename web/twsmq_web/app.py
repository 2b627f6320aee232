"""What is answered, and to whom: the routes and the checks before them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
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
_OPEN = frozenset(("/metrics", "/api/login"))
"""Paths below which something is told without a session; static files hold no data."""


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
            path = request.url.path
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
        try:
            cookie, session = access.log_in(str(given.get("key", "")), request.cookies.get(COOKIE))
        except Refused as refused:
            return desk.refused(refused)
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
        given = await _body(request)
        try:
            access.require_operator(session)
            outcome = await desk.commands.run(
                session.who,
                session.role(time.time()),
                str(given.get("op", "")),
                dict(given.get("args") or {}),
            )
        except Refused as refused:
            return desk.refused(refused)
        except OSError as error:
            problem = f"the audit cannot be written ({error.strerror}); nothing was sent"
            return _json({"ok": False, "error": {"code": "internal", "message": problem}})
        return _json(outcome)

    async def events(_: Request) -> Response:
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

    return Starlette(
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


def _session(request: Request) -> Session:
    session = request.scope["session"]
    assert isinstance(session, Session)
    return session


def _me(session: Session) -> dict[str, Any]:
    return {"who": session.who, "role": session.role(time.time())}


async def _body(request: Request) -> dict[str, Any]:
    """A JSON object of moderate size; an empty one for anything else."""
    read = b""
    async for chunk in request.stream():
        read += chunk
        if len(read) > _MOST_BYTES:
            return {}
    try:
        return msgspec.json.decode(read, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


def _json(value: object) -> Response:
    return Response(
        msgspec.json.encode(value), media_type="application/json", headers={"cache-control": "no-store"}
    )
