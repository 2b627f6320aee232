"""A node's mailbox: exactly one reply to each request, however broken; a bug in a handler stays its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import structlog
import zmq
from msgspec.msgpack import decode, encode
from support.plain_client import PlainClient
from twsmq_nodes.runtime.node import Node, Shell
from twsmq_protocol.config_file import load_config
from twsmq_protocol.errors import ErrorCode, FieldError, LocalError, RequestError
from twsmq_protocol.requests import OPS, ContractDetails
from twsmq_transport import servers
from twsmq_transport.mailbox import Call

AAPL = "STK:AAPL:SMART:USD"
DESCRIBE = encode({"v": 1, "id": 7, "op": "describe"})
Ask = Callable[..., Coroutine[Any, Any, Any]]


def serve(
    config_file: Path, port_base: int, story: Callable[[Node, PlainClient, Ask], Awaitable[None]]
) -> None:
    """Run a node with no shell in this process while `story` is told; `ask` calls a client off the loop."""

    async def run() -> None:
        node = Node(load_config(config_file), "reference")
        client = PlainClient(port_base)
        try:
            node.start(Shell())
            await story(node, client, asyncio.to_thread)
        finally:
            client.close()
            node.close()

    asyncio.run(run())


BROKEN: dict[str, tuple[list[bytes], str, Any]] = {
    "an empty frame": ([b""], "malformed", None),
    "a delimiter and an empty frame": ([b"", b""], "malformed", None),
    "nothing but delimiters": ([b"", b"", b"", b""], "malformed", None),
    "two frames": ([DESCRIBE, DESCRIBE], "malformed", None),
    "a hundred frames": ([b"x"] * 100, "malformed", None),
    "not msgpack": ([b"\xc1\xff\x00 hello"], "malformed", None),
    "a cut-off map": ([DESCRIBE[:-3]], "malformed", None),
    "a list": ([encode([1, 2, 3])], "malformed", None),
    "JSON": ([b'{"v": 1, "id": 7, "op": "describe"}'], "malformed", None),
    "a megabyte of text": ([encode({"v": 1, "id": 7, "op": "x" * 1_000_000})], "malformed", None),
    "as much as libzmq lets through": ([b"\x00" * servers.REQUEST_BYTES], "malformed", None),
    "nested a thousand deep": ([b"\x81\xa1v" + b"\x91" * 1000], "malformed", None),
    "another version": ([encode({"v": 99, "id": 7, "op": "describe"})], "unsupported_version", 7),
    "no id": ([encode({"v": 1, "op": "describe"})], "malformed", None),
    "an op nobody knows": ([encode({"v": 1, "id": 7, "op": "sing"})], "unknown_op", 7),
    "args of another op": (
        [encode({"v": 1, "id": 7, "op": "describe", "args": {"loud": True}})],
        "invalid_argument",
        7,
    ),
    "an expired one": (
        [encode({"v": 1, "id": 7, "op": "describe", "valid_until": 1})],
        "timeout",
        7,
    ),
}


def test_each_broken_request_gets_its_one_reply_and_harms_nobody(config_file: Path, port_base: int) -> None:
    async def story(_: Node, client: PlainClient, ask: Ask) -> None:
        for what, (frames, code, request_id) in BROKEN.items():
            reply = await ask(client.raw, "reference", frames)
            assert (reply["ok"], reply["error"]["code"], reply["id"]) == (False, code, request_id), what
            assert reply["error"]["message"], what
            assert ("clocks" in reply["error"]["message"]) is (code == "timeout"), what
            # If there were a second reply to it, this would receive that one and not its own.
            assert (await ask(client.request, "reference", "describe"))["ok"], what

    serve(config_file, port_base, story)


def test_req_and_dealer_are_answered_alike_each_with_its_own_envelope(
    config_file: Path, port_base: int
) -> None:
    async def story(_: Node, client: PlainClient, ask: Ask) -> None:
        assert (await ask(client.raw, "reference", [DESCRIBE]))["id"] == 7
        assert (await ask(client.raw, "reference", [b"", DESCRIBE]))["id"] == 7
        dealer = client.dealer("reference")
        dealer.send_multipart([b"", DESCRIBE])
        assert (await ask(dealer.recv_multipart))[0] == b""

        with zmq.Context() as context, context.socket(zmq.REQ) as req:
            req.linger = 0
            req.connect(f"tcp://127.0.0.1:{port_base + 50}")
            for body, ok in ((DESCRIBE, True), (b"", False), (b"\xc1", False), (DESCRIBE, True)):
                await ask(req.send, body)
                assert decode(await ask(req.recv))["ok"] is ok

    serve(config_file, port_base, story)


def test_a_burst_is_answered_one_by_one(config_file: Path, port_base: int) -> None:
    async def story(_: Node, client: PlainClient, ask: Ask) -> None:
        dealer = client.dealer("reference")

        def burst() -> list[int]:
            for number in range(3000):
                dealer.send(encode({"v": 1, "id": number, "op": "describe"}))
            return [decode(dealer.recv())["id"] for _ in range(3000)]

        assert await ask(burst) == list(range(3000))

    serve(config_file, port_base, story)


def test_whatever_a_handler_raises_becomes_the_reply(config_file: Path, port_base: int) -> None:
    raised: list[Exception] = [
        RequestError(ErrorCode.GATEWAY_REJECTED, "no such thing", tws_code=200),
        FieldError("instrument", "instrument is odd"),
        ZeroDivisionError("secret detail"),
    ]

    def handler(_: ContractDetails, __: Call) -> None:
        raise raised[0]

    async def story(node: Node, client: PlainClient, ask: Ask) -> None:
        node.mailbox.add("contract_details", handler)
        found: list[tuple[Any, ...]] = []
        while raised:
            error = await ask(client.error, "reference", "contract_details", instrument=AAPL)
            found.append((error["code"], error["field"], error["tws_code"]))
            assert "secret" not in error["message"]
            raised.pop(0)
        assert found == [
            ("gateway_rejected", None, 200),
            ("invalid_argument", "instrument", None),
            ("internal", None, None),
        ]

    with structlog.testing.capture_logs() as logged:
        serve(config_file, port_base, story)
    assert [entry["event"] for entry in logged if entry["log_level"] == "error"] == ["request failed"]


def test_a_call_may_be_answered_later_but_never_twice(config_file: Path, port_base: int) -> None:
    kept: list[Call] = []

    async def story(node: Node, client: PlainClient, ask: Ask) -> None:
        arrived = asyncio.Event()

        def handler(_: ContractDetails, call: Call) -> None:
            kept.append(call)
            arrived.set()

        node.mailbox.add("contract_details", handler)
        waiting = asyncio.create_task(ask(client.result, "reference", "contract_details", instrument=AAPL))
        await arrived.wait()
        kept[0].succeed({"n": 1})
        kept[0].succeed({"n": 2})
        kept[0].fail(RequestError(ErrorCode.INTERNAL, "too late"))
        assert await waiting == {"n": 1}
        assert (await ask(client.request, "reference", "describe"))["ok"]

    with structlog.testing.capture_logs() as logged:
        serve(config_file, port_base, story)
    assert [entry["event"] for entry in logged].count("second answer to one request dropped") == 2


def test_a_result_that_cannot_be_encoded_is_still_answered(config_file: Path, port_base: int) -> None:
    async def story(node: Node, client: PlainClient, ask: Ask) -> None:
        for odd in (object(), 2**70):
            node.mailbox.add("contract_details", lambda _, call, odd=odd: call.succeed(odd))
            error = await ask(client.error, "reference", "contract_details", instrument=AAPL)
            assert error["code"] == "internal"

    serve(config_file, port_base, story)


def test_an_answer_to_a_client_that_is_gone_is_dropped(config_file: Path, port_base: int) -> None:
    async def story(node: Node, client: PlainClient, ask: Ask) -> None:
        arrived: asyncio.Future[Call] = asyncio.get_running_loop().create_future()
        node.mailbox.add("contract_details", lambda _, call: arrived.set_result(call))
        gone = PlainClient(port_base)
        gone.dealer("reference").send(
            encode({"v": 1, "id": 1, "op": "contract_details", "args": {"instrument": AAPL}})
        )
        call = await arrived
        gone.close()
        call.succeed({})
        assert (await ask(client.request, "reference", "describe"))["ok"]

    serve(config_file, port_base, story)


def test_a_request_that_waited_while_the_node_was_down_expires(config_file: Path, port_base: int) -> None:
    client = PlainClient(port_base)
    try:
        dealer = client.dealer("reference")
        for number, valid_until in ((1, time.time_ns() + 1), (2, time.time_ns() + 60_000_000_000)):
            body = {"v": 1, "id": number, "op": "describe", "valid_until": valid_until}
            dealer.send(encode(body))

        async def story(_: Node, __: PlainClient, ask: Ask) -> None:
            first = decode(await ask(dealer.recv))
            second = decode(await ask(dealer.recv))
            assert (first["id"], first["error"]["code"]) == (1, "timeout")
            assert (second["id"], second["ok"]) == (2, True)

        serve(config_file, port_base, story)
    finally:
        client.close()


def test_describe_names_every_op_with_its_arguments(config_file: Path, port_base: int) -> None:
    async def story(node: Node, client: PlainClient, ask: Ask) -> None:
        node.mailbox.add("contract_details", lambda _, call: call.succeed(None))
        described = await ask(client.result, "reference", "describe")
        summaries = {op["op"]: op["summary"] for op in described["ops"]}
        assert summaries == {op: OPS[op].summary for op in ("metrics", "describe", "contract_details")}
        schema = next(op["args"] for op in described["ops"] if op["op"] == "contract_details")
        assert "instrument" in str(schema)
        assert (described["requests"], described["incarnation"]) == (
            f"tcp://127.0.0.1:{port_base + 50}",
            node.incarnation,
        )

    serve(config_file, port_base, story)


def test_an_op_that_needs_readiness_says_what_the_node_waits_for(config_file: Path, port_base: int) -> None:
    async def story(node: Node, client: PlainClient, ask: Ask) -> None:
        def handler(_: ContractDetails, call: Call) -> None:
            node.require_ready()
            call.succeed("done")

        node.mailbox.add("contract_details", handler)
        node.enter("connecting", "the gateway is away")
        error = await ask(client.error, "reference", "contract_details", instrument=AAPL)
        assert error["code"] == "not_ready"
        assert "the gateway is away" in error["message"]
        node.enter("ready")
        assert await ask(client.result, "reference", "contract_details", instrument=AAPL) == "done"

    serve(config_file, port_base, story)


@pytest.mark.parametrize("op", ["sing", "place_order", "Describe"])
def test_a_process_cannot_answer_what_is_no_op_of_its_own(config_file: Path, port_base: int, op: str) -> None:
    async def story(node: Node, _: PlainClient, __: Ask) -> None:
        with pytest.raises(LocalError, match=op):
            node.mailbox.add(op, lambda _, call: call.succeed(None))

    serve(config_file, port_base, story)


def test_every_shard_answers_the_ops_of_its_kind(config_file: Path, port_base: int) -> None:
    async def story() -> None:
        node = Node(load_config(config_file), "marketdata-1")
        try:
            node.mailbox.add("snapshot", lambda _, call: call.succeed(None))
        finally:
            node.close()

    asyncio.run(story())


@pytest.mark.parametrize("junk", [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100_000, b""])
def test_a_peer_that_does_not_speak_zeromq_disturbs_nobody(
    config_file: Path, port_base: int, junk: bytes
) -> None:
    async def story(_: Node, client: PlainClient, ask: Ask) -> None:
        for offset in (50, 51):
            _reader, writer = await asyncio.open_connection("127.0.0.1", port_base + offset)
            writer.write(junk)
            assert (await ask(client.request, "reference", "describe"))["ok"]
            writer.close()

    serve(config_file, port_base, story)
