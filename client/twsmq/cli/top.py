"""`twsmq top`: the board in the terminal, the same as the page's."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from .options import Unusable, config_option, running_from


@click.command()
@config_option
@click.option("--operator", is_flag=True, help="May act too: halt everybody with H, cancel an order with C.")
def top(config: Path | None, operator: bool) -> None:
    """Show the board live: orders, fills, positions, market data, processes, budget, alerts.

    The same as the page's, read-only unless --operator. Keys: 1 to 8 views, / filter, ? help, q quit. When
    the cluster ends, the last board stays on the screen.

    \b
    Examples:
      twsmq top
      twsmq top --operator
    """
    if importlib.util.find_spec("textual") is None:
        raise Unusable("the terminal board is not installed: pip install 'twsmq[tui]'")
    from .top_app import Board

    Board(running_from(config).config, operator=operator).run()
