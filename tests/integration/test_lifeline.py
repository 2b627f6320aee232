"""A node ends with whoever holds the other end of its lifeline, whatever its siblings did to the pipe."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from plain_client import PlainClient


@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "made non-blocking by a sibling"])
@pytest.mark.usefixtures("no_orphans")
def test_the_node_ends_when_its_lifeline_does(config_file: Path, port_base: int, blocking: bool) -> None:
    lifeline, held = os.pipe()
    os.set_blocking(lifeline, blocking)
    node = subprocess.Popen(
        [sys.executable, "-m", "twsmq_nodes.connection", "--config", str(config_file)],
        env={**os.environ, "TWSMQ_LIFELINE_FD": str(lifeline)},
        pass_fds=(lifeline,),
        stderr=subprocess.DEVNULL,
    )
    client = PlainClient(port_base)
    try:
        assert client.result("connection", "describe")["name"] == "connection"
        assert node.poll() is None
        os.close(held)
        assert node.wait(2) == 3
    finally:
        client.close()
        os.close(lifeline)
        node.kill()
        node.wait(5)
