"""What a session gives: accounts, the link to the broker, the clock, data, leave to send orders."""

from __future__ import annotations

import re

from twsmq_nodes.tws.gateway_times import zone_of

from .checks_user import competing
from .evidence import Evidence, Notice
from .outcomes import SETTINGS_MENU, Check, Outcome, fail, ok, skip, warn

_PAPER = re.compile(r"D[UF]\d+")
_PAPER_PORTS, _LIVE_PORTS = (4002, 7497), (4001, 7496)
_FARMS_UP, _FARMS_ASLEEP, _FARMS_DOWN = (2104, 2106, 2158), (2107, 2108), (2103, 2105, 2157)
_LINK_LOST = (1100, 2110)
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
            "name the account in each order, or set [orders] account: a gateway refuses orders without one "
            "(321)",
        )
    return ok(", ".join(seen.accounts))


def _account_mode(seen: Evidence) -> Outcome:
    if not seen.accounts:
        return skip("no account")
    paper = all(_PAPER.fullmatch(account) for account in seen.accounts)
    kind = "paper" if paper else "live"
    if paper and seen.port in _LIVE_PORTS:
        return warn(
            f"a paper login on a port that is usually live ({seen.port})",
            "log in with trading mode Live, or use 4002/7497",
        )
    if not paper and seen.port in _PAPER_PORTS:
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
    lost = _first(seen.notices, _LINK_LOST)
    if lost is not None:
        return fail(
            f"the gateway does not reach the broker: {lost.code} {lost.text}",
            "is it the nightly reset (00:15-01:45 New York)? Else check the gateway's network; "
            "IBC: RECONNECTACCOUNT, or restart the gateway",
        )
    down = [notice for notice in seen.notices if notice.code in _FARMS_DOWN]
    if down:
        return warn(
            "; ".join(f"{notice.code} {notice.text}" for notice in down),
            "usually the nightly reset or the ISP: wait, then restart the gateway",
        )
    up = [notice for notice in seen.notices if notice.code in _FARMS_UP + _FARMS_ASLEEP]
    if not up:
        return warn(
            "no data farm has announced itself yet",
            "wait a minute after a login and look again; requests before the first notice may stay "
            "unanswered",
        )
    return ok(f"{len(up)} data farms connected")


def _clock(seen: Evidence) -> Outcome:
    if seen.next_valid_id is None:
        return skip(_NO_SESSION)
    if seen.skew_s is None:
        return warn(
            "the gateway did not answer what time it is",
            "it is busy or stalled: if that stays so, restart it",
        )
    if abs(seen.skew_s) > _LARGEST_SKEW_S:
        return warn(
            f"this machine's clock is {seen.skew_s:+.1f} s from the gateway's",
            "set the clock by NTP (timedatectl set-ntp true); in WSL2: sudo hwclock -s",
        )
    return ok(f"clocks agree to {abs(seen.skew_s):.1f} s")


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


def _first(notices: tuple[Notice, ...], codes: tuple[int, ...]) -> Notice | None:
    return next((notice for notice in notices if notice.code in codes), None)


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
