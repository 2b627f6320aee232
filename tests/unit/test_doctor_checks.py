"""What the doctor makes of what it saw: each problem has its verdict, and a cure that names what to do."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from twsmq_nodes.doctor.checks import Finding, examine, has_failed
from twsmq_nodes.doctor.evidence import Evidence, Hello, Machine, Neighbour, Notice, Port, Quote
from twsmq_nodes.tws.gateway_settings import GatewaySettings

MACHINE = Machine(
    python="3.12.1",
    ibapis=(("nautilus-ibapi", "10.46.1"),),
    ibapi_api="225",
    libzmq=(4, 3, 5),
    open_files=4096,
    virtual_env=True,
    gateway_heap_mb=4000,
)
WELL = Evidence(
    host="127.0.0.1",
    port=4002,
    client_id=109,
    cluster_ids=(100, 101, 110),
    machine=MACHINE,
    state=Port.OPEN,
    hello=Hello.VERSION,
    server_version=200,
    connection_time="20261128 10:00:00 US/Eastern",
    next_valid_id=12,
    accounts=("DU1234567",),
    notices=(Notice(2104, "Market data farm connection is OK:usfarm"),),
    skew_s=0.2,
    answered_time=True,
    quote=Quote("STK:AAPL:SMART:USD", live=True),
    history_answered=True,
    open_orders_answered=True,
    settings=GatewaySettings(
        read_only=False,
        localhost_only=True,
        socket_port=4002,
        reject_above_max_rate=True,
        download_open_orders=True,
        resubmit_orders=False,
        send_in_lots=False,
        logging_level="DETAIL",
        message_log_file=True,
        auto_logoff_time="11:45 PM",
        auto_logoff_type="RESTART",
        bypass_order_precautions=True,
    ),
)
ELSEWHERE = Notice(
    162,
    "Historical Market Data Service error message:"
    "Trading TWS session is connected from a different IP address",
)
SHUT = replace(
    WELL,
    state=Port.REFUSED,
    hello=None,
    server_version=None,
    next_valid_id=None,
    accounts=(),
    notices=(),
    quote=None,
    open_orders_answered=False,
    settings=None,
)
UNSAID = replace(SHUT, state=Port.OPEN)


def finding(seen: Evidence, name: str) -> Finding:
    return next(found for found in examine(seen) if found.id == name)


def settings(**changed: Any) -> Evidence:
    assert WELL.settings is not None
    return replace(WELL, settings=replace(WELL.settings, **changed))


def test_a_gateway_that_is_well_has_nothing_to_look_at() -> None:
    found = examine(WELL)
    assert {one.verdict for one in found} == {"ok"}
    assert not has_failed(found)
    assert len({one.id for one in found}) == len(found)


@pytest.mark.parametrize(
    ("seen", "name", "verdict", "cure"),
    [
        (SHUT, "port-open", "fail", "Enable ActiveX and Socket Clients"),
        (replace(SHUT, neighbours=(Neighbour(7497, Hello.VERSION),)), "port-open", "fail", "port = 7497"),
        (replace(SHUT, state=Port.TIMED_OUT), "port-open", "fail", "firewall"),
        (replace(SHUT, state=Port.UNREACHABLE, problem="no such host"), "port-open", "fail", "host's name"),
        (replace(WELL, machine=replace(MACHINE, gateway_heap_mb=768)), "gateway-memory", "warn", "4000 MB"),
        (replace(WELL, machine=replace(MACHINE, other_env="/home/me/env")), "python", "warn", "deactivate"),
        (replace(WELL, connection_time="20261128 10:00:00 \ufffd"), "zone", "warn", "jts.ini"),
        (replace(SHUT, machine=replace(MACHINE, wsl=True)), "port-open", "fail", "networkingMode=mirrored"),
        (
            replace(SHUT, machine=replace(MACHINE, container=True)),
            "port-open",
            "fail",
            "host.docker.internal",
        ),
        (replace(UNSAID, hello=Hello.SILENT), "handshake", "fail", "Accept incoming connection?"),
        (replace(UNSAID, hello=Hello.CLOSED), "handshake", "fail", "Trusted IPs"),
        (replace(UNSAID, hello=Hello.CLOSED, port=4004), "handshake", "fail", "container's login"),
        (replace(UNSAID, hello=Hello.HTTP), "handshake", "fail", "Client Portal"),
        (replace(UNSAID, hello=Hello.OTHER), "handshake", "fail", "lsof -i :4002"),
        (
            replace(UNSAID, hello=Hello.VERSION, server_version=151),
            "server-version",
            "fail",
            "stable release",
        ),
        (
            replace(WELL, next_valid_id=None, notices=(Notice(326, "in use"),)),
            "client-id",
            "fail",
            "some minutes",
        ),
        (replace(WELL, next_valid_id=None, closed_after_start=True), "client-id", "fail", "32 clients"),
        (replace(WELL, next_valid_id=None), "client-id", "fail", "dialog"),
        (replace(WELL, accounts=()), "accounts", "fail", "Trading Permissions"),
        (replace(WELL, accounts=("DU1", "DU2")), "accounts", "warn", "account"),
        (replace(WELL, accounts=("U1234567",)), "account-mode", "warn", "4001/7496"),
        (replace(WELL, port=4001), "account-mode", "warn", "trading mode Live"),
        (replace(WELL, port=4001, accounts=("U1234567",)), "account-mode", "warn", "allow_live"),
        (replace(WELL, notices=(Notice(2110, "broken"),)), "farms", "fail", "RECONNECTACCOUNT"),
        (replace(WELL, notices=(Notice(2103, "broken:usfarm"),)), "farms", "warn", "reset"),
        (replace(WELL, notices=()), "farms", "warn", "minute"),
        (replace(WELL, skew_s=-7.0), "clock", "warn", "NTP"),
        (replace(WELL, skew_s=None), "clock", "warn", "stalled"),
        (replace(WELL, quote=Quote("X", errors=(Notice(354, "no"),))), "market-data", "warn", "subscription"),
        (replace(WELL, quote=Quote("X", errors=(Notice(10197, "no"),))), "market-data", "fail", "username"),
        (replace(WELL, history_errors=(ELSEWHERE,)), "market-data", "fail", "username"),
        (replace(WELL, history_errors=(ELSEWHERE,)), "other-sessions", "warn", "username of its own"),
        (replace(WELL, quote=Quote("X", errors=(Notice(10197, "no"),))), "other-sessions", "warn", "log the"),
        (SHUT, "login", "warn", "IBKR Lite"),
        (replace(UNSAID, hello=Hello.SILENT), "login", "warn", "Security Code Card"),
        (replace(WELL, accounts=()), "login", "warn", "funded"),
        (
            replace(WELL, port=7497, connection_time="20261128 10:00:00 Asia/Hong_Kong"),
            "screen-lock",
            "warn",
            "IB Gateway",
        ),
        (
            replace(WELL, port=7496, next_valid_id=None, closed_after_start=True),
            "screen-lock",
            "warn",
            "IB Gateway",
        ),
        (replace(WELL, connection_time="20261128 10:00:00 America/Toronto"), "region", "warn", "by hand"),
        (settings(bypass_order_precautions=False), "order-dialogs", "warn", "BypassOrderPrecautions=yes"),
        (replace(WELL, quote=Quote("X", live=False)), "market-data", "warn", "delayed"),
        (replace(WELL, quote=Quote("X")), "market-data", "warn", "quiet"),
        (
            replace(WELL, open_orders_error=Notice(321, "Read-Only")),
            "orders-allowed",
            "fail",
            "ReadOnlyApi=no",
        ),
        (settings(read_only=True), "orders-allowed", "fail", "ReadOnlyApi=no"),
        (replace(WELL, next_valid_id=2**31 - 5), "order-ids", "fail", "Reset API order ID sequence"),
        (settings(master_client_id=101), "master-client-id", "fail", "Master API client ID"),
        (settings(reject_above_max_rate=False), "max-rate", "warn", "Reject messages"),
        (settings(download_open_orders=False), "open-orders", "warn", "Download open orders on connection"),
        (settings(resubmit_orders=True), "resubmit-orders", "warn", "reconciles"),
        (settings(send_in_lots=True), "lots", "fail", "SendMarketDataInLotsForUSstocks=no"),
        (settings(auto_logoff_type="LOGOFF"), "auto-restart", "warn", "Auto restart"),
        (settings(message_log_file=False), "message-log", "warn", "Create API message log file"),
        (replace(settings(localhost_only=True), host="192.0.2.7"), "trusted-ips", "warn", "other machines"),
        (replace(WELL, machine=replace(MACHINE, ibapi_api=None)), "ibapi", "fail", "pip install"),
        (
            replace(
                WELL, machine=replace(MACHINE, ibapis=(("ibapi", "9.81"), ("nautilus-ibapi", "10.46.1")))
            ),
            "ibapi",
            "warn",
            "uninstall ibapi nautilus-ibapi",
        ),
        (replace(WELL, machine=replace(MACHINE, ibapis=())), "ibapi", "warn", "nautilus-ibapi"),
        (replace(WELL, machine=replace(MACHINE, virtual_env=False)), "python", "warn", "virtual environment"),
        (replace(WELL, machine=replace(MACHINE, libzmq=(4, 3, 2))), "libzmq", "fail", "pyzmq"),
        (replace(WELL, machine=replace(MACHINE, open_files=64)), "open-files", "warn", "ulimit -n"),
    ],
)
def test_each_problem_has_its_verdict_and_its_cure(
    seen: Evidence, name: str, verdict: str, cure: str
) -> None:
    found = finding(seen, name)
    assert found.verdict == verdict
    assert found.cure is not None
    assert cure in found.cure
    assert has_failed(examine(seen)) is (verdict == "fail") or verdict == "warn"


@pytest.mark.parametrize("code", [162, 10187, 10189])
def test_a_history_that_is_refused_for_another_reason_is_no_second_session(code: int) -> None:
    seen = replace(WELL, history_errors=(Notice(code, "HMDS query returned no data"),))
    assert finding(seen, "other-sessions").verdict == "ok"
    assert finding(seen, "market-data").verdict == "ok"


def test_what_cannot_be_looked_at_is_skipped_not_judged() -> None:
    judged = {found.id for found in examine(SHUT) if found.verdict != "skip"}
    assert judged == {"ibapi", "python", "libzmq", "open-files", "gateway-memory", "port-open", "login"}


def test_nothing_anywhere_names_the_four_ports() -> None:
    evidence = finding(SHUT, "port-open").evidence
    assert all(port in evidence for port in ("4001", "4002", "7496", "7497"))
