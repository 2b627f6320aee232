"""How many files and connections this process may have open.

libzmq cannot drop a peer: where the limit is low, a few dozen idle peers take every descriptor, and nobody
else gets in. So the soft limit is raised to the hard one, and a low one is named at start.
"""

from __future__ import annotations

import resource

ENOUGH = 1024


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


def warning(limit: int) -> str | None:
    """What to say at start about a limit that is too low, None if it is not."""
    if limit == resource.RLIM_INFINITY or limit >= ENOUGH:
        return None
    return (
        f"only {limit} open files and connections are allowed for each process; with as many clients nobody "
        f"else gets in: raise it to {ENOUGH} or more (`ulimit -n`, LimitNOFILE= of a systemd unit)"
    )
