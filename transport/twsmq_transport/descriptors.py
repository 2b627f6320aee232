"""How many files and connections this process may have open.

Where the limit is low, a few dozen idle peers would take every descriptor: nobody else got in, and libzmq's
thread, which cannot accept, would spin. So the soft limit is raised to the hard one, a low one is named at
start, and each server socket ends its idle connections before the descriptors do (see `peers`). Below
`LEAST` nothing starts: the process that takes most would reach no gateway, and look as if there were none.
"""

from __future__ import annotations

import errno
import os
import resource

from twsmq_protocol.errors import Unmendable

ENOUGH = 1024
OWN = 100
"""What a process needs for itself: sockets, journal, logs, links to gateway and others. Measured: status 94
with five shards (78 with one), connection 77, web 58, orders 56, supervisor 52, every other less."""
LEAST = 128
SERVER_SOCKETS = 2
CURE = (
    f"raise the hard limit (`ulimit -Hn` shows it; LimitNOFILE={ENOUGH} of a systemd unit, --ulimit "
    f"nofile={ENOUGH} of a container, a line in /etc/security/limits.conf and a new login)"
)


def raise_limit() -> int:
    """The limit that holds from now on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 65_536)
    if soft == resource.RLIM_INFINITY:
        return soft
    for limit in (wanted, 10_240, ENOUGH):  # macOS refuses more than its kernel's own limit
        if soft < limit <= wanted:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            except (OSError, ValueError):
                continue
            return limit
    return soft


def require() -> int:
    """The limit that holds from now on, raised as far as may be. Raises `Unmendable` where it is too low."""
    limit = raise_limit()
    if limit != resource.RLIM_INFINITY and limit < LEAST:
        raise Unmendable(
            f"only {limit} open files and connections are allowed for each process, {LEAST} are needed and "
            f"{ENOUGH} are good: {CURE}"
        )
    return limit


def none_left() -> int:
    """Why nothing more can be opened, EMFILE or ENFILE; 0 if it can."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.errno if error.errno in (errno.EMFILE, errno.ENFILE) else 0
    return 0


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
        f"clients of one the idle ones are disconnected; for {ENOUGH} {CURE}"
    )
