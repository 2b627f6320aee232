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
from twsmq_protocol.data_files import is_the_clusters
from twsmq_protocol.errors import ConfigError, TwsmqError, gateway_error
from twsmq_supervisor.lock import ADDRESS, as_it_runs
from twsmq_supervisor.settings import Settings, load_settings

from ..errors import RequestRefused
from .terminal import echo, printable

F = TypeVar("F", bound=Callable[..., Any])


class Seconds(click.FloatRange):
    """A time to wait; not nan, which no comparison ends."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds = super().convert(value, param, ctx)
        if seconds != seconds:
            self.fail(f"{value} is no time in seconds", param, ctx)
        return seconds


SECONDS = Seconds(0, 1e7)
SOME_SECONDS = Seconds(0, 1e7, min_open=True)


class MayBeginWithDash(click.Command):
    """Its argument may begin with a dash, as a word does that is no option of it and not the value of one."""

    def is_value(self, text: str, options: tuple[str, ...]) -> bool:
        """Whether a word that begins with a dash is the argument. A long option is rather mistyped."""
        short = tuple(name for name in options if not name.startswith("--"))
        return len(text) > 1 and not text.startswith(("--", *short))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        spelled = tuple(name for each in options for name in (*each.opts, *each.secondary_opts))
        valued = {name for each in options if not each.is_flag for name in each.opts}
        dashed = [
            nth
            for nth, word in enumerate(args)
            if word.startswith("-") and self.is_value(word, spelled)
            if not (nth and args[nth - 1] in valued)
        ]
        if dashed and "--" not in args:
            rest = [word for nth, word in enumerate(args) if nth not in dashed]
            args = [*rest, "--", *(args[nth] for nth in dashed)]
        return super().parse_args(ctx, args)


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


def require_no_file_of_the_clusters(output: Path, data_dir: Path) -> None:
    if is_the_clusters(output, data_dir):
        raise Unusable(f"{output} is a file of the cluster's own: nothing was written; name another one")


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
