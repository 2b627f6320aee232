"""A simulated Interactive Brokers Gateway: the TWS protocol, a market and a broker behind it, and faults on
command.

    server = await serve(Settings(data_dir=Path("var/simulator"), port=4002))
    ...
    await server.close()

It imports nothing of the nodes and nothing of `ibapi`: what both sides share could not be tested by either.
"""

# ruff: noqa: E402 - what is imported takes its time

from twsmq_protocol.first_signals import handle_if_run

handle_if_run()

from twsmq_simulator.errors import BadSettings, SimulatorError
from twsmq_simulator.server import Server, serve
from twsmq_simulator.settings import Settings

__all__ = ["BadSettings", "Server", "Settings", "SimulatorError", "serve"]
