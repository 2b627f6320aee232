"""What an operator may do from the page: one table of ops, and the way each goes: audit, send, audit.

Nothing else reaches the cluster from here. `by` is who is logged in, whatever the browser says.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import structlog
from twsmq.aio import Client
from twsmq.errors import OutcomeUnknown
from twsmq_protocol.errors import RequestError, TwsmqError
from twsmq_protocol.explain import explain
from twsmq_protocol.requests import OPS

from .access import Refused, Role
from .audit import Audit

COMMANDS = (
    "halt",
    "resume",
    "cancel_order",
    "cancel_orders",
    "resolve_order",
    "restart",
    "acknowledge_alert",
    "silence_alert",
    "test_alerts",
)
HALT_S = 10.0
"""A halt with cancels answers after 5 s at the latest and says what remains."""
ASK_S = 5.0

log = structlog.stdlib.get_logger()


class Commands:
    def __init__(self, client: Client, audit: Audit) -> None:
        self._client = client
        self._audit = audit

    async def run(self, who: str, role: Role, op: str, args: dict[str, Any]) -> dict[str, Any]:
        """`ok` and `result`, or `ok` false and `error`. Raises `Refused` for what is not in the table."""
        if op not in COMMANDS:
            raise Refused(403, "op", f"{op[:40]!r} cannot be asked for from the page")
        row = OPS[op]
        if "by" in row.args.__struct_fields__:
            args = args | {"by": who}
        try:
            msgspec.convert(args, row.args)
        except msgspec.ValidationError as error:
            field, problem = explain(error, row.args)
            return {"ok": False, "error": {"code": "invalid_argument", "message": problem, "field": field}}
        try:
            entry = await asyncio.to_thread(self._audit.begin, who, role, op, args)
        except OSError as error:
            problem = f"the audit cannot be written ({error.strerror}); nothing was sent"
            return {"ok": False, "error": {"code": "internal", "message": problem}}
        outcome = await self._send(row.process or "", op, args)
        said = "ok" if outcome["ok"] else f"{outcome['error']['code']}: {outcome['error']['message']}"
        try:
            await asyncio.to_thread(self._audit.end, entry, said)
        except OSError as error:  # it was sent, and what came of it is still the answer
            log.error("outcome not in the audit", op=op, outcome=said, problem=str(error))
        return outcome

    async def _send(self, process: str, op: str, args: dict[str, Any]) -> dict[str, Any]:
        try:
            timeout = HALT_S if op == "halt" else ASK_S
            return {"ok": True, "result": await self._client.request(process, op, args, timeout=timeout)}
        except OutcomeUnknown as error:
            return {"ok": False, "error": {"code": "outcome_unknown", "message": str(error)}}
        except RequestError as error:
            return {"ok": False, "error": {"code": str(error.code), "message": error.message}}
        except TwsmqError as error:
            code = str(getattr(error, "code", "refused"))
            return {"ok": False, "error": {"code": code, "message": str(error)}}
