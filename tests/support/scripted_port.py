"""A port whose connections a test answers byte by byte, whatever a gateway would say."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def listening(
    answer: Callable[[socket.socket], None], host: str = "127.0.0.1", port: int = 0
) -> Iterator[int]:
    """The port; each connection is handled by `answer`, in a thread of its own, and then closed."""
    server = socket.create_server((host, port))
    threads: list[threading.Thread] = []

    def handle(one: socket.socket) -> None:
        with one, suppress(OSError):  # its peer has gone
            answer(one)

    def accept() -> None:
        while True:
            try:
                connected, _ = server.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=handle, args=(connected,)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        accepting.join()
        for thread in threads:
            thread.join()


def framed(*fields: object) -> bytes:
    """A message of the gateway's in text."""
    payload = "".join(f"{field}\0" for field in fields).encode()
    return len(payload).to_bytes(4, "big") + payload
