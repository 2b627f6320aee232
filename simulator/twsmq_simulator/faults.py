"""What is currently wrong, on command. State only: the gateway asks it at the places where a fault bites.

An armed fault waits for the next event of its kind, of one client or of any (client id None), and is used up
by it. The others stay until they are switched off.
"""

from __future__ import annotations

import msgspec


class Line(msgspec.Struct, frozen=True):
    """How a connection mistreats what the gateway sends: everything late, in pieces, or several writes as
    one.
    """

    delay_ms: float = 0.0
    split_bytes: int = 0
    coalesce_ms: float = 0.0


class Armed:
    """Faults that wait for the next event of their kind: (kind, client id or None for any) -> how many,
    detail.
    """

    def __init__(self) -> None:
        self._armed: dict[tuple[str, int | None], list[str]] = {}

    def arm(self, kind: str, client_id: int | None, detail: str = "") -> None:
        self._armed.setdefault((kind, client_id), []).append(detail)

    def take(self, kind: str, client_id: int) -> str | None:
        """The detail of an armed fault, now used up; None when there is none."""
        for key in ((kind, client_id), (kind, None)):
            waiting = self._armed.get(key)
            if waiting:
                return waiting.pop(0)
        return None

    def describe(self) -> list[str]:
        return [f"{kind} client={client}" for (kind, client), waiting in self._armed.items() if waiting]


class Faults:
    def __init__(self) -> None:
        self.armed = Armed()
        self.silent = False
        self.disconnected = False  # from the brokerage: between 1100 and 1101 or 1102
        self.competing = False
        self.read_only = False
        self.silent_feeds: set[int] = set()
        self.line = Line()
        self.client_lines: dict[int, Line] = {}
        self.linger_seconds: dict[
            int, float
        ] = {}  # client id -> how long it stays busy after its socket died
        self.busy_until: dict[int, float] = {}  # client id -> loop time
        self.next_ids: dict[int, int] = {}  # client id -> what nextValidId will say instead

    def line_of(self, client_id: int | None) -> Line:
        if client_id is not None and client_id in self.client_lines:
            return self.client_lines[client_id]
        return self.line

    def feeds(self, con_id: int) -> bool:
        """Whether ticks of an instrument are sent."""
        off = self.disconnected or self.competing or self.silent
        return not (off or con_id in self.silent_feeds)

    def active(self) -> list[str]:
        found = self.armed.describe()
        for name in ("silent", "disconnected", "competing", "read_only"):
            if getattr(self, name):
                found.append(name)
        found += [f"silent_feed conId={con_id}" for con_id in sorted(self.silent_feeds)]
        if self.line != Line():
            found.append(f"line {self.line}")
        found += [f"line client={client} {line}" for client, line in self.client_lines.items()]
        return found
