"""Arguments that every op takes, as hypothesis draws them. A new op has a row of its own."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from twsmq_protocol.envelope import NoArgs
from twsmq_protocol.order_types import ORDER_TYPES
from twsmq_protocol.requests import OPS

names = st.from_regex(r"[A-Za-z0-9._-]{1,16}", fullmatch=True)
price = st.floats(-1e9, -1e-8) | st.just(0.0) | st.floats(1e-8, 1e9)
quantity = st.floats(1e-8, 1e12)
keys = {"strategy": names, "client_order_id": names}
orders = st.fixed_dictionaries(
    keys
    | {
        "instrument": st.sampled_from(["STK:AAPL:SMART:USD", "CONID:265598", "BAG:SPY:SMART:USD:+1x1,-1x2"]),
        "side": st.sampled_from(["BUY", "SELL"]),
        "quantity": quantity | st.integers(1, 10**12),
    },
    optional={
        "tif": st.sampled_from(["DAY", "GTC", "IOC", "FOK", "OPG"]),
        "account": names | st.none(),
        "outside_rth": st.booleans(),
    },
)
prices = st.sampled_from(sorted(ORDER_TYPES)).flatmap(
    lambda kind: st.fixed_dictionaries(
        {"order_type": st.just(kind)}
        | dict.fromkeys(ORDER_TYPES[kind].needed, price)
        | dict.fromkeys(ORDER_TYPES[kind].one_of[:1], st.floats(0.01, 100))
    )
)
whole_orders = st.builds(lambda order, kind: order | kind, orders, prices)
words = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)
ARGUMENTS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    **{op: st.just({}) for op, kind in OPS.items() if kind.args is NoArgs},
    "restart": st.fixed_dictionaries({"name": st.text(max_size=20)}),
    "explain": st.fixed_dictionaries({}, optional={"name": st.text(max_size=20)}),
    "claim_budget": st.fixed_dictionaries(
        {"name": names, "waiting": st.integers(0, 10**7)},
        optional={"factor": st.floats(0.01, 1.0), "breaches": st.integers(0, 1000)},
    ),
    "yield_budget": st.fixed_dictionaries(
        {
            "name": names,
            "round": st.integers(0, 2**63 - 1),
            "rate": st.floats(0.0, 1000.0),
            "until": st.integers(0, 2**63 - 1),
        }
    ),
    "claim_client_id": st.fixed_dictionaries(
        {"program": names},
        optional={"client_id": st.integers(1, 2**31 - 1), "hold_s": st.floats(1, 31536000)},
    ),
    "release_client_id": st.fixed_dictionaries({"program": names}),
    "account_executions": st.fixed_dictionaries(
        {}, optional={"account": names, "since": st.integers(0, 2**62), "foreign": st.booleans()}
    ),
    "cancel_foreign_order": st.fixed_dictionaries({"perm_id": st.integers(1, 2**63 - 1)}),
    "exercise_option": st.fixed_dictionaries(
        keys
        | {
            "instrument": st.just("OPT:AAPL:SMART:USD:20270115:C:180"),
            "quantity": st.integers(1, 2**31 - 1),
            "action": st.sampled_from(["exercise", "lapse"]),
        },
        optional={"override": st.booleans()},
    ),
    "snapshot": st.just({"instrument": "STK:AAPL:SMART:USD", "regulatory": True}),
    "subscribe": st.just({"topic": "bars/5m/STK:AAPL:SMART:USD;rth=1/"}),
    "contract_details": st.just({"instrument": "STK:AAPL:SMART:USD"})
    | st.fixed_dictionaries(
        {"isin": st.just("US0378331005")},
        optional={
            "limit": st.integers(1, 2000),
            "after": st.integers(1, 2**31 - 1),
            "expired": st.booleans(),
        },
    ),
    "qualify": st.just({"local_symbol": "ESZ6", "sec_type": "FUT", "exchange": "CME"}),
    "option_chain": st.just({"instrument": "CONID:265598", "expiry": "20261218", "trading_class": "AAPL"}),
    "search": st.fixed_dictionaries({"pattern": words}),
    "trading_hours": st.just({"instrument": "CONID:265598"}),
    "market_rule": st.just({"instrument": "CONID:265598"}),
    "news": st.fixed_dictionaries(
        {"instrument": st.just("CONID:265598")},
        optional={
            "providers": st.lists(words, min_size=1, max_size=50),
            "from": st.integers(0, 2**62),
            "limit": st.integers(1, 300),
        },
    ),
    "article": st.fixed_dictionaries({"provider": words, "article_id": words}),
    "scanner": st.fixed_dictionaries(
        {"scan": words},
        optional={
            "rows": st.integers(1, 50),
            "above_price": st.floats(1e-8, 1e9),
            "filters": st.dictionaries(words, words, max_size=5),
        },
    ),
    "scanner_parameters": st.fixed_dictionaries({}, optional={"search": words}),
    "implied_volatility": st.fixed_dictionaries(
        {"instrument": st.just("CONID:1"), "option_price": st.floats(1e-8, 1e9)}
        | {"under_price": st.floats(1e-8, 1e9)}
    ),
    "option_price": st.fixed_dictionaries(
        {"instrument": st.just("CONID:1"), "volatility": st.floats(1e-8, 100)}
        | {"under_price": st.floats(1e-8, 1e9)}
    ),
    "smart_components": st.fixed_dictionaries({"bbo_exchange": words}),
    "retry": st.just({"topic": "quote/STK:AAPL:SMART:USD/"}),
    "bars": st.fixed_dictionaries(
        {"instrument": st.just("CONID:265598"), "size": st.just("1d"), "duration": st.just("2W")},
        optional={"rth": st.booleans(), "limit": st.integers(1, 20_000), "bulk": st.booleans()},
    ),
    "ticks": st.fixed_dictionaries(
        {"instrument": st.just("CONID:265598"), "from": st.integers(0, 2**62)},
        optional={"limit": st.integers(1, 10_000), "ignore_size": st.booleans()},
    ),
    "head_timestamp": st.just({"instrument": "CONID:265598", "what": "BID"}),
    "schedule": st.fixed_dictionaries({"instrument": st.just("CONID:265598"), "from": st.integers(0, 2**62)}),
    "histogram": st.just({"instrument": "CONID:265598", "period": "3D"}),
    "board": st.fixed_dictionaries(
        {}, optional={"after": st.integers(0, 2**53), "limit": st.integers(1, 500)}
    ),
    "acknowledge_alert": st.just({"name": "Halted", "by": "desk"}),
    "silence_alert": st.fixed_dictionaries(
        {"name": st.just("*"), "by": st.just("desk"), "minutes": st.floats(0, 10_000)}
    ),
    "test_alerts": st.just({"by": "desk"}),
    "place_order": whole_orders,
    "preview_order": whole_orders,
    "place_orders": st.builds(
        lambda order, link: {
            "orders": [order | {"client_order_id": name} for name in ("parent", "child")],
            "link": link,
        },
        whole_orders,
        st.sampled_from(["none", "bracket", "oca"]),
    ),
    "set_risk": st.just({"scope": "account", "name": "DU1", "limits": {}}),
    "cancel_orders": st.just({"all": True}) | st.fixed_dictionaries({"strategy": names}),
    "get_executions": st.fixed_dictionaries({}, optional=keys | {"since": st.integers(0, 2**62)}),
    "replay_events": st.fixed_dictionaries({"after": st.integers(0, 2**62)}, optional={"strategy": names}),
    "halt": st.fixed_dictionaries({"reason": st.text(min_size=1, max_size=200), "cancel": st.booleans()}),
    "resume": st.fixed_dictionaries({}, optional={"strategy": names}),
    "adopt_order": st.fixed_dictionaries(keys | {"perm_id": st.integers(1, 2**62)}),
    "resolve_order": st.fixed_dictionaries(
        keys | {"status": st.sampled_from(["cancelled", "filled"]), "reason": st.just("seen in TWS")}
    ),
    "modify_order": st.fixed_dictionaries(
        keys | {"quantity": quantity}, optional={"limit_price": price | st.none(), "stop_price": price}
    ),
    "cancel_order": st.fixed_dictionaries(keys),
    "get_orders": st.fixed_dictionaries({}, optional=keys | {"active": st.booleans() | st.none()}),
}
