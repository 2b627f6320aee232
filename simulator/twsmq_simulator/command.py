"""What every operation of the control socket is: a struct of its arguments that can carry itself out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from twsmq_simulator.errors import SimulatorError
from twsmq_simulator.market.instruments import Instrument

if TYPE_CHECKING:
    from twsmq_simulator.gateway import Gateway


_TYPES: dict[Any, str] = {
    int: "integer",
    int | None: "integer",
    float: "number",
    bool: "boolean",
    str: "text",
    str | None: "text",
}


class CommandRefused(SimulatorError):
    """The operator asked for something that cannot be done; the text names what can."""

    def __init__(self, code: str, text: str, field: str | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.field = field


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base: `apply` carries the command out and returns what the reply's `result` holds."""

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        raise NotImplementedError


def arguments(kind: type[Command]) -> dict[str, dict[str, Any]]:
    """The arguments of an operation, as `describe` lists them."""
    return {
        field.name: {"type": _TYPES[field.type]}
        | ({"required": True} if field.required else {"required": False, "default": field.default})
        for field in msgspec.structs.fields(kind)
    }


def named(gateway: Gateway, symbol: str, sec_type: str) -> list[Instrument]:
    found = gateway.catalogue.underlying(symbol, sec_type)
    if not found:
        raise CommandRefused("invalid_argument", f"no {sec_type} {symbol} is listed", "symbol")
    return found
