"""`twsmq web` prints the link that logs a browser in."""

from __future__ import annotations

import getpass
from pathlib import Path

import click
from twsmq_protocol.key_folder import LOCAL, KeyFolder
from twsmq_protocol.processes import WEB, node_names, web_installed
from twsmq_protocol.rights import Identity, parse_rights
from twsmq_supervisor.lock import is_locked

from ..sockets import accepts
from .options import NoCluster, Settings, Unusable, config_option, running_from, typed
from .own_address import page_address, page_url, page_url_elsewhere
from .terminal import echo


@click.command()
@config_option
@click.option("--operator", is_flag=True, help="A key that may act too: halt, cancel, restart, acknowledge.")
@click.option("--who", help="The name that stands in the audit. [default: your login name, or the key's]")
@click.option("--key", "key_name", help="Which of the cluster's keys it is tied to. [default: local]")
@click.option("--end-sessions", is_flag=True, help="Log every browser out instead; unused links end too.")
def web(
    config: Path | None, operator: bool, who: str | None, key_name: str | None, end_sessions: bool
) -> None:
    """Print a link that logs a browser into the page. It is good once, within ten minutes.

    A browser is a viewer; with --operator it may act for twelve hours, and every act is in the audit under
    your name. Whoever may write the data folder may make such links. Where the cluster has keys, the
    browser may what the key it is tied to may at present, and is logged out when that is revoked.

    \b
    Examples:
      twsmq web                     a link to look
      twsmq web --operator          a link (or, for a browser that is logged in, a key) to act
      twsmq web --key ann           a link for Ann, good as long as her key is
      twsmq web --end-sessions      somebody has left: everybody logs in anew
    """
    settings = running_from(config)
    if WEB not in node_names(settings.config):
        if settings.config.web.enabled is None and not web_installed():
            raise Unusable("the page is not installed: pip install 'twsmq[web]', then restart the cluster")
        raise Unusable("the page is switched off: set [web] enabled = true and restart the cluster")
    from twsmq_web import access

    if end_sessions:
        access.end_sessions(settings.data_dir / "web")
        echo("every browser is logged out, and no link printed before is good any more")
        return
    if not is_locked(settings.lock_file) and not accepts(*page_address(settings.config)):
        here = page_url(settings.config)
        raise NoCluster(f"no cluster runs here, and nothing listens at {here}: `{typed(settings, 'up')}`")
    try:
        name = who or key_name or getpass.getuser()
    except (KeyError, OSError):
        name = "operator" if operator else "viewer"
    role, of_key = "operator" if operator else "viewer", _public_key(settings, key_name, operator=operator)
    key = access.make_key(settings.data_dir / "web", role, name, of_key)
    here, elsewhere = page_url(settings.config), page_url_elsewhere(settings.config)
    echo(f"{here}#login={key}")
    if elsewhere not in (None, here):
        echo(f"from another machine (the same link, good once): {elsewhere}#login={key}", err=True)


def _public_key(settings: Settings, name: str | None, *, operator: bool) -> str:
    """Of the cluster's key that the session is tied to; empty without keys. Raises `Unusable`."""
    if settings.config.cluster.keys != "on":
        if name is not None:
            raise Unusable("this cluster runs without keys: leave out --key")
        return ""
    name = name or LOCAL
    row = KeyFolder(settings.data_dir).rows().get(name)
    if row is None:
        raise Unusable(f"no key is called {name!r}: `twsmq keys list` shows those there are")
    kinds = Identity(name, parse_rights(row.rights)).kinds()
    if "accounts" not in kinds:
        raise Unusable(
            f"the key {name!r} does not open the board: it needs the right accounts, risk or operator"
        )
    if operator and "risk" not in kinds:
        raise Unusable(f"the key {name!r} may not act: it needs the right risk or operator")
    return row.public_key
