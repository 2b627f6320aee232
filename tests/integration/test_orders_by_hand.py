"""Whatever a person changes of an order, over the wire: a modification leaves it as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict, replace
from support.desk_with_broker import running_desk
from twsmq_simulator.broker.ticket import Condition

GROUP: dict[str, Any] = {"oca_group": "by hand", "oca_type": 1}
BY_HAND: dict[str, Any] = GROUP | {
    "algo_strategy": "Adaptive",
    "algo_params": (("adaptivePriority", "Urgent"),),
    "conditions": (
        Condition(1, "o", is_more=True, value="300.5", con_id=265598, exchange="SMART", trigger_method=2),
        Condition(3, "a", is_more=True, value="20281231 10:00:00 US/Eastern"),
        Condition(5, "a", sec_type="STK", exchange="SMART", symbol="MSFT"),
        Condition(6, "a", is_more=True, value="1000", con_id=265598, exchange="SMART"),
    ),
    "conditions_cancel_order": True,
    "conditions_ignore_rth": True,
    "hidden": True,
    "all_or_none": True,
    "min_quantity": 2,
    "trigger_method": 2,
    "good_after_time": "20281231 10:00:00 US/Eastern",
    "discretionary_amount": 0.5,
    "sweep_to_fill": True,
    "not_held": True,
    "trigger_price": 90.0,
    "adjusted_order_type": "STP",
    "adjusted_stop_price": 95.0,
    "randomize_size": True,
    "block_order": True,
    "outside_rth": True,
    "display_size": 3,
}


@pytest.mark.parametrize("way", ["watched", "session down"])
def test_what_a_person_changes_is_sent_back_as_it_stands(tmp_path: Path, no_orphans: None, way: str) -> None:
    with running_desk(tmp_path) as desk:
        ticket = desk.working("a")
        by_hand = replace(ticket, **BY_HAND)
        if way == "watched":
            desk.broker.show(by_hand, **GROUP)
            desk.await_order("a", outside_rth=True, display_size=3)
        else:
            desk.broker.keep(by_hand, **GROUP)
            desk.reconnect()
        assert desk.order("a")["oca_group"] == "by hand"
        changed = asdict(desk.modify("a", limit_price=101.0))
        stands = asdict(by_hand) | {"limit_price": 101.0}
        assert {name: value for name, value in changed.items() if value != stands[name]} == {}
