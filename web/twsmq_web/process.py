"""How this process lives: heartbeats like a node's, a lifeline, and an end at once on SIGTERM.

A browser's stream would keep uvicorn from ending; so every stream is ended first, and whoever does not
close within a second is cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Generator
from importlib.metadata import version
from time import monotonic, time_ns

import structlog
import uvicorn
import zmq
from msgspec.structs import replace
from twsmq.aio import Client
from twsmq_protocol import endpoints
from twsmq_protocol.config_file import LoadedConfig
from twsmq_protocol.envelope import PROTOCOL_VERSION
from twsmq_protocol.errors import ConfigError
from twsmq_protocol.processes import WEB
from twsmq_protocol.requests import Description
from twsmq_protocol.system_events import Heartbeat
from twsmq_protocol.topics import node_topic
from twsmq_transport import security
from twsmq_transport.door import Door
from twsmq_transport.mailbox import Mailbox
from twsmq_transport.metrics import Registry
from twsmq_transport.outbox import Outbox
from twsmq_transport.process_metrics import ProcessMetrics
from twsmq_transport.vitals import VitalSigns

from .access import Access
from .app import build
from .connections import Connection
from .desk import Desk

EXIT_CONFIG = 2
BEAT_S = 0.5
GRACE_S = 1

log = structlog.stdlib.get_logger()


def configure_log() -> structlog.stdlib.BoundLogger:
    """JSON lines on stderr, as the nodes write them."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(),
    )
    structlog.contextvars.bind_contextvars(process=WEB)
    return structlog.stdlib.get_logger()


def serve(loaded: LoadedConfig) -> None:
    """Until SIGTERM or SIGINT. Raises `ConfigError` when the port is taken."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(_serve(loaded))
    else:
        uvloop.run(_serve(loaded))


class _Server(uvicorn.Server):
    """Signals are this process's own business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def _serve(loaded: LoadedConfig) -> None:
    config = loaded.config
    listening = _listen(config.cluster.bind, endpoints.web_port(config))
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    incarnation, born = time_ns(), monotonic()
    queue = config.cluster.send_queue
    registry = Registry()
    requests, events = endpoints.requests_endpoint(config, WEB), endpoints.events_endpoint(config, WEB)
    guard = security.load(config, loaded.data_dir, WEB)
    mailbox = Mailbox(context, requests, name=WEB, registry=registry, security=guard)
    outbox = Outbox(
        context,
        events,
        name=WEB,
        incarnation=incarnation,
        send_queue=queue,
        security=guard,
        narrows=True,
    )
    door = Door(context, guard, outbox.reopen) if guard.on else None
    counts = ProcessMetrics(registry, outbox, WEB, incarnation)
    client = Client(config) if door is None else Client(keys=guard.client_file(config))
    desk = Desk(client, config, loaded.data_dir, registry, counts)
    access = Access(loaded.data_dir / "web", _hosts(loaded), config.web.session_hours * 3600)
    server = _Server(
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
    description = Description(
        name=WEB,
        version=version("twsmq"),
        protocol=PROTOCOL_VERSION,
        incarnation=incarnation,
        ops=[],
        topics=[node_topic(WEB)],
        requests=requests,
        events=events,
    )
    mailbox.add("metrics", lambda _, call: call.succeed(counts.answer()))
    mailbox.add("describe", lambda _, call: call.succeed(_complete(description, mailbox)))

    def stop() -> None:
        desk.browsers.end()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    feeding = asyncio.create_task(desk.feed.run())
    beating = asyncio.create_task(_beat(outbox, counts, desk, server, born))
    log.info("page served", address=f"http://{config.cluster.bind}:{endpoints.web_port(config)}/")
    try:
        await server.serve(sockets=[listening])
    finally:
        beating.cancel()
        feeding.cancel()
        client.close()
        await asyncio.gather(beating, feeding, return_exceptions=True)
        mailbox.close()
        outbox.close()
        if door is not None:
            door.close()
        context.term()
        log.info("page no longer served")


async def _beat(
    outbox: Outbox, counts: ProcessMetrics, desk: Desk, server: uvicorn.Server, born: float
) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    number = 0
    signs = VitalSigns()
    while True:
        counts.timer_rang(loop.time() - due)
        signs.timer_rang(loop.time() - due)
        vitals = signs.take()
        beat = Heartbeat(
            name=WEB,
            pid=os.getpid(),
            state="stopping" if server.should_exit else "ready" if server.started else "starting",
            uptime_s=round(monotonic() - born, 3),
            cpu=vitals.cpu,
            memory_bytes=vitals.memory_bytes,
            loop_lag_s=vitals.loop_lag_s,
        )
        outbox.publish(node_topic(WEB), beat)
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


def _complete(description: Description, mailbox: Mailbox) -> Description:
    return replace(description, ops=mailbox.descriptions())
