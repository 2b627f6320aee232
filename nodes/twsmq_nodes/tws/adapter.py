"""The codec: `ibapi` turned inside out, without its threads and its socket.

`Codec.decode` feeds a frame to ibapi's Decoder and returns the events its callbacks made; `Codec.encode`
calls the EClient method for a request and returns the bytes it would have put on its socket, length in
front. A codec belongs to one connection, whose server version it is given. It works with every release
from 9.81.1 to 10.5x; the sure sign of a refusal in all of them is that no bytes came out.

From server version 201 on a frame begins with its message id in four bytes, and message after message turns
to protobuf, whose id is 200 higher. ibapi's own protobuf classes read and write those, for the same events.

Invariants: `decode` never raises and never gives half a frame's events: what ibapi cannot decode becomes
one `FrameRejected`. `encode` gives exactly one framed message or raises `EncodeRefused`.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportAny=false, reportExplicitAny=false
# ibapi is untyped.

from __future__ import annotations

import inspect
import logging
from typing import Any

from ibapi.client import EClient
from ibapi.decoder import Decoder
from ibapi.order import Order as IbOrder
from ibapi.server_versions import MAX_CLIENT_VER
from msgspec.structs import replace

from twsmq_nodes.tws.adapter_inbound import Callbacks
from twsmq_nodes.tws.adapter_outbound import call
from twsmq_nodes.tws.adapter_values import BadField
from twsmq_nodes.tws.empty_fields import fill
from twsmq_nodes.tws.errors import EncodeRefused
from twsmq_nodes.tws.events import Event, FrameRejected
from twsmq_nodes.tws.framing import MIN_SERVER_VERSION
from twsmq_nodes.tws.order_template import OrderTemplates, ShapedOrder
from twsmq_nodes.tws.ranges import problem
from twsmq_nodes.tws.report_template import OPEN_ORDER, OpenOrderTemplates
from twsmq_nodes.tws.requests import PlaceOrder, Request
from twsmq_nodes.tws.status_report import ORDER_STATUS, order_status
from twsmq_nodes.tws.whole_bars import HISTORICAL_DATA, HISTORICAL_SCHEDULE, whole_bars, whole_schedule

MAX_SERVER_VERSION: int = min(200, MAX_CLIENT_VER)
"""What is negotiated unless configured otherwise: the last version that is all text."""

HIGHEST_SERVER_VERSION: int = MAX_CLIENT_VER
"""What the installed ibapi speaks at most. Proved against captures of 204, 208 and 225 of August 2026."""

RAW_IDS_FROM = 201
PROTOBUF_ID = 200
"""Ids above it are protobuf messages, with it added to the id of their kind."""

# ibapi writes six DEBUG records a tick, whose formatting costs ten times the decoding, and a whole frame for
# each with a wrong number of fields, past all bounds of our log: what it refuses is a FrameRejected here.
logging.getLogger("ibapi").setLevel(logging.CRITICAL + 1)

_ERR_MSG = 4
_HISTORICAL_DATA = 17  # from server version 196 a message without bars makes no callback
_FRESH_ORDER: Any = IbOrder()
_INTERPRET_TAKES_ID = "msgId" in inspect.signature(Decoder.interpret).parameters


class _Wire:
    """In the place of ibapi's Connection: keeps what it is given to send."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def isConnected(self) -> bool:
        return True

    def sendMsg(self, msg: bytes) -> int:
        self.sent.append(msg)
        return len(msg)

    def disconnect(self) -> None:
        """ibapi never closes our connection."""


class Codec:
    """ibapi's encoder and decoder for one connection at `server_version`. `raw_ids`: its frames begin with
    four bytes of id.
    """

    def __init__(self, server_version: int) -> None:
        if not MIN_SERVER_VERSION <= server_version <= HIGHEST_SERVER_VERSION:
            raise ValueError(
                f"server version {server_version} is not in {MIN_SERVER_VERSION}..{HIGHEST_SERVER_VERSION}"
            )
        self.server_version = server_version
        self.raw_ids = server_version >= RAW_IDS_FROM
        self._callbacks = Callbacks()
        self._wire = _Wire()
        client: Any = EClient(self._callbacks)
        client.conn = self._wire
        client.serverVersion_ = server_version
        client.setConnState(EClient.CONNECTED)
        self._client = client
        self._decoder: Any = Decoder(self._callbacks, server_version)
        self._orders = OrderTemplates(self._call)
        self._open_orders = OpenOrderTemplates(self._interpret)

    def plain(self, frame: bytes) -> bytes:
        """A frame that is text, as sessions without raw ids have it; any other as it is."""
        message_id = int.from_bytes(frame[:4], "big")
        return b"%d\0%s" % (message_id, frame[4:]) if self.raw_ids and message_id <= PROTOBUF_ID else frame

    def decode(self, frame: bytes) -> list[Event]:
        """The events of one frame (its payload, without the length, as `plain` gives it)."""
        if self.raw_ids and frame.startswith(b"\0"):
            return self._interpret_protobuf(frame)
        if frame.startswith(OPEN_ORDER):
            return self._open_orders.decode(frame)
        if frame.startswith(HISTORICAL_DATA) and (bars := whole_bars(frame, self.server_version)) is not None:
            return [*bars]
        if frame.startswith(HISTORICAL_SCHEDULE) and (sessions := whole_schedule(frame)) is not None:
            return [sessions]
        status = order_status(frame) if frame.startswith(ORDER_STATUS) else None
        return self._interpret(frame) if status is None else [status]

    def _interpret(self, frame: bytes) -> list[Event]:
        """What ibapi makes of it."""
        message_id: int | None = None
        callbacks = self._callbacks
        try:
            fields = frame.split(b"\0")[:-1]
            fill(fields)
            message_id = int(fields[0])
            callbacks.begin(gateway_error=message_id == _ERR_MSG)
            if _INTERPRET_TAKES_ID:
                self._decoder.interpret(fields[1:], message_id)
            else:
                self._decoder.interpret(fields)
            events = callbacks.end()
        except Exception as error:  # noqa: BLE001 - ibapi raises anything at all on a bad frame
            return [FrameRejected(message_id, f"{type(error).__name__}: {error}", frame[:200])]
        return self._believed(events, message_id, frame)

    def _interpret_protobuf(self, frame: bytes) -> list[Event]:
        message_id = int.from_bytes(frame[:4], "big") - PROTOBUF_ID
        callbacks = self._callbacks
        try:
            callbacks.begin(gateway_error=message_id == _ERR_MSG)
            self._decoder.processProtoBuf(frame[4:], message_id)
            events = callbacks.end()
        except Exception as error:  # noqa: BLE001 - as above, and protobuf's own
            return [FrameRejected(message_id, f"{type(error).__name__}: {error}", frame[:200])]
        return self._believed(events, message_id, frame)

    def _believed(self, events: list[Event], message_id: int | None, frame: bytes) -> list[Event]:
        if self._callbacks.local_errors:
            return [FrameRejected(message_id, self._callbacks.local_errors[0][1], frame[:200])]
        if not events and message_id != _HISTORICAL_DATA:
            return [FrameRejected(message_id, "unknown message, or a wrong number of fields", frame[:200])]
        for event in events:
            untrue = problem(event)
            if untrue is not None:
                return [FrameRejected(message_id, untrue, frame[:200])]
        return events

    def encode(self, request: Request | ShapedOrder) -> bytes:
        """The framed bytes of `request`. Raises EncodeRefused."""
        if not isinstance(request, ShapedOrder):
            return self._call(request)
        return self._call(request.made()) if self.raw_ids else self._orders.encode(request)

    def _call(self, request: Request) -> bytes:
        """The bytes ibapi sends for it, if all that was asked for is in them."""
        data = self._written(request)
        if isinstance(request, PlaceOrder) and request.order.extra:
            self._require_carried(request, data)
        return data

    def _require_carried(self, request: PlaceOrder, data: bytes) -> None:
        """An attribute that this server version, or the rest of the order, leaves out would be accepted and
        not done: a `postOnly` order would take."""
        extra = request.order.extra
        for name, value in extra.items():
            if value == getattr(_FRESH_ORDER, name):
                continue
            others = {one: extra[one] for one in extra if one != name}
            try:
                without = self._written(replace(request, order=replace(request.order, extra=others)))
            except EncodeRefused:
                continue  # it is needed: then it is in the bytes
            if without == data:
                text = f"no order of this kind carries it at server version {self.server_version}"
                raise EncodeRefused(text, request=type(request).__name__, field=name)

    def _written(self, request: Request) -> bytes:
        """The bytes ibapi sends for it."""
        name = type(request).__name__
        self._wire.sent.clear()
        self._callbacks.begin(gateway_error=False)
        try:
            call(self._client, request)
        except BadField as error:
            raise EncodeRefused(error.text, request=name, field=error.field) from None
        except Exception as error:  # up to 10.37 ibapi raises what it cannot encode
            raise EncodeRefused(f"{type(error).__name__}: {error}", request=name) from error
        if len(self._wire.sent) != 1:
            code, text = (self._callbacks.local_errors or [(None, "ibapi sent nothing")])[0]
            raise EncodeRefused(text, request=name, code=code)
        return self._wire.sent[0]
