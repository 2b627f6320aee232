"""A gateway's own settings, by `reqConfigProtoBuf` (server version 219; source: IBKR's protobuf reference,
TWS API 10.44).

It takes one short connection that negotiates 219 or more: the cluster's own sessions speak text, at most 200.
ibapi's own encoder, decoder and protobuf classes are used, in an EClient without its socket. No capture of a
real answer is public: which fields a gateway fills is not known, so each one that is absent stays None.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportAny=false
# ibapi is untyped, and below 10.44 has none of this.

from __future__ import annotations

from typing import Any

from twsmq_nodes.tws.errors import TwsError
from twsmq_nodes.tws.gateway_settings import CONFIG_VERSION, GatewaySettings


class SettingsUnavailable(TwsError):
    """The installed ibapi or the gateway is too old, or nothing came."""


class _Wire:
    def __init__(self) -> None:
        self.sent = b""

    def isConnected(self) -> bool:
        return True

    def sendMsg(self, msg: bytes) -> int:
        self.sent += msg
        return len(msg)

    def disconnect(self) -> None:
        """ibapi never closes our connection."""


class Asking:
    """The bytes of the question, and what the answer says. `version`: what was negotiated."""

    def __init__(self, version: int, client_id: int) -> None:
        try:
            from ibapi.client import EClient
            from ibapi.decoder import Decoder
            from ibapi.protobuf import ConfigRequest_pb2
            from ibapi.wrapper import EWrapper
        except ImportError as error:
            raise SettingsUnavailable(
                "the installed ibapi knows no configuration request (10.44 or newer has it)"
            ) from error
        if version < CONFIG_VERSION:
            raise SettingsUnavailable(
                f"server version {version}: settings can be read from {CONFIG_VERSION} on"
            )
        request_class: Any = vars(ConfigRequest_pb2)["ConfigRequest"]
        self.response: Any = None
        asking = self

        class Answer(EWrapper):
            def configResponseProtoBuf(self, configResponseProto: Any) -> None:
                asking.response = configResponseProto

        wrapper = Answer()
        wire = _Wire()
        client: Any = EClient(wrapper)
        client.conn = wire
        client.serverVersion_ = version
        client.clientId = client_id
        client.setConnState(EClient.CONNECTED)
        client.startApi()
        client.reqConfigProtoBuf(request_class(reqId=1))
        self.question = wire.sent
        self._decoder: Any = Decoder(wrapper, version)

    def receive(self, payload: bytes) -> GatewaySettings | None:
        """Take one frame's payload (id and body); the settings once they are there."""
        message_id = int.from_bytes(payload[:4], "big")
        if message_id > 200:
            try:
                self._decoder.processProtoBuf(payload[4:], message_id - 200)
            except Exception as error:  # ibapi and protobuf raise anything at all on a bad frame
                raise SettingsUnavailable(f"the gateway's answer cannot be read: {error}") from error
        return None if self.response is None else read(self.response)


def read(response: Any) -> GatewaySettings:
    """From ibapi's ConfigResponse. A field that the gateway did not fill stays None."""
    api = _part(response, "api")
    settings = _part(api, "settings")
    lock = _part(response, "lockAndExit")
    return GatewaySettings(
        read_only=_field(settings, "readOnlyApi"),
        localhost_only=_field(settings, "allowLocalhostOnly"),
        trusted_ips=tuple(getattr(settings, "trustedIPs", ())),
        socket_port=_field(settings, "socketPort"),
        master_client_id=_field(settings, "masterClientId"),
        reject_above_max_rate=_field(settings, "rejectMessagesAboveMaxRate"),
        download_open_orders=_field(settings, "downloadOpenOrdersOnConnection"),
        resubmit_orders=_field(settings, "maintainAndResubmitOrdersOnReconnect"),
        send_in_lots=_field(settings, "sendMarketDataInLotsForUsStocks"),
        logging_level=_field(settings, "loggingLevel"),
        message_log_file=_field(settings, "createApiMessageLogFile"),
        auto_logoff_time=_field(lock, "autoLogoffTime"),
        auto_logoff_type=_field(lock, "autoLogoffType"),
        bypass_order_precautions=_field(_part(api, "precautions"), "bypassOrderPrecautions"),
    )


def _part(message: Any, name: str) -> Any:
    return getattr(message, name, None)


def _field(message: Any, name: str) -> Any:
    """Its value, None where it is absent or this ibapi has no such field."""
    if message is None or name not in message.DESCRIPTOR.fields_by_name:
        return None
    return getattr(message, name) if message.HasField(name) else None
