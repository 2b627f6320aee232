"""`twsmq keys`: who may connect, and what each key opens."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import click
import zmq
from msgspec.structs import asdict
from rich.table import Table
from rich.text import Text
from twsmq_protocol import endpoints
from twsmq_protocol.config import Config, parse_config
from twsmq_protocol.config_file import DEFAULT_FILE
from twsmq_protocol.errors import ConfigError, FieldError
from twsmq_protocol.key_folder import LOCAL, KeyFolder
from twsmq_protocol.keys import Admitted, ClientFile, written
from twsmq_protocol.rights import parse_rights
from twsmq_supervisor.settings import Settings

from .config_edit import with_values
from .options import Unusable, config_option, settings_from
from .rendering import show
from .terminal import echo, echo_json

EVERY_INTERFACE = "0.0.0.0"  # noqa: S104 - what a user has written


@click.group()
def keys() -> None:
    """Say who may connect, and what each key opens.

    From nothing to a remote trading client:

    \b
      twsmq keys init --bind 0.0.0.0                       the cluster's keys; switches them on
      twsmq up --detach                                    (one that runs: twsmq down first)
      twsmq keys add alpha --rights trader:alpha           writes alpha.key, the one file a client needs

    \b
    Hand alpha.key over by a safe way; there: Client(keys="alpha.key").

    Rights: reader (market data, contracts, history, health), accounts (reader, and positions, values, profit
    and loss), trader:STRATEGY (reader, and that strategy's orders), risk (halt, limits, cancel all), operator
    (everything). A change holds at once for requests and within seconds for feeds, without a restart.
    """


@keys.command()
@click.option("--bind", metavar="ADDRESS", help="Let the network in: this machine's address, or 0.0.0.0.")
@config_option
@click.option("--json", "as_json", is_flag=True)
def init(bind: str | None, config: Path | None, as_json: bool) -> None:
    """Make the cluster's keys and switch them on.

    The server's pair, one for each process, one for commands on this machine, below the data folder; and in
    twsmq.toml, which is made if there is none: [cluster] keys = "on" (and bind). A cluster that runs takes
    that up when it is started anew.
    """
    changed = _switch_on(config, bind)
    settings, folder = _folder(config)
    processes = _processes(settings)
    if folder.exists():
        with _explained():
            folder.complete(processes, _new_pair)
        what = "the keys were there; what was missing has been added"
    else:
        with _explained():
            template = _client_file(settings, "", "", "", "", ())
            folder.create(processes, _new_pair, template)
        what = "keys made"
    server = folder.server().public_key
    if as_json:
        echo_json({"folder": str(folder.path), "server_key": server})
        return
    echo(f"{what}: {folder.path}")
    echo(f"server key {server}")
    if changed:
        echo(f"{changed}; a cluster that runs takes it up after `twsmq down` and `twsmq up`")


@keys.command()
@click.argument("name")
@click.option("--rights", required=True, metavar="RIGHT[,RIGHT]", help="For example reader,trader:alpha.")
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="[default: NAME.key]")
@click.option("--host", help="Where the client finds this machine. [default: what [cluster] bind implies]")
@config_option
def add(name: str, rights: str, output: Path | None, host: str | None, config: Path | None) -> None:
    """Make a key for a client, and write the one file it needs.

    The file holds a secret: hand it over by a safe way, and keep no other copy.
    """
    settings, folder = _folder(config)
    wanted = _rights(rights)
    target = output or Path(f"{name}.key")
    if target.exists():
        raise Unusable(f"{target} is there already; name another with -o")
    with _explained():
        rows = folder.rows()
        if rows.get(name) is not None and rows[name].rights:
            raise Unusable(f"there is a key called {name}; revoke it first, or choose another name")
        public, secret = _new_pair()
        file = _client_file(settings, name, public, secret, folder.server().public_key, wanted, host)
        rows[name] = Admitted(public_key=public, rights=wanted, added=time.time_ns())
        target.touch(mode=0o600, exist_ok=False)
        target.write_text(written(file))
        folder.write_rows(rows)
    echo(f"{target}: {name} may {', '.join(wanted)}; it finds the cluster at {file.host}")


@keys.command()
@config_option
@click.option("--json", "as_json", is_flag=True)
def pending(config: Path | None, as_json: bool) -> None:
    """Keys that knocked and are not known: accept them, or let them wait."""
    _, folder = _folder(config)
    with _explained():
        found = folder.pending()
    if as_json:
        echo_json(found)
        return
    table = Table("public key", "from", "since", box=None, pad_edge=False)
    for one in found:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.since / 1e9))
        table.add_row(Text(one.public_key), Text(one.address), when)
    show(table) if found else echo("nobody waits")


@keys.command()
@click.argument("public_key")
@click.option("--name", required=True)
@click.option("--rights", required=True, metavar="RIGHT[,RIGHT]")
@config_option
def accept(public_key: str, name: str, rights: str, config: Path | None) -> None:
    """Let a key in whose owner made it: only the public key was told."""
    _, folder = _folder(config)
    wanted = _rights(rights)
    with _explained():
        rows = folder.rows()
        if name in rows and rows[name].rights:
            raise Unusable(f"there is a key called {name}; choose another name")
        rows[name] = Admitted(public_key=public_key, rights=wanted, added=time.time_ns())
        folder.write_rows(rows)
        folder.rows()  # what cannot be read again must not stay
        folder.forget_pending(public_key)
    echo(f"{name} may {', '.join(wanted)}")


@keys.command()
@click.argument("name")
@config_option
def revoke(name: str, config: Path | None) -> None:
    """Let a key in no longer: its requests are refused at once, its feeds end within seconds."""
    _, folder = _folder(config)
    with _explained():
        rows = folder.rows()
        if name not in rows:
            raise Unusable(f"no key is called {name}; see twsmq keys list")
        if name == LOCAL or name.startswith("node/"):
            raise Unusable(
                f"{name} is the cluster's own; without it commands and processes could not connect"
            )
        rows[name] = Admitted(public_key=rows[name].public_key, rights=(), added=rows[name].added)
        folder.write_rows(rows)
    echo(f"{name} is revoked")


@keys.command("list")
@config_option
@click.option("--all", "own_too", is_flag=True, help="The cluster's own processes too.")
@click.option("--json", "as_json", is_flag=True)
def list_keys(config: Path | None, own_too: bool, as_json: bool) -> None:
    """Who is let in, with which rights."""
    _, folder = _folder(config)
    with _explained():
        rows = {name: row for name, row in folder.rows().items() if own_too or not name.startswith("node/")}
    if as_json:
        echo_json([{"name": name, **asdict(row)} for name, row in rows.items()])
        return
    table = Table("name", "rights", "public key", box=None, pad_edge=False)
    for name, row in rows.items():
        table.add_row(Text(name), Text(", ".join(row.rights) or "revoked"), Text(row.public_key))
    show(table)


@keys.command("show")
@click.argument("name", required=False)
@config_option
def show_key(name: str | None, config: Path | None) -> None:
    """The public key of NAME, or of the cluster itself. Secrets are never shown."""
    _, folder = _folder(config)
    with _explained():
        if name is None:
            echo(folder.server().public_key)
            return
        rows = folder.rows()
    if name not in rows:
        raise Unusable(f"no key is called {name}; see twsmq keys list")
    echo(rows[name].public_key)


def _folder(config: Path | None) -> tuple[Settings, KeyFolder]:
    settings = settings_from(config)
    return settings, KeyFolder(settings.data_dir)


def _processes(settings: Settings) -> tuple[str, ...]:
    return (endpoints.SUPERVISOR, endpoints.SIMULATOR, *endpoints.node_names(settings.config))


def _client_file(
    settings: Settings,
    name: str,
    public: str,
    secret: str,
    server: str,
    rights: tuple[str, ...],
    host: str | None = None,
) -> ClientFile:
    cluster = settings.config
    return ClientFile(
        name=name,
        public_key=public,
        secret_key=secret,
        server_key=server,
        host=host or (_own_address() if cluster.cluster.bind == EVERY_INTERFACE else cluster.cluster.bind),
        port_base=cluster.cluster.port_base,
        marketdata=cluster.marketdata.instances,
        rights=rights,
    )


def _own_address() -> str:
    """This machine's address on the way to everywhere else; nothing is sent to find it out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1, RFC 5737
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def _switch_on(config: Path | None, bind: str | None) -> str:
    """What was written into the configuration; empty if it said so already."""
    file = config or DEFAULT_FILE
    values = {"keys": "on"} | ({} if bind is None else {"bind": bind})
    with _explained():
        text = file.read_text() if file.exists() or config is not None else ""
        changed = with_values(text, "cluster", values, str(file))
        if parse_config(changed, str(file)) == _parsed(text, file):
            return ""
        new = file.with_name(f".{file.name}.new")
        new.write_text(changed)
        if file.exists():
            shutil.copymode(file, new)
        new.replace(file.resolve())
    return f"{file}: " + ", ".join(f'{key} = "{value}"' for key, value in values.items())


def _parsed(text: str, file: Path) -> Config | None:
    """None for what is refused as it stands, as a bind beyond loopback without keys is."""
    try:
        return parse_config(text, str(file))
    except ConfigError:
        return None


def _rights(text: str) -> tuple[str, ...]:
    try:
        return tuple(str(right) for right in parse_rights(text.split(",")))
    except FieldError as error:
        raise Unusable(str(error)) from error


def _new_pair() -> tuple[str, str]:
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


@contextmanager
def _explained() -> Generator[None]:
    try:
        yield
    except ConfigError as error:
        raise Unusable(str(error)) from error
    except OSError as error:
        raise Unusable(f"{error.filename}: {error.strerror}") from error
