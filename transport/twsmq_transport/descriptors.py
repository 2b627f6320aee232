"""How many files and connections this process may have open.

Where the limit is low, a few dozen idle peers would take every descriptor: nobody else got in, and libzmq's
thread, which cannot accept, would spin. So the soft limit is raised to the hard one, a low one is named at
start, and each server socket ends its idle connections before the descriptors do (see `peers`).
"""

from __future__ import annotations

import resource

ENOUGH = 1024
OWN = 40
"""What a process needs for itself: sockets, journal, logs, links to gateway and others."""
SERVER_SOCKETS = 2


def raise_limit() -> int:
    """The limit that holds from now on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 65_536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # macOS refuses more than its kernel's own limit
            return soft
        return wanted
    return soft


def peers_allowed() -> int:
    """How many connections each of a process's server sockets may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        soft = 65_536
    return max(4, (soft - OWN) // SERVER_SOCKETS)


def warning(limit: int) -> str | None:
    """What to say at start about a limit that is too low, None if it is not."""
    if limit == resource.RLIM_INFINITY or limit >= ENOUGH:
        return None
    return (
        f"only {limit} open files and connections are allowed for each process: beyond {peers_allowed()} "
        f"clients of one the idle ones are disconnected; raise it to {ENOUGH} or more (`ulimit -n`, "
        "LimitNOFILE= of a systemd unit)"
    )
