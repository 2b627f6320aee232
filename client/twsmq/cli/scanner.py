"""`twsmq scanner`: the best of a market by some measure."""

from __future__ import annotations

from pathlib import Path

import click
from twsmq_protocol.endpoints import REFERENCE
from twsmq_protocol.scanner_requests import ScannerParameter, ScannerRow

from .asking import ask, asking
from .listing import Column, Form, first_of, form_option, parse_fields, put, timeout_option
from .options import Unusable, config_option, running_from
from .terminal import echo


@click.command()
@config_option
@click.argument("scan", required=False)
@click.option("--codes", is_flag=True, help="List the codes that have SCAN in them: of scans, filters …")
@click.option("--type", "instrument_type", default="STK", show_default=True, help="Of the instruments.")
@click.option("--location", default="STK.US.MAJOR", show_default=True)
@click.option("--rows", type=click.IntRange(1, 50), default=50, show_default=True)
@click.option("--above-price", type=click.FloatRange(min=0, min_open=True))
@click.option("--below-price", type=click.FloatRange(min=0, min_open=True))
@click.option("--above-volume", type=click.IntRange(min=0))
@click.option(
    "--filter", "filters", multiple=True, metavar="CODE=VALUE", callback=parse_fields,
    help="May be given many times.",
)  # fmt: skip
@form_option
@timeout_option(60.0)
def scanner(
    config: Path | None,
    scan: str | None,
    codes: bool,
    instrument_type: str,
    location: str,
    rows: int,
    above_price: float | None,
    below_price: float | None,
    above_volume: int | None,
    filters: dict[str, str],
    form: Form | None,
    timeout: float,
) -> None:
    """Show the best of a market by some measure, once.

    \b
    Examples:
      twsmq scanner TOP_PERC_GAIN --above-price 5 --rows 10
      twsmq scanner MOST_ACTIVE --location STK.NASDAQ --csv
      twsmq scanner --codes gain                   which scans have "gain" in them?
    """
    if codes:
        with asking(running_from(config), REFERENCE) as client:
            found = ask(client, "scanner_parameters", {"search": scan, "limit": 5000}, timeout)
        columns = (Column("kind", "kind"), Column("code", "code"), Column("name", "name"))
        put(ScannerParameter, found["parameters"], columns, form, "no code has that in it")
        if form is None and len(found["parameters"]) < found["total"]:
            echo(f"and {found['total'] - len(found['parameters'])} more: name a part of the code", err=True)
        return
    if scan is None:
        raise Unusable("which scan? Like TOP_PERC_GAIN; `twsmq scanner --codes` lists them")
    args = {
        "scan": scan, "instrument_type": instrument_type, "location": location, "rows": rows,
        "above_price": above_price, "below_price": below_price, "above_volume": above_volume,
        "filters": filters,
    }  # fmt: skip
    with asking(running_from(config), REFERENCE) as client:
        found = ask(client, "scanner", args, timeout)
    columns = (
        Column("rank", "rank", right=True),
        Column("conId", "con_id", right=True),
        Column("instrument", "instrument"),
        Column("distance", "distance"),
        Column("value", first_of("projection", "benchmark")),
    )
    put(ScannerRow, found["rows"], columns, form, "nothing is in that scan")
