"""How a node's process starts and ends.

It starts with its configuration and, under a supervisor, a lifeline: a pipe whose end means "exit"
(`twsmq_transport.lifeline`).

It ends by SIGTERM or SIGINT, in order, with 0; with 2 when its configuration cannot be used; with 78 when no
restart can mend what it found (a journal that is not the one it wrote); with 70 when a
callback or a thread raised, which is a bug of ours: what is in memory can no longer be trusted, what is on
disk can, so the process ends at once and is started anew.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
import structlog
from twsmq_protocol.config_file import LoadedConfig, load_config, take_started
from twsmq_protocol.errors import ConfigError, Unmendable
from twsmq_protocol.niceness import stand_back, take_short_turns
from twsmq_protocol.processes import EX_UNMENDABLE, process_of
from twsmq_transport import descriptors
from twsmq_transport import log as logs
from twsmq_transport.lifeline import watch_lifeline
from twsmq_transport.loops import run_loop
from twsmq_transport.private import keep_private
from twsmq_transport.stop_signals import watch_signals

from .node import Node, Shell

EXIT_CONFIG, EXIT_UNMENDABLE, EXIT_BUG = 2, EX_UNMENDABLE, 70
GC_THRESHOLD = 100_000

log = structlog.stdlib.get_logger()

gc.set_threshold(GC_THRESHOLD)
"""Before the node's own modules: what is imported lives for good, and to look for garbage among it is a
fifteenth of what a start takes."""


def run(name: str | Callable[[int], str], build: Callable[[Node], Shell]) -> NoReturn:
    """The `main` of a node. `name` may depend on `--shard`."""

    @click.command(help=f"Run one twsmq node by hand; `twsmq up` runs all of them. ({sys.argv[0]})")
    @click.option(
        "--config", type=click.Path(path_type=Path), help="twsmq.toml (default: ./twsmq.toml, if any)"
    )
    @click.option("--gateway", metavar="HOST:PORT", help="use this gateway instead of the configured one")
    @click.option("--shard", default=0, show_default=True, help="market-data shard number")
    @click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
    def command(config: Path | None, gateway: str | None, shard: int, log_level: str) -> None:
        own_name = name if isinstance(name, str) else name(shard)
        logs.configure(own_name, log_level)
        try:
            watch_lifeline()
            take_short_turns()
            stand_back(process_of(own_name).nice)
            loaded = load_config(config, gateway, take_started())
            keep_private(loaded.data_dir)
            scarce = descriptors.warning(descriptors.require())
            if scarce:
                log.warning("few descriptors", problem=scarce)
            run_loop(_live(loaded, own_name, build))
        except Unmendable as error:
            log.error("start refused until a person has looked", problem=str(error))
            sys.exit(EXIT_UNMENDABLE)
        except ConfigError as error:
            log.error("configuration refused", problem=str(error))
            sys.exit(EXIT_CONFIG)

    command()
    sys.exit(0)


async def _live(loaded: LoadedConfig, name: str, build: Callable[[Node], Shell]) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_crash)
    threading.excepthook = _crash_thread
    watch_signals(loop, lambda _: stopping.set())
    node = Node(loaded, name)
    gc.disable()
    try:
        shell = build(node)
        _settle_memory()
        node.start(shell)
        log.info("node started", pid=os.getpid())
        await stopping.wait()
        await node.stop()
        log.info("node stopped")
    finally:
        node.close()


def _settle_memory() -> None:
    """A full collection walks all that this process ever imported: 50 ms, in which 25 orders or thousands of
    ticks wait, and seconds where a long journal was read. What is alive by now lives for good, and messages
    hold no cycles."""
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    gc.enable()


def _crash(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A callback or task raised. asyncio would log it and go on with half of an event handled."""
    error = context.get("exception")
    log.critical("a bug ended this process", problem=context.get("message"), exc_info=error)
    if error is not None:
        os._exit(EXIT_BUG)


def _crash_thread(raised: threading.ExceptHookArgs) -> None:
    """A thread has died, perhaps the journal's. Nothing else would end the process."""
    log.critical(
        "a bug ended this process", thread=raised.thread and raised.thread.name, exc_info=raised.exc_value
    )
    os._exit(EXIT_BUG)
