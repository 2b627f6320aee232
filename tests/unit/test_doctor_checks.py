"""What the doctor makes of what it saw: each problem has its verdict, and a cure that names what to do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from msgspec.structs import replace
from twsmq_nodes.doctor.checks import Finding, examine, has_failed
from twsmq_nodes.doctor.evidence import Evidence, Hello, Listener, Machine, Neighbour, Notice, Port, Quote
from twsmq_nodes.doctor.machine import GATEWAY, is_wsl2
from twsmq_nodes.tws.gateway_settings import GatewaySettings
from twsmq_protocol.config import Config
from twsmq_protocol.supervision import flat

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
        (
            replace(SHUT, neighbours=(Neighbour(4001, Hello.VERSION), Neighbour(7497, Hello.VERSION))),
            "port-open",
            "fail",
            "port = 7497",
        ),
        (
            replace(SHUT, neighbours=(Neighbour(7496, Hello.VERSION, ("U1234567",)),)),
            "port-open",
            "fail",
            "if you mean that login",
        ),
        (replace(SHUT, neighbours=(Neighbour(7497, Hello.SILENT),)), "port-open", "fail", "127.0.0.1:7497"),
        (
            replace(SHUT, machine=replace(MACHINE, container=True, wsl=True)),
            "port-open",
            "fail",
            "host.docker.internal",
        ),
        (
            replace(UNSAID, hello=Hello.OTHER, neighbours=(Neighbour(7497, Hello.VERSION),)),
            "handshake",
            "fail",
            "--gateway 127.0.0.1:7497",
        ),
        (replace(UNSAID, hello=Hello.CLOSED), "handshake", "fail", "docker logs"),
        (replace(WELL, port=4004, accounts=("U1234567",)), "account-mode", "warn", "4001/7496"),
        (replace(WELL, port=4003), "account-mode", "warn", "trading mode Live"),
        (replace(WELL, skew_s=7.0, machine=replace(MACHINE, mac=True)), "clock", "warn", "sntp"),
        (replace(WELL, skew_s=7.0, machine=replace(MACHINE, wsl=True)), "clock", "warn", "hwclock -s"),
        (
            replace(WELL, skew_s=7.0, machine=replace(MACHINE, container=True)),
            "clock",
            "warn",
            "runs the con",
        ),
        (replace(WELL, connection_time="20261128 10:00:00 Middle Earth"), "zone", "warn", "jts.ini"),
        (
            replace(WELL, notices=(Notice(2104, "OK:usfarm"), Notice(2103, "broken:usfarm"))),
            "farms",
            "warn",
            "reset",
        ),
        (
            replace(WELL, notices=(Notice(1100, "lost"), Notice(2104, "OK:usfarm"))),
            "farms",
            "fail",
            "RECONNECTACCOUNT",
        ),
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


SIMULATED = replace(SHUT, simulated=True)


def test_where_the_simulated_gateway_is_meant_nobody_is_sent_to_tws_first() -> None:
    said = finding(SIMULATED, "port-open")
    assert said.verdict == "fail"
    assert said.cure is not None
    assert said.cure.startswith("`twsmq up`")
    assert 'mode = "external"' in said.cure
    assert "4001" in said.evidence
    assert finding(SIMULATED, "login").verdict == "skip"
    beside = finding(replace(SIMULATED, neighbours=(Neighbour(7497, Hello.VERSION),)), "port-open").cure or ""
    assert 'mode = "external" and port = 7497' in beside
    assert "`twsmq up`" in beside


@pytest.mark.parametrize("hello", [Hello.SILENT, Hello.CLOSED, Hello.HTTP, Hello.OTHER])
def test_another_program_may_have_the_port(hello: Hello) -> None:
    unknown = finding(replace(UNSAID, hello=hello), "handshake")
    if hello in (Hello.SILENT, Hello.CLOSED):
        assert "no other program has that port (lsof -i :4002)" in (unknown.cure or "")
    known = finding(replace(UNSAID, hello=hello, listener=Listener("postgres", 77)), "handshake")
    assert "(postgres, pid 77, listens there)" in known.evidence
    assert (known.cure or "").startswith("postgres (pid 77) does not look like a gateway")
    java = finding(replace(UNSAID, hello=hello, listener=Listener("java", 77, gateway=True)), "handshake")
    assert "pid 77" in java.evidence
    assert "does not look like" not in (java.cure or "")
    ours = replace(UNSAID, hello=hello, simulated=True)
    assert (finding(ours, "handshake").cure or "").startswith("another program has the port of the simulated")
    hung = finding(replace(ours, listener=Listener("python3", 78, simulator=True)), "handshake").cure or ""
    assert "twsmq restart simulator" in hung


def test_what_cannot_be_looked_at_is_skipped_not_judged() -> None:
    judged = {found.id for found in examine(SHUT) if found.verdict != "skip"}
    assert judged == {"ibapi", "python", "libzmq", "open-files", "gateway-memory", "port-open", "login"}


def test_nothing_anywhere_names_the_four_ports() -> None:
    evidence = finding(SHUT, "port-open").evidence
    assert all(port in evidence for port in ("4001", "4002", "7496", "7497"))


@pytest.mark.parametrize(
    "notices",
    [
        (Notice(1100, "lost"), Notice(1102, "restored"), Notice(2104, "OK:usfarm")),
        (Notice(2110, "broken"), Notice(2104, "OK:usfarm")),
        (Notice(2103, "is broken:usfarm"), Notice(2119, "connecting:usfarm"), Notice(2104, "is OK:usfarm")),
        (Notice(2105, "is broken:ushmds"), Notice(2106, "is OK:ushmds")),
    ],
)
def test_what_is_over_by_now_is_no_trouble(notices: tuple[Notice, ...]) -> None:
    assert finding(replace(WELL, notices=notices), "farms").verdict == "ok"


def test_whose_clock_is_behind() -> None:
    assert "7.0 s behind the gateway" in finding(replace(WELL, skew_s=7.0), "clock").evidence
    assert "7.0 s ahead of the gateway" in finding(replace(WELL, skew_s=-7.0), "clock").evidence


def test_no_cure_names_a_setting_that_does_not_exist() -> None:
    """`[table] key` in a cure is what a person types into `twsmq.toml`."""
    keys = flat(Config())
    everywhere = (
        WELL,
        SHUT,
        replace(SHUT, neighbours=(Neighbour(7497, Hello.VERSION),)),
        replace(WELL, accounts=("DU1", "DU2")),
        replace(WELL, port=4001, accounts=("U1",)),
        replace(WELL, next_valid_id=None, notices=(Notice(326, "in use"),)),
    )
    cures = " ".join(one.cure or "" for seen in everywhere for one in examine(seen))
    named = re.findall(r"\[(cluster|gateway|orders|marketdata|alerts)\] (\w+)", cures)
    assert named
    assert [f"{table}.{key}" for table, key in named if f"{table}.{key}" not in keys] == []


def test_a_port_that_accepts_and_is_silent_is_not_called_closed() -> None:
    said = finding(replace(SHUT, neighbours=(Neighbour(7497, Hello.SILENT),)), "port-open").evidence
    assert "7497 (accepts connections and says nothing)" in said
    assert "nor on the usual ports" not in said


def test_mirrored_networking_is_not_told_to_be_switched_on() -> None:
    found = finding(replace(SHUT, machine=replace(MACHINE, wsl=True, wsl_mirrored=True)), "port-open")
    assert found.cure is not None
    assert "networkingMode" not in found.cure


def test_without_ibapi_the_rest_is_still_looked_at() -> None:
    machine = replace(MACHINE, ibapi_api=None, ibapi_problem="ImportError: no ibapi.client")
    found = {one.id: one for one in examine(replace(SHUT, state=Port.NOT_TRIED, machine=machine))}
    assert found["ibapi"].verdict == "fail"
    assert "no ibapi.client" in found["ibapi"].evidence
    assert {found[name].verdict for name in ("port-open", "handshake", "accounts", "login")} == {"skip"}


@pytest.mark.parametrize(
    ("release", "wsl2"),
    [
        ("5.15.167.4-microsoft-standard-WSL2", True),
        ("4.4.0-19041-Microsoft", False),
        ("6.1.0-28-amd64", False),
        ("24.1.0", False),
    ],
)
def test_only_wsl2_has_addresses_of_its_own(release: str, wsl2: bool) -> None:
    assert is_wsl2(release) is wsl2


@pytest.mark.parametrize(
    ("command", "is_gateway"),
    [
        ("/opt/java -Xmx768m -cp /home/me/Jts/ibgateway/1030/jars/x.jar ibcalpha.ibc.IbcGateway", True),
        ("java -Xmx768m -jar C:\\Jts\\jts.jar", True),
        ("java -Xmx512m -jar /home/ajtsmith/minecraft.jar", False),
        ("java -Xmx512m -jar /srv/projts/server.jar", False),
    ],
)
def test_a_gateways_process_is_told_from_others(command: str, is_gateway: bool) -> None:
    assert bool(GATEWAY.search(command)) is is_gateway


def test_a_time_without_its_kind_is_no_logoff() -> None:
    """It was said to log off every night and to stay down, which nobody had said."""
    found = finding(settings(auto_logoff_type=None), "auto-restart")
    assert (found.verdict, found.evidence) == (
        "skip",
        "at 11:45 PM it restarts or logs off; the gateway does not say which",
    )
