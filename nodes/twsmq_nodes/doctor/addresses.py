"""From a host's name to a connected socket, in bounded time: a name server that does not answer, or a name
with many addresses of which none does, would keep whoever asks for minutes.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from contextlib import suppress
from typing import Any

Address = tuple[socket.AddressFamily, Any]
"""A family and a socket address, whose second item is the port."""


def resolved(host: str, within: float) -> list[Address]:
    """The addresses of `host`. Raises OSError; TimeoutError if its name server does not answer in time."""
    answers: queue.SimpleQueue[list[Address] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            answers.put([(family, where) for family, _, _, _, where in found])
        except (OSError, UnicodeError) as error:
            answers.put(error if isinstance(error, OSError) else OSError(f"{host!r} is no host's name"))

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=within)
    except queue.Empty:
        raise TimeoutError(f"no name server has told its address within {within:g} s") from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def connect(addresses: list[Address], port: int, within: float) -> socket.socket:
    """A socket connected to one of them. Raises OSError: of several the one that says most, a refusal."""
    deadline = time.monotonic() + within
    failed: list[OSError] = []
    for place, (family, where) in enumerate(addresses):
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.settimeout(max(0.05, (deadline - time.monotonic()) / (len(addresses) - place)))
            made.connect((where[0], port, *where[2:]))
        except OSError as error:
            failed.append(error)
            with suppress(OSError):
                made.close()
        else:
            return made
    for kind in (ConnectionRefusedError, TimeoutError):
        for error in failed:
            if isinstance(error, kind):
                raise error
    raise failed[0] if failed else OSError("no address")
