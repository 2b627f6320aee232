"""The simulator as a process: it announces its port, keeps its books through kill -9, leaves no orphan."""

from __future__ import annotations

import fcntl
import os
import resource
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest
from support.sim_client import Wire
from support.simulated_gateway import GatewayProcess


@pytest.mark.usefixtures("no_orphans")
def test_orders_fills_and_ids_survive_kill_9(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path).start()
    with Wire(gateway.port, client_id=3) as client:
        assert client.next_valid_id == 1
        client.place(1, "BUY", 100, "MKT")
        client.until_status(1, "Filled")
        client.place(2, "BUY", 7, "LMT", limit="1.0", tif="GTC")
        before = client.until_status(2, "Submitted")
        gateway.kill()
    again = GatewayProcess(tmp_path, port=gateway.port).start()
    with Wire(again.port, client_id=3) as client:
        assert client.next_valid_id == 3
        kinds = [fields[0] for fields in client.greeting]
        assert kinds[:5] == ["5", "3", "53", "15", "9"]
        assert client.greeting[1] == before, "the same order, down to its permId"
        client.send("61", "1")
        position = client.until("61")
        assert (position[4], position[14]) == ("AAPL", "100")
        client.send("7", "3", "9", "0", "", "", "", "", "", "", "2147483647", "0")
        assert client.until("11")[2] == "1"
    assert again.stop() == 0


@pytest.mark.usefixtures("no_orphans")
def test_it_exits_when_its_lifeline_ends(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    gateway = GatewayProcess(tmp_path).start(pass_fds=(ours,), TWSMQ_LIFELINE_FD=str(ours))
    os.close(ours)
    os.close(theirs)
    assert gateway.process is not None
    assert gateway.process.wait(60) == 0
    assert gateway.process.stderr is not None
    gateway.process.stderr.close()


@pytest.mark.usefixtures("no_orphans")
def test_sigterm_ends_it_with_0(tmp_path: Path) -> None:
    assert GatewayProcess(tmp_path).start().stop() == 0


def test_a_taken_port_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "twsmq_simulator", "--port", str(port), "--data-dir", str(tmp_path)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 2
    assert f"127.0.0.1:{port}" in run.stderr
    assert "--port" in run.stderr


def test_books_that_cannot_be_read_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "broker.sqlite3").write_bytes(b"rubbish" * 1000)
    command = [sys.executable, "-m", "twsmq_simulator", "--port", "0", "--data-dir", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert f"{tmp_path}/broker.sqlite3 cannot be opened: file is not a database" in run.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="limits another process")
@pytest.mark.usefixtures("no_orphans")
def test_when_its_books_cannot_be_written_it_ends_and_nobody_hears_of_what_is_not_there(
    tmp_path: Path, eventually: Callable[..., None]
) -> None:
    gateway = GatewayProcess(tmp_path).start()
    assert gateway.process is not None
    with Wire(gateway.port, client_id=3) as client:
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (0, 0))
        client.place(1, "BUY", 100, "LMT", limit="1.0", tif="GTC")
        with pytest.raises((EOFError, ConnectionError)):
            client.until_status(1, "Submitted")
    assert gateway.process.wait(60) == 2
    eventually(lambda: any("broker.sqlite3 cannot be written" in line for line in gateway.log))
    gateway.stop()
    again = GatewayProcess(tmp_path, port=gateway.port).start()
    with Wire(again.port, client_id=3) as client:
        assert client.next_valid_id == 1
    assert again.stop() == 0


@pytest.mark.usefixtures("no_orphans")
def test_orders_sent_right_before_a_reset_are_read(tmp_path: Path, eventually: Callable[..., None]) -> None:
    """A client that crashes after writing: its socket is reset, its orders arrived."""
    gateway = GatewayProcess(tmp_path).start()
    client = Wire(gateway.port, client_id=4)
    for order_id in range(1, 301):
        client.place(order_id, "BUY", 1, "LMT", limit="1.0", tif="GTC")
    eventually(lambda: unsent(client.socket) == 0)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()

    def open_orders() -> int:
        with Wire(gateway.port, client_id=5) as other:
            other.send("16", "1")
            other.until("53")
            return len([f for f in other.seen if f[0] == "5"])

    eventually(lambda: open_orders() == 300)
    assert gateway.stop() == 0


def unsent(sock: socket.socket) -> int:
    """Bytes of a socket that the other side's kernel has not taken yet."""
    return int.from_bytes(fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
