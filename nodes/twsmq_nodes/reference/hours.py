"""The gateway's text of trading hours (`tws.trading_hours`), as sessions for whoever asks. Pure.

A session counts for the day on which it closes. What is not understood is left out.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from twsmq_protocol.history_requests import SessionRow

from twsmq_nodes.tws import trading_hours
from twsmq_nodes.tws.gateway_times import execution_time_ns


def sessions(text: str, zone: str) -> tuple[list[SessionRow], list[str]]:
    """Sessions in their order, and the days that are closed."""
    found: list[SessionRow] = []
    closed: list[str] = []
    for entry in trading_hours.entries(text):
        day = trading_hours.closed_day(entry)
        if day is not None:
            closed.append(day)
            continue
        rows = (_row(session, zone) for session in trading_hours.sessions(entry) if session is not None)
        found += [row for row in rows if row is not None]
    return sorted(found, key=lambda one: one.open), closed


def _row(session: trading_hours.Session, zone: str) -> SessionRow | None:
    opens, closes = (
        _ns(session.begin_day, session.begin, zone),
        _ns(session.end_day, session.end, zone),
    )
    if opens is None or closes is None or closes <= opens:
        return None
    return SessionRow(open=opens, close=closes, date=session.end_day)


def _ns(day: str, clock: str, zone: str) -> int | None:
    if clock == trading_hours.MIDNIGHT_AFTER:
        try:
            day, clock = f"{datetime.strptime(day, '%Y%m%d') + timedelta(days=1):%Y%m%d}", "0000"
        except (ValueError, OverflowError):
            return None
    return execution_time_ns(f"{day} {clock[:2]}:{clock[2:]}:00 {zone}")
