"""From a closed port to a session: what refuses, what stays silent, what is no gateway at all."""

from __future__ import annotations

from twsmq_protocol.hosts import address, is_loopback

from twsmq_nodes.tws.codes import CLIENT_ID_IN_USE
from twsmq_nodes.tws.framing import MIN_SERVER_VERSION

from .evidence import USUAL_PORTS, Evidence, Hello, Neighbour, Port
from .outcomes import SETTINGS_MENU, Check, Outcome, fail, ok, skip, warn

_FORWARDERS = {
    4003: "gnzsnz image, live",
    4004: "gnzsnz image, paper",
    7498: "gnzsnz image, TWS live",
    7499: "gnzsnz image, TWS paper",
    8888: "extrange image",
}
LIVE_PORTS, PAPER_PORTS = (4001, 7496, 4003, 7498), (4002, 7497, 4004, 7499)
_CONTAINER = "wait for the container's login, or look at it (docker logs)"
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
        case Port.NOT_TRIED:
            return skip("without ibapi no gateway can be spoken to")


def _start(seen: Evidence) -> str:
    """How what is meant is started."""
    if not seen.simulated:
        return _START
    return (
        '`twsmq up` starts the simulated gateway there, which [gateway] mode = "simulated" means, with all '
        "the rest (of a cluster that runs, `twsmq why simulator` says what became of it). If you mean a "
        'gateway of your own: --gateway HOST:PORT, or [gateway] mode = "external"; then ' + _START
    )


def _refused(seen: Evidence, where: str) -> Outcome:
    others = _gateways_beside(seen)
    if others:
        better = address(seen.host, others[0].port)
        mode = (
            ""
            if _alike(seen.port, others[0].port)
            else ", if you mean that login, or log in to the other mode"
        )
        table = 'mode = "external" and port' if seen.simulated else "port"
        mine = ". For the simulated gateway: `twsmq up`" if seen.simulated else ""
        return fail(
            f"nothing listens at {where}, but a gateway answers on {_named(others)}",
            f"use --gateway {better}, or [gateway] {table} = {others[0].port} in twsmq.toml{mode}{mine}",
        )
    looked = ", ".join(f"{port} {name}" for port, name in USUAL_PORTS.items())
    evidence = f"nothing listens at {where}, nor on the usual ports of that host ({looked})"
    if seen.neighbours:  # something does, which is no gateway that answers
        silent = ", ".join(f"{one.port} ({_SAID[one.hello]})" for one in seen.neighbours)
        evidence = f"nothing listens at {where}; of the usual ports of that host ({looked}) only {silent}"
        return fail(
            evidence,
            f"--gateway {_first_of(seen)} tells why; else {_start(seen)}",
        )
    return fail(evidence, f"{_start(seen)}{_other_machine(seen)}")


def _first_of(seen: Evidence) -> str:
    return address(seen.host, seen.neighbours[0].port)


_SAID = {
    Hello.VERSION: "a gateway",
    Hello.SILENT: "accepts connections and says nothing",
    Hello.CLOSED: "accepts connections and closes them",
    Hello.HTTP: "speaks HTTP",
    Hello.OTHER: "is something else",
}


def _gateways_beside(seen: Evidence) -> list[Neighbour]:
    """On the other usual ports; first those of the same kind, paper or live."""
    found = [one for one in seen.neighbours if one.hello is Hello.VERSION]
    return sorted(found, key=lambda one: not _alike(seen.port, one.port))


def _alike(port: int, other: int) -> bool:
    return any(port in kind and other in kind for kind in (LIVE_PORTS, PAPER_PORTS))


def _named(others: list[Neighbour]) -> str:
    return ", ".join(
        f"{one.port} ({', '.join((USUAL_PORTS.get(one.port, 'a gateway'), *one.accounts))})" for one in others
    )


def _or_beside(seen: Evidence, cure: str) -> str:
    """The cure, and the gateway that answers on another port of that host, if one does."""
    others = _gateways_beside(seen)
    if not others:
        return cure
    better = address(seen.host, others[0].port)
    return f"a gateway answers on {_named(others)}: use --gateway {better}. Else {cure}"


def _other_machine(seen: Evidence) -> str:
    """127.0.0.1 is another machine in a container, and in WSL2 unless networking is mirrored."""
    machine = seen.machine
    if not is_loopback(seen.host):
        return ""
    if machine.container:  # also one that runs in WSL
        return (
            ". This is a container: 127.0.0.1 is the container itself. Use the gateway's service name, or "
            "host.docker.internal (Linux: --add-host host.docker.internal:host-gateway), or share its "
            "network namespace"
        )
    if machine.wsl and machine.wsl_mirrored:
        return ". This is WSL2 with mirrored networking: 127.0.0.1 is that of Windows too"
    if machine.wsl:
        return (
            ". This is WSL2: 127.0.0.1 is WSL itself, not Windows. Either set networkingMode=mirrored under "
            "[wsl2] in %UserProfile%\\.wslconfig and run 'wsl --shutdown', or use the address of Windows "
            "(ip route show default), untick 'Allow connections from localhost only', and add WSL's address "
            "to 'Trusted IPs'"
        )
    return ""


def _handshake(seen: Evidence) -> Outcome:
    where = address(seen.host, seen.port)
    made = _greeted(seen, where)
    if made.verdict != "fail":
        return made
    return fail(f"{made.evidence}{_who_listens(seen)}", f"{_not_the_gateway(seen)}{made.cure}")


def _who_listens(seen: Evidence) -> str:
    found = seen.listener
    return "" if found is None else f" ({found.name}, pid {found.pid}, listens there)"


def _not_the_gateway(seen: Evidence) -> str:
    """That another program may have the port: what is open and does not answer proves nothing else."""
    found = seen.listener
    if seen.simulated and found is not None and found.simulator:
        return "the simulated gateway has hung up: `twsmq restart simulator`. Else: "
    if seen.simulated:
        return (
            'another program has the port of the simulated gateway, which [gateway] mode = "simulated" '
            "means: end it, or set [gateway] port to a free one and `twsmq up`. If it is your own gateway: "
        )
    if found is not None and not found.gateway:
        return (
            f"{found.name} (pid {found.pid}) does not look like a gateway: end it, or set [gateway] port to "
            "the one that TWS or IB Gateway shows as its 'Socket port'. If it brings a gateway's port here: "
        )
    if found is None and seen.hello in (Hello.SILENT, Hello.CLOSED):
        return f"first see that no other program has that port (lsof -i :{seen.port}). If it is the gateway: "
    return ""


def _greeted(seen: Evidence, where: str) -> Outcome:
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
                _or_beside(
                    seen,
                    "is it the Client Portal gateway? The API's ports are 4001, 4002 (IB Gateway), 7496, "
                    "7497 (TWS)",
                ),
            )
        case Hello.OTHER:
            return fail(
                f"something listens at {where} that is neither TWS nor IB Gateway",
                _or_beside(
                    seen, f"see what it is (lsof -i :{seen.port}); the API's ports are 4001, 4002, 7496, 7497"
                ),
            )
        case Hello.CLOSED:
            return _closed(seen, where)


def _closed(seen: Evidence, where: str) -> Outcome:
    if seen.port in _FORWARDERS:
        return fail(
            f"{where} closed the connection before a word: this port is usually the forwarder of a container "
            f"({_FORWARDERS[seen.port]}), which is up before the gateway behind it",
            _or_beside(seen, f"{_CONTAINER}; inside the same network namespace use 4001 or 4002 themselves"),
        )
    trust = (
        f"{SETTINGS_MENU}: untick 'Allow connections from localhost only' and add this machine's address to "
        "'Trusted IPs' (single addresses, no subnets)"
    )
    if is_loopback(seen.host):
        return fail(
            f"{where} closed the connection before a word: so does a forwarder (a container's port, ssh) "
            "whose gateway is not up yet, and a gateway that does not trust where the forwarder comes from",
            _or_beside(
                seen, f"{_CONTAINER}. {trust}, as the gateway sees it (docker network inspect bridge)"
            ),
        )
    return fail(
        f"{where} closed the connection before a word: an untrusted address is denied so, without a prompt",
        _or_beside(seen, f"{trust}; or run twsmq beside the gateway"),
    )


def _server_version(seen: Evidence) -> Outcome:
    version = seen.server_version
    if version is None:
        return skip("no handshake")
    if version < MIN_SERVER_VERSION:
        return fail(
            f"server version {version}: twsmq needs {MIN_SERVER_VERSION} or newer",
            "update TWS or IB Gateway to the current stable release",
        )
    return ok(f"server version {version} is spoken (twsmq negotiates {MIN_SERVER_VERSION} to 200)")


def _client_id(seen: Evidence) -> Outcome:
    if seen.server_version is None or seen.server_version < MIN_SERVER_VERSION:
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
