"""What keeps a cluster from being ready, in few words, and what to check about it. Pure.

All nodes wait for one gateway, so when it cannot be reached each of them reports it: that is shown once, with
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
_NO_SESSION = re.compile(r"no session with the gateway at (?P<address>\S+) yet: (?P<cause>.*)", re.DOTALL)
_LONGEST_CAUSE = 120
_DOCTOR = "`twsmq doctor` finds out why."


def in_short(reason: str | None) -> str:
    """A reason as it stands in a row, where it repeats other rows."""
    found = _UNREACHABLE.search(reason or "")
    return f"cannot reach {found['address']}" if found else reason or ""


def hint(rows: Iterable[Row], *, simulated: bool) -> str | None:
    """What to check when the gateway cannot be reached, or gives no session; None while no row reports
    that."""
    rows = list(rows)
    found = next((match for row in rows if (match := _UNREACHABLE.search(row.reason or ""))), None)
    if found is None:
        return _without_session(rows, simulated=simulated)
    refused = f"no gateway answers at {found['address']}: {found['cause'][:_LONGEST_CAUSE]}."
    if simulated:
        return f"{refused} The simulated gateway is still starting, or ended: see its row and its log."
    return (
        f"{refused} Is TWS or IB Gateway running and logged in, its API enabled (API > Settings > Enable "
        "ActiveX and Socket Clients), and is it the right port: IB Gateway paper 4002, live 4001; "
        f"TWS paper 7497, live 7496? {_DOCTOR}"
    )


def _without_session(rows: Iterable[Row], *, simulated: bool) -> str | None:
    held = [row for row in rows if row.state == "waiting_client_id"]
    if held:
        numbers = ", ".join(sorted({str(row.client_id) for row in held if row.client_id is not None}))
        return (
            f"another connection holds client ID {numbers}: end the other program, maybe another cluster "
            "(after a crash a gateway keeps an ID busy for some minutes), or give this cluster another "
            "[gateway] client_id_base (its orders stay under the old IDs). It tries again by itself."
        )
    found = next((match for row in rows if (match := _NO_SESSION.search(row.reason or ""))), None)
    if found is None:
        return None
    said = f"the gateway at {found['address']} gives no session: {found['cause'][:_LONGEST_CAUSE]}."
    return said if simulated else f"{said} {_DOCTOR}"


def missing(rows: Iterable[Row]) -> str:
    """Which processes are not ready, and why, those with the same trouble together; empty if all are."""
    alike: dict[str, list[str]] = {}
    for row in rows:
        if row.state != "ready":
            why = in_short(row.reason)
            alike.setdefault(f"{row.state} ({why})" if why else row.state, []).append(row.name)
    return "; ".join(f"{', '.join(names)}: {trouble}" for trouble, names in alike.items())
