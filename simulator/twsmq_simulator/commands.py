"""The operations of the control socket: faults on command, the clock, and what is going on.

Each operation is a struct of its arguments (its docstring is its documentation) and a function; `COMMANDS` is
the table. Unknown operations are refused with the list of the known ones, wrong arguments with the name of
the field.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from twsmq_simulator.broker import corrections
from twsmq_simulator.broker.rules import HOUSE_RULES
from twsmq_simulator.command import Command, CommandRefused, arguments, named
from twsmq_simulator.faults import Line
from twsmq_simulator.market_commands import (
    Halt,
    PriceJump,
    SetPrice,
    StartFlood,
    StartReplay,
    Step,
    Unsubscribed,
)
from twsmq_simulator.wire import messages

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
BROKEN_LINK = (
    "Connectivity between Trader Workstation and server is broken. It will be restored automatically."
)


class Describe(Command, frozen=True):
    """Every operation with what it does and its arguments: type (integer, number, boolean or text), whether
    required, and else the default."""

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        del gateway
        return {
            "ops": {
                name: {"args": arguments(kind), "doc": " ".join((kind.__doc__ or "").split())}
                for name, kind in COMMANDS.items()
            }
        }


class Status(Command, frozen=True):
    """The process, connected clients, open orders, what is followed, the clock and the faults in force."""

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "clients": sorted(gateway.by_client),
            "open_orders": len(gateway.broker.orders.open()),
            "executions": len(gateway.broker.executions),
            "followed": sorted(gateway.followers),
            "now": gateway.clock.now(),
            "faults": gateway.faults.active(),
        }


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


class ConnectivityLost(Command, frozen=True):
    """1100 to every client; ticks stop and orders wait until connectivity_restored. Sockets stay open."""

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        gateway.faults.disconnected = gateway.broker.lost = True
        gateway.notify(1100, LOST)
        return {}


class ConnectivityRestored(Command, frozen=True):
    """1101 (data_lost: market data subscriptions are gone) or 1102 (kept), then the farm notices."""

    data_lost: bool = False

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        gateway.faults.disconnected = gateway.broker.lost = False
        if self.data_lost:
            gateway.end_subscriptions()
            gateway.notify(1101, RESTORED_LOST)
        else:
            gateway.notify(1102, RESTORED)
        gateway.notify_farms()
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


class Notify(Command, frozen=True):
    """Any error or notice to one client or to all; id -1 unless given."""

    code: int
    text: str
    client_id: int | None = None
    request_id: int = -1

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        gateway.notify(self.code, self.text, self.client_id, self.request_id)
        return {}


class SilentFeed(Command, frozen=True):
    """No ticks of one instrument while it is on; nothing else tells."""

    symbol: str
    sec_type: str = "STK"
    on: bool = True

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        for instrument in named(gateway, self.symbol, self.sec_type):
            if self.on:
                gateway.faults.silent_feeds.add(instrument.con_id)
            else:
                gateway.faults.silent_feeds.discard(instrument.con_id)
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


class _NextOrder(Command, frozen=True):
    client_id: int | None = None

    def _arm(self, gateway: Gateway, kind: str, detail: str = "") -> dict[str, Any]:
        gateway.faults.armed.arm(kind, self.client_id, detail)
        return {}


class SwallowNextOrder(_NextOrder, frozen=True):
    """The next placeOrder (of a client, or of any) disappears without a trace."""

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        return self._arm(gateway, "swallow")


class LoseNextAcknowledgement(_NextOrder, frozen=True):
    """The next placeOrder is accepted and worked, and its client hears nothing until it fills or is asked."""

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        return self._arm(gateway, "lose_ack")


class RejectNextOrder(_NextOrder, frozen=True):
    """The next placeOrder is discarded with 201, as for want of margin."""

    reason: str = (
        "YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR EQUITY WITH LOAN VALUE "
        "MUST EXCEED THE INITIAL MARGIN."
    )

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        return self._arm(gateway, "reject", self.reason)


class DoublePermId(_NextOrder, frozen=True):
    """The next modification becomes a second order with the same id and a permId of its own, and the first
    stays (nautilus_trader issue 4564: what a paper Gateway made of one while its connection was lost).
    """

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        return self._arm(gateway, "double_perm_id")


class LateFill(_NextOrder, frozen=True):
    """The next order that is cancelled is filled completely right after its 202."""

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        gateway.broker.late_fills.append(self.client_id)
        return {}


class DuplicateExecution(Command, frozen=True):
    """Sends the report of an execution (the last one unless named) once more."""

    exec_id: str = ""

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        execution = _execution(gateway, self.exec_id)
        gateway.delivery.deliver(corrections.repeated(execution))
        return {"exec_id": execution.exec_id}


class CorrectExecution(Command, frozen=True):
    """Corrects an execution (the last one unless named): same id with a higher suffix and another price."""

    price: float
    exec_id: str = ""

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        execution = _execution(gateway, self.exec_id)
        effects, corrected = corrections.correct(gateway.broker, execution, self.price)
        gateway.delivery.deliver(effects)
        return {"exec_id": corrected.exec_id}


class RollBackNextId(Command, frozen=True):
    """nextValidId for a client says `order_id` from now on, although higher ids were used."""

    client_id: int
    order_id: int = 1

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        gateway.faults.next_ids[self.client_id] = self.order_id
        session = gateway.by_client.get(self.client_id)
        if session is not None:
            session.write(messages.next_valid_id(self.order_id))
        return {}


class CompetingSession(Command, frozen=True):
    """10197 for every market data subscription, and no ticks while it is on."""

    on: bool = True

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        gateway.faults.competing = self.on
        if self.on:
            for subscription in [s for here in gateway.followers.values() for s in here]:
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
    """Closes every socket and refuses connections for some seconds; day orders are gone, GTC orders kept."""

    seconds: float = 1.0

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        gateway.restart(self.seconds)
        return {}


class OrderRules(Command, frozen=True):
    """What differs between accounts and gateways, until changed again: empty_tif "day" or "refused" (10052),
    fx_leverage "allowed" or "refused" (Inactive, 201), previews "margin" or "none" (unset figures)."""

    empty_tif: str | None = None
    fx_leverage: str | None = None
    previews: str | None = None

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        wanted = {name: value for name in HOUSE_RULES if (value := getattr(self, name)) is not None}
        for name, value in wanted.items():
            if value not in HOUSE_RULES[name]:
                known = " or ".join(HOUSE_RULES[name])
                raise CommandRefused("invalid_argument", f"{name} is {known}", name)
        gateway.broker.house = msgspec.structs.replace(gateway.broker.house, **wanted)
        return msgspec.structs.asdict(gateway.broker.house)


class ReadOnly(Command, frozen=True):
    """The gateway's "Read-Only API" setting: orders are refused with 321."""

    on: bool = True

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        gateway.faults.read_only = self.on
        return {}


def _execution(gateway: Gateway, exec_id: str):
    executions = gateway.broker.executions
    if not exec_id and executions:
        exec_id = next(reversed(executions))
    if exec_id not in executions:
        raise CommandRefused("invalid_argument", "there is no such execution yet", "exec_id")
    return executions[exec_id]


COMMANDS: dict[str, type[Command]] = {
    "describe": Describe,
    "status": Status,
    "drop": Drop,
    "silence": Silence,
    "connectivity_lost": ConnectivityLost,
    "connectivity_restored": ConnectivityRestored,
    "farm": Farm,
    "notify": Notify,
    "silent_feed": SilentFeed,
    "unsubscribed": Unsubscribed,
    "line": LineQuality,
    "swallow_next_order": SwallowNextOrder,
    "lose_next_acknowledgement": LoseNextAcknowledgement,
    "reject_next_order": RejectNextOrder,
    "double_perm_id": DoublePermId,
    "late_fill": LateFill,
    "duplicate_execution": DuplicateExecution,
    "correct_execution": CorrectExecution,
    "roll_back_next_id": RollBackNextId,
    "competing_session": CompetingSession,
    "linger_client_id": LingerClientId,
    "nightly_restart": NightlyRestart,
    "read_only": ReadOnly,
    "order_rules": OrderRules,
    "price_jump": PriceJump,
    "set_price": SetPrice,
    "halt": Halt,
    "step": Step,
    "flood": StartFlood,
    "replay": StartReplay,
}


def carry_out(gateway: Gateway, op: object, args: object) -> dict[str, Any]:
    """One command. Raises CommandRefused."""
    kind = COMMANDS.get(op) if isinstance(op, str) else None
    if kind is None:
        raise CommandRefused("unknown_op", f"unknown op {op!r}; there are: {', '.join(COMMANDS)}", "op")
    try:
        command = msgspec.convert(args if args is not None else {}, kind)
    except msgspec.ValidationError as error:
        wanted = ", ".join(kind.__struct_fields__) or "none"
        text = f"{error}; {op} takes: {wanted}"
        raise CommandRefused("invalid_argument", text, _field_of(str(error), kind)) from None
    return command.apply(gateway)


def _field_of(text: str, kind: type[Command]) -> str | None:
    return next((name for name in kind.__struct_fields__ if f"`{name}`" in text or f".{name}" in text), None)
