"""The control socket: a ZeroMQ ROUTER that takes commands, one at a time, and gives each exactly one reply.
Only who asks for `status` is answered in the midst of another's command, so that a long one is no hang.

Request `{v: 1, id, op, args}` as a msgpack map, reply `{v, id, ok: true, result}` or `{v, id, ok: false,
error: {code, message, field?}}`. An empty delimiter frame (REQ) is accepted and mirrored. The socket's
descriptor is edge-triggered: its events are looked at again after everything done to it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
import zmq
from twsmq_protocol.hosts import address

from twsmq_simulator.command import CommandRefused
from twsmq_simulator.commands import carry_out
from twsmq_simulator.control_keys import ControlDoor, ControlKeys
from twsmq_simulator.errors import BadSettings

if TYPE_CHECKING:
    from twsmq_simulator.gateway import Gateway

log = structlog.get_logger("twsmq.simulator")
VERSION = 1
STATUS = "status"


class Control:
    """`port` is the bound port."""

    def __init__(self, gateway: Gateway, host: str, port: int, keys: ControlKeys | None = None) -> None:
        self._gateway = gateway
        self._waiting: deque[tuple[list[bytes], bytes, str]] = deque()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        self._keys = keys
        self._door = None
        if keys is not None:
            self._door = ControlDoor(self._context, keys)
            keys.guard(self._socket)
        try:
            self._socket.ipv6 = ":" in host
            self._socket.bind(f"tcp://{address(host, port or '*')}")
        except zmq.ZMQError as error:
            if self._door is not None:
                self._door.close()
            self._context.destroy(linger=0)
            text = f"cannot listen on {address(host, port)} ({error}): choose another --control-port, or 0"
            raise BadSettings(text) from error
        endpoint = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self.port = int(endpoint.rpartition(":")[2])
        gateway.breathe = self._answer_status
        self._fd = int(self._socket.getsockopt(zmq.FD))
        asyncio.get_running_loop().add_reader(self._fd, self._readable)
        asyncio.get_running_loop().call_soon(self._readable)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        if self._door is not None:
            self._door.close()
        self._context.destroy(linger=0)

    def _readable(self) -> None:
        while self._waiting or self._has_come():
            envelope, body, user = self._waiting.popleft() if self._waiting else self._take()
            reply = self._reply(body, user)
            self._gateway.settle()
            self._send(envelope, reply)

    def _answer_status(self) -> None:
        """In the midst of a command. Whoever wants anything else has to wait for its end."""
        while self._has_come():
            envelope, body, user = self._take()
            if _asks_for_status(body):
                self._send(envelope, self._reply(body, user))
            else:
                self._waiting.append((envelope, body, user))

    def _has_come(self) -> bool:
        return not self._socket.closed and bool(int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN)

    def _take(self) -> tuple[list[bytes], bytes, str]:
        """Envelope, body, and the public key it came under."""
        if self._keys is None:
            frames = self._socket.recv_multipart(zmq.NOBLOCK)
            return frames[:-1], frames[-1], ""
        parts = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
        return [part.bytes for part in parts[:-1]], parts[-1].bytes, str(parts[-1].get("User-Id"))

    def _send(self, envelope: list[bytes], reply: dict[str, Any]) -> None:
        self._socket.send_multipart([*envelope, msgspec.msgpack.encode(reply)])

    def _reply(self, body: bytes, user: str) -> dict[str, Any]:
        reply: dict[str, Any] = {"v": VERSION, "id": None}
        try:
            request = self._request(body)
            reply["id"] = request.get("id")
            if request.get("v") != VERSION:
                raise CommandRefused("unsupported_version", f"v must be {VERSION}", "v")
            if self._keys is not None and not self._keys.may_command(user):
                raise CommandRefused("unauthorized", "only an operator's key commands the gateway")
            result = carry_out(self._gateway, request.get("op"), request.get("args"))
            tell = log.debug if request.get("op") == STATUS else log.info  # asked all the time
            tell("command", op=request.get("op"), args=request.get("args"))
        except CommandRefused as refused:
            error: dict[str, Any] = {"code": refused.code, "message": str(refused)}
            if refused.field is not None:
                error["field"] = refused.field
            return reply | {"ok": False, "error": error}
        return reply | {"ok": True, "result": result}

    @staticmethod
    def _request(body: bytes) -> dict[str, Any]:
        try:
            return msgspec.msgpack.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise CommandRefused("malformed", "the request is no msgpack map {v, id, op, args}") from None


class _Op(msgspec.Struct):
    op: str


def _asks_for_status(body: bytes) -> bool:
    try:
        return msgspec.msgpack.decode(body, type=_Op).op == STATUS
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
