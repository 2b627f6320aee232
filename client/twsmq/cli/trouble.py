"""What keeps a cluster from being ready, in few words, and what to check about it. Pure.

All nodes wait for one gateway, so when it cannot be reached each of them says so: that is told once, with
what a person should look at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from twsmq_protocol.requests import ProcessRow
from twsmq_protocol.system_events import Process

Row = ProcessRow | Process

_UNREACHABLE = re.compile(
    r"cannot connect to (?P<address>\S+): (?:\[Errno -?\d+\] )?(?P<cause>.*)", re.DOTALL
)
_LONGEST_CAUSE = 120


def in_short(reason: str | None) -> str:
    """A reason as it stands in a row, where it repeats what other rows say."""
    found = _UNREACHABLE.search(reason or "")
    return f"cannot reach {found['address']}" if found else reason or ""


def hint(rows: Iterable[Row], *, simulated: bool) -> str | None:
    """What to check when the gateway cannot be reached; None while none of the rows says so."""
    found = next((match for row in rows if (match := _UNREACHABLE.search(row.reason or ""))), None)
    if found is None:
        return None
    refused = f"no gateway answers at {found['address']}: {found['cause'][:_LONGEST_CAUSE]}."
    if simulated:
        return f"{refused} The simulated gateway is still starting, or ended: its row and its log tell."
    return (
        f"{refused} Is TWS or IB Gateway running and logged in, its API enabled (API > Settings > Enable "
        "ActiveX and Socket Clients), and is it the right port: IB Gateway paper 4002, live 4001; "
        "TWS paper 7497, live 7496?"
    )


def missing(rows: Iterable[Row]) -> str:
    """Which processes are not ready, and why, those with the same trouble together; empty if all are."""
    alike: dict[str, list[str]] = {}
    for row in rows:
        if row.state != "ready":
            why = in_short(row.reason)
            alike.setdefault(f"{row.state} ({why})" if why else row.state, []).append(row.name)
    return "; ".join(f"{', '.join(names)}: {trouble}" for trouble, names in alike.items())
