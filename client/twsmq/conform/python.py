"""The program around this package's own client: `twsmq conform python -m twsmq.conform.python`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import msgspec
import zmq
from twsmq_protocol import codec, endpoints
from twsmq_protocol.config import Config
from twsmq_protocol.errors import ConfigError, MalformedMessage

from .. import sockets
from ..client import Client
from ..errors import ConnectionRefused, OutcomeUnknown, RequestRefused
from .values import from_json, to_json

Command = dict[str, Any]
_TIMEOUT_MS = 5_000


class Program:
    """One method per command; its result is the observation."""

    def __init__(self) -> None:
        self._client: Client | None = None
        self._config = Config()

    def carry_out(self, command: Command) -> Any:
        commands: dict[str, Callable[[Command], Any]] = {
            "decode_event": self._decode_event,
            "decode_reply": self._decode_reply,
            "encode_request": self._encode_request,
            "connect": self._connect,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "next": self._next,
            "request": self._request,
            "raw": self._raw,
            "losses": self._losses,
            "close": self._close,
        }
        made = commands.get(command["do"])
        try:
            return {"unknown_command": command["do"]} if made is None else made(command)
        except RequestRefused as error:
            return {"refused": {"code": error.code, "field": error.field, "tws_code": error.tws_code}}
        except ConnectionRefused as error:
            return {"connection_refused": error.mistake.value}
        except OutcomeUnknown:
            return {"outcome_unknown": True}
        except MalformedMessage:
            return {"malformed": True}
        except ConfigError as error:
            return {"failed": str(error)}

    @property
    def client(self) -> Client:
        if self._client is None:
            self._client = Client(self._config)
        return self._client

    def _decode_event(self, command: Command) -> Any:
        topic, event = codec.decode_event(bytes.fromhex(command["hex"]))
        return {"topic": topic, "event": msgspec.to_builtins(event)}

    def _decode_reply(self, command: Command) -> Any:
        reply = codec.decode_reply(bytes.fromhex(command["hex"]))
        return {"reply": msgspec.to_builtins(reply, builtin_types=(bytes,))}

    def _encode_request(self, command: Command) -> Any:
        until = command.get("valid_until")
        frame = codec.encode_request(command["id"], command["op"], command.get("args", {}), until)
        return {"hex": frame.hex()}

    def _connect(self, command: Command) -> Any:
        if "keys" in command:
            self._client = Client(keys=command["keys"])
            return {}
        self._config = sockets.resolve(None, command["port_base"])
        self._client = Client(self._config)
        return {}

    def _subscribe(self, command: Command) -> Any:
        self.client.subscribe(*command["topics"])
        return {}

    def _unsubscribe(self, command: Command) -> Any:
        self.client.unsubscribe(*command["topics"])
        return {}

    def _next(self, command: Command) -> Any:
        received = self.client.receive(command.get("timeout_ms", _TIMEOUT_MS) / 1000)
        if received is None:
            return {"nothing": True}
        event = msgspec.to_builtins(received.event)
        return {"topic": received.topic, "event": event, "lost": received.lost}

    def _request(self, command: Command) -> Any:
        timeout = command.get("timeout_ms", _TIMEOUT_MS) / 1000
        args = command.get("args", {})
        return {"result": self.client.request(command["process"], command["op"], args, timeout=timeout)}

    def _raw(self, command: Command) -> Any:
        """The client itself never sends what the protocol refuses, so this goes past its request methods."""
        with (
            zmq.Context() as context,
            sockets.open_requests(context) as dealer,
        ):
            dealer.connect(endpoints.requests_endpoint(self._config, command["process"]))
            dealer.send(bytes.fromhex(command["hex"]))
            if not dealer.poll(_TIMEOUT_MS):
                return {"outcome_unknown": True}
            return {"reply": msgspec.to_builtins(codec.decode_reply(dealer.recv()), builtin_types=(bytes,))}

    def _losses(self, _command: Command) -> Any:
        loss = self.client.loss
        orders = {prefix: line.lost for prefix, line in loss.orders.items()}
        restarts = sum(topic.restarts for topic in loss.topics.values())
        return {"lost": loss.lost, "restarts": restarts, "orders": orders}

    def _close(self, _command: Command) -> Any:
        self.client.close()
        return {}


def main() -> None:
    program = Program()
    for line in sys.stdin:
        if line.strip():
            sys.stdout.write(to_json(program.carry_out(from_json(line))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
