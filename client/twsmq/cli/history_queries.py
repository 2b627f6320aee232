"""`twsmq history bars|ticks|head|schedule|histogram`: what the history process answers at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import time_ns
from typing import get_args

import click
import msgspec
from twsmq_protocol.counted import counted
from twsmq_protocol.endpoints import HISTORY
from twsmq_protocol.history_requests import HISTORY_SIZES, Duration, SessionRow, TickRow, What
from twsmq_protocol.market_events import BarRow

from .asking import ask, asking
from .contracts import instrument_argument
from .listing import Column, Form, Moment, Row, at, form_option, iso, put, timeout_option
from .options import Unusable, config_option, running_from
from .terminal import echo
from .waiting import waiting

_WHAT = click.option(
    "--what", type=click.Choice(get_args(What)), help="[default: TRADES, or what the instrument has instead]"
)
_RTH = click.option("--rth", is_flag=True, help="Regular trading hours only.")
_TO = click.option("--to", "end", type=Moment(), help="UTC, not included. [default: now]")


def _length(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refused here, before anybody is asked."""
    try:
        return msgspec.convert(value, Duration | None)
    except msgspec.ValidationError:
        told = f"{str(value)[:40]!r} is not a number and S, D, W, M or Y, like 2D"
        raise click.BadParameter(told, ctx, param) from None


def _require_range(begin: int | None, end: int | None) -> None:
    if begin is not None and end is not None and end <= begin:
        raise Unusable("--to must be later than --from")


def _share(rows: Sequence[BarRow | TickRow], following: int | None, end: int | None) -> float:
    """Of all that was asked for up to `end`, by time, what came before `following`."""
    if not rows or following is None:
        return 0.0
    begin, end = rows[0].time, time_ns() if end is None else end
    return (following - begin) / (end - begin) if end > begin else 0.0


@click.command()
@config_option
@instrument_argument
@click.option("--size", required=True, type=click.Choice(list(HISTORY_SIZES)), help="Of a bar.")
@click.option(
    "--duration", metavar="LIKE 2D", callback=_length, help="Before --to: a number and S, D, W, M or Y."
)
@click.option("--from", "begin", type=Moment(), help="Instead of --duration: UTC, like 2026-01-05T14:30.")
@_TO
@_WHAT
@_RTH
@form_option
@timeout_option(120.0)
def bars(
    config: Path | None,
    instrument: str,
    size: str,
    duration: str | None,
    begin: int | None,
    end: int | None,
    what: str | None,
    rth: bool,
    form: Form | None,
    timeout: float,
) -> None:
    """Print bars of the past, oldest first, each once. Times are UTC. For much, and to go on after anything
    that happens: `twsmq history download`.

    \b
    Examples:
      twsmq history bars STK:AAPL:SMART:USD --size 1h --duration 2D
      twsmq history bars STK:AAPL:SMART:USD --size 1d --from 2026-01-01 --csv > aapl.csv
    """
    if (duration is None) == (begin is None):
        raise Unusable("give either --duration, like 2D, or --from")
    _require_range(begin, end)
    progress = waiting(f"bars of {instrument}", quiet=form == "json")
    with asking(running_from(config), HISTORY, instrument) as client, progress as line:

        def on_page(rows: list[BarRow], following: int | None) -> None:
            line.reached(_share(rows, following, end), counted(len(rows), "bar"))

        found = client.bars(
            instrument, size, duration=duration, start=begin, end=end, what=what, rth=rth, timeout=timeout,
            on_page=on_page,
        )  # fmt: skip
    names = ("open", "high", "low", "close", "volume", "wap", "count")
    time = _day if size in ("1d", "1w", "1mo") else at("time")
    columns = (
        Column("time (UTC)", time),
        *(Column(name, name, right=True) for name in names),
    )
    put(BarRow, found.dicts(), columns, form, "no bars")


@click.command()
@config_option
@instrument_argument
@click.option("--from", "begin", type=Moment(), required=True, help="UTC, like 2026-01-05T14:30; included.")
@_TO
@click.option(
    "--what", type=click.Choice(["TRADES", "BID_ASK", "MIDPOINT"]), default="TRADES", show_default=True
)
@_RTH
@click.option("--ignore-size", is_flag=True, help="Of BID_ASK only changes of price.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=1000, show_default=True,
    help="Print so many at most.",
)  # fmt: skip
@form_option
@timeout_option(120.0)
def ticks(
    config: Path | None,
    instrument: str,
    begin: int,
    end: int | None,
    what: str,
    rth: bool,
    ignore_size: bool,
    limit: int,
    form: Form | None,
    timeout: float,
) -> None:
    """Print ticks of the past, oldest first. Times are UTC, in whole seconds.

    \b
    Examples:
      twsmq history ticks STK:AAPL:SMART:USD --from 2026-01-05T14:30 --limit 100
      twsmq history ticks STK:AAPL:SMART:USD --from 2026-01-05T14:30 --to 2026-01-05T14:31 \\
                          --what BID_ASK --limit 100000 --csv
    """
    _require_range(begin, end)
    progress = waiting(f"ticks of {instrument}", quiet=form == "json")
    with asking(running_from(config), HISTORY, instrument) as client, progress as line:

        def on_page(rows: list[TickRow], following: int | None) -> None:
            share = max(_share(rows, following, end), len(rows) / limit)
            line.reached(share, counted(len(rows), "tick"))

        found = client.ticks(
            instrument, begin, end, what=what, rth=rth, ignore_size=ignore_size, limit=limit, timeout=timeout,
            on_page=on_page,
        )  # fmt: skip
    names = ("bid_size", "bid", "ask", "ask_size") if what == "BID_ASK" else ("price", "size")
    columns = (
        Column("time (UTC)", _second),
        *(Column(name.replace("_", " "), name, right=True) for name in names),
        Column("exchange", "exchange"),
        Column("conditions", "conditions"),
    )
    rows = found.dicts()  # the last second is whole there, and may hold hundreds
    put(TickRow, rows[:limit], columns, form, "no ticks")
    if len(rows) > limit:
        echo(f"stopped after {limit}, and there are more: a greater --limit shows them", err=True)


class _Beginning(msgspec.Struct):
    instrument: str
    time: int
    what: str
    fetched_at: int | None = None


@click.command()
@config_option
@instrument_argument
@_WHAT
@_RTH
@form_option
@timeout_option(60.0)
def head(
    config: Path | None, instrument: str, what: str | None, rth: bool, form: Form | None, timeout: float
) -> None:
    """Show when the history of an instrument begins.

    \b
    Example:
      twsmq history head STK:AAPL:SMART:USD
    """
    progress = waiting(f"when the history of {instrument} begins", quiet=form == "json")
    with asking(running_from(config), HISTORY, instrument) as client, progress:
        found = ask(client, "head_timestamp", {"instrument": instrument, "what": what, "rth": rth}, timeout)
    columns = (
        Column("instrument", "instrument"),
        Column("what", "what"),
        Column("begins (UTC)", at("time")),
    )
    put(_Beginning, [{"instrument": instrument, **found}], columns, form, "")


@click.command()
@config_option
@instrument_argument
@click.option("--from", "begin", type=Moment(), required=True, help="UTC, like 2026-01-05T14:30; included.")
@_TO
@click.option("--all", "every", is_flag=True, help="All sessions, not the regular ones only.")
@form_option
@timeout_option(60.0)
def schedule(
    config: Path | None,
    instrument: str,
    begin: int,
    end: int | None,
    every: bool,
    form: Form | None,
    timeout: float,
) -> None:
    """List the trading sessions of an instrument.

    It goes as far back as the gateway knows them.

    \b
    Example:
      twsmq history schedule STK:AAPL:SMART:USD --from 2026-01-01
    """
    _require_range(begin, end)
    args = {"instrument": instrument, "from": begin, "to": end, "rth": not every}
    progress = waiting(f"sessions of {instrument}", quiet=form == "json")
    with asking(running_from(config), HISTORY, instrument) as client, progress:
        found = ask(client, "schedule", args, timeout)
    columns = (
        Column("day", "date"),
        Column("opens (UTC)", at("open")),
        Column("closes (UTC)", at("close")),
    )
    put(SessionRow, found["sessions"], columns, form, "no sessions: the gateway has no schedule of it")
    if form is None and found["sessions"]:
        echo(f"time zone {found['time_zone']}")


def _day(row: Row) -> str:
    return iso(row["time"])[:10]


def _second(row: Row) -> str:
    return iso(row["time"])[:19].replace("T", " ")


class _Level(msgspec.Struct):
    price: float
    size: float


@click.command()
@config_option
@instrument_argument
@click.option(
    "--period", default="1D", show_default=True, metavar="LIKE 3D", callback=_length, help="Up to now."
)
@_RTH
@form_option
@timeout_option(60.0)
def histogram(
    config: Path | None, instrument: str, period: str, rth: bool, form: Form | None, timeout: float
) -> None:
    """Show how much was traded at which price.

    \b
    Example:
      twsmq history histogram STK:AAPL:SMART:USD --period 3D
    """
    progress = waiting(f"a histogram of {instrument}", quiet=form == "json")
    with asking(running_from(config), HISTORY, instrument) as client, progress:
        args = {"instrument": instrument, "period": period, "rth": rth}
        found = ask(client, "histogram", args, timeout)
    rows: list[Row] = [{"price": price, "size": size} for price, size in found["prices"]]
    columns = (Column("price", "price", right=True), Column("size", "size", right=True))
    put(_Level, rows, columns, form, "nothing was traded")
