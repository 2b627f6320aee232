"""The command line: `python -m twsmq_simulator`, and `twsmq simulator`.

One JSON line per event on stderr. `listening` names the port; SIGTERM and SIGINT end the process with 0. When
TWSMQ_LIFELINE_FD names an inherited pipe, its end ends the process: no simulator outlives its supervisor.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Any, TextIO, cast

import click
import structlog
from twsmq_protocol.first_signals import MEANINGLESS, asking_to_stop
from twsmq_protocol.processes import LIFELINE_FD
from twsmq_protocol.standard_streams import Unbroken, fill

from twsmq_simulator.errors import SimulatorError, StoreFailed
from twsmq_simulator.market.permissions import STAND_INS
from twsmq_simulator.server import serve
from twsmq_simulator.settings import Settings
from twsmq_simulator.wire.zones import ZONE_STYLES

LEVELS = ["debug", "info", "warning", "error"]


def configure_logging(level: str) -> None:
    fill()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", Unbroken(2))),
        cache_logger_on_first_use=False,
    )


def watch_lifeline(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Sets `stop` when the inherited pipe ends. The pipe's content does not matter."""
    text = os.environ.get(LIFELINE_FD, "")
    if not text:
        return
    try:
        fd = int(text)
        os.set_blocking(fd, False)
    except (ValueError, OSError):
        raise click.ClickException(f"{LIFELINE_FD}={text} is no open file descriptor: unset it") from None

    def readable() -> None:
        if not os.read(fd, 4096):
            loop.remove_reader(fd)
            stop.set()

    loop.add_reader(fd, readable)


async def run(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in asking_to_stop():
        loop.add_signal_handler(number, stop.set)
    for number in MEANINGLESS:
        loop.add_signal_handler(number, lambda: None)
    watch_lifeline(loop, stop)
    failures: list[StoreFailed] = []

    def unhandled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, StoreFailed):
            failures.append(error)
            stop.set()
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(unhandled)
    server = await serve(settings)
    try:
        await stop.wait()
        if failures:
            raise failures[0]
    finally:
        await server.close()
        structlog.get_logger("twsmq.simulator").info("stopped")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option(
    "--port", default=4002, type=click.IntRange(0, 65535), help="Port for API clients; 0 takes a free one."
)
@click.option(
    "--data-dir",
    default=Path("var/simulator"),
    type=click.Path(path_type=Path, file_okay=False),
    help="Orders, fills, positions and prices are kept here and survive a kill -9.",
)
@click.option("--seed", default=1, help="The same seed and the same requests give the same market.")
@click.option(
    "--control-port", type=click.IntRange(0, 65535), help="ZeroMQ port for faults on command; none without."
)
@click.option(
    "--control-keys",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="A cluster's keys (var/keys): only its operators command then.",
)
@click.option("--tick-rate", default=4.0, help="Book changes per second of each instrument somebody follows.")
@click.option(
    "--account", "accounts", multiple=True, default=["DU1234567"], help="Paper account; may be repeated."
)
@click.option("--master-client-id", type=int, help="The client that receives everybody's orders.")
@click.option(
    "--hours", default="always", type=click.Choice(["always", "exchange"]), help="When markets trade."
)
@click.option("--clock-speed", default=1.0, help="Times real time; 0 is moved by the control socket only.")
@click.option("--start", type=float, help="Seconds since 1970 at which the clock starts; now unless given.")
@click.option("--latency-ms", default=2.0, help="From a request to the exchange's answer.")
@click.option(
    "--limits",
    default="paper",
    type=click.Choice(["paper", "none"]),
    help="Rates and numbers of subscriptions.",
)
@click.option(
    "--unsubscribed",
    multiple=True,
    metavar="EXCHANGE|SEC_TYPE",
    help="No live market data for these, as NASDAQ or OPT; may be repeated.",
)
@click.option(
    "--delayed-data",
    default="available",
    type=click.Choice(STAND_INS),
    help="What stands in for data that are not subscribed.",
)
@click.option(
    "--reports",
    default="captured",
    type=click.Choice(["captured", "plain"]),
    help="Orders are reported as gateways were seen to, by seed; or always in one way.",
)
@click.option(
    "--zones", default="captured", type=click.Choice(ZONE_STYLES), help="How time zones are spelled."
)
@click.option(
    "--chains",
    default="small",
    type=click.Choice(["small", "full"]),
    help="Full: SPX options as a real chain has them, some twenty thousand.",
)
@click.option(
    "--log-level", default="info", type=click.Choice(LEVELS), help="JSON lines on stderr from this level."
)
def main(
    host: str,
    port: int,
    data_dir: Path,
    seed: int,
    control_port: int | None,
    control_keys: Path | None,
    tick_rate: float,
    accounts: tuple[str, ...],
    master_client_id: int | None,
    hours: str,
    clock_speed: float,
    start: float | None,
    latency_ms: float,
    limits: str,
    unsubscribed: tuple[str, ...],
    delayed_data: str,
    reports: str,
    zones: str,
    chains: str,
    log_level: str,
) -> None:
    """Run a simulated Interactive Brokers Gateway.

    Any TWS API client can connect to it: ibapi, ib_async, ... It speaks the text protocol (server versions
    157 to 200), trades about thirty well-known instruments with their option and futures chains on a random
    market, and keeps a paper account on disk.

    \b
    Try:  python -m twsmq_simulator --port 4002
    and connect your program to 127.0.0.1:4002 as it would to a paper Gateway.
    """
    configure_logging(log_level)
    settings = Settings(
        host=host,
        port=port,
        data_dir=data_dir,
        seed=seed,
        control_port=control_port,
        control_keys=control_keys,
        tick_rate=tick_rate,
        accounts=accounts,
        master_client_id=master_client_id,
        hours=hours,
        clock_speed=clock_speed,
        start=None if start is None else int(start * 1e9),
        latency_ms=latency_ms,
        limits=limits,
        unsubscribed=unsubscribed,
        delayed_data=delayed_data,
        reports=reports,
        zones=zones,
        chains=chains,
    )
    try:
        if sys.platform != "win32":
            import uvloop

            uvloop.run(run(settings))
        else:
            asyncio.run(run(settings))
    except SimulatorError as error:
        click.echo(f"twsmq_simulator: {error}", err=True)
        sys.exit(2)
