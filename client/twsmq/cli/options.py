"""What every command shares: `--config`, and how it says what is wrong: one line, never a traceback.

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
from twsmq_protocol.errors import ConfigError, TwsmqError
from twsmq_supervisor.settings import Settings, load_settings

from ..errors import RequestRefused
from .terminal import echo, printable

F = TypeVar("F", bound=Callable[..., Any])


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
        gateway = f" [gateway error {error.tws_code}]" if error.tws_code is not None else ""
        return Refused(f"{error.code}{field}: {error.message}{gateway}")
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
