"""Client IDs of other programs, as the command gives them; kept over the connection node's own restart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import Command
from support.node_process import running_node
from support.plain_client import PlainClient

pytestmark = pytest.mark.usefixtures("no_orphans")


@pytest.fixture
def client(port_base: int) -> Iterator[PlainClient]:
    made = PlainClient(port_base)
    yield made
    made.close()


def test_a_program_gets_an_id_beside_the_clusters_and_keeps_it(
    config_file: Path, client: PlainClient
) -> None:
    """No gateway is needed: the table is the cluster's own."""
    twsmq = Command(config_file)
    with running_node("connection", config_file):
        client.result("connection", "client_ids")
        claimed = twsmq.run("client-ids", "--claim", "scanner").stdout.strip()
        assert claimed == "120"
        refused = twsmq.run("client-ids", "--claim", "other", "--id", "101")
        assert refused.returncode == 1
        assert "orders" in refused.stderr
        zero = twsmq.run("client-ids", "--claim", "other", "--id", "0")
        assert "by hand" in zero.stderr
    with running_node("connection", config_file):
        client.result("connection", "client_ids")
        told = json.loads(twsmq.run("client-ids", "--json").stdout)
        holders = {row["client_id"]: row["holder"] for row in told["client_ids"]}
        assert holders[120] == "scanner"
        assert holders[101] == "orders"
        assert "scanner" not in twsmq.run("client-ids", "--release", "scanner").stdout
