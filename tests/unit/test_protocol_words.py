"""Arguments that are refused say what to write, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import msgspec
import pytest
from msgspec import inspect
from twsmq_protocol.explain import explain
from twsmq_protocol.forms import WORDS
from twsmq_protocol.requests import OPS

BASE: dict[str, Any] = {"strategy": "s", "instrument": "STK:AAPL:SMART:USD", "quantity": 1}


def refusal(op: str, args: dict[str, Any]) -> tuple[str, str]:
    """Field and words; empty if they are taken."""
    kind = OPS[op].args
    try:
        msgspec.convert(args, kind)
    except msgspec.ValidationError as error:
        return explain(error, kind)
    return "", ""


def patterns(declared: Any, seen: set[Any]) -> Iterator[str]:
    """Of all texts in it that have no example."""
    if isinstance(declared, inspect.Metadata):
        told = cast("dict[str, Any]", declared.extra_json_schema or {})  # pyright: ignore[reportUnknownMemberType]
        if not told.get("examples"):
            yield from patterns(declared.type, seen)
        return
    if isinstance(declared, inspect.StrType) and declared.pattern is not None:
        yield declared.pattern
    if isinstance(declared, inspect.StructType):
        if declared.cls in seen:
            return
        seen.add(declared.cls)
        for field in declared.fields:
            yield from patterns(field.type, seen)
    for name in ("types", "item_types"):
        for each in getattr(declared, name, ()):
            yield from patterns(each, seen)
    for name in ("item_type", "key_type", "value_type"):
        if hasattr(declared, name):
            yield from patterns(getattr(declared, name), seen)


@pytest.mark.parametrize("op", sorted(OPS))
def test_no_argument_is_refused_by_a_regular_expression(op: str) -> None:
    """Whatever has a pattern has an example, or words that complete "must be"."""
    assert set(patterns(inspect.type_info(OPS[op].args), set())) <= WORDS.keys()


@pytest.mark.parametrize(
    ("op", "args", "field", "words"),
    [
        ("bars", {"instrument": "STK:A:SMART:USD", "size": "1h", "duration": "2X"}, "duration", "'2D'"),
        ("contract_details", {"isin": "XX"}, "isin", "'US0378331005'"),
        ("contract_details", {"cusip": "XX"}, "cusip", "'037833100'"),
    ],
)
def test_a_value_of_another_form_is_answered_with_an_example(
    op: str, args: dict[str, Any], field: str, words: str
) -> None:
    assert refusal(op, args)[0] == field
    assert words in refusal(op, args)[1]


def bracket(side: str, entry: dict[str, Any], profit: float | None, stop: float | None) -> dict[str, Any]:
    away = BASE | {"side": "SELL" if side == "BUY" else "BUY"}
    exits = [
        away | {"client_order_id": "p", "order_type": "LMT", "limit_price": profit},
        away | {"client_order_id": "s", "order_type": "STP", "stop_price": stop},
    ]
    kept = [one for one in exits if None not in one.values()]
    return {"orders": [BASE | entry | {"client_order_id": "e", "side": side}, *kept], "link": "bracket"}


LIMIT = {"order_type": "LMT", "limit_price": 100.0}
STOP = {"order_type": "STP LMT", "stop_price": 100.0, "limit_price": 101.0}
MARKET = {"order_type": "MKT"}


@pytest.mark.parametrize(
    ("side", "entry", "profit", "stop", "field"),
    [
        ("BUY", LIMIT, 99.0, None, ""),
        ("BUY", LIMIT, None, 101.0, "orders.stop_price"),
        ("BUY", LIMIT, 105.0, 95.0, ""),
        ("BUY", LIMIT, 100.0, 99.5, ""),
        ("BUY", STOP, 99.0, None, "orders.limit_price"),
        ("BUY", STOP, None, 101.5, "orders.stop_price"),
        ("BUY", STOP, 103.0, 100.5, ""),
        ("BUY", MARKET, 99.0, None, ""),
        ("BUY", MARKET, 99.0, 101.0, "orders.limit_price"),
        ("SELL", LIMIT, 101.0, None, ""),
        ("SELL", LIMIT, None, 99.0, "orders.stop_price"),
        ("SELL", LIMIT, 95.0, 105.0, ""),
        ("SELL", MARKET, 101.0, 99.0, "orders.limit_price"),
    ],
)
def test_the_exits_of_a_bracket_stand_on_either_side_of_its_entry(
    side: str, entry: dict[str, Any], profit: float | None, stop: float | None, field: str
) -> None:
    assert refusal("place_orders", bracket(side, entry, profit, stop))[0] == field


def test_an_exit_with_a_condition_may_stand_anywhere() -> None:
    asked = bracket("BUY", LIMIT, None, 110.0)
    assert refusal("place_orders", asked)[0] == "orders.stop_price"
    at_112 = {"kind": "price", "con_id": 265598, "exchange": "SMART", "value": 112.0, "more": True}
    asked["orders"][1]["conditions"] = [at_112]
    assert refusal("place_orders", asked)[0] == ""
