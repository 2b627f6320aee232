"""Whose login it is: what its kind of account, its region and its other sessions bring with them.

Most of it is shown in the gateway's own windows only; where nothing can be seen from outside, the check says
so. Sources: IBKR's API documentation (02.01-02, 02.03.03, 04.02.01, 12.06), texts captured from gateways.
"""

from __future__ import annotations

from twsmq_nodes.tws.codes import CLIENT_ID_IN_USE, is_competing
from twsmq_nodes.tws.framing import MIN_SERVER_VERSION
from twsmq_nodes.tws.gateway_times import zone_of

from .evidence import Evidence, Hello, Notice, Port
from .outcomes import Check, Outcome, ok, skip, warn

_TWS_PORTS = (7496, 7497)
_HONG_KONG = frozenset(("Asia/Hong_Kong", "Hongkong", "HKT"))
_CANADA = frozenset(
    "America/" + city
    for city in ("Toronto", "Vancouver", "Montreal", "Edmonton", "Winnipeg", "Halifax", "Regina", "St_Johns")
)


def competing(seen: Evidence) -> Notice | None:
    """The gateway's word for another session of the same user that takes the data."""
    said = [*seen.history_errors, *(seen.quote.errors if seen.quote is not None else ())]
    return next((one for one in said if is_competing(one.code, one.text)), None)


def _login(seen: Evidence) -> Outcome:
    """IBKR Lite, an unfunded account and a code card are refused in the login window and nowhere else."""
    if seen.next_valid_id is not None and seen.accounts:
        return ok("logged in, with API access")
    if seen.state in (Port.UNREACHABLE, Port.TIMED_OUT, Port.NOT_TRIED) or seen.hello in (
        Hello.HTTP,
        Hello.OTHER,
    ):
        return skip("no gateway was reached")
    if seen.simulated:
        return skip("the simulated gateway has no login")
    old = seen.server_version is not None and seen.server_version < MIN_SERVER_VERSION
    if old or seen.closed_after_start or any(notice.code == CLIENT_ID_IN_USE for notice in seen.notices):
        return skip("no session, for another reason")
    return warn(
        "no session: the login is not finished, or the account may not use the API; only its own window "
        "tells why",
        "look at the login window. 'API support is not available': IBKR Lite, or no funds; it "
        "takes a funded IBKR Pro account. 'Security Code Card': choose another second factor in Client "
        "Portal (IB Key, SMS, DSC+)",
    )


def _other_sessions(seen: Evidence) -> Outcome:
    if seen.next_valid_id is None:
        return skip("no session")
    found = competing(seen)
    if found is not None:
        return warn(
            f"the same user is logged in elsewhere: {found.code} {found.text}",
            "log the other session out (Client Portal, mobile app, another TWS), and give the gateway a "
            "username of its own (Client Portal > Settings > Users & Access Rights; it has data fees of its "
            "own)",
        )
    return ok(
        "no sign of another session of this user; one in Client Portal would not show here, but would keep "
        "the gateway from logging in again after its next loss: give it a username of its own"
    )


def _screen_lock(seen: Evidence) -> Outcome:
    """For users in Hong Kong TWS locks itself when nobody touches it, and drops the API."""
    if seen.server_version is None:
        return skip("no handshake")
    zone = zone_of(seen.connection_time) or ""
    if seen.port not in _TWS_PORTS:
        return ok("IB Gateway does not lock itself, as far as the port tells")
    if zone in _HONG_KONG or seen.closed_after_start:
        return warn(
            f"TWS on port {seen.port}" + (f", zone {zone}" if zone else "") + ": for users in Hong Kong it "
            "locks itself when nobody touches it, and the API is dropped",
            "use IB Gateway (4001, 4002) for the API",
        )
    return ok("TWS locks itself only for users in Hong Kong")


def _region(seen: Evidence) -> Outcome:
    if seen.next_valid_id is None:
        return skip("no session")
    zone = zone_of(seen.connection_time) or ""
    if zone.startswith("Canada/") or zone in _CANADA:
        return warn(
            f"zone {zone}: residents of Canada may not send orders for Canadian products through the API",
            "trade those by hand in TWS, or their listings elsewhere; the rule is the regulator's, no "
            "setting changes it",
        )
    return ok("no rule of a region is known to apply, as far as the time zone tells")


USER: dict[str, Check] = {
    "login": _login,
    "other-sessions": _other_sessions,
    "screen-lock": _screen_lock,
    "region": _region,
}
