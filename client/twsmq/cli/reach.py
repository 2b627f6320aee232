"""Whether anybody is there: ZeroMQ would wait in silence, a person wants to know at once."""

from __future__ import annotations

from twsmq_protocol import endpoints
from twsmq_protocol.config import Config
from twsmq_protocol.errors import PeerError

from ..sockets import listens


class NobodyListens(PeerError):
    """The process is not running, at least not at `endpoint`."""

    def __init__(self, process: str, endpoint: str) -> None:
        self.process = process
        self.endpoint = endpoint
        super().__init__(f"{process} does not listen at {endpoint}")


def require_listener(config: Config, process: str) -> None:
    """Raises `NobodyListens`. That somebody listens does not prove that it answers."""
    if not listens(config, process):
        raise NobodyListens(process, endpoints.requests_endpoint(config, process))
