"""Where this machine is found by browsers and by clients elsewhere, whatever the cluster is bound to."""

from __future__ import annotations

import socket

from twsmq_protocol.config import Config
from twsmq_protocol.endpoints import web_port
from twsmq_protocol.hosts import EVERY_INTERFACE, address, is_loopback


def own_address() -> str:
    """This machine's address on the way to everywhere else; nothing is sent to find it out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1, RFC 5737
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def page_url(config: Config) -> str:
    """For a browser on this machine: 0.0.0.0 is every interface, and no address to open."""
    return f"http://{address(*page_address(config))}/"


def page_address(config: Config) -> tuple[str, int]:
    bind = config.cluster.bind
    return "127.0.0.1" if bind == EVERY_INTERFACE else bind, web_port(config)


def page_url_elsewhere(config: Config) -> str | None:
    """For a browser on another machine; None where the page can be reached from this one only."""
    bind = config.cluster.bind
    host = own_address() if bind == EVERY_INTERFACE else bind
    return None if is_loopback(host) else f"http://{address(host, web_port(config))}/"
