"""No request whatever gets `internal`: every op's arguments at their edges, sent to a living cluster.

A sample of each op is sent again and again with one of its values, at whatever depth, replaced by an edge;
likewise with an edge for each argument that the sample does not give.
"""

from __future__ import annotations

import copy
import itertools
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
}
_numbers = itertools.count(3)
NEVER_SENT_AS_THEY_ARE = frozenset(("stop", "reconnect"))  # they would do what they say


def with_edges(args: dict[str, Any], kind: type[msgspec.Struct]) -> Iterator[dict[str, Any]]:
    """`args` with one value, at whatever depth, replaced by each of the edges."""
    missing = {name: None for name in kind.__struct_encode_fields__ if name not in args}
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
    found: list[dict[str, Any]] = [{"args": changed} for changed in with_edges(args, OPS[op].args)]
    if op not in NEVER_SENT_AS_THEY_ARE:
        found += [{"args": args, "valid_until": edge} for edge in EDGES]
    found += [{"args": edge} for edge in EDGES if edge not in (None, {}) or op not in NEVER_SENT_AS_THEY_ARE]
    return [{"v": 1, "id": number, "op": op} | request for number, request in enumerate(found, 1)]


@pytest.fixture(scope="module")
def process_endpoints(cluster: Cluster) -> dict[str, str]:
    config = parse_config(cluster.config.read_text())
    names = (endpoints.SUPERVISOR, *endpoints.node_names(config))
    return {name: endpoints.requests_endpoint(config, name) for name in names}


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
