"""Limits that are changed at run time: they hold at once, outlive the process, and are answered once kept.

Invariant: what was set at run time stands above the configuration's, layer by layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from twsmq_protocol.order_control_requests import SetRisk
from twsmq_protocol.risk_limits import RiskLimits
from twsmq_transport.mailbox import Call

from .guard import RiskGuard

_PREFIX = "risk/"


class RiskSettings:
    """`save(name, value, who)` writes a setting to disk, then calls `setting_saved` with its name."""

    def __init__(self, guard: RiskGuard, save: Callable[[str, str, str], None]) -> None:
        self._guard = guard
        self._save = save
        self._waiting: dict[str, list[Call]] = {}  # by name, until the new limits are on disk

    def restore(self, kept: Mapping[str, str]) -> None:
        """What was kept before, by name."""
        for name, value in kept.items():
            if name.startswith(_PREFIX):
                scope, _, own = name.removeprefix(_PREFIX).partition("/")
                self._guard.replace(scope, own, msgspec.json.decode(value, type=RiskLimits))

    def set(self, args: SetRisk, call: Call) -> None:
        name = f"{_PREFIX}{args.scope}/{args.name}"
        self._guard.replace(args.scope, args.name, args.limits)
        self._waiting.setdefault(name, []).append(call)
        self._save(name, msgspec.json.encode(args.limits).decode(), call.who)

    def setting_saved(self, name: str) -> None:
        """Called once for each time it was kept, the oldest first."""
        calls = self._waiting.get(name)
        if calls:
            calls.pop(0).succeed(self._guard.listed())
