"""Arguments that every op takes, as hypothesis draws them: a golden sample, some of its fields drawn anew.

What a field may be is read from its type. An op whose fields depend on each other has a strategy of its own.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import Struct, inspect
from twsmq_protocol.errors import FieldError
from twsmq_protocol.order_types import ORDER_TYPES
from twsmq_protocol.requests import OPS

VECTORS = Path(__file__).parents[2] / "protocol" / "vectors" / "requests.json"

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
DEPENDENT: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "exercise_option": st.fixed_dictionaries(
        keys
        | {
            "instrument": st.just("OPT:AAPL:SMART:USD:20270115:C:180"),
            "quantity": st.integers(1, 2**31 - 1),
            "action": st.sampled_from(["exercise", "lapse"]),
        },
        optional={"override": st.booleans()},
    ),
    "contract_details": st.just({"instrument": "STK:AAPL:SMART:USD"})
    | st.fixed_dictionaries(
        {"isin": st.just("US0378331005")},
        optional={
            "limit": st.integers(1, 2000),
            "after": st.integers(1, 2**31 - 1),
            "expired": st.booleans(),
        },
    ),
    "news": st.fixed_dictionaries(
        {"instrument": st.just("CONID:265598")},
        optional={
            "providers": st.lists(words, min_size=1, max_size=50),
            "from": st.integers(0, 2**62),
            "limit": st.integers(1, 300),
        },
    ),
    "scanner": st.fixed_dictionaries(
        {"scan": words},
        optional={
            "rows": st.integers(1, 50),
            "above_price": st.floats(1e-8, 1e9),
            "filters": st.dictionaries(words, words, max_size=5),
        },
    ),
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
    "cancel_orders": st.just({"all": True}) | st.fixed_dictionaries({"strategy": names}),
    "get_executions": st.fixed_dictionaries({}, optional=keys | {"since": st.integers(0, 2**62)}),
    "replay_events": st.fixed_dictionaries({"after": st.integers(0, 2**62)}, optional={"strategy": names}),
    "halt": st.fixed_dictionaries({"reason": st.text(min_size=1, max_size=200), "cancel": st.booleans()}),
    "resolve_order": st.fixed_dictionaries(
        keys | {"status": st.sampled_from(["cancelled", "filled"]), "reason": st.just("seen in TWS")}
    ),
    "modify_order": st.fixed_dictionaries(
        keys | {"quantity": quantity}, optional={"limit_price": price | st.none(), "stop_price": price}
    ),
}


@cache
def samples() -> dict[str, list[dict[str, Any]]]:
    """By op, from the protocol's vectors, which have at least one of each."""
    found: dict[str, list[dict[str, Any]]] = {}
    for vector in json.loads(VECTORS.read_text(encoding="utf-8")):
        found.setdefault(vector["decoded"]["op"], []).append(vector["decoded"].get("args") or {})
    return found


def drawn(of: inspect.Type) -> st.SearchStrategy[Any] | None:
    """Anything that a type allows; None where more is asked of it than a type says: texts, lists, maps."""
    match of:
        case inspect.Metadata():
            return drawn(of.type)
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            low = of.gt + 1 if of.gt is not None else of.ge
            high = of.lt - 1 if of.lt is not None else of.le
            return st.integers(-(2**63) if low is None else low, 2**63 - 1 if high is None else high)
        case inspect.FloatType():
            low, high = of.ge if of.gt is None else of.gt, of.le if of.lt is None else of.lt
            return st.floats(low, high, exclude_min=of.gt is not None, exclude_max=of.lt is not None).filter(
                lambda value: abs(value) < 1e300
            )
        case inspect.LiteralType():
            return st.sampled_from(of.values)
        case inspect.NoneType():
            return st.none()
        case inspect.UnionType():
            parts = [part for each in of.types if (part := drawn(each)) is not None]
            return st.one_of(parts) if parts else None
        case _:
            return None


@st.composite
def changed(draw: st.DrawFn, op: str) -> dict[str, Any]:
    """A sample of the op's, some fields anew; the sample itself where these do not go together."""
    sample, kind = draw(st.sampled_from(samples()[op])), OPS[op].args
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    free = {field.encode_name: part for field in info.fields if (part := drawn(field.type)) is not None}
    chosen = draw(st.sets(st.sampled_from(sorted(free)))) if free else ()
    args = sample | {name: draw(free[name]) for name in sorted(chosen)}
    return args if fits(args, kind) else sample


def fits(args: dict[str, Any], kind: type[Struct]) -> bool:
    try:
        msgspec.convert(args, kind)
    except (msgspec.ValidationError, FieldError):
        return False
    return True


ARGUMENTS: dict[str, st.SearchStrategy[dict[str, Any]]] = {op: changed(op) for op in OPS} | DEPENDENT
