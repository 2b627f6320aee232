"""`twsmq web` prints the link that logs a browser in."""

from __future__ import annotations

import getpass
from pathlib import Path

import click
from twsmq_protocol.endpoints import web_port
from twsmq_protocol.processes import WEB, node_names, web_installed

from .options import Unusable, config_option, settings_from
from .terminal import echo


@click.command()
@config_option
@click.option("--operator", is_flag=True, help="A key that may act too: halt, cancel, restart, acknowledge.")
@click.option("--who", help="The name that stands in the audit. [default: your login name]")
def web(config: Path | None, operator: bool, who: str | None) -> None:
    """Print a link that logs a browser into the page. It is good once, within ten minutes.

    A browser is a viewer; with --operator it may act for twelve hours, and every act is in the audit under
    your name. Whoever may write the data folder may make such links.

    \b
    Examples:
      twsmq web                     a link to look
      twsmq web --operator          a link (or, for a browser that is logged in, a key) to act
    """
    settings = settings_from(config)
    if WEB not in node_names(settings.config):
        if settings.config.web.enabled is None and not web_installed():
            raise Unusable("the page is not installed: pip install 'twsmq[web]', then restart the cluster")
        raise Unusable("the page is switched off: set [web] enabled = true and restart the cluster")
    from twsmq_web.access import make_key

    try:
        name = who or getpass.getuser()
    except (KeyError, OSError):
        name = "operator" if operator else "viewer"
    key = make_key(settings.data_dir / "web", "operator" if operator else "viewer", name)
    echo(f"http://{settings.config.cluster.bind}:{web_port(settings.config)}/#login={key}")
