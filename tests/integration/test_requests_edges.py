"""No request whatever gets `internal`: every op's arguments at their edges, sent to a living cluster.

A sample of each op is sent again and again with one of its values, at whatever depth, replaced by an edge;
likewise with an edge for each argument that the sample does not give.
"""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Iterator
from typing import Any

import msgpack
import msgspec
import pytest
import zmq
from support.cluster import Cluster
from twsmq_protocol import endpoints
from twsmq_protocol.config import parse_config
from twsmq_protocol.requests import OPS

EDGES: tuple[Any, ...] = (
    0, -1, 1, 2**31 - 1, 2**31, -(2**31), 2**32, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63),
    0.0, -0.0, 1e-300, -1e-300, 1e300, 1.7976931348623157e308, float("nan"), float("inf"), 0.5,
    None, True, "", "\0", "\x1b[2J", "a" * 5000, "\ud7ff\u202e", [], {}, [[[]]], {"": {}}, b"\xff",
)  # fmt: skip
TODAY = time.time_ns()
YESTERDAY = TODAY - 86_400 * 10**9
KEY = {"strategy": "edges", "client_order_id": "edge-1"}
ORDER = KEY | {
    "instrument": "STK:AAPL:SMART:USD", "side": "BUY", "quantity": 1, "order_type": "LMT", "limit_price": 1.0,
}  # fmt: skip
SAMPLES: dict[str, dict[str, Any]] = {
    "restart": {"name": "nobody"},
    "contract_details": {"instrument": "STK:AAPL:SMART:USD"},
    "place_order": ORDER
    | {
        "conditions": [{"kind": "price", "value": 1.0, "con_id": 265598, "exchange": "SMART"}],
        "algo": {"strategy": "Adaptive", "params": {"adaptivePriority": "Normal"}},
        "extra": {"volatility": 0.2, "volatilityType": 1, "triggerMethod": 2},
        "routing": {"NonGuaranteed": "1"},
    },
    "modify_order": KEY | {"quantity": 2},
    "cancel_order": KEY,
    "place_orders": {"orders": [ORDER, ORDER | {"client_order_id": "edge-2"}], "link": "oca", "oca_type": 1},
    "cancel_orders": {"strategy": "edges"},
    "preview_order": ORDER,
    "replay_events": {"after": 0, "limit": 1},
    "halt": {"reason": "edges", "strategy": "edges-halted"},
    "resume": {"strategy": "edges-halted"},
    "set_risk": {"scope": "strategy", "name": "edges-risk", "limits": {"max_position": 1.0}},
    "adopt_order": KEY | {"perm_id": 1},
    "cancel_foreign_order": {"perm_id": 1},
    "exercise_option": KEY | {"instrument": "OPT:AAPL:SMART:USD:20270115:C:180", "quantity": 1},
    "resolve_order": KEY | {"status": "cancelled", "reason": "seen"},
    "snapshot": {"instrument": "STK:AAPL:SMART:USD"},
    "subscribe": {"topic": "quote/STK:AAPL:SMART:USD/"},
    "retry": {"topic": "quote/STK:AAPL:SMART:USD/"},
    "explain": {"name": "orders"},
    "qualify": {"local_symbol": "AAPL", "sec_type": "STK", "exchange": "SMART", "currency": "USD"},
    "option_chain": {"instrument": "STK:AAPL:SMART:USD", "trading_class": "AAPL"},
    "search": {"pattern": "AAPL"},
    "trading_hours": {"instrument": "STK:AAPL:SMART:USD"},
    "market_rule": {"instrument": "STK:AAPL:SMART:USD"},
    "news": {"instrument": "STK:AAPL:SMART:USD", "from": YESTERDAY, "limit": 5},
    "article": {"provider": "BRFG", "article_id": "BRFG$1"},
    "wsh_events": {"instrument": "STK:AAPL:SMART:USD", "from": "20261201", "to": "20261231", "limit": 5},
    "fundamentals": {"instrument": "STK:AAPL:SMART:USD", "report": "RESC"},
    "fa_groups": {"list": "aliases"},
    "replace_fa_groups": {"list": "groups", "xml": "<ListOfGroups/>"},
    "scanner": {
        "scan": "TOP_PERC_GAIN",
        "rows": 5,
        "above_price": 1.0,
        "below_price": 1e6,
        "above_volume": 1,
        "filters": {"priceAbove": "1"},
    },
    "scanner_parameters": {"search": "TOP", "limit": 5},
    "implied_volatility": {"instrument": "STK:AAPL:SMART:USD", "option_price": 1.0, "under_price": 200.0},
    "option_price": {"instrument": "STK:AAPL:SMART:USD", "volatility": 0.2, "under_price": 200.0},
    "smart_components": {"bbo_exchange": "9c0001"},
    "bars": {
        "instrument": "STK:AAPL:SMART:USD",
        "size": "1d",
        "from": YESTERDAY,
        "to": TODAY,
        "limit": 5,
        "max_age": 60.0,
    },
    "schedule": {"instrument": "STK:AAPL:SMART:USD", "from": YESTERDAY, "to": TODAY, "max_age": 60.0},
    "histogram": {"instrument": "STK:AAPL:SMART:USD", "period": "1D", "max_age": 60.0},
    "claim_client_id": {"program": "edges", "client_id": 900, "hold_s": 60.0},
    "release_client_id": {"program": "edges"},
    "claim_budget": {"name": "edges", "waiting": 1, "factor": 1.0, "breaches": 0},
    "yield_budget": {"name": "edges", "round": 1, "rate": 0.0, "until": 1},
    "board": {"sections": ["orders"], "after": 0, "limit": 5},
    "acknowledge_alert": {"name": "Halted", "about": "", "by": "edges"},
    "silence_alert": {"name": "Edges", "minutes": 1.0, "by": "edges"},
    "test_alerts": {"by": "edges"},
    "get_orders": {"strategy": "edges", "client_order_id": "edge-1", "since": 0},
    "get_executions": {"strategy": "edges", "since": 0},
    "account_executions": {"account": "DU1234567", "since": 0},
}
NO_SAMPLE = frozenset(("ticks", "head_timestamp"))
"""Each edge that is taken would be a request that the gateway paces, 15 s after the one before. Theirs are
sent without the rest; `bars` and `schedule` have the same arguments."""
_numbers = itertools.count(3)
NEVER_SENT_AS_THEY_ARE = frozenset(("stop", "reconnect"))  # they would do what they say


def with_edges(op: str, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """`args` with one value, at whatever depth, replaced by each of the edges."""
    missing = {name: None for name in OPS[op].args.__struct_encode_fields__ if name not in args}
    for path in paths(args | missing):
        for edge in EDGES:
            changed = copy.deepcopy(args)
            at: Any = changed
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = edge
            if changed.get("client_order_id") == KEY["client_order_id"] and "side" in changed:
                changed["client_order_id"] = f"edge-{next(_numbers)}"  # an order of its own, so it is encoded
            yield changed


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if here:
        yield here
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from paths(inner, (*here, name))


class Asker:
    """Sends many requests to one process and takes all replies."""

    def __init__(self, endpoint: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(endpoint)

    def ask(self, requests: list[dict[str, Any]], within_s: float = 60) -> dict[Any, dict[str, Any]]:
        for request in requests:
            self._socket.send(msgpack.packb(request))
        replies: dict[Any, dict[str, Any]] = {}
        while len(replies) < len(requests):
            assert self._socket.poll(int(within_s * 1000)), (
                f"{len(requests) - len(replies)} were never answered"
            )
            reply = msgpack.unpackb(self._socket.recv())
            replies[reply["id"]] = reply
        return replies

    def close(self) -> None:
        self._context.destroy(linger=0)


def requests_of(op: str) -> list[dict[str, Any]]:
    args = SAMPLES.get(op, {})
    found: list[dict[str, Any]] = [{"args": changed} for changed in with_edges(op, args)]
    if op not in NEVER_SENT_AS_THEY_ARE:
        found += [{"args": args, "valid_until": edge} for edge in EDGES]
    found += [{"args": edge} for edge in EDGES if edge not in (None, {}) or op not in NEVER_SENT_AS_THEY_ARE]
    return [{"v": 1, "id": number, "op": op} | request for number, request in enumerate(found, 1)]


@pytest.fixture(scope="module")
def process_endpoints(cluster: Cluster) -> dict[str, str]:
    config = parse_config(cluster.config.read_text())
    names = (endpoints.SUPERVISOR, *endpoints.node_names(config))
    return {name: endpoints.requests_endpoint(config, name) for name in names}


@pytest.mark.parametrize("op", sorted(set(OPS) - NO_SAMPLE))
def test_every_ops_sample_is_taken_so_that_each_edge_meets_an_op_that_works(op: str) -> None:
    msgspec.convert(SAMPLES.get(op, {}), OPS[op].args)


@pytest.mark.parametrize("op", OPS)
def test_no_edge_of_any_argument_is_an_internal_error(op: str, process_endpoints: dict[str, str]) -> None:
    process = OPS[op].process
    for name in process_endpoints if process is None else (process,):
        asker = Asker(process_endpoints[name])
        try:
            requests = requests_of(op)
            for begin in range(0, len(requests), 100):
                batch = requests[begin : begin + 100]
                replies = asker.ask(batch)
                asked = {request["id"]: request for request in batch}
                bad = [
                    (asked[n], r["error"])
                    for n, r in replies.items()
                    if not r["ok"] and r["error"]["code"] == "internal"
                ]
                assert bad == []
        finally:
            asker.close()


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("field", ["v", "id", "op", "args", "valid_until", "more"])
def test_no_edge_of_the_envelope_is_an_internal_error(
    field: str, edge: Any, process_endpoints: dict[str, str]
) -> None:
    for endpoint in process_endpoints.values():
        asker = Asker(endpoint)
        try:
            request = {"v": 1, "id": 7, "op": "describe", "args": {}} | {field: edge}
            (reply,) = asker.ask([request]).values()
            assert reply["ok"] or reply["error"]["code"] in (
                "malformed",
                "unsupported_version",
                "timeout",
                "unknown_op",
                "invalid_argument",
            )
        finally:
            asker.close()
