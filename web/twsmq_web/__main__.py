"""`python -m twsmq_web`: serves the page."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import structlog
from twsmq_protocol.config_file import load_config, take_started
from twsmq_protocol.errors import ConfigError
from twsmq_protocol.processes import WEB
from twsmq_transport import descriptors
from twsmq_transport import log as logs
from twsmq_transport.lifeline import watch_lifeline

from .process import EXIT_CONFIG, serve


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="twsmq.toml (default: ./twsmq.toml, if any)")
@click.option("--gateway", metavar="HOST:PORT", help="as for the other processes; not used here")
def main(config: Path | None, gateway: str | None) -> None:
    """Serve the page, /metrics and /api/board; `twsmq up` does it too."""
    logs.configure(WEB)
    log = structlog.stdlib.get_logger()
    try:
        watch_lifeline()
        scarce = descriptors.warning(descriptors.require())
        if scarce:
            log.warning("few descriptors", problem=scarce)
        serve(load_config(config, gateway, take_started()))
    except ConfigError as error:
        log.error("configuration refused", problem=str(error))
        sys.exit(EXIT_CONFIG)


if __name__ == "__main__":
    main()
