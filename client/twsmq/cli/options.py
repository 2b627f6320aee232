"""What every command shares: `--config`, and how an error is shown: one line, never a traceback.

Exit codes: 0 done, 1 asked but refused or not ready, 2 wrong usage, configuration or surroundings, 3 no
cluster answers.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from twsmq_protocol.errors import ConfigError, TwsmqError, gateway_error
from twsmq_supervisor.lock import ADDRESS, as_it_runs
from twsmq_supervisor.settings import Settings, load_settings

from ..errors import RequestRefused
from .terminal import echo, printable

F = TypeVar("F", bound=Callable[..., Any])


class _Seconds(click.FloatRange):
    """A time to wait; not nan, which no comparison ends."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds = super().convert(value, param, ctx)
        if seconds != seconds:
            self.fail(f"{value} is no time in seconds", param, ctx)
        return seconds


SECONDS = _Seconds(0, 1e7)


class Failure(click.ClickException):
    """Ends the command with one line on stderr."""

    def show(self, file: Any = None) -> None:
        echo(f"twsmq: {printable(self.format_message())}", err=True)


class Refused(Failure):
    exit_code = 1


class Unusable(Failure):
    exit_code = 2


class NoCluster(Failure):
    exit_code = 3


def failure_of(error: TwsmqError) -> Failure:
    """How a command ends for an error that it did not expect in particular."""
    if isinstance(error, ConfigError):
        return Unusable(str(error))
    if isinstance(error, RequestRefused):
        field = f" ({error.field})" if error.field else ""
        return Refused(f"{error.code}{field}: {error.message}{gateway_error(error.tws_code)}")
    return Refused(str(error))


def config_option(command: F) -> F:
    return click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="The configuration. [default: ./twsmq.toml if it exists, else built-in defaults]",
    )(command)


def settings_from(file: Path | None, gateway: str | None = None) -> Settings:
    try:
        return load_settings(file, gateway)
    except ConfigError as error:
        raise Unusable(str(error)) from error


def running_from(file: Path | None) -> Settings:
    """As the cluster runs, if one does: its address is what it was started with, whatever the file says by
    now, until it is started anew."""
    settings = settings_from(file)
    running = as_it_runs(settings)
    there, here = running.config.cluster, settings.config.cluster
    keys = [name.removeprefix("cluster.") for name in ADDRESS]
    other = [key for key in keys if getattr(there, key) != getattr(here, key)]
    if other:
        said = ", ".join(f"{key} = {getattr(there, key)}, not {getattr(here, key)}" for key in other)
        echo(
            f"twsmq: the cluster that runs was started with {said} as the file says by now; it is reached "
            f"as it runs, `{typed(settings, 'down')}` and `{typed(settings, 'up')}` apply the file",
            err=True,
        )
    return running


def typed(settings: Settings, *words: str) -> str:
    """A twsmq command line as this user would type it here."""
    program = sys.argv[0]
    path = Path(program).absolute()
    if path.name != "twsmq":
        program = f"{sys.executable} -m twsmq.cli"
    elif shutil.which("twsmq") == str(path):
        program = "twsmq"
    elif path.is_relative_to(Path.cwd()):
        program = str(path.relative_to(Path.cwd()))
    file = settings.loaded.file
    default = file is None or file.absolute() == Path("twsmq.toml").absolute()
    return " ".join([program, *words, *([] if default else ["--config", shlex.quote(str(file))])])
