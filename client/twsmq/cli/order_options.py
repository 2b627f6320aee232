"""The options of `twsmq order place`, made from the arguments of `place_order`.

Every argument that is one number, word or flag is an option under its own name; `--extra` takes what has no
argument. Lists and maps (algos, conditions, leg prices, routing) are for programs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click
from msgspec import Struct, inspect
from twsmq_protocol.order_requests import PlaceOrder
from twsmq_protocol.order_types import ORDER_TYPES, PRICE_FIELDS, TIFS, Prices

F = TypeVar("F", bound=Callable[..., Any])

_KINDS: dict[type[inspect.Type], Any] = {
    inspect.FloatType: float,
    inspect.IntType: int,
    inspect.StrType: str,
    inspect.BoolType: bool,
    inspect.LiteralType: str,
}
_ON = frozenset(
    name
    for name, default in zip(
        reversed(PlaceOrder.__struct_fields__), reversed(PlaceOrder.__struct_defaults__), strict=False
    )
    if default is True
)
"""Flags that hold unless they are taken back."""
_OMITTED = ("strategy", "client_order_id", "conditions_cancel", "conditions_ignore_rth")
"""The command has its own for the first two; the others go with conditions, which no option gives."""
_REQUIRED = ("instrument", "side", "order_type")
LIST = "a comma list"
ONLY_TRUE = "a flag that is given or not there"
HELP = {
    "instrument": "Like STK:AAPL:SMART:USD.",
    "side": "BUY or SELL.",
    "quantity": "In the instrument's units (shares, contracts), above 0.",
    "order_type": "One of those below.",
    "limit_price": "The worst price to trade at.",
    "stop_price": "The trigger of stops and of orders if touched.",
    "tif": f"How long it works: {', '.join(sorted(TIFS))}.  [default: DAY]",
    "account": "Needed only where the gateway has several.",
    "outside_rth": "May also fill outside regular trading hours.",
    "trail_amount": "How far the stop trails, in price ...",
    "trail_percent": "... or in percent.",
    "trail_stop_price": "Where the trailing stop starts.",
    "limit_offset": "How far a trailing limit keeps from its stop.",
    "offset": "How far a relative, pegged or snap order keeps from its price.",
    "cash_quantity": "For so much money, in place of --quantity.",
    "good_till": 'End of a GTD order, like "20261218 22:00:00 US/Eastern".',
    "good_after": "It works from then on.",
    "display_size": "What the book shows of it.",
    "min_quantity": "At least so much at once.",
    "all_or_none": "All at once or nothing.",
    "hidden": "Not shown in the book.",
    "parent": "Client order id of the order it is attached to; it works once that has filled.",
    "transmit": "Hand it on to the market, or only stage it at the gateway.",
    "reduce_only": "Refused unless it only brings the position nearer to 0.",
    "oca_group": "Name of a one-cancels-all group.",
    "oca_type": "1 cancel, 2 reduce, 3 reduce without block; with --oca-group.",
}
"""The help of each option."""


def struct_options(
    kind: type[Struct],
    helps: dict[str, str],
    *,
    omitted: tuple[str, ...] = (),
    required: tuple[str, ...] = (),
    partial: bool = False,
) -> Callable[[F], F]:
    """An option for every plain argument of an op, in their order. `partial`: what is not given is None."""

    def decorate(command: F) -> F:
        declared = inspect.type_info(kind)
        assert isinstance(declared, inspect.StructType)
        for field in reversed(declared.fields):
            plain = _kind(field.type)
            if plain is not None and field.name not in omitted:
                either = partial or field.default is True  # absent is neither yes nor no
                option = _option(field.name, plain, helps.get(field.name), field.name in required, either)
                command = option(command)
        return command

    return decorate


def given_options(given: dict[str, Any]) -> dict[str, Any]:
    """Those that were given."""
    return {name: value for name, value in given.items() if value is not None}


def order_options(command: F) -> F:
    """Every plain argument but the two names, then `--extra`."""
    extra = click.option(
        "--extra",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_read_extra,
        help="Another attribute of ibapi's Order, like volatility=0.2; may be repeated.",
    )
    return struct_options(PlaceOrder, HELP, omitted=_OMITTED, required=_REQUIRED)(extra(command))


def arguments(given: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, as arguments of `place_order`."""
    flags = {name for name, value in given.items() if value is False and name not in _ON}
    args = {name: value for name, value in given.items() if value not in (None, {}) and name not in flags}
    if "cash_quantity" in args:
        args.setdefault("quantity", 0)
    elif "quantity" not in args:
        raise click.UsageError("Missing option '--quantity' (or '--cash-quantity').")
    return args | {"side": args["side"].upper()}


def order_type_table() -> str:
    """Every order type beside the prices it takes."""
    alike: dict[str, list[str]] = {}
    for name, prices in ORDER_TYPES.items():
        alike.setdefault(_prices(prices), []).append(name)
    lines = [f"  {', '.join(names)}\n      {prices}" for prices, names in alike.items()]
    return "\b\nOrder types and the prices each takes, [those] that may be left out:\n" + "\n".join(lines)


def _option(name: str, kind: Any, told: str | None, required: bool, either: bool) -> Callable[[F], F]:
    spelling = _spelt(name)
    if kind is ONLY_TRUE:
        return click.option(spelling, is_flag=True, flag_value=True, default=None, help=told)
    if kind is bool and either:
        return click.option(f"{spelling}/--no-{spelling[2:]}", default=None, help=told)
    if kind is bool:
        return click.option(spelling, is_flag=True, help=told)
    checked = _above_zero if name in ("quantity", "cash_quantity") else None
    if kind is LIST:
        return click.option(spelling, metavar="A,B,...", callback=_read_list, help=told)
    return click.option(spelling, type=kind, required=required, callback=checked, help=told)


def _read_list(_context: click.Context, _option: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _kind(declared: inspect.Type) -> Any:
    """What an option of it is parsed as; None for a list or a map."""
    if isinstance(declared, inspect.UnionType):
        inner = [each for each in declared.types if not isinstance(each, inspect.NoneType)]
        return _kind(inner[0]) if len(inner) == 1 else None
    if isinstance(declared, inspect.LiteralType) and declared.values == (True,):
        return ONLY_TRUE
    if isinstance(declared, inspect.VarTupleType) and isinstance(declared.item_type, inspect.StrType):
        return LIST
    return _KINDS.get(type(declared))


def _above_zero(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    if value is not None and not (value > 0 and math.isfinite(value)):
        raise click.BadParameter(f"must be above 0, not {value:g}")
    return value


def _read_extra(_context: click.Context, _option: click.Parameter, pairs: tuple[str, ...]) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name and equals):
            raise click.BadParameter(f"{pair!r} must be NAME=VALUE")
        extra[name] = _scalar(text)
    return extra


def _scalar(text: str) -> str | int | float | bool:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if math.isfinite(number):
            return number
    return text


def _prices(prices: Prices) -> str:
    needed = [_spelt(name) for name in prices.needed]
    either = [" or ".join(_spelt(name) for name in prices.one_of)] if prices.one_of else []
    allowed = [f"[{_spelt(name)}]" for name in PRICE_FIELDS if name in prices.allowed]
    return " ".join([*needed, *either, *allowed]) or "no price"


def _spelt(name: str) -> str:
    return f"--{name.replace('_', '-')}"
