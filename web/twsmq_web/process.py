"""How this process lives: heartbeats like a node's, a lifeline, and an end at once on SIGTERM.

A browser's stream would keep uvicorn from ending; so every stream is ended first, and whoever does not
close within a second is cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator

import structlog
import uvicorn
from twsmq.aio import Client
from twsmq_protocol import endpoints
from twsmq_protocol.config import Config
from twsmq_protocol.config_file import LoadedConfig
from twsmq_protocol.errors import ConfigError
from twsmq_protocol.hosts import EVERY_INTERFACE
from twsmq_protocol.processes import WEB
from twsmq_protocol.topics import node_topic
from twsmq_transport import security
from twsmq_transport.loops import run_loop
from twsmq_transport.stop_signals import watch_signals
from twsmq_transport.vitals import VitalSigns
from twsmq_transport.wire import Wire

from .access import COOKIE, Access
from .app import build
from .connections import Connection
from .desk import Desk

EXIT_CONFIG = 2
BEAT_S = 0.5
GRACE_S = 1

log = structlog.stdlib.get_logger()


def serve(loaded: LoadedConfig) -> None:
    """Until SIGTERM or SIGINT. Raises `ConfigError` when the port is taken."""
    run_loop(_serve(loaded))


class _Server(uvicorn.Server):
    """Signals are this process's own business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def _serve(loaded: LoadedConfig) -> None:
    signs = VitalSigns(WEB)
    config, port = loaded.config, endpoints.web_port(loaded.config)
    listening = _listen(config.cluster.bind, port)
    guard = security.load(config, loaded.data_dir, WEB)
    wire = Wire(config, WEB, guard, (node_topic(WEB),))
    client = Client(keys=guard.client_file(config)) if guard.on else Client(config)
    desk = Desk(client, config, loaded.data_dir, wire.metrics, wire.counts)
    access = Access(
        loaded.data_dir / "web",
        _hosts(loaded),
        config.web.session_hours * 3600,
        f"{COOKIE}_{port}",
        port_of_any_address=_port_of_any_address(config),
        identity=guard.identity,
    )
    server = _server(desk, access)

    def stop(_: object) -> None:
        desk.browsers.end()
        server.should_exit = True

    watch_signals(asyncio.get_running_loop(), stop)
    feeding = asyncio.create_task(desk.feed.run())
    beating = asyncio.create_task(_beat(wire, desk, server, signs))
    log.info("page served", address=f"http://{config.cluster.bind}:{port}/")
    try:
        await server.serve(sockets=[listening])
    finally:
        beating.cancel()
        feeding.cancel()
        client.close()
        await asyncio.gather(beating, feeding, return_exceptions=True)
        wire.close()
        log.info("page no longer served")


def _server(desk: Desk, access: Access) -> _Server:
    return _Server(
        uvicorn.Config(
            build(desk, access),
            http=Connection,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            timeout_keep_alive=30,
            lifespan="off",
            ws="none",
        )
    )


async def _beat(wire: Wire, desk: Desk, server: uvicorn.Server, signs: VitalSigns) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    number = 0
    while True:
        wire.counts.timer_rang(loop.time() - due)
        signs.timer_rang(loop.time() - due)
        state = "stopping" if server.should_exit else "ready" if server.started else "starting"
        wire.outbox.publish(node_topic(WEB), signs.heartbeat(state))
        number += 1
        desk.beat(number)
        due = max(due + BEAT_S, loop.time())
        await asyncio.sleep(due - loop.time())


def _listen(host: str, port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"cannot listen on {host}:{port} for the page: {error.strerror}; end whoever uses that port, set "
            "another [cluster] port_base, or switch the page off with [web] enabled = false"
        ) from error
    return listening


def _hosts(loaded: LoadedConfig) -> frozenset[str]:
    port = endpoints.web_port(loaded.config)
    own = {loaded.config.cluster.bind, "127.0.0.1", "localhost"}
    return frozenset({f"{name}:{port}" for name in own} | {name.lower() for name in loaded.config.web.hosts})


def _port_of_any_address(config: Config) -> int | None:
    """Bound to every interface, this server has addresses that it need not know."""
    return endpoints.web_port(config) if config.cluster.bind == EVERY_INTERFACE else None
