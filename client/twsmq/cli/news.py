"""`twsmq news`: headlines about an instrument, an article behind one, and who writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from twsmq_protocol.endpoints import REFERENCE
from twsmq_protocol.news_requests import Headline, NewsProvider

from .asking import ask, asking
from .contracts import checked
from .listing import Column, Form, Moment, Row, form_option, moment, put, timeout_option
from .options import Unusable, config_option, running_from
from .terminal import echo, echo_json


@click.command()
@config_option
@click.argument("instrument", required=False, callback=checked)
@click.option("--provider", "providers", multiple=True, metavar="CODE", help="[default: all the user has]")
@click.option("--from", "begin", type=Moment(), help="Headlines after it.")
@click.option("--to", "end", type=Moment(), help="Headlines up to it. Give one of the two (IBKR's rule).")
@click.option("--limit", type=click.IntRange(1, 300), default=20, show_default=True)
@click.option("--article", nargs=2, metavar="PROVIDER ID", help="The text behind a headline instead.")
@click.option("--providers", "list_providers", is_flag=True, help="Whose news may be read, instead.")
@form_option
@timeout_option(30.0)
def news(
    config: Path | None,
    instrument: str | None,
    providers: tuple[str, ...],
    begin: int | None,
    end: int | None,
    limit: int,
    article: tuple[str, str] | None,
    list_providers: bool,
    form: Form | None,
    timeout: float,
) -> None:
    """Show headlines about an instrument, newest first. Times are UTC.

    \b
    Examples:
      twsmq news STK:AAPL:SMART:USD --limit 5
      twsmq news --providers
      twsmq news --article BRFG "BRFG$04fb9da2"
    """
    if (instrument is not None) + (article is not None) + list_providers != 1:
        raise Unusable("give one of INSTRUMENT, --article PROVIDER ID, and --providers")
    if begin is not None and end is not None:
        raise Unusable("give one of --from and --to: IBKR ignores the second")
    if article is not None and form == "csv":
        raise Unusable("an article has no rows: leave --csv out")
    with asking(running_from(config), REFERENCE, instrument or "") as client:
        if article is not None:
            given = {"provider": article[0], "article_id": article[1]}
            text = ask(client, "article", given, timeout)
            if form == "json":
                echo_json(text)
            else:
                echo(str(text["text"]), lines=True)
            return
        if list_providers:
            found = ask(client, "news_providers", {}, timeout)
            put(
                NewsProvider, found["providers"], (Column("code", "code"), Column("name", "name")), form,
                "no provider",
            )  # fmt: skip
            return
        wanted: dict[str, Any] = {"instrument": instrument, "from": begin, "to": end, "limit": limit}
        answer = ask(client, "news", wanted | {"providers": list(providers) or None}, timeout)
    columns = (
        Column("time (UTC)", _when),
        Column("provider", "provider"),
        Column("article", "article_id"),
        Column("headline", "headline"),
    )
    put(Headline, answer["headlines"], columns, form, "no headlines")
    if form is None and answer["more"]:
        echo("there are more: --limit, or --to the oldest of these", err=True)


def _when(row: Row) -> str:
    return moment(row["time"]) or str(row["time_text"])
