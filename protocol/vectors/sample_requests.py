"""A request of every op, a reply of every kind and error code, and requests that must be refused."""

from __future__ import annotations

from typing import Any

import msgspec
from sample_values import AAPL, NOW

KEY = {"strategy": "alpha", "client_order_id": "alpha-0001"}
LIMIT_ORDER = KEY | {
    "instrument": AAPL,
    "side": "BUY",
    "quantity": 100,
    "order_type": "LMT",
    "limit_price": 187.5,
}
REQUESTS: dict[str, tuple[str | int, str, dict[str, Any] | None, int | None]] = {
    "describe": (1, "describe", None, None),
    "status": ("s-1", "status", None, None),
    "contract details": (2, "contract_details", {"instrument": AAPL}, NOW),
    "contract details by ISIN, a page": (
        9,
        "contract_details",
        {"isin": "US0378331005", "currency": "USD", "limit": 100, "after": 265598},
        None,
    ),
    "implied volatility": (
        20,
        "implied_volatility",
        {"instrument": "CONID:500000001:SMART", "option_price": 4.2, "under_price": 187.5},
        None,
    ),
    "bars of two days": (3, "bars", {"instrument": AAPL, "size": "1m", "duration": "2D"}, None),
    "bars of a range, every argument": (
        4,
        "bars",
        {
            "instrument": AAPL,
            "size": "1d",
            "from": 1_700_000_000_000_000_000,
            "to": 1_790_000_000_000_000_000,
            "what": "MIDPOINT",
            "rth": True,
            "limit": 500,
            "bulk": True,
        },
        NOW,
    ),
    "ticks of the past": (5, "ticks", {"instrument": AAPL, "from": 1_790_000_000_000_000_000}, None),
    "positions": (3, "positions", {}, NOW),
    "metrics": ("m", "metrics", None, None),
    "board": ("b-1", "board", {"sections": ["desk", "orders"], "after": 500}, NOW),
    "account": (31, "account", None, None),
    "pnl": (32, "pnl", None, None),
    "alerts": (33, "alerts", None, None),
    "acknowledge alert": (34, "acknowledge_alert", {"name": "OrderUnknown", "by": "ann"}, NOW),
    "silence alert": (35, "silence_alert", {"name": "*", "minutes": 30, "by": "ann"}, NOW),
    "test alerts": (36, "test_alerts", {"by": "ann"}, NOW),
    "client ids": (45, "client_ids", None, None),
    "claim client id": (46, "claim_client_id", {"program": "my-scanner", "hold_s": 3600.0}, NOW),
    "release client id": (47, "release_client_id", {"program": "my-scanner"}, NOW),
    "claim budget": (41, "claim_budget", {"name": "orders", "waiting": 80}, NOW),
    "yield budget": (
        42,
        "yield_budget",
        {"name": "status", "round": 17, "rate": 4.5, "until": 90_061_150_000_000},
        NOW,
    ),
    "gateway status": (21, "gateway_status", None, None),
    "health": (22, "health", {}, None),
    "subscriptions": (24, "subscriptions", {}, None),
    "snapshot": (25, "snapshot", {"instrument": AAPL}, NOW),
    "delayed snapshot": (261, "snapshot", {"instrument": AAPL, "data": "delayed"}, NOW),
    "retry": (262, "retry", {"topic": f"quote/{AAPL}/"}, NOW),
    "regulatory snapshot": (26, "snapshot", {"instrument": AAPL, "regulatory": True}, NOW),
    "what subscribing would give": (27, "subscribe", {"topic": f"depth/{AAPL};rows=10/"}, None),
    "reconnect": (28, "reconnect", {}, NOW),
    "restart": (23, "restart", {"name": "orders"}, None),
    "explain": (43, "explain", {"name": "orders"}, None),
    "reload": (44, "reload", None, None),
    "stop": (24, "stop", None, None),
    "place a limit order": ("a1", "place_order", LIMIT_ORDER, NOW + 5_000_000_000),
    "place a market order": (
        -1,
        "place_order",
        KEY | {"instrument": "CONID:265598:SMART", "side": "SELL", "quantity": 0.5, "order_type": "MKT"},
        None,
    ),
    "place a stop-limit order with every argument": (
        2**63 - 1,
        "place_order",
        LIMIT_ORDER
        | {
            "order_type": "STP LMT",
            "stop_price": 187.0,
            "tif": "GTC",
            "account": "DU1234567",
            "outside_rth": True,
        },
        None,
    ),
    "modify an order": (4, "modify_order", KEY | {"quantity": 50.0, "limit_price": 187.25}, None),
    "cancel an order": (5, "cancel_order", KEY, None),
    "place a trailing stop with conditions, an algo and an attribute of its own": (
        28,
        "place_order",
        KEY
        | {
            "instrument": AAPL,
            "side": "SELL",
            "quantity": 10.0,
            "order_type": "TRAIL",
            "trail_percent": 1.5,
            "tif": "GTD",
            "good_till": "20261218 22:00:00 US/Eastern",
            "conditions": [
                {"kind": "price", "value": 190.0, "con_id": 265598, "exchange": "SMART", "more": False}
            ],
            "algo": {"strategy": "Adaptive", "params": {"adaptivePriority": "Normal"}},
            "extra": {"usePriceMgmtAlgo": True},
        },
        None,
    ),
    "place a bracket": (
        29,
        "place_orders",
        {
            "orders": [LIMIT_ORDER, LIMIT_ORDER | {"client_order_id": "alpha-0002", "side": "SELL"}],
            "link": "bracket",
        },
        NOW,
    ),
    "cancel all of a strategy": (30, "cancel_orders", {"strategy": "alpha"}, None),
    "preview an order": (31, "preview_order", LIMIT_ORDER, NOW),
    "executions since": (32, "get_executions", {"strategy": "alpha", "since": NOW}, None),
    "executions of others": (41, "account_executions", {"account": "DU1234567", "foreign": True}, None),
    "cancel a foreign order": (42, "cancel_foreign_order", {"perm_id": 1426086045}, None),
    "exercise": (
        43,
        "exercise_option",
        KEY | {"instrument": "OPT:AAPL:SMART:USD:20270115:C:180", "quantity": 2},
        NOW,
    ),
    "replay": (33, "replay_events", {"after": 17, "limit": 100}, None),
    "halt everybody and cancel": (34, "halt", {"reason": "fat finger", "cancel": True}, None),
    "resume": (35, "resume", {}, None),
    "get the risk limits": (39, "get_risk", {}, None),
    "set risk limits": (
        40,
        "set_risk",
        {"scope": "strategy", "name": "alpha", "limits": {"max_order_quantity": 100.0}},
        None,
    ),
    "adopt": (36, "adopt_order", KEY | {"perm_id": 1426086045}, None),
    "resolve": (37, "resolve_order", KEY | {"status": "cancelled", "reason": "seen in TWS"}, None),
    "get every order": (6, "get_orders", {}, None),
    "get the orders of today": (38, "get_orders", {"since": NOW}, None),
    "get the active orders of a strategy": (7, "get_orders", {"strategy": "alpha", "active": True}, None),
}


def _packed(**envelope: Any) -> bytes:
    return msgspec.msgpack.encode({"v": 1, "id": 7, "op": "place_order", "args": LIMIT_ORDER} | envelope)


TWICE = msgspec.msgpack.encode(LIMIT_ORDER | {"x": 1}).replace(b"\xa1x\x01", b"\xa4side\xa4SELL")
"""An order that is a BUY and a SELL."""
TIMESTAMP = msgspec.msgpack.Ext(-1, b"\0\0\0\0")
REFUSED_REQUESTS: dict[str, bytes] = {
    "an empty frame": b"",
    "text": b"hello",
    "a byte msgpack never uses": b"\xc1",
    "a list": b"\x93\x01\x02\x03",
    "keys that are no strings": b"\x81\x01\x02",
    "cut off": _packed()[:-1],
    "one byte too many": _packed() + b"\0",
    "a key that is not UTF-8": b"\x81\xa1\xff\x01",
    "a key twice": b"\x84\xa1v\x01\xa2id\x07\xa2id\x08\xa2op\xa8describe",
    "lists nested 2,000 deep": b"\x82\xa1v\x01\xa2id" + b"\x91" * 2000 + b"\xc0",
    "four billion pairs that never come": b"\xdf\xff\xff\xff\xff",
    "no version": b"\x82\xa2id\x07\xa2op\xa8describe",
    "the version as text": _packed(v="1"),
    "a later version": _packed(v=2),
    "no id": b"\x82\xa1v\x01\xa2op\xa8describe",
    "an id that is a list": _packed(id=[7]),
    "an id of 65 bits": _packed(id=2**63),
    "no op": b"\x82\xa1v\x01\xa2id\x07",
    "an unknown key of the envelope": _packed(deadline=NOW),
    "valid_until as a float": _packed(valid_until=1.5),
    "args that are a list": _packed(args=[]),
    "an argument twice": b"\x84\xa1v\x01\xa2id\x07\xa2op\xabplace_order\xa4args"
    b"\x82\xa4side\xa3BUY\xa4side\xa4SELL",
    "an argument twice, one map down": _packed(op="place_orders", args={"orders": []}).replace(
        b"\x81\xa6orders\x90", b"\x81\xa6orders\x91" + TWICE
    ),
    "a quantity that no market trades": _packed(args=LIMIT_ORDER | {"quantity": 1e-300}),
    "an event number of 65 bits": _packed(op="replay_events", args={"after": 2**63}),
    "a time before there was any": _packed(op="get_orders", args={"since": -1}),
    "valid_until of 65 bits": _packed(valid_until=2**63),
    "an unknown argument": _packed(args=LIMIT_ORDER | {"limitprice": 1.0}),
    "a quantity of NaN": _packed(args=LIMIT_ORDER | {"quantity": float("nan")}),
    "a quantity without end": _packed(args=LIMIT_ORDER | {"quantity": float("inf")}),
    "a quantity below zero": _packed(args=LIMIT_ORDER | {"quantity": -1}),
    "a price that is a timestamp": _packed(args=LIMIT_ORDER | {"limit_price": TIMESTAMP}),
    "a side in lower case": _packed(args=LIMIT_ORDER | {"side": "buy"}),
    "an instrument that is only a symbol": _packed(args=LIMIT_ORDER | {"instrument": "AAPL"}),
    "a strategy with a slash": _packed(args=LIMIT_ORDER | {"strategy": "a/b"}),
}
