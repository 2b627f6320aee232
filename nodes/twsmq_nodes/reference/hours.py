"""The gateway's text of trading hours, as sessions. Pure.

    20221229:0400-20221229:2000;20221230:0400-20221230:1300;20221231:CLOSED       (captured)
    20090507:0700-1830,1830-2330;20090508:CLOSED                                  (before TWS 970)

in the contract's time zone. A session counts for the day on which it closes.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from twsmq_protocol.history_requests import SessionRow

from twsmq_nodes.tws.gateway_times import execution_time_ns

_SPAN = re.compile(r"(?:(\d{8}):)?(\d{4})-(?:(\d{8}):)?(\d{4})")


def sessions(text: str, zone: str) -> tuple[list[SessionRow], list[str]]:
    """Sessions in their order, and the days that are closed. What is not understood is left out."""
    found: list[SessionRow] = []
    closed: list[str] = []
    for entry in filter(None, text.split(";")):
        day, _, rest = entry.partition(":")
        if rest == "CLOSED":
            closed.append(day)
            continue
        for part in entry.split(","):
            session = _session(part.strip(), day, zone)
            if session is not None:
                found.append(session)
    return sorted(found, key=lambda one: one.open), closed


def _session(text: str, day: str, zone: str) -> SessionRow | None:
    span = _SPAN.fullmatch(text)
    if span is None:
        return None
    opens_on = span[1] or day
    closes_on = span[3] or opens_on
    opens, closes = _ns(opens_on, span[2], zone), _ns(closes_on, span[4], zone)
    if opens is None or closes is None or closes <= opens:
        return None
    return SessionRow(open=opens, close=closes, date=closes_on)


def _ns(day: str, clock: str, zone: str) -> int | None:
    if clock == "2400":
        try:
            day, clock = f"{datetime.strptime(day, '%Y%m%d') + timedelta(days=1):%Y%m%d}", "0000"
        except (ValueError, OverflowError):
            return None
    return execution_time_ns(f"{day} {clock[:2]}:{clock[2:]}:00 {zone}")
