"""Each process before a gateway whose frames are of every kind and right in nothing: it goes on answering,
and its memory stays bounded. What is decoded from such frames, protobuf too, is tried without processes in
`property/test_tws_hostile_frames.py`.
"""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from pathlib import Path
from random import Random

import psutil
import pytest
from support.hostile_frames import broken, hostile, huge
from support.node_process import running_node
from support.plain_client import PlainClient
from support.scripted_gateway import ScriptedGateway
from twsmq_simulator.wire.requests import StartApi

TOPICS = [f"{kind}/CONID:265598/" for kind in ("quote", "trades", "depth", "bar5s", "greeks")]
MOST_BYTES = 200_000_000


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["connection", "marketdata-0", "orders", "reference", "history", "status"])
def test_no_frame_ends_a_process_or_keeps_it_from_answering(
    name: str, config_file: Path, port_base: int
) -> None:
    random = Random(name)
    frames = hostile(random, [1, 2, 3, 9], protobuf=False)
    with (
        ScriptedGateway(port_base + 95) as gateway,
        running_node(name.partition("-")[0], config_file) as node,
        closing(PlainClient(port_base)) as client,
    ):
        client.subscribe(*(TOPICS if name == "marketdata-0" else ["node/"]))
        for end in (b"", huge(random, 17, protobuf=False), huge(random, 5, protobuf=False), broken(random)):
            gateway.await_request(StartApi)
            gateway.say(*islice(frames, 700), end)
            client.await_result(name, "describe")
            gateway.drop()
        assert psutil.Process(node.pid).memory_info().rss < MOST_BYTES
