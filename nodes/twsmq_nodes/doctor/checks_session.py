"""What a session gives: accounts, the link to the broker, the clock, data, leave to send orders."""

from __future__ import annotations

from twsmq_protocol.counted import counted

from twsmq_nodes.tws import codes, farms
from twsmq_nodes.tws.accounts import is_paper
from twsmq_nodes.tws.gateway_times import zone_named, zone_of
from twsmq_nodes.tws.session_events import FarmState

from .checks_connection import LIVE_PORTS, PAPER_PORTS
from .checks_user import competing
from .evidence import Evidence, Machine, Notice
from .outcomes import SETTINGS_MENU, Check, Outcome, fail, ok, skip, warn

_LINK_LOST, _LINK_BACK = (
    (codes.UPSTREAM_LOST, codes.UPSTREAM_BROKEN),
    (codes.DATA_LOST, codes.DATA_MAINTAINED),
)
_NOT_SUBSCRIBED = (354, 10089, 10090, 10091, 10168, 10186)
_DELAYED = 10167
_LARGEST_SKEW_S = 2.0
_LARGEST_ID = 2**31 - 1
_IDS_LEFT = 10_000_000
_NO_SESSION = "no session"


def _accounts(seen: Evidence) -> Outcome:
    if seen.next_valid_id is None:
        return skip(_NO_SESSION)
    if len(seen.accounts) == 0:
        return fail(
            "the gateway named no account",
            "log in again; API access needs a funded IBKR Pro account (Client Portal > Settings > Trading "
            "Permissions)",
        )
    if len(seen.accounts) > 1:
        return warn(
            f"{len(seen.accounts)} accounts: {', '.join(seen.accounts)}",
            "name the account in each order (its field `account`; twsmq order … --account): a gateway "
            "refuses orders without one (321)",
        )
    return ok(", ".join(seen.accounts))


def _account_mode(seen: Evidence) -> Outcome:
    if not seen.accounts:
        return skip("no account")
    paper = all(map(is_paper, seen.accounts))
    kind = "paper" if paper else "live"
    if paper and seen.port in LIVE_PORTS:
        return warn(
            f"a paper login on a port that is usually live ({seen.port})",
            "log in with trading mode Live, or use 4002/7497",
        )
    if not paper and seen.port in PAPER_PORTS:
        return warn(
            f"a LIVE login on a port that is usually paper ({seen.port})",
            "log in with trading mode Paper, or use 4001/7496",
        )
    if not paper and not seen.allow_live:
        return warn(
            f"{kind} account {', '.join(seen.accounts)}: twsmq refuses its orders",
            "set [orders] allow_live = true when you mean it",
        )
    if paper and seen.allow_live:
        return ok("paper; allow_live is set and does not matter here")
    return ok(kind)


def _farms(seen: Evidence) -> Outcome:
    if seen.next_valid_id is None:
        return skip(_NO_SESSION)
    lost = _lost(seen.notices)
    if lost is not None:
        return fail(
            f"the gateway does not reach the broker: {lost.code} {lost.text}",
            "is it the nightly reset (00:15-01:45 New York)? Else check the gateway's network; "
            "IBC: RECONNECTACCOUNT, or restart the gateway",
        )
    known = _farms_by_state(seen.notices)
    down = known.pop(FarmState.BROKEN, [])
    if down:
        return warn(
            "; ".join(f"{notice.code} {notice.text}" for notice in down),
            "usually the nightly reset or the ISP: wait, then restart the gateway",
        )
    up = known.get(FarmState.OK, []) + known.get(FarmState.INACTIVE, [])
    if not up:
        return warn(
            "no data farm has announced itself yet",
            "wait a minute after a login and look again; requests before the first notice may stay "
            "unanswered",
        )
    return ok(f"{counted(len(up), 'data farm')} connected")


def _lost(notices: tuple[Notice, ...]) -> Notice | None:
    """The notice of an outage that was not said to be over since; after a 2110 farms that are OK say so."""
    lost: Notice | None = None
    for notice in notices:
        if notice.code in _LINK_LOST:
            lost = notice
        elif notice.code in _LINK_BACK or (
            lost is not None and lost.code == codes.UPSTREAM_BROKEN and _state(notice) is FarmState.OK
        ):
            lost = None
    return lost


def _state(notice: Notice) -> FarmState | None:
    return farms.NOTICES[notice.code][1] if notice.code in farms.NOTICES else None


def _farms_by_state(notices: tuple[Notice, ...]) -> dict[FarmState, list[Notice]]:
    """The last notice about each farm: one that was broken may be connected by now."""
    last = {
        (status.kind, status.name): (status.state, notice)
        for notice in notices
        if notice.code in farms.NOTICES
        for status in (farms.noticed(notice.code, notice.text),)
    }
    found: dict[FarmState, list[Notice]] = {}
    for state, notice in last.values():
        found.setdefault(state, []).append(notice)
    return found


def _clock(seen: Evidence) -> Outcome:
    if seen.next_valid_id is None:
        return skip(_NO_SESSION)
    if seen.skew_s is None:
        return warn(
            "the gateway did not answer what time it is",
            "it is busy or stalled: if that stays so, restart it",
        )
    if abs(seen.skew_s) > _LARGEST_SKEW_S:
        side = "behind" if seen.skew_s > 0 else "ahead of"
        return warn(
            f"this machine's clock is {abs(seen.skew_s):.1f} s {side} the gateway's", _set_clock(seen.machine)
        )
    return ok(f"clocks agree to {abs(seen.skew_s):.1f} s")


def _set_clock(machine: Machine) -> str:
    if machine.container:
        return "set the clock of the machine that runs the container by NTP: a container has none of its own"
    if machine.mac:
        return "set the clock by NTP: sudo sntp -sS time.apple.com (System Settings > General > Date & Time)"
    if machine.wsl:
        return "set the clock: sudo hwclock -s (WSL2 falls behind while Windows sleeps)"
    return "set the clock by NTP (timedatectl set-ntp true)"


def _zone(seen: Evidence) -> Outcome:
    """Order and fill times come in the zone that the handshake names."""
    if seen.server_version is None:
        return skip("no handshake")
    name = zone_of(seen.connection_time)
    if not name or not name.isprintable() or not name.isascii():
        return warn(
            f"the gateway's time zone cannot be read: {seen.connection_time!r}",
            "set TimeZone= in jts.ini to a name such as America/New_York (image: TIME_ZONE), or choose UTC "
            "under 'Send instrument-specific attributes for dual-mode API client in' (API settings)",
        )
    if zone_named(name) is None:
        return warn(
            f"the gateway's time zone {name!r} has a name that nobody here knows: its times are read by how "
            "far its clock is from this machine's",
            "keep this machine's clock right (NTP), or set TimeZone= in jts.ini to a name such as "
            "America/New_York (image: TIME_ZONE)",
        )
    return ok(name)


def _market_data(seen: Evidence) -> Outcome:
    if seen.next_valid_id is None or seen.quote is None:
        return skip(_NO_SESSION)
    quote = seen.quote
    taken = competing(seen)
    if taken is not None:
        return fail(
            f"{taken.code} {taken.text}",
            "another session of the same user takes the data: log it out, or use a second username for the "
            "API",
        )
    refused = _first(quote.errors, _NOT_SUBSCRIBED)
    if refused is not None:
        return warn(
            f"{quote.instrument}: {refused.code} {refused.text}",
            "API data need a paid subscription of this user (Client Portal > Settings > Market Data "
            "Subscriptions); prices shown in TWS prove nothing. Or take delayed data",
        )
    if quote.live:
        return ok(f"{quote.instrument}: live")
    if quote.live is False or _first(quote.errors, (_DELAYED,)) is not None:
        return warn(
            f"{quote.instrument}: delayed only",
            "subscribe to its exchange's data for the API, or trade on delayed data knowingly",
        )
    if quote.errors:
        error = quote.errors[0]
        return warn(
            f"{quote.instrument}: {error.code} {error.text}",
            "look the code up: twsmq's documentation, error codes",
        )
    return warn(
        f"{quote.instrument}: no price within some seconds",
        "closed markets are quiet; else look again in a minute",
    )


def _orders_allowed(seen: Evidence) -> Outcome:
    if seen.next_valid_id is None:
        return skip(_NO_SESSION)
    read_only = seen.settings is not None and seen.settings.read_only
    refused = seen.open_orders_error
    if read_only or refused is not None:
        said = f"{refused.code} {refused.text}" if refused is not None else "its settings say Read-Only API"
        return fail(
            said,
            f"{SETTINGS_MENU}: untick 'Read-Only API' (a fresh Gateway has it on); IBC: ReadOnlyApi=no, "
            "image: READ_ONLY_API=no",
        )
    if not seen.open_orders_answered:
        return warn(
            "open orders were not answered",
            "look again in a minute: a gateway that is still logging in answers late",
        )
    return ok("open orders are answered: the API may trade")


def _order_ids(seen: Evidence) -> Outcome:
    if seen.next_valid_id is None:
        return skip(_NO_SESSION)
    if seen.next_valid_id > _LARGEST_ID - _IDS_LEFT:
        return fail(
            f"the next order id is {seen.next_valid_id}: the gateway's ids end at {_LARGEST_ID}",
            f"{SETTINGS_MENU}: 'Reset API order ID sequence', while no API order is active",
        )
    return ok(f"next order id {seen.next_valid_id}")


def _first(notices: tuple[Notice, ...], wanted: tuple[int, ...]) -> Notice | None:
    return next((notice for notice in notices if notice.code in wanted), None)


SESSION: dict[str, Check] = {
    "accounts": _accounts,
    "account-mode": _account_mode,
    "farms": _farms,
    "clock": _clock,
    "zone": _zone,
    "market-data": _market_data,
    "orders-allowed": _orders_allowed,
    "order-ids": _order_ids,
}
