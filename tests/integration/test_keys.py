"""Keys on: who has none gets in nowhere, and a key opens only what it was given. Clients are plain pyzmq."""

from __future__ import annotations

import re
import stat
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest
import zmq
from support.keyed_node import Plain, add, await_ready, running_orders, switch_on, twsmq
from support.node_process import NodeProcess
from support.patience import patient
from twsmq import Client
from twsmq_protocol.errors import ConfigError
from twsmq_protocol.key_folder import KeyFolder
from twsmq_transport import security
from zmq.utils.monitor import recv_monitor_message

ORDER: dict[str, Any] = {
    "client_order_id": "a-1",
    "instrument": "STK:AAPL:SMART:USD",
    "side": "BUY",
    "quantity": 1,
    "order_type": "MKT",
}


@pytest.fixture
def keyed(config_file: Path) -> Path:
    return switch_on(config_file)


@pytest.fixture
def orders(keyed: Path, port_base: int, tmp_path: Path) -> Iterator[NodeProcess]:
    with running_orders(keyed, port_base, tmp_path) as node:
        yield node


def test_from_nothing_to_a_client_and_nobody_else(orders: NodeProcess, keyed: Path, port_base: int) -> None:
    alpha = add(keyed, "alpha", "trader:alpha")
    await_ready(keyed, port_base)
    with Plain(alpha, port_base) as client:
        place = {**ORDER, "strategy": "alpha"}
        assert client.refusal(30, "place_order", **place) in (
            None,
            ("risk_rejected", None),
            ("not_ready", None),
        )
        assert client.refusal(30, "place_order", **{**place, "strategy": "beta"}) == (
            "unauthorized",
            "strategy",
        )
        assert client.refusal(30, "get_orders", strategy="alpha") is None
        assert client.refusal(30, "get_orders") == ("unauthorized", "strategy")
        assert client.refusal(30, "resume", strategy="alpha") == ("unauthorized", None)
        assert client.refusal(30, "halt", strategy="alpha", reason="smoke") is None
    with Plain(None, port_base) as stranger:
        assert stranger.ask(30, "describe", within=1) is None
    other = zmq.curve_keypair()
    with Plain(alpha, port_base) as wrong:
        wrong.found["server_key"] = other[0].decode()
        assert wrong.ask(30, "describe", within=1) is None


def test_a_name_that_was_another_s_gives_none_of_its_rights(
    orders: NodeProcess, keyed: Path, port_base: int
) -> None:
    operator, reader = add(keyed, "desk", "operator"), add(keyed, "page", "reader")
    await_ready(keyed, port_base)
    name = b"\0name"  # as libzmq makes them
    with Plain(operator, port_base) as client:
        reply = client.ask(30, "get_orders", name=name)
        assert reply is not None
        assert reply["ok"]
    with Plain(reader, port_base) as client:
        deadline = time.monotonic() + 20
        while (reply := client.ask(30, "get_orders", within=1, name=name)) is None:  # it may still be taken
            assert time.monotonic() < deadline
        assert reply["error"]["code"] == "unauthorized"


def handshake_event(client: Plain, offset: int) -> tuple[int, float]:
    """The first failure that the socket's monitor shows, and how long it took."""
    with client.socket(zmq.DEALER) as dealer:
        monitor = dealer.get_monitor_socket()
        began = time.monotonic()
        dealer.connect(f"tcp://127.0.0.1:{client.base + offset}")
        failures = (
            zmq.EVENT_HANDSHAKE_FAILED_AUTH,
            zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
            zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
        )
        while monitor.poll(10_000):
            event = recv_monitor_message(monitor)["event"]
            if event in failures:
                dealer.disable_monitor()
                monitor.close(0)
                return event, time.monotonic() - began
    raise AssertionError("no failure shows")


def test_each_mistake_shows_as_itself_within_two_seconds(
    orders: NodeProcess, keyed: Path, port_base: int
) -> None:
    alpha = add(keyed, "alpha", "reader")
    await_ready(keyed, port_base)
    with Plain(None, port_base) as stranger:
        event, took = handshake_event(stranger, 30)
        # which of the two depends on who of the two sides reads first
        assert event in (zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
        assert took < 2
    with Plain(alpha, port_base) as wrong:
        wrong.found["server_key"] = zmq.curve_keypair()[0].decode()
        event, took = handshake_event(wrong, 30)
        assert (event, took < 2) == (zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, True)
    twsmq(keyed, "keys", "revoke", "alpha")
    with Plain(alpha, port_base) as revoked:
        event, took = handshake_event(revoked, 30)
        assert (event, took < 2) == (zmq.EVENT_HANDSHAKE_FAILED_AUTH, True)


def test_a_key_that_is_not_known_yet_gets_in_when_it_is_accepted(
    orders: NodeProcess, keyed: Path, port_base: int, tmp_path: Path
) -> None:
    local = (keyed.parent / "var" / "keys" / "local.key").read_text()
    public, secret = (key.decode() for key in zmq.curve_keypair())
    await_ready(keyed, port_base)
    with Plain(None, port_base) as newcomer:
        newcomer.found = dict(re.findall(r'^(\w+) = "?([^"\n]*)"?$', local, re.MULTILINE))
        newcomer.found |= {"public_key": public, "secret_key": secret}
        with newcomer.socket(zmq.DEALER) as dealer:
            dealer.connect(f"tcp://127.0.0.1:{port_base + 30}")
            dealer.send(msgpack.packb({"v": 1, "id": 1, "op": "describe"}))
            assert not dealer.poll(700)
            assert public in twsmq(keyed, "keys", "pending")
            twsmq(keyed, "keys", "accept", public, "--name", "new", "--rights", "reader")
            assert dealer.poll(10_000), "it tries again by itself"
            assert msgpack.unpackb(dealer.recv())["ok"]
    assert "nobody waits" in twsmq(keyed, "keys", "pending")


def collect(
    socket: zmq.Socket[bytes], until: Callable[[list[tuple[str, Any]]], bool]
) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    deadline = time.monotonic() + 15
    while not until(found) and time.monotonic() < deadline:
        if socket.poll(100):
            topic, _, body = socket.recv().partition(b"\0")
            found.append((topic.decode(), msgpack.unpackb(body)))
    return found


def test_a_wish_is_narrowed_and_the_narrowed_is_told(
    orders: NodeProcess, keyed: Path, port_base: int
) -> None:
    alpha, beta = add(keyed, "alpha", "trader:alpha"), add(keyed, "beta", "trader:beta")
    await_ready(keyed, port_base)
    with Plain(alpha, port_base) as one, Plain(beta, port_base) as two:
        listeners: dict[str, zmq.Socket[bytes]] = {}
        for name, client in (("alpha", one), ("beta", two)):
            listeners[name] = client.socket(zmq.SUB)
            listeners[name].connect(f"tcp://127.0.0.1:{port_base + 31}")
            listeners[name].subscribe(b"denied/")
            listeners[name].subscribe(b"order/")
        for name, listener in listeners.items():
            told = collect(listener, lambda found: any(event["type"] == "denied" for _, event in found))
            topic, event = next((topic, event) for topic, event in told if event["type"] == "denied")
            assert (topic, event["wish"], event["granted"]) == (
                f"denied/{name}/",
                "order/",
                [f"order/{name}/"],
            )
        limit = {**ORDER, "strategy": "alpha", "order_type": "LMT", "limit_price": 1}
        placed = one.ask(30, "place_order", **limit)
        deadline = time.monotonic() + 20
        while placed is None or (not placed["ok"] and placed["error"]["code"] == "not_ready"):
            assert time.monotonic() < deadline
            placed = one.ask(30, "place_order", **limit)
        assert placed["ok"], placed
        seen = collect(
            listeners["alpha"], lambda found: any(topic.startswith("order/") for topic, _ in found)
        )
        assert any(topic == "order/alpha/a-1/" for topic, _ in seen)
        assert not any(
            topic.startswith("order/") for topic, _ in collect(listeners["beta"], lambda _: False)[:50]
        )
        narrower = listeners["alpha"]
        narrower.subscribe(b"order/alpha/")
        narrower.unsubscribe(b"order/")
        narrower.subscribe(b"zzz/")  # whoever is told that this is not theirs has been told of all before
        assert collect(narrower, lambda found: any(event.get("wish") == "zzz/" for _, event in found))
        assert one.refusal(30, "place_order", **limit | {"client_order_id": "a-2"}) is None
        last = collect(narrower, lambda found: any(topic == "order/alpha/a-2/" for topic, _ in found))
        assert last[-1][0] == "order/alpha/a-2/", "the end of the wider wish does not end the narrower one"


def test_a_revoked_key_is_refused_at_once_and_its_feed_ends(
    orders: NodeProcess, keyed: Path, port_base: int
) -> None:
    alpha, beta = add(keyed, "alpha", "trader:alpha"), add(keyed, "beta", "reader")
    await_ready(keyed, port_base)
    with Plain(alpha, port_base) as one, Plain(beta, port_base) as two:
        feeds = [client.socket(zmq.SUB) for client in (one, two)]
        for feed in feeds:
            feed.connect(f"tcp://127.0.0.1:{port_base + 31}")
            feed.subscribe(b"node/orders/")
            assert collect(feed, bool)
        with one.socket(zmq.DEALER) as dealer:
            dealer.connect(f"tcp://127.0.0.1:{port_base + 30}")
            dealer.send(msgpack.packb({"v": 1, "id": 1, "op": "describe"}))
            assert msgpack.unpackb(dealer.recv())["ok"]
            twsmq(keyed, "keys", "revoke", "alpha")
            revoked = time.monotonic()
            assert asked(dealer) == "unauthorized"
            twsmq(keyed, "keys", "add", "alpha", "--rights", "operator", "-o", str(keyed.parent / "new.key"))
            assert asked(dealer) == "unauthorized", "its name is another key's now"
        while feeds[0].poll(1500):  # beats come twice a second while it is let in
            feeds[0].recv()
            assert time.monotonic() - revoked < 5
        assert collect(feeds[1], lambda found: len(found) > 3), "the others are back by themselves"


def test_a_revoked_key_asks_in_vain_within_a_tenth_of_a_second(
    orders: NodeProcess, keyed: Path, port_base: int
) -> None:
    """From the moment at which the file is written, while the key asks all the time."""
    await_ready(keyed, port_base)
    folder, took = KeyFolder(keyed.parent / "var"), list[float]()
    for name in ("one", "two", "three", "four", "five"):
        with Plain(add(keyed, name, "reader"), port_base) as client, client.socket(zmq.DEALER) as dealer:
            dealer.connect(f"tcp://127.0.0.1:{port_base + 30}")
            assert asked(dealer) is None
            with folder.change() as rows:
                rows[name] = msgspec.structs.replace(rows[name], rights=())
            written = time.monotonic()
            while asked(dealer) is None:
                assert time.monotonic() - written < patient(10)
            took.append(time.monotonic() - written)
            assert {asked(dealer) for _ in range(20)} == {"unauthorized"}, "and stays so"
    print("revoked to refused:", ", ".join(f"{one * 1e3:.0f} ms" for one in took))
    assert min(took) < 0.1, "the promise, on a machine that does something else meanwhile"
    assert statistics.median(took) < patient(0.1)


def asked(dealer: zmq.Socket[bytes]) -> str | None:
    """The code of the refusal, None for an answer."""
    dealer.send(msgpack.packb({"v": 1, "id": 1, "op": "describe"}))
    assert dealer.poll(int(patient(10) * 1000))
    reply = msgpack.unpackb(dealer.recv())
    return None if reply["ok"] else reply["error"]["code"]


def test_files_that_others_may_read_are_refused_and_no_secret_is_ever_written(
    orders: NodeProcess, keyed: Path, port_base: int
) -> None:
    folder = keyed.parent / "var" / "keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    await_ready(keyed, port_base)
    secrets = {found for file in files for found in re.findall(r'secret_key = "([^"]+)"', file.read_text())}
    assert len(secrets) > 5
    log = orders.log_file.read_text()
    shown = "".join(
        twsmq(keyed, "keys", *words) for words in (("list", "--all"), ("show",), ("show", "local"))
    )
    assert not any(secret in log + shown for secret in secrets)
    (folder / "server.key").chmod(0o644)
    refused = NodeProcess("reference", keyed).start()
    try:
        assert refused.wait() == 2
    finally:
        refused.kill()
    assert "chmod 600" in refused.log_file.read_text()
    with pytest.raises(ConfigError):
        Client(keys=folder / "authorized.toml")


def test_the_python_client_connects_by_its_file(orders: NodeProcess, keyed: Path, port_base: int) -> None:
    alpha = add(keyed, "alpha", "trader:alpha")
    await_ready(keyed, port_base)
    with Client(keys=alpha) as client:
        assert client.describe("orders", timeout=60).name == "orders"


def test_without_a_gatekeeper_nobody_gets_in() -> None:
    """A CURVE server without a handler admits all who know its key: the domain is what keeps them out."""
    server, client = zmq.curve_keypair(), zmq.curve_keypair()
    options: Any = {
        zmq.CURVE_SERVER: 1,
        zmq.CURVE_PUBLICKEY: server[0],
        zmq.CURVE_SECRETKEY: server[1],
        zmq.ZAP_DOMAIN: b"orders.requests",
        zmq.ZAP_ENFORCE_DOMAIN: 1,
    }
    made = security.Security.__new__(security.Security)
    made.__dict__["_server"] = type(
        "Pair", (), {"public_key": server[0].decode(), "secret_key": server[1].decode()}
    )()
    assert dict(made.serving("orders.requests")) == options, "what sockets are really set to"
    for enforce, answered in ((1, False), (0, True)):
        with (
            zmq.Context() as context,
            context.socket(zmq.ROUTER) as router,
            context.socket(zmq.DEALER) as dealer,
        ):
            for option, value in {**options, zmq.ZAP_ENFORCE_DOMAIN: enforce, zmq.LINGER: 0}.items():
                if enforce or option != zmq.ZAP_DOMAIN:
                    router.setsockopt(option, value)
            port = router.bind_to_random_port("tcp://127.0.0.1")
            dealer.linger = 0
            dealer.curve_serverkey, (dealer.curve_publickey, dealer.curve_secretkey) = server[0], client
            dealer.connect(f"tcp://127.0.0.1:{port}")
            dealer.send(b"let me in")
            assert bool(router.poll(700)) is answered
