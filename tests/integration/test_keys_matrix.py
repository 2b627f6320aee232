"""Identity x op x topic on the sockets of a real cluster: each cell as the table of rights says.

The table is `twsmq_protocol.rights`; what each cell must be is worked out here anew from its rows, not by the
functions that the processes use.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from support.client_programs import PROGRAMS, running_program
from support.keyed_cluster import NODES, Keyed, running_keyed
from support.patience import patient
from twsmq import Client, RequestRefused
from twsmq_protocol import endpoints
from twsmq_protocol.alerts import ALERTS, TEST, Alert
from twsmq_protocol.config import Cluster, Config
from twsmq_protocol.keys import ClientFile, parse_client
from twsmq_protocol.requests import OPS
from twsmq_protocol.rights import TOPIC_RIGHTS
from twsmq_protocol.topics import FIRST_LEVELS
from twsmq_transport.allowance import CONNECTIONS_AT_ONCE, REQUESTS_AT_ONCE, TOPICS_PER_KEY

ROOT = Path(__file__).parents[2]
IDENTITIES = {
    "reader": {"reader"},
    "accounts": {"accounts", "reader"},
    "trader:alpha": {"trader", "reader"},
    "risk": {"risk", "accounts", "reader"},
    "operator": {"reader", "accounts", "trader", "risk", "operator"},
}
"""Each right with all that it brings along, as SPEC's table has it."""
REQUESTS = ("supervisor", *NODES)
NARROWING = tuple(name for name in REQUESTS if name != "marketdata-0")
"""Where each subscription is granted by name. A shard counts its subscribers, and serves readers only."""
ORDER = {
    "instrument": "STK:AAPL:SMART:USD",
    "side": "BUY",
    "quantity": 1,
    "order_type": "LMT",
    "limit_price": 1,
}
LAST_WISH = "zzz/"
"""No such topic: whoever is told that it is not theirs has been told of all before it."""

APPLE = "STK:AAPL:SMART:USD"


def samples() -> dict[str, dict[str, Any]]:
    """Arguments for every op, from the protocol's own vectors."""
    given = json.loads((ROOT / "protocol" / "vectors" / "requests.json").read_text())
    found: dict[str, dict[str, Any]] = {}
    for vector in given:
        found.setdefault(vector["decoded"]["op"], vector["decoded"]["args"] or {})
    return found | {
        "restart": {"name": "nobody"},  # an operator's would be carried out
        "halt": {"strategy": "alpha", "reason": "a test"},
        "resume": {"strategy": "alpha"},
        "replay_events": {"after": 0, "strategy": "alpha"},
        "get_orders": {"strategy": "alpha"},
        "get_executions": {"strategy": "alpha"},
        "cancel_orders": {"strategy": "alpha"},
    }


class Socket:
    """One key's DEALER to each process, and SUBs, on plain pyzmq."""

    def __init__(self, keyed: Keyed, file: Path) -> None:
        self.keys: ClientFile = parse_client(file.read_text(), str(file))
        self.config = Config(cluster=Cluster(port_base=keyed.port_base))
        self.context = zmq.Context()
        self.opened: list[zmq.Socket[bytes]] = []  # so that none is collected before the context ends
        self.dealers: dict[str, zmq.Socket[bytes]] = {}

    def close(self) -> None:
        self.context.destroy(linger=0)

    def open(self, kind: int, endpoint: str) -> zmq.Socket[bytes]:
        socket = self.context.socket(kind)
        self.opened.append(socket)
        socket.setsockopt(zmq.SNDHWM, 0)
        socket.setsockopt(zmq.RCVHWM, 0)
        socket.curve_serverkey = self.keys.server_key.encode()
        socket.curve_publickey = self.keys.public_key.encode()
        socket.curve_secretkey = self.keys.secret_key.encode()
        socket.connect(endpoint)
        return socket

    def ask(self, process: str, op: str, args: dict[str, Any]) -> None:
        if process not in self.dealers:
            self.dealers[process] = self.open(zmq.DEALER, endpoints.requests_endpoint(self.config, process))
        self.dealers[process].send(msgpack.packb({"v": 1, "id": op, "op": op, "args": args}))

    def answer(self, process: str) -> tuple[str, str]:
        """The op that is answered next, and the error's code, `ok` without one."""
        assert self.dealers[process].poll(60_000), f"{process} does not answer"
        reply = msgpack.unpackb(self.dealers[process].recv())
        return reply["id"], "ok" if reply["ok"] else reply["error"]["code"]

    def code(self, process: str, op: str, args: dict[str, Any]) -> str:
        self.ask(process, op, args)
        return self.answer(process)[1]

    def listener(self, process: str, *topics: str) -> zmq.Socket[bytes]:
        sub = self.open(zmq.SUB, endpoints.events_endpoint(self.config, process))
        for topic in topics:
            sub.subscribe(topic.encode())
        return sub


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    with running_keyed(tmp_path_factory.mktemp("matrix")) as running:
        for right in IDENTITIES:
            running.run("keys", "add", name_of(right), "--rights", right)
        yield running


def name_of(right: str) -> str:
    return "one-" + right.replace(":", "-")


def file_of(keyed: Keyed, right: str) -> Path:
    return keyed.folder / f"{name_of(right)}.key"


@pytest.fixture
def sockets(keyed: Keyed) -> Iterator[dict[str, Socket]]:
    made = {right: Socket(keyed, file_of(keyed, right)) for right in IDENTITIES}
    yield made
    for one in made.values():
        one.close()


def test_each_op_is_let_through_or_refused_as_its_row_says(sockets: dict[str, Socket]) -> None:
    arguments = samples()
    assert set(arguments) >= set(OPS), "an op without a sample"
    asked: Counter[tuple[str, str]] = Counter()
    for op, row in OPS.items():
        if op in ("stop", "reconnect"):
            continue  # carried out, they would end the others' tests
        for process in (row.process,) if row.process is not None else REQUESTS:
            for right in IDENTITIES:
                sockets[right].ask(process, op, arguments[op])
                asked[right, process] += 1
    wrong: list[str] = []
    for (right, process), number in asked.items():
        for _ in range(number):
            op, code = sockets[right].answer(process)
            allowed = bool(IDENTITIES[right] & set(OPS[op].rights)) or right == "operator"
            if (code != "unauthorized") != allowed:
                wrong.append(f"{right} {process} {op}: {code}")
    assert not wrong
    assert asked.total() > 5 * 50


def test_nobody_but_an_operator_stops_or_reconnects(sockets: dict[str, Socket]) -> None:
    for right in set(IDENTITIES) - {"operator"}:
        assert sockets[right].code("supervisor", "stop", {}) == "unauthorized"
        assert sockets[right].code("marketdata-0", "reconnect", {}) == "unauthorized"


def test_a_trader_s_ops_are_its_own_strategy_s(sockets: dict[str, Socket]) -> None:
    arguments = samples()
    scoped = [op for op, row in OPS.items() if "trader" in row.rights and op != "get_risk"]
    assert len(scoped) > 8
    for op in scoped:
        text = json.dumps(arguments[op]).replace('"alpha"', '"beta"')
        assert sockets["trader:alpha"].code("orders", op, json.loads(text)) == "unauthorized", op
        if "strategy" not in arguments[op]:
            continue
        nameless = {key: value for key, value in arguments[op].items() if key != "strategy"}
        assert sockets["trader:alpha"].code("orders", op, nameless) in ("unauthorized", "invalid_argument"), (
            op
        )


def granted(right: str, level: str) -> list[str]:
    if right == "operator" or TOPIC_RIGHTS.get(level) in IDENTITIES[right]:
        return [f"{level}/"]
    if level == "alert":
        return [f"alert/{name}/" for name in (*ALERTS, TEST) if name not in ("MarginLow", "PositionsDiffer")]
    return ["order/alpha/"] if (right, level) == ("trader:alpha", "order") else []


@pytest.mark.parametrize("process", NARROWING)
def test_each_topic_is_granted_narrowed_or_refused_as_its_row_says(
    sockets: dict[str, Socket], process: str
) -> None:
    levels = [level for level in FIRST_LEVELS if level != "denied"]
    for right in set(IDENTITIES) - {"operator"}:
        wishes = [f"{level}/" for level in levels]
        sub = sockets[right].listener(process, "denied/", *wishes, LAST_WISH)
        told: dict[str, list[str]] = {}
        seen: set[str] = set()
        while LAST_WISH not in told:
            assert sub.poll(30_000), told
            topic, _, body = sub.recv().partition(b"\0")
            seen.add(topic.decode())
            if topic.startswith(b"denied/"):
                assert topic == f"denied/{name_of(right)}/".encode(), "another's refusals are its own"
                event = msgpack.unpackb(body)
                told[event["wish"]] = list(event["granted"])
        expected = {f"{level}/": granted(right, level) for level in levels}
        assert {wish: told.get(wish, [wish]) for wish in wishes} == expected
        assert told[LAST_WISH] == []
        opened = tuple(prefix for prefixes in expected.values() for prefix in prefixes)
        assert all(topic.startswith((*opened, "denied/")) for topic in seen)


def test_events_of_orders_reach_only_those_whose_they_are(sockets: dict[str, Socket]) -> None:
    subs = {right: sockets[right].listener("orders", "order/", "node/orders/") for right in IDENTITIES}
    for sub in subs.values():
        assert sub.poll(30_000), "a heartbeat: it is subscribed"
    operator = sockets["operator"]
    for strategy in ("gamma", "alpha"):
        operator.code("orders", "resume", {"strategy": strategy})
        order = {
            "strategy": strategy,
            "client_order_id": f"seen-{time.time_ns()}",
            "instrument": APPLE,
        }
        order |= {"side": "BUY", "quantity": 1, "order_type": "LMT", "limit_price": 1}
        assert operator.code("orders", "place_order", order) == "ok"
    seen = {right: strategies_until_beat(sub) for right, sub in subs.items()}
    assert seen == {
        "reader": set(),
        "accounts": set(),
        "trader:alpha": {"alpha"},
        "risk": {"alpha", "gamma"},
        "operator": {"alpha", "gamma"},
    }


@pytest.mark.parametrize("command", PROGRAMS)
def test_a_trader_who_listens_to_all_orders_loses_none_of_those_it_may_not_see(
    keyed: Keyed, sockets: dict[str, Socket], command: list[str]
) -> None:
    def place(strategy: str) -> str:
        name = f"all-{time.time_ns()}"
        order: dict[str, Any] = {"strategy": strategy, "client_order_id": name, "instrument": APPLE}
        order |= {"side": "BUY", "quantity": 1, "order_type": "LMT", "limit_price": 1}
        assert sockets["operator"].code("orders", "place_order", order) == "ok"
        return name

    sockets["operator"].code("orders", "resume", {"strategy": "alpha"})
    with running_program(command) as program:
        assert program.ask("connect", keys=str(file_of(keyed, "trader:alpha"))) == {}
        program.ask("subscribe", topics=["order/", "node/orders/"])
        found: list[dict[str, Any]] = []
        for strategies in (("alpha",), ("gamma", "gamma", "alpha")):
            *_, wanted = (place(strategy) for strategy in strategies)
            while not found or found[-1]["event"].get("client_order_id") != wanted:
                found.append(program.ask("next", timeout_ms=30_000))
                assert "event" in found[-1], found[-1]
        beats = 0
        while beats < 2:
            found.append(program.ask("next", timeout_ms=30_000))
            beats += found[-1]["event"]["type"] == "heartbeat"
        assert [one for one in found if one["lost"]] == []
        assert program.ask("losses")["orders"] == {"order/": 0}
        assert program.ask("close") == {}


def strategies_until_beat(sub: zmq.Socket[bytes]) -> set[str]:
    """Strategies of order events up to the heartbeat that names the last order of alpha's."""
    found: set[str] = set()
    while sub.poll(30_000):
        topic, _, body = sub.recv().partition(b"\0")
        levels = topic.decode().split("/")
        if levels[0] == "order":
            found.add(levels[1])
        elif (msgpack.unpackb(body).get("strategy_nos") or {}).get("gamma"):
            alpha = msgpack.unpackb(body)["strategy_nos"].get("alpha", 0)
            if alpha:
                return found & {"alpha", "gamma"}
    raise AssertionError("no heartbeat told of the orders")


def test_the_journal_says_who_asked_for_every_order_halt_and_limit(keyed: Keyed) -> None:
    with (
        Client(keys=file_of(keyed, "trader:alpha")) as trader,
        Client(keys=file_of(keyed, "operator")) as operator,
    ):
        operator.request("orders", "resume", {"strategy": "alpha"})
        who = {"strategy": "alpha", "client_order_id": "who-1"}
        trader.request("orders", "place_order", ORDER | who)
        trader.request("orders", "modify_order", who | {"quantity": 2})
        trader.request("orders", "halt", {"strategy": "alpha", "reason": "smoke"})
        with pytest.raises(RequestRefused):
            trader.request("orders", "resume", {"strategy": "alpha"})
        operator.request("orders", "resume", {"strategy": "alpha"})
        limits = {"scope": "strategy", "name": "alpha", "limits": {"max_position": 7}}
        operator.request("orders", "set_risk", limits)
        operator.request("orders", "cancel_order", who)
    rows = [
        json.loads(line)
        for line in keyed.run("orders", "export", "--what", "audit", "--format", "jsonl").splitlines()
    ]
    mine = [row for row in rows if row["client_order_id"] == "who-1"]
    assert [row["who"] for row in mine][:2] == [name_of("trader:alpha")] * 2, mine
    asked_for = [row["who"] for row in mine if row["who"]]  # what the gateway said has nobody
    assert asked_for[-1] == name_of("operator")
    settings = [(row["what"], row["who"], row["value"]) for row in rows if "/" in row["what"]][-3:]
    assert [(what, who) for what, who, _ in settings] == [
        ("halt/alpha", name_of("trader:alpha")),
        ("halt/alpha", name_of("operator")),
        ("risk/strategy/alpha", name_of("operator")),
    ]
    assert settings[0][2] == "smoke"
    assert settings[1][2] is None
    assert '"max_position":7' in settings[2][2].replace(" ", "").replace("7.0", "7")


def test_whoever_intervenes_is_known_by_the_key_whatever_they_call_themselves(keyed: Keyed) -> None:
    key = name_of("operator")
    with Client(keys=file_of(keyed, "operator")) as operator:
        operator.subscribe("alert/")
        operator.request("status", "test_alerts", {"by": "anna"})
        texts = (event.text for _, event, _ in operator.events(within=60) if isinstance(event, Alert))
        assert any(text.endswith(f"asked for by anna ({key})") for text in texts)
        operator.request("status", "silence_alert", {"name": "GatewayDown", "minutes": 0, "by": key})
        operator.request("supervisor", "reload")
        operator.request("connection", "claim_client_id", {"program": "excel"})
        operator.request("connection", "release_client_id", {"program": "excel"})
    logs = keyed.run("logs", "-n", "0", "--grep", "asked", "--json")
    asked = [line for line in map(json.loads, logs.splitlines()) if line.get("event") == "asked"]
    found = {line["op"]: line["who"] for line in asked if line["who"] == key}
    for op in ("test_alerts", "silence_alert", "reload", "claim_client_id", "release_client_id"):
        assert found[op] == key
    assert not [line for line in asked if line["who"].startswith("node/")]


def test_a_key_s_requests_topics_and_connections_are_limited_and_nobody_else_s(keyed: Keyed) -> None:
    keyed.run("keys", "add", "greedy", "--rights", "reader")
    greedy, modest = Socket(keyed, keyed.folder / "greedy.key"), Socket(keyed, file_of(keyed, "reader"))
    try:
        dealer = greedy.open(zmq.DEALER, endpoints.requests_endpoint(greedy.config, "connection"))
        codes: list[str] = []
        for _ in range(10):  # a machine that is busy answers hardly more than may be asked in that time
            for number in range(2 * REQUESTS_AT_ONCE):
                dealer.send(msgpack.packb({"v": 1, "id": number, "op": "describe"}))
            for _number in range(2 * REQUESTS_AT_ONCE):
                assert dealer.poll(30_000)
                reply = msgpack.unpackb(dealer.recv())
                codes.append("ok" if reply["ok"] else reply["error"]["code"])
            if "throttled" in codes:
                break
        assert set(codes) == {"ok", "throttled"}
        assert codes.count("ok") >= REQUESTS_AT_ONCE
        assert modest.code("connection", "describe", {}) == "ok"

        sub = greedy.listener("connection", "denied/", *(f"node/{n}/" for n in range(TOPICS_PER_KEY + 1)))
        assert sub.poll(60_000)
        event = msgpack.unpackb(sub.recv().partition(b"\0")[2])
        assert event["wish"] in (f"node/{TOPICS_PER_KEY - 1}/", f"node/{TOPICS_PER_KEY}/")
        assert list(event["granted"]) == []
        assert modest.listener("connection", "node/connection/").poll(30_000)

        many = [greedy.listener("status", "node/status/") for _ in range(2 * CONNECTIONS_AT_ONCE)]
        assert modest.listener("status", "node/status/").poll(30_000), "the others come in meanwhile"
        assert all(one.poll(120_000) for one in many), "they get in later"
        log = (keyed.folder / "var" / "logs" / "status.log").read_text()
        assert "too many new connections of this key" in log
    finally:
        greedy.close()
        modest.close()


def test_a_revoked_key_gets_nothing_more_from_any_process(keyed: Keyed) -> None:
    keyed.run("keys", "add", "leaving", "--rights", "accounts")
    leaving, staying = Socket(keyed, keyed.folder / "leaving.key"), Socket(keyed, file_of(keyed, "reader"))
    try:
        feeds = {name: leaving.listener(name, f"node/{name}/") for name in REQUESTS if name != "supervisor"}
        for name, feed in feeds.items():
            assert feed.poll(30_000), name
            assert leaving.code(name, "describe", {}) == "ok"
        keyed.run("keys", "revoke", "leaving")
        revoked = time.monotonic()
        for name in feeds:  # each process reads the file itself; how soon, is measured in test_keys
            while leaving.code(name, "describe", {}) != "unauthorized":
                assert time.monotonic() - revoked < patient(1), f"{name} still answers"
        for name, feed in feeds.items():
            while feed.poll(1_500):  # beats come twice a second to who is let in
                feed.recv()
                assert time.monotonic() - revoked < 15, f"{name} goes on"
        for name in feeds:
            assert staying.listener(name, f"node/{name}/").poll(30_000), "the others are served anew"
    finally:
        leaving.close()
        staying.close()
