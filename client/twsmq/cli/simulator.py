"""`twsmq simulator`: the simulated gateway alone, for any TWS API client."""

from __future__ import annotations

import os
from pathlib import Path

import click
from twsmq_supervisor.children import simulator_argv

from .options import config_option, settings_from


@click.command(
    short_help="Run the simulated gateway alone.",
    context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]},
)
@config_option
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def simulator(config: Path | None, options: tuple[str, ...]) -> None:
    """Run the simulated gateway alone, in the foreground, for any TWS API client.

    OPTIONS go to the simulator as they are and win over the configuration; `twsmq simulator -- --help`
    lists them.

    \b
    Examples:
      twsmq simulator                    listens where [gateway] points, 127.0.0.1:4002
      twsmq simulator --port 4010 --seed 42
    """
    argv = (*simulator_argv(settings_from(config)), *options)
    os.execv(argv[0], argv)  # noqa: S606 - the same process goes on as the gateway, so signals reach it
