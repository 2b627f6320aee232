"""The command group: what `twsmq --help` teaches."""

from __future__ import annotations

import click

from .cluster import down, health, status
from .order import order
from .orders import orders
from .record import record
from .replay import replay
from .simulator import simulator
from .up import up
from .watch import watch


@click.group(
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
    \b
    With your own gateway (paper account, API enabled):
      twsmq up --gateway 127.0.0.1:4002
    """


for command in (up, down, status, health, watch, record, replay, order, orders, simulator):
    main.add_command(command)
