"""The reply to an order that a rule forbids."""

from __future__ import annotations

from twsmq_protocol.errors import ErrorCode, RequestError


class RiskRefused(RequestError):
    """`rule`: the limit's name, a label of `orders_refused_total`."""

    def __init__(self, rule: str, message: str, *, field: str | None = None) -> None:
        self.rule = rule
        super().__init__(ErrorCode.RISK_REJECTED, message, field=field)
