"""A gateway's own configuration, as far as a cluster depends on it (TWS API 10.44, `ConfigResponse`)."""

from __future__ import annotations

from msgspec import Struct

CONFIG_VERSION = 219
"""From here a gateway reports its settings (ibapi MIN_SERVER_VER_CONFIG)."""


class GatewaySettings(Struct, frozen=True):
    """The gateway's own configuration; None where it did not say."""

    read_only: bool | None = None
    localhost_only: bool | None = None
    trusted_ips: tuple[str, ...] = ()
    socket_port: int | None = None
    master_client_id: int | None = None
    reject_above_max_rate: bool | None = None
    download_open_orders: bool | None = None
    resubmit_orders: bool | None = None
    send_in_lots: bool | None = None
    logging_level: str | None = None
    message_log_file: bool | None = None
    auto_logoff_time: str | None = None
    auto_logoff_type: str | None = None
    bypass_order_precautions: bool | None = None
