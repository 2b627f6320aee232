"""The running simulator: the gateway behind a listening socket, in an asyncio loop of the caller's."""

from __future__ import annotations

import asyncio

import structlog

from twsmq_simulator.errors import BadSettings
from twsmq_simulator.gateway import Gateway
from twsmq_simulator.session import Session
from twsmq_simulator.settings import Settings

log = structlog.get_logger("twsmq.simulator")


class Server:
    """A simulator that accepts clients on `port` until `close`."""

    def __init__(self, gateway: Gateway, listener: asyncio.Server) -> None:
        self.gateway = gateway
        self._listener = listener
        self.host, self.port = listener.sockets[0].getsockname()[:2]

    async def close(self) -> None:
        """Stops listening, drops every client and closes the store."""
        self._listener.close()
        self.gateway.close()
        await self._listener.wait_closed()


async def serve(settings: Settings) -> Server:
    """Starts a simulator in the running loop. Raises BadSettings, also where the port is taken."""
    gateway = Gateway(settings.checked())
    try:
        listener = await asyncio.get_running_loop().create_server(
            lambda: Session(gateway), settings.host, settings.port, backlog=128
        )
    except OSError as error:
        gateway.close()
        where = f"{settings.host}:{settings.port}"
        text = f"cannot listen on {where} ({error.strerror}): choose another --port, or 0"
        raise BadSettings(text) from error
    gateway.start()
    server = Server(gateway, listener)
    log.info("listening", host=server.host, port=server.port, instruments=len(gateway.catalogue))
    return server
