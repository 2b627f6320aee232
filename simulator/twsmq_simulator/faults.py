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


FEEDS = ("quotes", "bars", "ticks", "depth")
HISTORY_TROUBLES = {
    "pacing": (162, "Historical data request pacing violation"),
    "no_data": (162, "HMDS query returned no data: {}"),
    "other_ip": (162, "Trading TWS session is connected from a different IP address"),
    "permissions": (162, "No market data permissions for {}"),
    "service": (162, "Historical data service is unavailable"),
    "disconnected": (10182, "Failed to request live updates (disconnected)"),
    "no_definition": (200, "No security definition has been found for the request"),
    "silent": (0, ""),
    "half": (0, ""),
}


class Faults:
    def __init__(self) -> None:
        self.armed = Armed()
        self.silent = False
        self.disconnected = False  # from the brokerage: between 1100 and 1101 or 1102
        self.competing = False
        self.read_only = False
        self.silent_feeds: set[tuple[int, str]] = set()  # conId and one of FEEDS
        self.no_quotes: dict[int, float] = {}  # conId -> the price that stands for none
        self.old_bars: set[int] = set()  # conIds whose bars that keep up to date come in disorder
        self.stalled: set[int] = set()  # client ids
        self.broken_farms: set[str] = set()  # market, history, definitions
        self.false_200 = False
        self.details_rate = 0.0  # rows of contractDetails per second; 0 is all at once
        self.language = "en"
        self.line = Line()
        self.client_lines: dict[int, Line] = {}
        self.linger_seconds: dict[
            int, float
        ] = {}  # client id -> how long it stays busy after its socket died
        self.busy_until: dict[int, float] = {}  # client id -> loop time
        self.next_ids: dict[int, int] = {}  # client id -> what nextValidId will be instead

    def line_of(self, client_id: int | None) -> Line:
        if client_id is not None and client_id in self.client_lines:
            return self.client_lines[client_id]
        return self.line

    def feeds(self, con_id: int, kind: str = "quotes") -> bool:
        """Whether data of a kind of an instrument are sent."""
        off = self.disconnected or self.competing or self.silent
        broken = ("history" if kind == "bars" else "market") in self.broken_farms
        return not (off or broken or (con_id, kind) in self.silent_feeds)

    @property
    def finds_nothing(self) -> bool:
        """Whether look-ups are answered 200 whatever they ask."""
        return self.false_200 or "definitions" in self.broken_farms

    def active(self) -> list[str]:
        found = self.armed.describe()
        for name in ("silent", "disconnected", "competing", "read_only"):
            if getattr(self, name):
                found.append(name)
        found += [f"silent_feed conId={con_id} {kind}" for con_id, kind in sorted(self.silent_feeds)]
        found += [f"no_quote conId={con_id} {price:g}" for con_id, price in sorted(self.no_quotes.items())]
        found += [f"old_bars conId={con_id}" for con_id in sorted(self.old_bars)]
        found += [f"stall client={client}" for client in sorted(self.stalled)]
        found += [f"farm {kind} broken" for kind in sorted(self.broken_farms)]
        found += ["false_200"] if self.false_200 else []
        found += [f"slow_details {self.details_rate:g}"] if self.details_rate else []
        found += [f"texts {self.language}"] if self.language != "en" else []
        if self.line != Line():
            found.append(f"line {self.line}")
        found += [f"line client={client} {line}" for client, line in self.client_lines.items()]
        return found
