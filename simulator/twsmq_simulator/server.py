"""The running simulator: the gateway behind a listening socket, in an asyncio loop of the caller's."""

from __future__ import annotations

import asyncio

import structlog
from twsmq_protocol.errors import ConfigError
from twsmq_protocol.hosts import address

from twsmq_simulator import handlers
from twsmq_simulator.control import Control
from twsmq_simulator.control_keys import ControlKeys
from twsmq_simulator.errors import BadSettings
from twsmq_simulator.gateway import Gateway
from twsmq_simulator.handlers import account
from twsmq_simulator.session import Session
from twsmq_simulator.settings import Settings

BACKLOG = 128
log = structlog.get_logger("twsmq.simulator")


class Server:
    """A simulator that accepts clients on `port` until `close`."""

    def __init__(self, gateway: Gateway, listener: asyncio.Server) -> None:
        self.gateway = gateway
        self.control: Control | None = None
        self._listener = listener
        self._reopening: asyncio.Task[None] | None = None
        self.host, self.port = listener.sockets[0].getsockname()[:2]

    def refuse(self, seconds: float) -> None:
        """Closes the listening socket and opens it again after a while, on the same port."""
        self._listener.close()
        if self._reopening is not None:
            self._reopening.cancel()  # a restart during a restart: the later one counts
        self._reopening = asyncio.get_running_loop().create_task(self._reopen(seconds))

    async def _reopen(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._listener = await asyncio.get_running_loop().create_server(
            lambda: Session(self.gateway), self.host, self.port, backlog=BACKLOG
        )
        log.info("listening", host=self.host, port=self.port)

    async def close(self) -> None:
        """Stops listening, drops every client and closes the store."""
        if self._reopening is not None:
            self._reopening.cancel()
        if self.control is not None:
            self.control.close()
        self._listener.close()
        self.gateway.close()
        await self._listener.wait_closed()


async def serve(settings: Settings) -> Server:
    """Starts a simulator in the running loop. Raises BadSettings, also where the port is taken."""
    gateway = Gateway(settings.checked(), handlers.dispatch, account.report_change)
    try:
        listener = await asyncio.get_running_loop().create_server(
            lambda: Session(gateway), settings.host, settings.port, backlog=BACKLOG
        )
    except OSError as error:
        gateway.close()
        where = address(settings.host, settings.port)
        text = f"cannot listen on {where} ({error.strerror}): choose another --port, or 0"
        raise BadSettings(text) from error
    server = Server(gateway, listener)
    gateway.listener = server
    if settings.control_port is not None:
        try:
            folder = settings.control_keys
            keys = None if folder is None else ControlKeys(folder)
            server.control = Control(gateway, settings.host, settings.control_port, keys)
        except ConfigError as error:
            await server.close()
            raise BadSettings(str(error)) from error
        except BadSettings:
            await server.close()
            raise
    gateway.start()
    control_port = None if server.control is None else server.control.port
    log.info("listening", host=server.host, port=server.port, control_port=control_port)
    return server
