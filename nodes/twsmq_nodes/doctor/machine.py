"""What can be seen on this machine without asking anybody."""

from __future__ import annotations

import importlib.metadata
import ipaddress
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import zmq

from .evidence import Listener, Machine

GATEWAY = re.compile(r"ibgateway|ibcalpha|[/\\]jts[/\\]|\bjts(launch)?\.", re.IGNORECASE)
_FORWARDER = re.compile(
    r"^(java|tws|ibgateway|ssh|sshd|socat|docker|com\.docker|rootlessport|slirp4netns|pasta|kubectl|conmon|wsl)",
    re.IGNORECASE,
)
"""What a gateway runs in, or what brings the port of one elsewhere to this machine."""
_WSLINFO_S = 2.0


def look() -> Machine:
    major, minor, patch = zmq.zmq_version_info()
    newest, problem = _newest_api()
    return Machine(
        wsl=is_wsl2(platform.release()),
        wsl_mirrored=is_wsl2(platform.release()) and _networking() == "mirrored",
        container=_in_container(),
        mac=sys.platform == "darwin",
        python=platform.python_version(),
        ibapis=_ibapis(),
        ibapi_api=newest,
        ibapi_problem=problem,
        libzmq=(major, minor, patch),
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        virtual_env=sys.prefix != sys.base_prefix or Path(sys.prefix, "conda-meta").is_dir(),
        other_env=_other_env(os.environ.get("VIRTUAL_ENV", "")),
        gateway_heap_mb=_gateway_heap(),
    )


def is_own(address: str) -> bool:
    """Whether it is one of this machine's."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    own = (one.address for each in psutil.net_if_addrs().values() for one in each)
    return found.is_loopback or address in own


def listener(port: int) -> Listener | None:
    """Who listens on `port` of this machine; None where the system does not tell this user."""
    try:
        for one in psutil.net_connections("tcp"):
            if one.laddr and one.laddr.port == port and one.status == psutil.CONN_LISTEN and one.pid:
                process = psutil.Process(one.pid)
                name, command = process.name(), " ".join(process.cmdline())
                known = _FORWARDER.match(name) or GATEWAY.search(command)
                return Listener(name, one.pid, known is not None, "twsmq_simulator" in command)
    except (psutil.Error, OSError):
        pass
    return None


def is_wsl2(release: str) -> bool:
    """WSL1 (a kernel called 4.4.0-19041-Microsoft) shares its addresses with Windows."""
    return "microsoft" in release.lower() and not release.endswith("-Microsoft")


def _networking() -> str:
    """`mirrored`, `nat`, `virtioproxy`; empty where WSL does not say (older than 2.0)."""
    program = shutil.which("wslinfo")
    if program is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - WSL's own program
            [program, "--networking-mode"], capture_output=True, text=True, timeout=_WSLINFO_S, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip().lower()


def _in_container() -> bool:
    marks = (Path("/.dockerenv"), Path("/run/.containerenv"))
    named = dict(os.environ).get("container", "wsl") != "wsl"  # lower case: systemd's own name for it
    return named or "KUBERNETES_SERVICE_HOST" in os.environ or any(mark.exists() for mark in marks)


def _ibapis() -> tuple[tuple[str, str], ...]:
    """What installs an import package called `ibapi`, under whatever name: the last one installed wins."""
    names = importlib.metadata.packages_distributions().get("ibapi", ())
    return tuple((name, importlib.metadata.version(name)) for name in sorted(set(names)))


def _other_env(active: str) -> str:
    return active if active and Path(active).resolve() != Path(sys.prefix).resolve() else ""


def _gateway_heap() -> int | None:
    """The smallest heap of the Java processes that are TWS or IB Gateway, where this user may see one."""
    found: list[int] = []
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
        except (psutil.Error, OSError):
            continue
        if "java" in command and GATEWAY.search(command):
            heap = re.search(r"-Xmx(\d+)([mg])", command, re.IGNORECASE)
            if heap is not None:
                found.append(int(heap[1]) * (1024 if heap[2].lower() == "g" else 1))
    return min(found, default=None)


def _newest_api() -> tuple[str | None, str]:
    """The newest server version that the installed ibapi speaks, or what keeps it from being used."""
    try:
        from twsmq_nodes.tws.adapter import MAX_CLIENT_VER
    except Exception as error:  # noqa: BLE001 - another's package, which may be half installed or half overwritten
        return None, f"{type(error).__name__}: {error}"
    return str(MAX_CLIENT_VER), ""
