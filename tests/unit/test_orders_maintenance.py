"""Just before the gateway is restarted by us nothing new is begun, and what ends something always passes."""

from __future__ import annotations

import msgspec
import pytest
from support.op_arguments import samples
from support.orders_desk import Desk
from twsmq_nodes.orders.maintenance import HELD_S, Maintenance
from twsmq_protocol.envelope import Args
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.requests import OPS

NEW = ("place_order", "place_orders", "modify_order", "preview_order", "exercise_option")
WHY = "the gateway is about to be restarted"


def a_request(op: str) -> Args:
    return msgspec.convert(samples()[op][0], OPS[op].args)


def is_refused(maintenance: Maintenance, op: str, now: float) -> bool:
    try:
        maintenance.require_none(a_request(op), now)
    except RequestError:
        return True
    return False


@pytest.mark.parametrize("op", Desk().core.ops)
def test_only_what_begins_something_waits_for_the_gateway(op: str) -> None:
    maintenance = Maintenance()
    assert not is_refused(maintenance, op, 0.0)
    maintenance.announced(WHY, 100.0)
    assert is_refused(maintenance, op, 100.0) is (op in NEW)
    if op in NEW:
        with pytest.raises(RequestError, match=f"{WHY}; try again when it is back") as refused:
            maintenance.require_none(a_request(op), 100.0)
        assert refused.value.code is ErrorCode.NOT_READY
    maintenance.announced(None, 110.0)
    assert not is_refused(maintenance, op, 110.0)


def test_an_announcement_that_nobody_takes_back_ends_by_itself() -> None:
    maintenance = Maintenance()
    maintenance.announced(WHY, 100.0)
    assert is_refused(maintenance, "place_order", 100.0 + HELD_S - 0.1)
    assert not is_refused(maintenance, "place_order", 100.0 + HELD_S)
