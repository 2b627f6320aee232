"""Operations on the link to the brokerage and on clients' sockets: outages, farms, restarts, bad lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twsmq_simulator import hostile
from twsmq_simulator.command import Command, CommandRefused
from twsmq_simulator.faults import Line
from twsmq_simulator.wire import messages
from twsmq_simulator.wire.requests import Cancel

if TYPE_CHECKING:
    from twsmq_simulator.gateway import Gateway

LOST = "Connectivity between IBKR and Trader Workstation has been lost."
RESTORED_LOST = "Connectivity between IBKR and Trader Workstation has been restored - data lost."
RESTORED = "Connectivity between IBKR and Trader Workstation has been restored - data maintained."
COMPETING = "No market data during competing live session"
FARM_TEXTS = {
    2103: "Market data farm connection is broken:",
    2104: "Market data farm connection is OK:",
    2105: "HMDS data farm connection is broken:",
    2106: "HMDS data farm connection is OK:",
    2107: "HMDS data farm connection is inactive but should be available upon demand.",
    2108: "Market data farm connection is inactive but should be available upon demand.",
    2119: "Market data farm is connecting:",
    2157: "Sec-def data farm connection is broken:",
    2158: "Sec-def data farm connection is OK:",
}
FARM_PAIRS = {"market": (2103, 2104), "history": (2105, 2106), "definitions": (2157, 2158)}
BROKEN_LINK = (
    "Connectivity between Trader Workstation and server is broken. It will be restored automatically."
)
LONGEST = 86_400.0


def _seconds(value: float, name: str) -> float:
    if not 0 <= value <= LONGEST:
        raise CommandRefused("invalid_argument", f"{name} must be 0 to {LONGEST:g}", name)
    return value


class Drop(Command, frozen=True):
    """Resets the socket of a client, or of all of them."""

    client_id: int | None = None

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        dropped = [s for s in list(gateway.sessions) if self.client_id in (None, s.client_id)]
        for session in dropped:
            session.reset()
        return {"dropped": len(dropped)}


class Silence(Command, frozen=True):
    """A half-dead port: connections are accepted and kept, nothing is read or sent while it is on."""

    on: bool = True

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        gateway.faults.silent = self.on
        if not self.on:
            gateway.wake_sessions()
        return {}


class Stall(Command, frozen=True):
    """One client's socket stays open and is neither read nor written while it is on; others go on."""

    client_id: int
    on: bool = True

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        if self.on:
            gateway.faults.stalled.add(self.client_id)
        else:
            gateway.faults.stalled.discard(self.client_id)
            gateway.wake_sessions()
        return {}


class ConnectivityLost(Command, frozen=True):
    """1100 to every client, again every `repeat_seconds` if given; ticks stop and orders wait until
    connectivity_restored. Sockets stay open. With `false_200` look-ups meanwhile find no definition."""

    repeat_seconds: float = 0.0
    false_200: bool = False

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        every = _seconds(self.repeat_seconds, "repeat_seconds")
        gateway.faults.disconnected = gateway.broker.lost = True
        gateway.faults.false_200 = gateway.faults.false_200 or self.false_200
        _lost_again(gateway, every)
        return {}


def _lost_again(gateway: Gateway, every: float) -> None:
    if gateway.faults.disconnected:
        gateway.notify(1100, LOST)
        if every:
            gateway.later(every, lambda: _lost_again(gateway, every))


class ConnectivityRestored(Command, frozen=True):
    """1101 (data_lost: market data subscriptions are gone) or 1102 (kept; `bars_lost`: but for bars that keep
    up to date), then the farm notices; `quietly`: only the farms, neither 1101 nor 1102."""

    data_lost: bool = False
    bars_lost: bool = False
    quietly: bool = False

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        gateway.faults.disconnected = gateway.broker.lost = False
        gateway.faults.false_200 = False
        if self.data_lost:
            gateway.end_subscriptions()
        elif self.bars_lost:
            gateway.end_subscriptions(Cancel.HISTORY)
        if not self.quietly:
            gateway.notify(*((1101, RESTORED_LOST) if self.data_lost else (1102, RESTORED)))
        gateway.notify_farms()
        return {}


class BrokenLink(Command, frozen=True):
    """2110 to every client and no ticks for some seconds, which the farms' OK alone ends: neither 1101 nor
    1102 comes (a public bridge's log of 2026)."""

    seconds: float = 5.0

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        after = _seconds(self.seconds, "seconds")
        gateway.faults.disconnected = gateway.broker.lost = True
        gateway.notify(2110, BROKEN_LINK)

        def end() -> None:
            gateway.faults.disconnected = gateway.broker.lost = False
            gateway.notify_farms()

        gateway.later(after, end)
        return {}


class Farm(Command, frozen=True):
    """A farm notice to every client: code 2103-2108, 2119, 2157 or 2158 with a farm's name, or 2110."""

    code: int
    name: str = "usfarm"

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        if self.code == 2110:
            gateway.notify(2110, BROKEN_LINK)
        elif self.code in FARM_TEXTS:
            gateway.notify(self.code, FARM_TEXTS[self.code] + self.name)
        else:
            known = ", ".join(map(str, [*FARM_TEXTS, 2110]))
            raise CommandRefused("invalid_argument", f"code {self.code} is no farm notice: {known}", "code")
        return {}


class FarmFlap(Command, frozen=True):
    """A farm breaks and is OK again some seconds later, without 1100 and 1102: `kind` market (2103, 2104),
    history (2105, 2106) or definitions (2157, 2158). Until then its data do not flow (market), its queries
    stay unanswered (history) or find nothing (definitions); `bars_lost` ends bars that keep up to date for
    good."""

    kind: str = "market"
    name: str = "usfarm"
    seconds: float = 2.0
    bars_lost: bool = False

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        if self.kind not in FARM_PAIRS:
            known = ", ".join(FARM_PAIRS)
            raise CommandRefused("invalid_argument", f"no such kind of farm; there are {known}", "kind")
        after = _seconds(self.seconds, "seconds")
        broken, mended = FARM_PAIRS[self.kind]
        gateway.faults.broken_farms.add(self.kind)
        if self.bars_lost:
            gateway.end_subscriptions(Cancel.HISTORY)
        gateway.notify(broken, FARM_TEXTS[broken] + self.name)

        def end() -> None:
            gateway.faults.broken_farms.discard(self.kind)
            gateway.notify(mended, FARM_TEXTS[mended] + self.name)

        gateway.later(after, end)
        return {}


class Notify(Command, frozen=True):
    """Any error or notice to one client or to all; id -1 unless given."""

    code: int
    text: str
    client_id: int | None = None
    request_id: int = -1

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        gateway.notify(self.code, self.text, self.client_id, self.request_id)
        return {}


class LineQuality(Command, frozen=True):
    """Delays everything sent by delay_ms, splits writes into split_bytes pieces, or collects writes for
    coalesce_ms; for one client or for all. All zero ends it."""

    delay_ms: float = 0.0
    split_bytes: int = 0
    coalesce_ms: float = 0.0
    client_id: int | None = None

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        if self.delay_ms < 0 or self.coalesce_ms < 0 or self.split_bytes < 0:
            raise CommandRefused("invalid_argument", "none of the values may be negative", "delay_ms")
        line = Line(self.delay_ms, self.split_bytes, self.coalesce_ms)
        if self.client_id is None:
            gateway.faults.line = line
        else:
            gateway.faults.client_lines[self.client_id] = line
        return {}


class Hostile(Command, frozen=True):
    """Sends what no gateway should; an unknown `kind` is answered with the list of them. Messages that belong
    to a request or order carry `request_id`."""

    kind: str
    client_id: int | None = None
    request_id: int = 1

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        make = hostile.KINDS.get(self.kind)
        if make is None:
            known = ", ".join(hostile.KINDS)
            raise CommandRefused("invalid_argument", f"no such kind; there are {known}", "kind")
        reached = 0
        for session in gateway.by_client.values():
            if self.client_id in (None, session.client_id):
                session.write(make(self.request_id))
                reached += 1
        return {"clients": reached}


class CompetingSession(Command, frozen=True):
    """10197 for every market data subscription, and no ticks while it is on."""

    on: bool = True

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        gateway.faults.competing = self.on
        if self.on:
            for subscription in [s for here in gateway.floor.followers.values() for s in here]:
                subscription.session.error(subscription.request_id, 10197, COMPETING)
        return {}


class LingerClientId(Command, frozen=True):
    """A client id stays busy (326) for some seconds after its socket died; 0 ends it."""

    client_id: int
    seconds: float

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        gateway.faults.linger_seconds[self.client_id] = self.seconds
        return {}


class NightlyRestart(Command, frozen=True):
    """Closes every socket and refuses connections for some seconds; day orders are gone, GTC orders kept.
    With `login` the gateway then accepts connections but answers nothing until the operation of that name:
    the weekly restart, which waits for a person."""

    seconds: float = 1.0
    login: bool = False

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        gateway.restart(_seconds(self.seconds, "seconds"))
        gateway.faults.silent = gateway.faults.silent or self.login
        return {}


class Login(Command, frozen=True):
    """Somebody has logged in: a gateway that waited for it answers. `refused`: the login failed, and the port
    closes for some seconds more before it waits again."""

    refused: bool = False
    seconds: float = 1.0

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        if self.refused:
            gateway.restart(_seconds(self.seconds, "seconds"))
            gateway.faults.silent = True
            return {}
        gateway.faults.silent = False
        gateway.wake_sessions()
        return {}


class RollBackNextId(Command, frozen=True):
    """nextValidId for a client is `order_id` from now on, although higher ids were used."""

    client_id: int
    order_id: int = 1

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        gateway.faults.next_ids[self.client_id] = self.order_id
        session = gateway.by_client.get(self.client_id)
        if session is not None:
            session.write(messages.next_valid_id(self.order_id))
        return {}


class Texts(Command, frozen=True):
    """The language of errors and notices, "en", "de" or "zh": gateways localise them (10182 was seen in
    Chinese), so that a client has to go by codes."""

    language: str = "en"

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        if self.language not in ("en", "de", "zh"):
            raise CommandRefused("invalid_argument", "language is en, de or zh", "language")
        gateway.faults.language = self.language
        return {}


class Zones(Command, frozen=True):
    """How time zones are spelled from now on: "captured" (US/Eastern), "iana" (America/New_York), "windows"
    (Eastern Standard Time) or "utc" (bars and executions as yyyymmdd-hh:mm:ss)."""

    style: str = "captured"

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        if self.style not in ("captured", "iana", "windows", "utc"):
            known = "captured, iana, windows or utc"
            raise CommandRefused("invalid_argument", f"style is {known}", "style")
        gateway.zones.style = self.style
        return {}
