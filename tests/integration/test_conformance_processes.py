"""One protocol, one behaviour: every process gives the same answer to the same broken request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from msgspec.msgpack import encode
from support.cluster import NODES, Cluster
from support.plain_client import PlainClient
from twsmq_protocol.config_file import load_config
from twsmq_protocol.endpoints import events_endpoint, requests_endpoint
from twsmq_protocol.processes import SUPERVISOR
from twsmq_protocol.requests import OPS

VECTORS = Path(__file__).parents[2] / "protocol" / "vectors" / "refused_requests.json"
REFUSED: list[dict[str, Any]] = json.loads(VECTORS.read_text())
DESCRIBE = encode({"v": 1, "id": 7, "op": "describe"})
LOUD = {"loud": True}
PROCESSES = (SUPERVISOR, *NODES)  # without web, which answers browsers, not requests


class Asking:
    """A DEALER to one process, by the address that the configuration gives it."""

    def __init__(self, cluster: Cluster, process: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._config = load_config(cluster.config).config
        self._dealer = self._context.socket(zmq.DEALER)
        self._dealer.connect(requests_endpoint(self._config, process))
        self._process = process

    def ask(self, *frames: bytes) -> dict[str, Any]:
        self._dealer.send_multipart(frames)
        assert self._dealer.poll(20_000), f"{self._process} does not answer"
        return msgpack.unpackb(self._dealer.recv_multipart()[-1])

    def refusal(self, *frames: bytes) -> tuple[Any, str, str | None]:
        reply = self.ask(*frames)
        assert not reply["ok"], reply
        assert reply["error"]["message"]
        return reply["id"], reply["error"]["code"], reply["error"]["field"]

    def subscribe_badly(self) -> None:
        raw = self._raw = self._context.socket(zmq.XSUB)
        raw.connect(events_endpoint(self._config, self._process))
        for frames in ([b""], [b"\x01\xff\xfe"], [b"\x01a\0b"], [b"\x01" + b"x" * 1050], [b"\x01a", b"b"]):
            raw.send_multipart(frames)
        raw.send(b"\x01" + b"x" * 100_000)

    def close(self) -> None:
        self._context.destroy(linger=0)


@pytest.fixture(params=PROCESSES)
def asking(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Asking]:
    asking = Asking(cluster, request.param)
    yield asking
    asking.close()


def test_every_refused_vector_gets_its_answer(asking: Asking) -> None:
    """An op is looked up before its arguments: where it is another process's, it is unknown."""
    described = asking.ask(DESCRIBE)["result"]
    own = {op["op"] for op in described["ops"]}
    for vector in REFUSED:
        frame, answer = bytes.fromhex(vector["hex"]), vector["answer"]
        found = asking.refusal(frame)
        expected = (answer["id"], answer["code"], answer["field"])
        elsewhere = (answer["id"], "unknown_op", "op")
        assert found in (expected, elsewhere), vector["name"]
        if found != expected:
            assert any(op.encode() in frame for op in OPS if op not in own), vector["name"]


@pytest.mark.parametrize(
    ("frames", "answer"),
    [
        ([b""], (None, "malformed", None)),
        ([b"", b""], (None, "malformed", None)),
        ([DESCRIBE, DESCRIBE], (None, "malformed", None)),
        ([b"", DESCRIBE, b""], (None, "malformed", None)),
        ([encode({"v": 1, "id": 7, "op": "dance"})], (7, "unknown_op", "op")),
        (
            [encode({"v": 1, "id": "x", "op": "describe", "args": LOUD})],
            ("x", "invalid_argument", "loud"),
        ),
        ([encode({"v": 1, "id": 7, "op": "describe", "valid_until": 1})], (7, "timeout", None)),
        (
            [encode({"v": 1, "id": 7, "op": "describe", "args": LOUD, "valid_until": 1})],
            (7, "timeout", None),
        ),
        ([encode({"v": 1, "id": 7, "op": "dance", "valid_until": 1})], (7, "timeout", None)),
        ([b"\x00" * 1_000_000], (None, "malformed", None)),
    ],
    ids=[
        "empty",
        "delimiter and empty",
        "two frames",
        "three frames",
        "unknown op",
        "wrong argument",
        "expired",
        "expired and wrong",
        "expired and unknown",
        "too long",
    ],
)
def test_what_is_wrong_is_said_in_the_same_words(
    asking: Asking, frames: list[bytes], answer: tuple[Any, str, str | None]
) -> None:
    assert asking.refusal(*frames) == answer
    assert asking.ask(DESCRIBE)["id"] == 7, "and there was one reply, no second"


def test_bad_subscriptions_disturb_nobody(cluster: Cluster, asking: Asking) -> None:
    asking.subscribe_badly()
    client = PlainClient(cluster.port_base)
    client.subscribe("process/orders/")
    assert client.await_event(lambda topic, _event: topic == "process/orders/")
    client.close()
    assert asking.ask(DESCRIBE)["ok"]


def test_every_process_answers_the_ops_that_are_every_ones(asking: Asking) -> None:
    for op, row in OPS.items():
        if row.process is None:
            assert asking.ask(encode({"v": 1, "id": op, "op": op}))["ok"]
