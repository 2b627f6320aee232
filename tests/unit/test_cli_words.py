"""Words that a shell may hand over: with a dash, a bracket, nothing in them, no text at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from rich.console import Console
from twsmq.cli import main
from twsmq.cli.contracts import search
from twsmq.cli.order_options import arguments, order_options
from twsmq.cli.rendering import quote_table

COMBO = "BAG:USD:265598*1+272093*-1@SMART"
ORDER = ("--instrument", COMBO, "--side", "BUY", "--quantity", "1", "--order-type", "LMT")


def twsmq(config_file: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--config", str(config_file)], prog_name="twsmq")


@pytest.mark.parametrize(
    ("words", "pattern"),
    [
        (("-x",), "-x"),
        (("-0.05", "--json"), "-0.05"),
        (("--timeout", "5", "-[x]"), "-[x]"),
        (("--", "--x"), "--x"),
        (("--", "-h"), "-h"),
        (("%s $HOME [bold] ü",), "%s $HOME [bold] ü"),
        (("",), ""),
    ],
)
def test_what_is_searched_for_may_begin_with_a_dash(words: tuple[str, ...], pattern: str) -> None:
    with search.make_context("search", list(words)) as context:
        assert context.params["pattern"] == pattern


@pytest.mark.parametrize("words", [("--jsn",), ("AAP", "-x"), ("AAP", "--timeout", "-5")])
def test_what_is_mistyped_is_still_told(config_file: Path, words: tuple[str, ...]) -> None:
    assert twsmq(config_file, "search", *words).exit_code == 2


@pytest.mark.parametrize("price", ["-0.05", "-1e-2", "-5"])
def test_a_combo_may_have_a_price_below_zero(price: str) -> None:
    @click.command()
    @order_options
    def command(**given: Any) -> dict[str, Any]:
        return arguments(given)

    with command.make_context("place", [*ORDER, "--limit-price", price]) as context:
        assert command.invoke(context)["limit_price"] == float(price)


@pytest.mark.parametrize(
    "words",
    [
        ("order", "place", *ORDER, "--client-order-id", ""),
        ("order", "bracket", *ORDER[:6], "--stop-loss", "1", "--client-order-id", ""),
        ("order", "exercise", "--instrument", "x", "--quantity", "1", "--confirm", "exercise",
         "--client-order-id", ""),
        ("order", "cancel-all", "--strategy", ""),
        ("order", "cancel-all", "--instrument", "STK:A:SMART:USD", "--account", ""),
        ("flatten", "--account", "", "--confirm", "flatten"),
        ("flatten", "--instrument", "STK:A:SMART:USD", "--strategy", ""),
    ],
)  # fmt: skip
def test_an_unset_variable_places_no_other_order_and_closes_nothing_else(
    config_file: Path, words: tuple[str, ...]
) -> None:
    """Each time the same was asked for it was another order, for want of a name."""
    result = twsmq(config_file, *words)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.output
    assert "empty, as an unset variable is" in result.stderr


def test_a_name_in_brackets_is_no_markup() -> None:
    out = io.StringIO()
    Console(file=out, width=80).print(quote_table([("STK:[red]A[/red]:SMART:USD", None)]))
    assert "STK:[red]A[/red]:SMART:USD" in out.getvalue()


def test_what_is_no_text_is_one_line(config_file: Path) -> None:
    result = twsmq(config_file, "watch", "order/\udcff/")
    assert (result.exit_code, "no UTF-8 text" in result.stderr) == (2, True)
