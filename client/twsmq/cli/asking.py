"""What commands share that ask a process: a client, one line for an error, a typed word before much is done.

`--json` is on every one of them: one JSON object a line, whole.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import click
import msgspec
from twsmq_protocol import endpoints
from twsmq_protocol.errors import ErrorCode, MalformedMessage
from twsmq_protocol.requests import OPS
from twsmq_supervisor.settings import Settings

from ..client import Client
from ..errors import OutcomeUnknown, RequestRefused
from ..ops import TIMEOUT_S
from .options import NoCluster, Refused, Unusable, failure_of, typed
from .reach import NobodyListens, require_listener

F = TypeVar("F", bound=Callable[..., Any])

NO_SUCH_CONTRACT = 200
"""The gateway's words for it, "No security definition has been found for the request", name no instrument."""


@contextmanager
def asking(settings: Settings, process: str = endpoints.ORDERS, instrument: str = "") -> Generator[Client]:
    """What goes wrong with a request ends the command with one line."""
    try:
        require_listener(settings.config, process)
        with Client(settings.config) as client:
            yield client
    except NobodyListens as error:
        raise NoCluster(f"{error}; `{typed(settings, 'status')}` shows whether the cluster runs") from error
    except OutcomeUnknown as error:
        raise Refused(str(error)) from error
    except RequestRefused as error:
        if error.tws_code == NO_SUCH_CONTRACT and instrument not in error.message:
            error.message += f": {instrument}"
        raise failure_of(error) from error


@contextmanager
def known_as(name: str) -> Generator[None]:
    """Where nobody knows what became of a new order: its name, under which the same again is safe. A name
    that was made up here would be another one the next time."""
    told = f": --client-order-id {name}"
    try:
        yield
    except OutcomeUnknown as error:
        raise Refused(f"{error}{told}") from error
    except RequestRefused as error:
        if error.code in (ErrorCode.TIMEOUT, ErrorCode.INTERNAL):
            error.message += told
        raise


def ask(client: Client, op: str, args: dict[str, Any], timeout: float = TIMEOUT_S) -> dict[str, Any]:
    """The result of an op, as plain data in the shape that the protocol promises. Raises
    `MalformedMessage` for any other: whoever listens there may be anybody."""
    kind = OPS[op]
    assert kind.process is not None
    result = client.request(kind.process, op, args, timeout=timeout)
    try:
        return msgspec.to_builtins(msgspec.convert(result, kind.result))
    except msgspec.ValidationError as error:
        raise MalformedMessage(f"{kind.process} answered {op} with something else: {error}") from error


def json_option(command: F) -> F:
    told = "One JSON object a line, every field."
    return click.option("--json", "as_json", is_flag=True, help=told)(command)


def strategy_option(command: F) -> F:
    return click.option("--strategy", default="cli", show_default=True, help="Whose order it is.")(command)


def new_name() -> str:
    """A `client_order_id` that no other order has."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"


def named(given: str | None) -> str:
    """The `client_order_id` of a new order. An empty one, as of an unset variable, would be another order
    each time the same is asked for."""
    if given == "":
        raise Unusable("nothing was sent: --client-order-id is empty, as an unset variable is")
    return new_name() if given is None else given


def confirm_option(command: F) -> F:
    return click.option("--confirm", metavar="WORD", help="The word that would be asked for.")(command)


def require_word(word: str, given: str | None, effect: str) -> None:
    """Who acts on everybody's orders must type a word: at the prompt, or else as `--confirm`."""
    if given is None and sys.stdin.isatty():
        given = click.prompt(f"This {effect}. Type {word} to do it", default="", show_default=False)
    if given != word:
        raise Unusable(f"nothing was done: this {effect}; to do it: --confirm {word}")
