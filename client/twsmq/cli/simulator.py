"""`twsmq simulator`: the simulated gateway alone, and what goes wrong in a running one, on command."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import msgspec
import zmq
from twsmq_protocol import endpoints
from twsmq_protocol.hosts import address
from twsmq_protocol.key_folder import KeyFolder
from twsmq_supervisor.children import simulator_argv

from ..sockets import public_of
from .options import NoCluster, Refused, Unusable, config_option, running_from, settings_from
from .terminal import echo

_ANSWER_S = 60
"""A long `step` takes a while."""
_TYPES: dict[str, click.ParamType[Any]] = {
    "integer": click.INT,
    "number": click.FLOAT,
    "boolean": click.BOOL,
    "text": click.STRING,
}


class Argument(msgspec.Struct, frozen=True):
    type: str
    required: bool
    default: Any = None


class Operation(msgspec.Struct, frozen=True):
    args: dict[str, Argument]
    doc: str


class _Description(msgspec.Struct, frozen=True):
    ops: dict[str, Operation]


class _Error(msgspec.Struct, frozen=True):
    message: str


class _Reply(msgspec.Struct, frozen=True):
    ok: bool
    result: Any = None
    error: _Error | None = None


class _RunsByDefault(click.Group):
    """`twsmq simulator --port 4010` is `twsmq simulator run --port 4010`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ("-h", "--help")):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_RunsByDefault,
    short_help="Run the simulated gateway alone, or make things go wrong in it.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
def simulator() -> None:
    """Run the simulated gateway alone, for any TWS API client, or make things go wrong in a running one.

    \b
    Examples:
      twsmq simulator                    listens where [gateway] points, 127.0.0.1:4002
      twsmq simulator --port 4010 --seed 42
      twsmq simulator faults             what can be made to go wrong
      twsmq simulator fault drop client_id=101
    """


@simulator.command(
    short_help="Run it in the foreground; also without the word `run`.",
    context_settings={"ignore_unknown_options": True},
)
@config_option
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[SIMULATOR OPTION]...")
def run(config: Path | None, options: tuple[str, ...]) -> None:
    """Run the simulated gateway in the foreground; also without the word `run`.

    What is no option below goes to the simulator as it is and wins over the configuration;
    `twsmq simulator -- --help` lists them.
    """
    argv = (*simulator_argv(settings_from(config)), *options)
    os.execv(argv[0], argv)  # noqa: S606 - the same process goes on as the gateway, so signals reach it


def _control_port_option(command: Any) -> Any:
    return click.option(
        "--control-port",
        type=click.IntRange(1, 65535),
        help="Of a simulator that was started with another one. [default: port_base + 90]",
    )(command)


@simulator.command()
@config_option
@_control_port_option
@click.argument("op")
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
def fault(config: Path | None, control_port: int | None, op: str, arguments: tuple[str, ...]) -> None:
    """Make OP go wrong in the running simulator, at once.

    \b
    Examples:
      twsmq simulator fault connectivity_lost
      twsmq simulator fault connectivity_restored data_lost=true
      twsmq simulator fault price_jump symbol=AAPL percent=-5
    """
    with _Control(config, control_port) as control:
        ops = control.describe()
        if op not in ops:
            raise Unusable(f"there is no fault {op!r}; there are: {', '.join(ops)}")
        result = control.ask(op, _typed(op, ops[op].args, arguments))
    echo(json.dumps(result, indent=2) if result else f"{op}: done", lines=True)


@simulator.command(short_help="List what `fault` can do.")
@config_option
@_control_port_option
def faults(config: Path | None, control_port: int | None) -> None:
    """List what `twsmq simulator fault` can do, as the running simulator describes it."""
    with _Control(config, control_port) as control:
        ops = control.describe()
    formatter = click.HelpFormatter()
    for name, operation in ops.items():
        words = [name, *(_shown(key, argument) for key, argument in operation.args.items())]
        formatter.write_text(" ".join(words))
        formatter.indent()
        formatter.write_text(operation.doc)
        formatter.dedent()
    echo(formatter.getvalue().rstrip("\n"), lines=True)


def _shown(name: str, argument: Argument) -> str:
    """`symbol=TEXT` where it is needed, `[sec_type=STK]` with its default, `[client_id=INTEGER]` without."""
    if argument.required:
        return f"{name}={argument.type.upper()}"
    if argument.default is None or (argument.type == "text" and " " in argument.default):
        return f"[{name}={argument.type.upper()}]"
    default = json.dumps(argument.default) if argument.type != "text" else argument.default
    return f"[{name}={default}]"


def _typed(op: str, known: dict[str, Argument], words: Iterable[str]) -> dict[str, Any]:
    """The arguments as the operation wants them. Raises Unusable, naming the wrong one."""
    takes = f"{op} takes {', '.join(known) or 'no arguments'}"
    found: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise Unusable(f"{word!r} is no argument: write KEY=VALUE; {takes}")
        if name not in known:
            raise Unusable(f"{name!r} is no argument of this fault: {takes}")
        try:
            found[name] = _TYPES[known[name].type].convert(text, None, None)
        except click.BadParameter as wrong:
            raise Unusable(f"{name}: {wrong.message}") from None
    missing = [name for name, argument in known.items() if argument.required and name not in found]
    if missing:
        raise Unusable(f"{op} needs {' and '.join(missing)}: {takes}")
    return found


class _Control:
    """The control socket of a running simulator. Every question gets one answer, or `NoCluster`."""

    def __init__(self, config: Path | None, port: int | None) -> None:
        loaded = running_from(config)
        settings = loaded.config
        keyed = settings.cluster.keys == "on"
        self._keys = KeyFolder(loaded.data_dir).local(public_of) if keyed else None
        self._address = (settings.gateway.host, port or endpoints.simulator_control_port(settings))
        self._shown = address(*self._address)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    def __enter__(self) -> _Control:
        try:
            socket.create_connection(self._address, timeout=2).close()
        except OSError as error:
            self._context.destroy(linger=0)
            cure = "start one with `twsmq simulator` or `twsmq up`"
            raise NoCluster(f"no simulator takes commands at {self._shown}: {cure}") from error
        self._socket = self._context.socket(zmq.DEALER)
        if self._keys is not None:
            self._socket.curve_serverkey = self._keys.server_key.encode()
            self._socket.curve_publickey = self._keys.public_key.encode()
            self._socket.curve_secretkey = self._keys.secret_key.encode()
        self._socket.ipv6 = ":" in self._address[0]
        self._socket.connect(f"tcp://{self._shown}")
        return self

    def __exit__(self, *_: object) -> None:
        self._context.destroy(linger=0)

    def describe(self) -> dict[str, Operation]:
        return msgspec.convert(self.ask("describe", {}, timeout_s=5), _Description).ops

    def ask(self, op: str, args: dict[str, Any], timeout_s: int = _ANSWER_S) -> Any:
        self._socket.send(msgspec.msgpack.encode({"v": 1, "id": op, "op": op, "args": args}))
        if not self._socket.poll(timeout_s * 1000):
            raise NoCluster(f"who listens at {self._shown} does not answer within {timeout_s} s")
        reply = msgspec.msgpack.decode(self._socket.recv(), type=_Reply)
        if reply.error is not None:
            raise Refused(reply.error.message)
        return reply.result
