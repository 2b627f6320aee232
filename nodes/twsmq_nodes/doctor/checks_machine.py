"""What this machine itself gets wrong: several ibapis, an old libzmq, too few open files."""

from __future__ import annotations

from .evidence import Evidence
from .outcomes import Check, Outcome, fail, ok, skip, warn

_OLDEST_SAFE_LIBZMQ, _CURRENT_LIBZMQ = (4, 3, 3), (4, 3, 5)
_FILES_WANTED = 256
_LEAST_HEAP_MB = 1024


def _ibapi(seen: Evidence) -> Outcome:
    machine = seen.machine
    found = ", ".join(f"{name} {version}" for name, version in machine.ibapis)
    if machine.ibapi_api is None:
        return fail(
            f"Python {machine.python} cannot use ibapi"
            + (f" ({found})" if found else "")
            + (f": {machine.ibapi_problem}" if machine.ibapi_problem else ""),
            "install twsmq into the Python you run: python -m pip install --force-reinstall twsmq "
            "nautilus-ibapi (in a virtual environment); no folder called ibapi may stand in the way "
            "(PYTHONPATH)",
        )
    if len(machine.ibapis) > 1:
        return warn(
            f"{found}: all install a package called ibapi, and the one installed last has overwritten the "
            "others",
            "python -m pip uninstall "
            + " ".join(name for name, _ in machine.ibapis)
            + "; then python -m pip install --force-reinstall nautilus-ibapi",
        )
    if not machine.ibapis:
        return warn(
            "ibapi can be imported but no package manager knows it: it was copied or installed with setup.py",
            "remove that folder and let pip install nautilus-ibapi, so that its version is known",
        )
    return ok(f"{found}, speaks up to server version {machine.ibapi_api}")


def _python(seen: Evidence) -> Outcome:
    machine = seen.machine
    if machine.other_env:
        return warn(
            f"Python {machine.python}, while the shell has {machine.other_env} active: twsmq uses nothing "
            "of what is installed there",
            "run twsmq from that environment (python -m twsmq.cli …), or deactivate it",
        )
    if not machine.virtual_env and not machine.container:
        return warn(
            f"Python {machine.python}, the system's own: several programs share its packages",
            "use a virtual environment (python3 -m venv .venv), or make up, which makes one",
        )
    return ok(f"Python {machine.python}")


def _libzmq(seen: Evidence) -> Outcome:
    version = seen.machine.libzmq
    text = ".".join(map(str, version))
    if version < _OLDEST_SAFE_LIBZMQ:
        return fail(
            f"libzmq {text} has known holes (CVE-2019-13132, CVE-2020-15166)",
            "python -m pip install --upgrade --force-reinstall pyzmq",
        )
    if version < _CURRENT_LIBZMQ:
        return warn(f"libzmq {text}", "python -m pip install --upgrade pyzmq brings 4.3.5")
    return ok(f"libzmq {text}")


def _open_files(seen: Evidence) -> Outcome:
    files = seen.machine.open_files
    if files < _FILES_WANTED:
        return warn(
            f"a process may open {files} files here: each client and each gateway connection takes one",
            "ulimit -n 4096 before twsmq up (systemd: LimitNOFILE=4096)",
        )
    return ok(f"{files} open files allowed")


def _gateway_memory(seen: Evidence) -> Outcome:
    heap = seen.machine.gateway_heap_mb
    if heap is None:
        return skip("no gateway's process is seen on this machine")
    if heap < _LEAST_HEAP_MB:
        return warn(
            f"the gateway may use {heap} MB of memory; with many lines it grows slow, then stops",
            "Configure > Settings > Memory Allocation: 4000 MB is what IBKR advises for the API; image: "
            "JAVA_HEAP_SIZE",
        )
    return ok(f"the gateway may use {heap} MB of memory")


MACHINE: dict[str, Check] = {
    "ibapi": _ibapi,
    "python": _python,
    "libzmq": _libzmq,
    "open-files": _open_files,
    "gateway-memory": _gateway_memory,
}
