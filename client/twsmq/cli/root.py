"""The command group: what `twsmq --help` teaches.

Each command's module is imported when it is called for, so that `--help` and `--version` are quick and a
command pays for nothing but itself.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import click
from twsmq_protocol.errors import TwsmqError

from .interrupt import killed_by_ctrl_c
from .terminal import echo, printable

_COMMANDS = {
    "up": ("up", "Start the whole cluster and watch it."),
    "down": ("cluster", "Stop the cluster in order."),
    "status": ("cluster", "Show every process and the link to the gateway."),
    "attach": ("up", "Show a cluster that runs in the background as `up` does."),
    "why": ("why", "Show why a process is in the state it is in."),
    "blame": ("why", "Show what the start of each process waited for."),
    "logs": ("logs", "Show what the processes have logged."),
    "restart": ("restart", "Restart processes, one after the other."),
    "reload": ("restart", "Show what a changed configuration needs."),
    "health": ("cluster", "Exit 0 if one node is ready: a container's health check."),
    "client-ids": ("client_ids", "Who holds which client ID; one for a program of yours."),
    "budget": ("budget", "Who uses how much of the gateway's limits."),
    "watch": ("watch", "Print events as they come."),
    "record": ("record", "Record events into a file."),
    "replay": ("replay", "Play a recording onto its topics."),
    "snapshot": ("quotes", "Show one quote of each instrument, once."),
    "contract": ("contracts", "Show what the gateway knows of a contract."),
    "chain": ("contracts", "List the options on an underlying."),
    "search": ("contracts", "Find instruments by symbol or name."),
    "scanner": ("scanner", "The best of a market by some measure."),
    "news": ("news", "Headlines about an instrument, and articles."),
    "history": ("history", "Bars and ticks of the past; download and verify many."),
    "order": ("order", "Place, change, cancel and watch orders."),
    "orders": ("orders", "Executions, and the journal of all orders."),
    "positions": ("account", "Show what is held."),
    "account": ("account", "Show the figures of every account."),
    "flatten": ("flatten", "Close positions, by orders that only reduce."),
    "halt": ("halts", "Take no new orders, of one strategy or of all: the kill switch."),
    "resume": ("halts", "Take a halt back."),
    "risk": ("risk", "Show and set the limits on orders."),
    "doctor": ("doctor", "Find out why a gateway does not work."),
    "keys": ("keys", "Set who may connect, and what each key opens."),
    "web": ("web", "Print the link that logs a browser into the page."),
    "top": ("top", "The whole desk in the terminal, live."),
    "alerts": ("alerts", "Show what fires; acknowledge, silence, test."),
    "report": ("report", "A day of the desk: equity, results, costs of fills, gaps."),
    "conform": ("conform", "Prove a client in any language, without a cluster."),
    "simulator": ("simulator", "Run the simulated gateway alone, and command a running one."),
}
"""Each command's module, which has it under the same name, and what it does."""

_INTERRUPTED = 130


class Commands(click.Group):
    """Loads commands late, and ends without a traceback on Ctrl-C and when nobody reads the output."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        with killed_by_ctrl_c():
            module = importlib.import_module(f"{__package__}.{_COMMANDS[cmd_name][0]}")
        return getattr(module, cmd_name.replace("-", "_"))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, does) for name, (_, does) in _COMMANDS.items()])

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _as_far_as_it_is_read():  # --help and --version of the group itself
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _as_far_as_it_is_read():
                result = super().invoke(ctx)
                sys.stdout.flush()
        except KeyboardInterrupt:
            raise SystemExit(_INTERRUPTED) from None
        except click.UsageError as error:
            raise click.UsageError(printable(error.format_message(), "\n"), error.ctx) from error
        except TwsmqError as error:  # no command of ours ends in a traceback for what others sent
            from .options import failure_of

            raise failure_of(error) from error
        except UnicodeEncodeError as error:
            if error.reason != "surrogates not allowed":
                raise
            raise click.UsageError("an argument is no UTF-8 text") from error
        return result


@contextmanager
def _as_far_as_it_is_read() -> Generator[None]:
    """Ends the command where its output is read no further, or its disk takes no more."""
    try:
        yield
    except BrokenPipeError:  # `twsmq watch … | head`: whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        echo(f"twsmq: cannot write all of it: {error.strerror}", err=True)
        raise SystemExit(1) from None


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every command reads ./twsmq.toml if there is one; name another with --config FILE.",
)
@click.version_option(package_name="twsmq", message="%(prog)s %(version)s")
def main() -> None:
    """Let many programs share one Interactive Brokers TWS or IB Gateway.

    \b
    A first look, nothing else needed (a simulated gateway comes along):
      twsmq up                                        start everything, watch it live
      twsmq watch quote/STK:AAPL:SMART:USD/           live quotes (another terminal)
      twsmq order place --instrument STK:AAPL:SMART:USD --side BUY \\
                        --quantity 10 --order-type MKT
      twsmq status                                    which process is in which state
      twsmq positions                                 what is held; `order list --active`: what works
    \b
    With your own gateway (paper account, API enabled):
      twsmq up --gateway 127.0.0.1:4002
    """
