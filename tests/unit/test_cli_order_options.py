"""`twsmq order place` offers what `place_order` takes."""

from __future__ import annotations

from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner, Result
from twsmq.cli import main
from twsmq.cli.order_options import arguments, order_options
from twsmq_protocol.order_requests import PlaceOrder
from twsmq_protocol.order_types import ORDER_TYPES, TIFS

BASE = ("--instrument", "STK:A:SMART:USD", "--side", "buy", "--order-type")
FOR_PROGRAMS = {
    "strategy", "client_order_id", "algo", "conditions", "conditions_cancel", "conditions_ignore_rth",
    "leg_prices", "routing",
}  # fmt: skip


def place(*words: str) -> Result:
    return CliRunner().invoke(main, ["order", "place", *words])


def parsed(*words: str) -> dict[str, Any]:
    """The arguments that would be sent."""

    @click.command()
    @order_options
    def command(**given: Any) -> dict[str, Any]:
        return arguments(given)

    with command.make_context("place", list(words)) as context:
        return command.invoke(context)


def test_every_argument_has_an_option_but_those_for_programs() -> None:
    offered = {parameter.name for parameter in order_options(click.Command("x")).params}
    assert offered == set(PlaceOrder.__struct_fields__) - FOR_PROGRAMS


def test_the_help_tells_every_order_type_its_prices_and_every_time_in_force() -> None:
    told = place("--help").output
    for name in (*ORDER_TYPES, *TIFS):
        assert name in told
    assert "--trail-amount or --trail-percent [--trail-stop-price]" in told
    assert "Exit codes" in told


@pytest.mark.parametrize(
    "words",
    [
        ("TRAIL", "--quantity", "10", "--trail-amount", "0.5"),
        ("TRAIL LIMIT", "--quantity", "10", "--trail-percent", "2", "--trail-stop-price", "9",
         "--limit-offset", "-0.1"),
        ("REL", "--quantity", "10", "--offset", "0.01", "--limit-price", "5"),
        ("LMT", "--quantity", "10", "--limit-price", "5", "--tif", "GTD", "--good-till", "20261218 22:00:00"),
        ("MKT", "--cash-quantity", "500"),
        ("VOL", "--quantity", "1", "--extra", "volatility=0.2", "--extra", "volatilityType=2"),
        ("MKT", "--quantity", "1", "--oca-group", "g", "--oca-type", "1", "--all-or-none", "--hidden"),
    ],
)  # fmt: skip
def test_what_is_sent_is_what_the_node_takes(words: tuple[str, ...]) -> None:
    args = parsed(*BASE, *words)
    order = msgspec.convert(args | {"strategy": "s", "client_order_id": "c"}, PlaceOrder)
    assert (order.side, order.order_type) == ("BUY", words[0])


def test_what_was_not_given_is_not_sent() -> None:
    args = parsed(*BASE, "MKT", "--quantity", "1")
    assert args == {"instrument": "STK:A:SMART:USD", "side": "BUY", "order_type": "MKT", "quantity": 1.0}


def test_a_price_of_zero_is_sent() -> None:
    assert parsed(*BASE, "LMT", "--quantity", "1", "--limit-price", "0")["limit_price"] == 0


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("7", 7), ("0.5", 0.5), ("abc", "abc"), ("nan", "nan"), ("a=b", "a=b"), ("", "")],
)
def test_extra_values_have_the_type_they_look_like(text: str, value: object) -> None:
    args = parsed(*BASE, "MKT", "--quantity", "1", "--extra", f"name={text}")
    assert args["extra"] == {"name": value}
    assert type(args["extra"]["name"]) is type(value)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--quantity", "-10"), "must be above 0, not -10"),
        (("--quantity", "0"), "must be above 0, not 0"),
        (("--quantity", "nan"), "must be above 0, not nan"),
        ((), "Missing option '--quantity'"),
        (("--quantity", "1", "--extra", "volatility"), "must be NAME=VALUE"),
    ],
)
def test_what_cannot_be_is_refused_at_once(words: tuple[str, ...], told: str) -> None:
    result = place(*BASE, "MKT", *words)
    assert result.exit_code == 2
    assert told in result.stderr
