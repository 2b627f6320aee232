"""The gateway's own settings, and which of them will hurt (server version 219 and above reports them)."""

from __future__ import annotations

from collections.abc import Callable

from twsmq_protocol.hosts import is_loopback

from twsmq_nodes.tws.gateway_settings import GatewaySettings

from .evidence import Evidence
from .outcomes import SETTINGS_MENU, Check, Outcome, fail, ok, skip, warn

_Judge = Callable[[GatewaySettings, Evidence], Outcome]
_UNTOLD = "the gateway does not say"


def _settings(seen: Evidence) -> Outcome:
    if seen.settings is not None:
        return ok("the gateway told its settings")
    if seen.next_valid_id is None:
        return skip("no session")
    return skip(f"{seen.settings_problem or 'not asked'}; look at {SETTINGS_MENU} yourself")


def _trusted(settings: GatewaySettings, seen: Evidence) -> Outcome:
    if settings.localhost_only and not is_loopback(seen.host):
        return warn(
            "connections from localhost only", f"{SETTINGS_MENU}: untick it for clients on other machines"
        )
    if settings.localhost_only:
        return ok("localhost only, which is where twsmq is")
    return ok(f"trusted: {', '.join(settings.trusted_ips) or 'nobody by name'}")


def _socket_port(settings: GatewaySettings, seen: Evidence) -> Outcome:
    if settings.socket_port is None:
        return skip(_UNTOLD)
    if settings.socket_port != seen.port:
        return ok(f"its own port is {settings.socket_port}; a forwarder brings {seen.port} there")
    return ok(str(settings.socket_port))


def _master(settings: GatewaySettings, seen: Evidence) -> Outcome:
    master = settings.master_client_id
    if master is None:
        return ok("no master client ID")
    if master in seen.cluster_ids:
        return fail(
            f"master client ID {master} is one of twsmq's own: every other client's orders would arrive in "
            "that session",
            f"{SETTINGS_MENU}: clear 'Master API client ID', or set one that twsmq does not use",
        )
    return ok(f"master client ID {master}, not one of twsmq's")


def _max_rate(settings: GatewaySettings, _seen: Evidence) -> Outcome:
    if settings.reject_above_max_rate is None:
        return skip(_UNTOLD)
    if settings.reject_above_max_rate:
        return ok("messages above the rate are refused (100); twsmq keeps below it")
    return warn(
        "messages above the rate are not refused: the gateway reads slower, and a cancel waits behind them",
        f"{SETTINGS_MENU}: tick 'Reject messages above maximum allowed message rate'",
    )


def _open_orders(settings: GatewaySettings, _seen: Evidence) -> Outcome:
    if settings.download_open_orders is None:
        return skip(_UNTOLD)
    if settings.download_open_orders:
        return ok("open orders are sent on connection")
    return warn(
        "open orders are not sent on connection; twsmq asks for them itself, other programs may not",
        f"{SETTINGS_MENU}: tick 'Download open orders on connection'",
    )


def _resubmit(settings: GatewaySettings, _seen: Evidence) -> Outcome:
    if settings.resubmit_orders:
        return warn(
            "orders are kept and sent again after an outage of the gateway's own connection",
            "know it; twsmq reconciles before it trades. Untick 'Maintain and resubmit orders' to have "
            "none re-sent",
        )
    return ok("orders are not re-sent by the gateway") if settings.resubmit_orders is False else skip(_UNTOLD)


def _lots(settings: GatewaySettings, _seen: Evidence) -> Outcome:
    if settings.send_in_lots is None:
        return skip(_UNTOLD)
    if settings.send_in_lots:
        return fail(
            "US stock sizes come in lots of 100: every size would be read 100 times too small",
            f"{SETTINGS_MENU}: untick 'Send market data in lots for US stocks'; IBC: "
            "SendMarketDataInLotsForUSstocks=no",
        )
    return ok("sizes come in shares")


def _nightly(settings: GatewaySettings, _seen: Evidence) -> Outcome:
    if settings.auto_logoff_type is None and settings.auto_logoff_time is None:
        return skip(_UNTOLD)
    when = settings.auto_logoff_time or "a time not told"
    if not settings.auto_logoff_type:
        return skip(f"at {when} it restarts or logs off; {_UNTOLD} which")
    if "restart" in (settings.auto_logoff_type or "").lower():
        return ok(f"restarts by itself at {when}")
    return warn(
        f"logs off every night at {when} and stays down",
        "Configure > Settings > Lock and Exit: choose 'Auto restart', at a time outside trading hours; "
        "IBC: AutoRestartTime",
    )


def _order_dialogs(settings: GatewaySettings, _seen: Evidence) -> Outcome:
    if settings.bypass_order_precautions is None:
        return skip(_UNTOLD)
    if settings.bypass_order_precautions:
        return ok("orders of the API wait for nobody's click")
    return warn(
        "orders that a precaution concerns (size, price, value) wait until somebody clicks a dialog",
        "Configure > Settings > API > Precautions: tick 'Bypass Order Precautions for API orders'; IBC: "
        "BypassOrderPrecautions=yes. Keep limits of your own instead: [orders.risk]",
    )


def _logging(settings: GatewaySettings, _seen: Evidence) -> Outcome:
    if settings.message_log_file is None and settings.logging_level is None:
        return skip(_UNTOLD)
    if not settings.message_log_file:
        return warn(
            "no API message log: IBKR's support will ask for one",
            f"{SETTINGS_MENU}: tick 'Create API message log file', logging level Detail",
        )
    return ok(f"API messages are logged, level {settings.logging_level or 'not told'}")


def _of_settings(judge: _Judge) -> Check:
    def check(seen: Evidence) -> Outcome:
        return skip("settings not known") if seen.settings is None else judge(seen.settings, seen)

    return check


SETTINGS: dict[str, Check] = {
    "settings": _settings,
    "trusted-ips": _of_settings(_trusted),
    "socket-port": _of_settings(_socket_port),
    "master-client-id": _of_settings(_master),
    "max-rate": _of_settings(_max_rate),
    "open-orders": _of_settings(_open_orders),
    "resubmit-orders": _of_settings(_resubmit),
    "lots": _of_settings(_lots),
    "order-dialogs": _of_settings(_order_dialogs),
    "auto-restart": _of_settings(_nightly),
    "message-log": _of_settings(_logging),
}
