"""What-ifs that wait for the gateway: no orders, so not journaled, and lost with their session."""

from __future__ import annotations

from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.order_requests import Preview

from twsmq_nodes.tws.events import GatewayError
from twsmq_nodes.tws.orders import OrderStateView

from .. import codes
from ..actions import Action, Caller, Now, Reply

PREVIEW_S = 10.0


class Previews:
    def __init__(self, actions: list[Action]) -> None:
        self._sent: dict[int, tuple[Caller, float]] = {}  # by order id, with the time they were sent
        self._actions = actions

    def __len__(self) -> int:
        return len(self._sent)

    def __bool__(self) -> bool:
        return bool(self._sent)

    def __contains__(self, order_id: int) -> bool:
        return order_id in self._sent

    def sent(self, order_id: int, caller: Caller, now: Now) -> None:
        self._sent[order_id] = (caller, now.mono)

    def answered(self, order_id: int, state: OrderStateView) -> None:
        """The gateway's answer to a what-if is one openOrder and nothing else (captured)."""
        caller, _ = self._sent.pop(order_id)
        margins = {name: getattr(state, name) for name in Preview.__struct_fields__ if hasattr(state, name)}
        currency, warning = state.commission_currency or None, state.warning_text or None
        self._actions.append(Reply(caller, Preview(**margins, currency=currency, warning=warning)))

    def refused(self, event: GatewayError) -> None:
        if not codes.is_complaint(event.code):
            return
        caller, _ = self._sent.pop(event.req_id)
        error = RequestError(ErrorCode.GATEWAY_REJECTED, event.text, tws_code=event.code)
        self._actions.append(Reply(caller, error))

    @property
    def due(self) -> list[float]:
        """When to call `tick`, monotonic."""
        return [at + PREVIEW_S for _, at in self._sent.values()]

    def tick(self, now: Now) -> None:
        for order_id in [n for n, (_, at) in self._sent.items() if at + PREVIEW_S <= now.mono]:
            caller, _ = self._sent.pop(order_id)
            why = f"the gateway did not answer a what-if within {PREVIEW_S:g} s"
            self._actions.append(Reply(caller, RequestError(ErrorCode.TIMEOUT, why)))

    def session_ended(self, error: RequestError) -> None:
        sent, self._sent = self._sent, {}
        for caller, _ in sent.values():
            self._actions.append(Reply(caller, error))
