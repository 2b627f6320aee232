"""From a closed port to a session: what refuses, what stays silent, what is no gateway at all."""

from __future__ import annotations

from twsmq_protocol.config import address

from twsmq_nodes.tws.codes import CLIENT_ID_IN_USE

from .evidence import TWSMQ_MIN_VERSION, Evidence, Hello, Port
from .outcomes import SETTINGS_MENU, Check, Outcome, fail, ok, skip, warn

PORTS = {4001: "IB Gateway live", 4002: "IB Gateway paper", 7496: "TWS live", 7497: "TWS paper"}
_FORWARDERS = {
    4003: "gnzsnz image, live",
    4004: "gnzsnz image, paper",
    7498: "gnzsnz image, TWS live",
    7499: "gnzsnz image, TWS paper",
    8888: "extrange image",
}
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_START = (
    "start TWS or IB Gateway and finish its login (the port opens after it); then "
    f"{SETTINGS_MENU}: tick 'Enable ActiveX and Socket Clients' and look at 'Socket port'"
)


def _port_open(seen: Evidence) -> Outcome:
    where = address(seen.host, seen.port)
    match seen.state:
        case Port.OPEN:
            return ok(f"{where} accepts connections")
        case Port.UNREACHABLE:
            return fail(
                f"{where}: {seen.problem}",
                "check the host's name and that this machine can reach it (ping); --gateway HOST:PORT",
            )
        case Port.TIMED_OUT:
            return fail(
                f"{where}: no answer at all, not even a refusal: a firewall drops it, or the host is off",
                f"allow TCP {seen.port} from this machine in the host's firewall, VPN and anti-virus",
            )
        case Port.REFUSED:
            return _refused(seen, where)


def _refused(seen: Evidence, where: str) -> Outcome:
    others = [one for one in seen.neighbours if one.hello is Hello.VERSION]
    if others:
        names = ", ".join(f"{one.port} ({PORTS.get(one.port, '')})" for one in others)
        port = others[0].port
        return fail(
            f"nothing listens at {where}, but a gateway answers on {names}",
            f"use --gateway {address(seen.host, port)}, or [gateway] port = {port} in twsmq.toml",
        )
    looked = ", ".join(f"{port} {name}" for port, name in PORTS.items())
    evidence = f"nothing listens at {where}, nor on the usual ports of that host ({looked})"
    elsewhere = _other_machine(seen)
    return fail(evidence, f"{_START}{elsewhere}")


def _other_machine(seen: Evidence) -> str:
    """127.0.0.1 is another machine in a container, and in WSL2 unless networking is mirrored."""
    if seen.host not in _LOOPBACK:
        return ""
    if seen.machine.wsl:
        return (
            ". This is WSL2: 127.0.0.1 is WSL itself, not Windows. Either set networkingMode=mirrored under "
            "[wsl2] in %UserProfile%\\.wslconfig and run 'wsl --shutdown', or use the address of Windows "
            "(ip route show default), untick 'Allow connections from localhost only', and add WSL's address "
            "to 'Trusted IPs'"
        )
    if seen.machine.container:
        return (
            ". This is a container: 127.0.0.1 is the container itself. Use the gateway's service name, or "
            "host.docker.internal (Linux: --add-host host.docker.internal:host-gateway), or share its "
            "network namespace"
        )
    return ""


def _handshake(seen: Evidence) -> Outcome:
    where = address(seen.host, seen.port)
    match seen.hello:
        case None:
            return skip("the port is not open")
        case Hello.VERSION:
            return ok(
                f"server version {seen.server_version}, connected "
                f"{seen.connection_time or 'at a time not told'}"
            )
        case Hello.SILENT:
            return fail(
                f"{where} accepted the connection and then said nothing for {seen.waited_s:.0f} s",
                "look at its screen: a dialog waits ('Accept incoming connection?', a login, a second "
                "factor). "
                f"{SETTINGS_MENU}: add this machine to 'Trusted IPs'; IBC: "
                "AcceptIncomingConnectionAction=accept. "
                "If it had worked before, it is stalled: restart the gateway, not only the client",
            )
        case Hello.HTTP:
            return fail(
                f"{where} speaks HTTP: that is no TWS API port",
                "is it the Client Portal gateway? The API's ports are 4001, 4002 (IB Gateway), 7496, 7497 "
                "(TWS)",
            )
        case Hello.OTHER:
            return fail(
                f"something listens at {where} that is neither TWS nor IB Gateway",
                f"see what it is (lsof -i :{seen.port}); the API's ports are 4001, 4002, 7496, 7497",
            )
        case Hello.CLOSED:
            return _closed(seen, where)


def _closed(seen: Evidence, where: str) -> Outcome:
    if seen.port in _FORWARDERS:
        return fail(
            f"{where} closed the connection before a word: this port is usually the forwarder of a container "
            f"({_FORWARDERS[seen.port]}), which is up before the gateway behind it",
            "wait for the container's login, or look at it (docker logs); inside the same network namespace "
            "use 4001 or 4002 themselves",
        )
    return fail(
        f"{where} closed the connection before a word: an untrusted address is denied so, without a prompt",
        f"{SETTINGS_MENU}: untick 'Allow connections from localhost only' and add this machine's address to "
        "'Trusted IPs' (single addresses, no subnets); or run twsmq beside the gateway",
    )


def _server_version(seen: Evidence) -> Outcome:
    version = seen.server_version
    if version is None:
        return skip("no handshake")
    if version < TWSMQ_MIN_VERSION:
        return fail(
            f"server version {version}: twsmq needs {TWSMQ_MIN_VERSION} or newer",
            "update TWS or IB Gateway to the current stable release",
        )
    return ok(f"server version {version} is spoken (twsmq negotiates {TWSMQ_MIN_VERSION} to 200)")


def _client_id(seen: Evidence) -> Outcome:
    if seen.server_version is None or seen.server_version < TWSMQ_MIN_VERSION:
        return skip("no session")
    taken = any(notice.code == CLIENT_ID_IN_USE for notice in seen.notices)
    if taken:
        return fail(
            f"client ID {seen.client_id} is held by another connection (error 326)",
            "end the other program that uses it, or wait: after a crash the gateway keeps an ID busy for "
            "some "
            f"minutes. twsmq uses {_ids(seen.cluster_ids)}: another [gateway] client_id_base moves them all "
            "(orders stay under the ID that placed them)",
        )
    if seen.closed_after_start:
        return fail(
            f"the gateway closed the connection as soon as client {seen.client_id} started its session",
            "another program may hold that client ID, or TWS is locked or closing: look at its screen. At "
            "most "
            "32 clients may be connected",
        )
    if seen.next_valid_id is None:
        return fail(
            f"client {seen.client_id} started a session and was not given an order id",
            f"look at the gateway's screen for a dialog; {SETTINGS_MENU}. Paper accounts must have "
            "accepted the "
            "'not a brokerage account' dialog once (IBC: AcceptNonBrokerageAccountWarning=yes)",
        )
    if seen.client_id in seen.cluster_ids:
        return warn(f"client ID {seen.client_id} is free", "it is one of the cluster's own: let it go")
    return ok(f"a session of its own, client ID {seen.client_id}; the cluster uses {_ids(seen.cluster_ids)}")


def _ids(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers)) or "none here"


CONNECTION: dict[str, Check] = {
    "port-open": _port_open,
    "handshake": _handshake,
    "server-version": _server_version,
    "client-id": _client_id,
}
