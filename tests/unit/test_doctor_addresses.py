"""From a host's name to a socket, in bounded time."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from twsmq_nodes.doctor.addresses import connect, resolved


def test_a_name_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        answer.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="no name server"):
        resolved("gateway.lan", 0.1)
    answer.set()
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("host", ["a..b", "x" * 70, "no-such-host.invalid"])
def test_what_is_no_name_is_an_error_of_the_system(host: str) -> None:
    with pytest.raises(OSError, match=r".+"):
        resolved(host, 20)


def test_all_addresses_of_a_name_are_tried_and_a_refusal_says_most() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = [(socket.AF_INET, ("127.0.0.2", 0)), (socket.AF_INET, ("127.0.0.1", 0))]
        connect(found, port, 5.0).close()
    with pytest.raises(ConnectionRefusedError):
        connect(found, port, 5.0)
    with pytest.raises(OSError, match="no address"):
        connect([], port, 5.0)


def test_addresses_that_do_not_answer_share_the_time() -> None:
    """However many a name has."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                connect([(socket.AF_INET, ("127.0.0.1", 0))] * 6, port, 0.6)
            assert time.monotonic() - began < 15
        finally:
            for one in waiting:
                one.close()
