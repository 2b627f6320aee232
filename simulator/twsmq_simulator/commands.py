"""The operations of the control socket: faults on command, the clock, and what is going on.

Each operation is a struct of its arguments (its docstring is its documentation) and a function; `COMMANDS` is
the table. Unknown operations are refused with the list of the known ones, wrong arguments with the name of
the field.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from twsmq_simulator import data_commands as data
from twsmq_simulator import link_commands as link
from twsmq_simulator import market_commands as market
from twsmq_simulator import order_commands as orders
from twsmq_simulator.command import Command, CommandRefused, arguments

if TYPE_CHECKING:
    from twsmq_simulator.gateway import Gateway


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
            "followed": sorted(gateway.floor.followers),
            "now": gateway.clock.now(),
            "faults": gateway.faults.active(),
        }


COMMANDS: dict[str, type[Command]] = {
    "describe": Describe,
    "status": Status,
    "drop": link.Drop,
    "silence": link.Silence,
    "stall": link.Stall,
    "connectivity_lost": link.ConnectivityLost,
    "connectivity_restored": link.ConnectivityRestored,
    "broken_link": link.BrokenLink,
    "farm": link.Farm,
    "farm_flap": link.FarmFlap,
    "notify": link.Notify,
    "texts": link.Texts,
    "zones": link.Zones,
    "line": link.LineQuality,
    "hostile": link.Hostile,
    "competing_session": link.CompetingSession,
    "linger_client_id": link.LingerClientId,
    "nightly_restart": link.NightlyRestart,
    "login": link.Login,
    "roll_back_next_id": link.RollBackNextId,
    "silent_feed": data.SilentFeed,
    "no_quote": data.NoQuote,
    "end_stream": data.EndStream,
    "delayed": data.Delayed,
    "old_bars": data.OldBars,
    "unsubscribed": market.Unsubscribed,
    "false_200": data.FalseNoDefinition,
    "slow_details": data.SlowDetails,
    "history_trouble": data.HistoryTrouble,
    "split": data.Split,
    "rename": data.Rename,
    "swallow_next_order": orders.SwallowNextOrder,
    "lose_next_acknowledgement": orders.LoseNextAcknowledgement,
    "reject_next_order": orders.RejectNextOrder,
    "double_perm_id": orders.DoublePermId,
    "late_fill": orders.LateFill,
    "duplicate_execution": orders.DuplicateExecution,
    "correct_execution": orders.CorrectExecution,
    "read_only": orders.ReadOnly,
    "order_rules": orders.OrderRules,
    "price_jump": market.PriceJump,
    "set_price": market.SetPrice,
    "halt": market.Halt,
    "step": market.Step,
    "flood": market.StartFlood,
    "replay": market.StartReplay,
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
