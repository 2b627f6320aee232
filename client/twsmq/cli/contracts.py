"""`twsmq contract`, `chain`, `search`: which instruments there are, and what is known of one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
from twsmq_protocol.counted import counted
from twsmq_protocol.endpoints import REFERENCE
from twsmq_protocol.errors import FieldError
from twsmq_protocol.instruments import parse_instrument
from twsmq_protocol.reference_requests import ContractRow, FoundSymbol, ListedContract

from ..client import Client
from .asking import ask, asking
from .listing import Column, Form, Row, at, first_of, form_option, put, timeout_option
from .options import MayBeginWithDash, Unusable, config_option, running_from
from .rendering import narrow_table, show
from .terminal import echo, echo_json, json_text, number
from .waiting import Waiting, waiting

_AMBIGUOUS = 1

LISTED = (
    Column("conId", "con_id", right=True),
    Column("instrument", "instrument"),
    Column("local symbol", "local_symbol"),
    Column("name", first_of("long_name", "trading_class")),
)


_IN_PLACE = ("isin", "cusip", "local_symbol")
"""Of an instrument."""


def instrument_argument(command: Any) -> Any:
    return click.argument("instrument", callback=checked)(command)


def checked(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refused here, before anybody is asked."""
    if value is None:
        return None
    try:
        parse_instrument(value)
    except FieldError as error:
        raise click.BadParameter(str(error), ctx, param) from None
    return value


@click.command()
@config_option
@click.argument("instrument", required=False, callback=checked)
@click.option("--isin", help="Instead of the instrument.")
@click.option("--cusip", help="Instead of the instrument.")
@click.option("--local-symbol", help="Instead of the instrument.")
@click.option("--sec-type", help="With those three: STK, BOND …")
@click.option("--exchange", help="With those three.")
@click.option("--currency", help="With those three.")
@click.option("--expired", is_flag=True, help="Futures that have expired too (IBKR keeps two years).")
@click.option("--all", "every", is_flag=True, help="Every contract that matches, not the one that is meant.")
@click.option("--hours", is_flag=True, help="Its sessions of the next days instead.")
@click.option("--increments", is_flag=True, help="The steps of its prices on each exchange instead.")
@form_option
@timeout_option(60.0)
def contract(
    config: Path | None,
    instrument: str | None,
    every: bool,
    hours: bool,
    increments: bool,
    form: Form | None,
    timeout: float,
    **named: Any,
) -> None:
    """Show what the gateway knows of one contract.

    Where several match, it lists them, names the fields that differ, and exits with 1.

    \b
    Examples:
      twsmq contract STK:AAPL:SMART:USD
      twsmq contract STK:AAPL:SMART:USD --hours
      twsmq contract --isin US0378331005 --json
      twsmq contract FUT:ES:CME:USD --all           every expiry
    """
    wanted = {name: value for name, value in named.items() if value} | (
        {} if instrument is None else {"instrument": instrument}
    )
    if (hours or increments) and instrument is None:
        raise Unusable("--hours and --increments want an instrument")
    if hours + increments + every > 1:
        raise Unusable("give one of --all, --hours and --increments")
    shown = instrument or next((str(named[name]) for name in _IN_PLACE if named[name]), "")
    if not shown:
        raise Unusable("give one of INSTRUMENT, --isin, --cusip and --local-symbol")
    with asking(running_from(config), REFERENCE, shown) as client:
        if hours:
            _hours(ask(client, "trading_hours", wanted, timeout), form)
        elif increments:
            _increments(ask(client, "market_rule", wanted, timeout), form)
        elif every:
            with waiting(f"contracts that match {shown}", quiet=form == "json") as line:
                rows = _every(client, wanted, timeout, line)
            put(ContractRow, rows, LISTED, form, "no contract")
        else:
            _the_one(ask(client, "qualify", wanted, timeout), form)


def _every(client: Client, wanted: dict[str, Any], timeout: float, line: Waiting) -> list[Row]:
    rows: list[Row] = []
    for page in _pages(client, "contract_details", wanted, timeout):
        rows += page["contracts"]
        line.reached(0.0, counted(len(rows), "contract"))
    return sorted(rows, key=_as_read)


def _as_read(row: Row) -> tuple[Any, ...]:
    """Pages come by conId; a person looks for a month or a strike."""
    texts = (row[name] or "" for name in ("symbol", "expiry", "trading_class", "right"))
    return (*texts, row["strike"] or 0.0, row["con_id"])


def _chain(client: Client, wanted: dict[str, Any], timeout: float, line: Waiting) -> list[Row]:
    rows: list[Row] = []
    for page in _pages(client, "option_chain", wanted, timeout):
        rows += page["contracts"]
        expiries, after = page["expiries"], page["next"]
        share = expiries.index(after) / len(expiries) if after in expiries else 0.0
        line.reached(share, counted(len(rows), "option"))
    return rows


def _pages(client: Client, op: str, wanted: dict[str, Any], timeout: float) -> Iterator[Row]:
    from ..ops import following

    page = ask(client, op, wanted, timeout)
    yield page
    while (after := page["next"]) is not None:
        page = ask(client, op, wanted | {"after": after}, timeout)
        following(op, after, page["next"])
        yield page


def _the_one(found: Row, form: Form | None) -> None:
    one: Row | None = found["contract"]
    if one is None:
        put(ListedContract, found["candidates"], LISTED, form, "no candidates")
        names = " and ".join(map(str, found["told_apart_by"])) or "conId"
        echo(f"{found['matches']} contracts match: name the {names}, or give CONID:<conId>", err=True)
        raise SystemExit(_AMBIGUOUS)
    if form is None:
        show(narrow_table(("field", "value"), [(name, _text(value)) for name, value in one.items() if value]))
    else:
        put(ContractRow, [one], (), form, "")


def _text(value: Any) -> str:
    if isinstance(value, float):
        return number(value)
    return json_text(value) if isinstance(value, dict | list) else str(value)


class _SessionOf(msgspec.Struct):
    kind: str
    date: str
    open: int
    close: int


def _hours(found: Row, form: Form | None) -> None:
    rows: list[Row] = [
        {"kind": kind, **{name: row[name] for name in ("date", "open", "close")}}
        for kind in ("trading", "liquid")
        for row in found[kind]
    ]
    columns = (
        Column("session", "kind"),
        Column("day", "date"),
        Column("opens (UTC)", at("open")),
        Column("closes (UTC)", at("close")),
    )
    put(_SessionOf, rows, columns, form, "no sessions")
    if form is None:
        echo(f"time zone {found['time_zone']}")
        for date in found["closed"]:
            echo(f"{date} closed")


class _Increment(msgspec.Struct):
    exchange: str
    rule: int
    low: float
    increment: float


def _increments(found: Row, form: Form | None) -> None:
    if form == "json":
        echo_json(found)
        return
    rows: list[Row] = [
        {"exchange": rule["exchange"], "rule": rule["rule"], **step}
        for rule in found["rules"]
        for step in rule["increments"]
    ]
    columns = (
        Column("exchange", "exchange"),
        Column("rule", "rule", right=True),
        Column("from price", "low", right=True),
        Column("increment", "increment", right=True),
    )
    put(_Increment, rows, columns, form, "no rules")
    if form is None:
        size = number(found["size_increment"]) or "unknown"
        echo(f"smallest step {number(found['min_tick']) or 'unknown'}; sizes in steps of {size}")


@click.command()
@config_option
@click.argument("underlying", callback=checked)
@click.option("--expiry", metavar="YYYYMMDD", help="Only this one.")
@click.option("--trading-class", help="Only this one, like SPXW.")
@click.option("--expiries", is_flag=True, help="Only the days on which something expires.")
@form_option
@timeout_option(300.0)
def chain(
    config: Path | None,
    underlying: str,
    expiry: str | None,
    trading_class: str | None,
    expiries: bool,
    form: Form | None,
    timeout: float,
) -> None:
    """List the options on an underlying that are really listed, with their conIds.

    \b
    Examples:
      twsmq chain STK:AAPL:SMART:USD --expiries
      twsmq chain STK:AAPL:SMART:USD --expiry 20261218
      twsmq chain IND:SPX:CBOE:USD --trading-class SPXW --csv > spxw.csv
    """
    if expiries and expiry is not None:
        raise Unusable("give one of --expiry and --expiries")
    with asking(running_from(config), REFERENCE, underlying) as client:
        if expiries:
            args = {"instrument": underlying, "trading_class": trading_class, "after": _NO_MORE}
            _expiries(ask(client, "option_chain", args, timeout)["expiries"], form)
            return
        args = {"instrument": underlying, "expiry": expiry, "trading_class": trading_class}
        with waiting(f"options on {underlying}", quiet=form == "json") as line:
            rows = _chain(client, args, timeout, line)
    columns = (
        Column("conId", "con_id", right=True),
        Column("expiry", "expiry"),
        Column("right", "right"),
        Column("strike", "strike", right=True),
        Column("class", "trading_class"),
        Column("instrument", "instrument"),
    )
    put(ListedContract, rows, columns, form, "no options")


_NO_MORE = "99999999"
"""After it nothing expires: no option is looked up, which takes minutes of a long chain."""


class _Expiry(msgspec.Struct):
    expiry: str


def _expiries(found: list[str], form: Form | None) -> None:
    put(_Expiry, [{"expiry": day} for day in found], (Column("expiry", "expiry"),), form, "no options")


@click.command(cls=MayBeginWithDash)
@config_option
@click.argument("pattern")
@form_option
@timeout_option(30.0)
def search(config: Path | None, pattern: str, form: Form | None, timeout: float) -> None:
    """Find instruments whose symbol begins with PATTERN, or whose name has it; at most 16.

    \b
    Examples:
      twsmq search AAP
      twsmq search "bank of" --json | jq -r .instrument
    """
    with asking(running_from(config), REFERENCE) as client:
        found = client.search(pattern, timeout=timeout)
    columns = (
        Column("conId", "con_id", right=True),
        Column("instrument", "instrument"),
        Column("name", "long_name"),
        Column("derivatives", _derivatives),
    )
    put(FoundSymbol, found.dicts(), columns, form, f"nothing is called {pattern}")


def _derivatives(row: Row) -> str:
    return " ".join(map(str, row["derivatives"]))
