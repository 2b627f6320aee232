"""What can go wrong in a TWS session, ours apart from the gateway's.

The gateway's own refusals are not exceptions: they arrive as `GatewayError` events. What is raised
or handed to a callback here is ours: a request that cannot be put into bytes, or one that was never
written because the session went down first.
"""

from __future__ import annotations

from twsmq_protocol.errors import LocalError


class TwsError(LocalError):
    """Base of every error this package raises."""


class EncodeRefused(TwsError):
    """A request was not sent because it cannot be encoded for the negotiated server version.

    `field` names our field where it is known; `code` is ibapi's own (503, 512, 579 …) where ibapi refused.
    """

    def __init__(self, text: str, *, request: str, field: str | None = None, code: int | None = None) -> None:
        self.text = text
        self.request = request
        self.field = field
        self.code = code
        where = f"{request}.{field}" if field else request
        super().__init__(f"{where}: {text}")


class NotConnected(TwsError):
    """The session is not up, or went down before the request was written; send it again once it is up."""

    def __init__(self, request: str) -> None:
        self.request = request
        super().__init__(f"{request} was not written: the session is down; send it again after SessionUp")
