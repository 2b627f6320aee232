"""`twsmq keys`: who may connect, and what each key opens."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import click
import zmq
from msgspec.structs import asdict, replace
from rich.table import Table
from rich.text import Text
from twsmq_protocol import endpoints
from twsmq_protocol.config import Cluster, Config, parse_config
from twsmq_protocol.config_file import DEFAULT_FILE, LoadedConfig
from twsmq_protocol.errors import ConfigError, FieldError
from twsmq_protocol.hosts import EVERY_INTERFACE
from twsmq_protocol.key_folder import LOCAL, KeyFolder
from twsmq_protocol.keys import Admitted, ClientFile, is_public_key, written
from twsmq_protocol.plain_file import read_plain, write_plain
from twsmq_protocol.rights import parse_rights
from twsmq_supervisor.lock import holder
from twsmq_supervisor.settings import Settings

from ..sockets import public_of
from .config_edit import with_values
from .options import MayBeginWithDash, Unusable, config_option, settings_from
from .own_address import own_address
from .rendering import show
from .terminal import echo, echo_json

_GIT_S = 5.0


@click.group()
def keys() -> None:
    """Set who may connect, and what each key opens.

    From nothing to a remote trading client:

    \b
      twsmq keys init --bind 0.0.0.0                       the cluster's keys; switches them on
      twsmq up --detach                                    (one that runs: twsmq down, before init)
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
    twsmq.toml, which is made if there is none: [cluster] keys = "on" (and bind). A cluster that runs without
    keys goes down first: its programs would show keys to processes that want none.
    """
    changed = _switch_on(config, bind)
    settings, folder = _folder(config)
    fresh = not (folder.exists() or folder.authorized.exists())
    with _explained():
        made = folder.complete(_processes(settings), _new_pair, _client_file(settings, "", "", "", "", ()))
        server = folder.server(public_of).public_key
        folder.local(public_of)
    if as_json:
        echo_json({"folder": str(folder.path), "server_key": server, "written": made})
        return
    if fresh:
        echo(f"keys made: {folder.path}")
    else:
        echo(f"keys are in {folder.path}; written: {', '.join(made) or 'nothing, all were there'}")
        if str(folder.authorized) in made:
            echo("the list of clients was gone: let each in again with 'twsmq keys add' or 'accept'")
        if any(Path(file).name == "server.key" for file in made):
            echo("the server's pair was gone: every client needs a new file")
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
    _require_name(name)
    _require_host(host)
    target = output or Path(f"{name}.key")
    if target.exists():
        raise Unusable(f"{target} is there already; name another with -o")
    public, secret = _new_pair()
    with _explained():
        file = _client_file(settings, name, public, secret, folder.server(public_of).public_key, wanted, host)
        target.touch(mode=0o600, exist_ok=False)
        try:
            target.write_text(written(file))
            with folder.change() as rows:
                _let_in(rows, name, public, wanted)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    echo(f"{target}: {name} may {', '.join(wanted)}; it finds the cluster at {file.host}")
    if _would_be_committed(target):
        echo(f"twsmq: {target} lies in a git repository that does not ignore it: never commit it", err=True)


@keys.command()
@config_option
@click.option("--json", "as_json", is_flag=True)
def pending(config: Path | None, as_json: bool) -> None:
    """Keys that knocked and are not known.

    Accept them, or let them wait.
    """
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


class _TakesKey(MayBeginWithDash):
    """One public key in 85 begins with a dash, some with two."""

    def is_value(self, text: str, options: tuple[str, ...]) -> bool:
        return is_public_key(text)


@keys.command(cls=_TakesKey)
@click.argument("public_key")
@click.option("--name", required=True)
@click.option("--rights", required=True, metavar="RIGHT[,RIGHT]")
@config_option
def accept(public_key: str, name: str, rights: str, config: Path | None) -> None:
    """Let a key in that its owner has made.

    Only the public half is needed.
    """
    _, folder = _folder(config)
    wanted = _rights(rights)
    _require_name(name)
    if not is_public_key(public_key):
        raise Unusable(
            f"{public_key[:50]!r} is no public key: it has 40 characters, see 'twsmq keys pending'"
        )
    with _explained(), folder.change() as rows:
        holder = next((other for other, row in rows.items() if row.public_key == public_key), name)
        if holder != name:
            what = "is let in as" if rows[holder].rights else "was revoked as"
            raise Unusable(f"this key {what} {holder}: have another one made")
        _let_in(rows, name, public_key, wanted)
    with _explained():
        folder.forget_pending(public_key)
    echo(f"{name} may {', '.join(wanted)}")


@keys.command()
@click.argument("name")
@config_option
def revoke(name: str, config: Path | None) -> None:
    """Let a key in no longer.

    Its requests are refused at once, its feeds end within seconds.
    """
    _, folder = _folder(config)
    with _explained(), folder.change() as rows:
        if name not in rows:
            raise Unusable(f"no key is called {name}; see twsmq keys list")
        if name == LOCAL or name.startswith("node/"):
            raise Unusable(
                f"{name} is the cluster's own; without it commands and processes could not connect"
            )
        rows[name] = replace(rows[name], rights=())
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


def _would_be_committed(file: Path) -> bool:
    """As far as git, where there is one, says so."""
    git = shutil.which("git")
    inside = any((folder / ".git").exists() for folder in file.resolve().parents)
    if git is None or not inside:
        return False
    command = [git, "-C", str(file.resolve().parent), "check-ignore", "--quiet", file.name]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_GIT_S, check=False)  # noqa: S603 - git
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 1  # 0: it is ignored; more: git cannot tell


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
        host=host or (own_address() if cluster.cluster.bind == EVERY_INTERFACE else cluster.cluster.bind),
        port_base=cluster.cluster.port_base,
        marketdata=cluster.marketdata.instances,
        rights=rights,
    )


def _switch_on(config: Path | None, bind: str | None) -> str:
    """What was written into the configuration; empty if it was there already."""
    file = config or DEFAULT_FILE
    values = {"keys": "on"} | ({} if bind is None else {"bind": bind})
    with _explained():
        text = read_plain(file).decode() if file.exists() or config is not None else ""
        changed = with_values(text, "cluster", values, str(file))
        wanted = parse_config(changed, str(file))
        if wanted == _parsed(text, file):
            return ""
        _require_no_cluster_without_keys(_lock_of(wanted, file))
        new = file.with_name(f".{file.name}.new")
        with write_plain(new, os.O_TRUNC) as opened:
            opened.write(changed.encode())
        if file.exists():
            shutil.copymode(file, new)
        new.replace(file.resolve())
    return f"{file}: " + ", ".join(f'{key} = "{value}"' for key, value in values.items())


def _lock_of(config: Config, file: Path) -> Path:
    folder = file.resolve().parent
    return Settings(
        loaded=LoadedConfig(config=config, data_dir=folder / config.cluster.data_dir, file=file)
    ).lock_file


def _require_no_cluster_without_keys(lock: Path) -> None:
    """Raises `Unusable`: with keys in the file, whoever reads it could not speak to that cluster any more."""
    held = holder(lock)
    if held is not None and held.without_keys:
        raise Unusable(
            f"a cluster runs here without keys (supervisor pid {held.pid}), and nothing was changed: first "
            "`twsmq down`, then `twsmq keys init` again, then `twsmq up`"
        )


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


def _require_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", name):
        raise Unusable(
            f"{name[:50]!r} is no name of a key: 1 to 40 of A-Z a-z 0-9 . _ -, a letter or digit first"
        )


def _let_in(rows: dict[str, Admitted], name: str, public_key: str, rights: tuple[str, ...]) -> None:
    """A name goes to another key only once the one that has it is revoked; that stays so, as `name/1`."""
    had = rows.get(name)
    if name == LOCAL:
        raise Unusable(f"{LOCAL} is the key of commands on this machine; choose another name")
    if had is not None and had.rights:
        raise Unusable(f"there is a key called {name}; revoke it first, or choose another name")
    if had is not None and had.public_key != public_key:
        rows[next(aside for number in count(1) if (aside := f"{name}/{number}") not in rows)] = had
    rows[name] = Admitted(public_key=public_key, rights=rights, added=time.time_ns())


def _require_host(host: str | None) -> None:
    """What a client could not connect to is refused now, not there."""
    if host is None:
        return
    try:
        Cluster(bind=host, keys="on")
    except FieldError as error:
        raise Unusable(f"--host {host[:80]!r}: {error}") from error


def _new_pair() -> tuple[str, str]:
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


@contextmanager
def _explained() -> Generator[None]:
    try:
        yield
    except ConfigError as error:
        raise Unusable(str(error)) from error
    except UnicodeDecodeError as error:
        raise Unusable(f"a file that is no UTF-8 text: {error}") from error
    except OSError as error:
        raise Unusable(f"{error.filename}: {error.strerror}") from error
