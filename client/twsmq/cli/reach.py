"""Whether anybody is there: ZeroMQ would wait in silence, a person wants to know at once."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from twsmq_protocol import endpoints
from twsmq_protocol.config import Config
from twsmq_protocol.errors import PeerError


class NobodyListens(PeerError):
    """The process is not running, at least not at `endpoint`."""

    def __init__(self, process: str, endpoint: str) -> None:
        self.process = process
        self.endpoint = endpoint
        super().__init__(f"{process} does not listen at {endpoint}")


def require_listener(config: Config, process: str) -> None:
    """Raises `NobodyListens`. That somebody listens does not say that it answers."""
    endpoint = endpoints.requests_endpoint(config, process)
    address = urlsplit(endpoint)
    try:
        socket.create_connection((address.hostname, address.port), timeout=2).close()
    except TimeoutError:
        pass  # a process that is stopped with a full backlog: the request will tell
    except OSError as error:
        raise NobodyListens(process, endpoint) from error
