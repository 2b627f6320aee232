"""What can be seen on this machine without asking anybody."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import resource
import sys
from pathlib import Path

import psutil
import zmq

from .evidence import Machine

_DISTRIBUTIONS = ("ibapi", "nautilus-ibapi", "ibapi-stable", "ibapi-latest")
"""Packages that all install an import package called `ibapi`: the last one installed wins."""


def look() -> Machine:
    major, minor, patch = zmq.zmq_version_info()
    return Machine(
        wsl="microsoft" in platform.release().lower(),
        container=Path("/.dockerenv").exists()
        or Path("/run/.containerenv").exists()
        or "container" in os.environ,
        python=platform.python_version(),
        ibapis=_ibapis(),
        ibapi_api=_newest_api(),
        libzmq=(major, minor, patch),
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        virtual_env=sys.prefix != sys.base_prefix,
        other_env=_other_env(os.environ.get("VIRTUAL_ENV", "")),
        gateway_heap_mb=_gateway_heap(),
    )


def _ibapis() -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for name in _DISTRIBUTIONS:
        try:
            found.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return tuple(found)


def _other_env(active: str) -> str:
    return active if active and Path(active).resolve() != Path(sys.prefix).resolve() else ""


def _gateway_heap() -> int | None:
    """The largest heap of a Java process that is TWS or IB Gateway, where this user may see one."""
    found: list[int] = []
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
        except (psutil.Error, OSError):
            continue
        if "java" in command and re.search(r"ibgateway|jts|ibcalpha", command, re.IGNORECASE):
            heap = re.search(r"-Xmx(\d+)([mg])", command, re.IGNORECASE)
            if heap is not None:
                found.append(int(heap[1]) * (1024 if heap[2].lower() == "g" else 1))
    return min(found, default=None)


def _newest_api() -> str | None:
    try:
        from twsmq_nodes.tws.adapter import MAX_CLIENT_VER
    except ImportError:
        return None
    return str(MAX_CLIENT_VER)
