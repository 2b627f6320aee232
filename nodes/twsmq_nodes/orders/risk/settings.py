"""Limits that are changed at run time: they hold at once, outlive the process, and are answered once kept.

Invariant: what was set at run time stands above the configuration's, layer by layer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import msgspec
from twsmq_protocol.errors import ErrorCode, RequestError, Unmendable
from twsmq_protocol.order_control_requests import SetRisk
from twsmq_protocol.risk_limits import RiskLimits
from twsmq_transport.mailbox import Call

from .guard import RiskGuard

_PREFIX = "risk/"
MOST_LAYERS, MOST_BYTES = 1000, 1_000_000
"""Of what was set at run time: layers, and all of them as JSON. Every one of them is in each answer."""
MOST_WAITING = 1000
"""Wishes that wait for the disk."""


class RiskSettings:
    """`save(name, value, who)` writes a setting to disk, then calls `setting_saved` with its name.
    `accounts`: those of the gateway, none while they are not known."""

    def __init__(
        self,
        guard: RiskGuard,
        save: Callable[[str, str, str], None],
        accounts: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._guard = guard
        self._save = save
        self._accounts = accounts
        self._waiting: dict[str, list[Call]] = {}  # by name, until the new limits are on disk
        self._sizes: dict[str, int] = {}  # of what was set at run time, by name

    def restore(self, kept: Mapping[str, str]) -> None:
        """What was kept before, by name. Raises Unmendable for limits that cannot be read: to trade without
        them is not for a machine to decide."""
        for name, value in kept.items():
            if name.startswith(_PREFIX):
                scope, _, own = name.removeprefix(_PREFIX).partition("/")
                try:
                    limits = msgspec.json.decode(value, type=RiskLimits)
                except (msgspec.MsgspecError, RecursionError) as error:
                    raise Unmendable(
                        f"the risk limits of {scope} {own}, which were set at run time, cannot be read "
                        f"({error}); restore the journal from a backup, or use the version of twsmq that "
                        "wrote them"
                    ) from error
                self._guard.replace(scope, own, limits)
                self._sizes[name] = len(value)

    def set(self, args: SetRisk, call: Call) -> None:
        name = f"{_PREFIX}{args.scope}/{args.name}"
        value = msgspec.json.encode(args.limits).decode()
        known = self._accounts()
        if args.scope == "account" and known and args.name not in known and args.limits != RiskLimits():
            why = f"the gateway does not manage {args.name}; it has {', '.join(known)}"
            raise RequestError(ErrorCode.INVALID_ARGUMENT, why, field="name")
        self._require_room(name, value)
        self._guard.replace(args.scope, args.name, args.limits)
        self._sizes[name] = len(value)
        self._waiting.setdefault(name, []).append(call)
        self._save(name, value, call.who)

    def _require_room(self, name: str, value: str) -> None:
        if name not in self._sizes and len(self._sizes) >= MOST_LAYERS:
            why = f"{len(self._sizes)} layers were set at run time, the most there may be"
            raise RequestError(ErrorCode.CONFLICT, f"{why}; write them into twsmq.toml", field="name")
        if sum(self._sizes.values()) - self._sizes.get(name, 0) + len(value) > MOST_BYTES:
            why = (
                f"all limits that were set at run time may take {MOST_BYTES:,} bytes; name fewer instruments"
            )
            raise RequestError(ErrorCode.CONFLICT, f"{why}, or write them into twsmq.toml", field="limits")
        if sum(map(len, self._waiting.values())) >= MOST_WAITING:
            raise RequestError(
                ErrorCode.THROTTLED, "many limits wait for a disk that stalls; try again later"
            )

    def setting_saved(self, name: str) -> None:
        """Called once for each time it was kept, the oldest first."""
        calls = self._waiting.get(name)
        if calls:
            calls.pop(0).succeed(self._guard.listed())
            if not calls:
                del self._waiting[name]
