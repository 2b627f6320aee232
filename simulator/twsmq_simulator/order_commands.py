"""Operations on orders: the next one lost, refused, doubled; fills too late, twice or corrected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from twsmq_simulator.broker import corrections
from twsmq_simulator.broker.rules import HOUSE_RULES
from twsmq_simulator.command import Command, CommandRefused

if TYPE_CHECKING:
    from twsmq_simulator.broker.model import Execution
    from twsmq_simulator.gateway import Gateway


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
    """The next placeOrder is accepted and worked; nothing is sent until it fills or its client asks."""

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


def _execution(gateway: Gateway, exec_id: str) -> Execution:
    executions = gateway.broker.executions
    if not exec_id and executions:
        exec_id = next(reversed(executions))
    if exec_id not in executions:
        raise CommandRefused("invalid_argument", "there is no such execution yet", "exec_id")
    return executions[exec_id]
