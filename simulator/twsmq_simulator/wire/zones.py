"""How a gateway spells time zones: the captured way, as IANA or Windows do, or all times in UTC.

The spelling is the operator's setting and changes from gateway to gateway (IBKR docs: "Send
instrument-specific attributes in"; April 2026 saw America/New_York where it had been US/Eastern).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

ZONE_STYLES: Final = ("captured", "iana", "windows", "utc")
SPELLINGS: Final = {
    "US/Eastern": ("America/New_York", "Eastern Standard Time"),
    "US/Central": ("America/Chicago", "Central Standard Time"),
    "MET": ("Europe/Berlin", "Central European Standard Time"),
    "UTC": ("Etc/UTC", "Coordinated Universal Time"),
    "EST": ("America/New_York", "Eastern Standard Time"),
}


class Zones:
    """`style` is "captured", "iana", "windows" or "utc"."""

    def __init__(self, style: str = "captured") -> None:
        self.style = style

    def name(self, captured: str) -> str:
        """A zone by itself, as in contractDetails and the handshake."""
        if self.style in ("captured", "utc") or captured not in SPELLINGS:
            return captured
        return SPELLINGS[captured][0 if self.style == "iana" else 1]

    def text(self, ns: int, captured: str) -> str:
        """A moment with its zone: "20261001 09:30:00 US/Eastern", or "20261001-13:30:00" in UTC."""
        if self.style == "utc":
            return f"{datetime.fromtimestamp(ns // 1_000_000_000, UTC):%Y%m%d-%H:%M:%S}"
        zone = ZoneInfo("Europe/Berlin" if captured == "MET" else captured)
        local = datetime.fromtimestamp(ns // 1_000_000_000, UTC).astimezone(zone)
        return f"{local:%Y%m%d %H:%M:%S} {self.name(captured)}"


CAPTURED: Final = Zones()
