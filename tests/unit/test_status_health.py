"""Health: what each process said last, and when silence becomes worth telling."""

from __future__ import annotations

from twsmq_nodes.status.health import SILENT_AFTER_S, HealthBoard
from twsmq_protocol.requests import HealthRow
from twsmq_protocol.system_events import Heartbeat, Process


def beat(name: str, **fields: object) -> Heartbeat:
    return Heartbeat(name=name, **({"pid": 7, "state": "ready"} | fields))  # pyright: ignore[reportArgumentType]


def test_a_process_never_heard_is_silent() -> None:
    health = HealthBoard(["orders"]).health(0.0)
    assert health.processes == [HealthRow(name="orders", state="silent")]
    assert not health.ready


def test_ready_means_every_node_says_so_and_was_heard_lately() -> None:
    board = HealthBoard(["connection", "orders"])
    board.received(beat("connection"), 0.0)
    board.received(beat("orders", state="reconciling", detail="asking"), 0.0)
    assert not board.health(0.1).ready
    board.received(beat("orders"), 1.0)
    assert board.health(1.1).ready
    assert not board.health(SILENT_AFTER_S).ready


def test_a_silent_node_keeps_what_it_said_last_and_says_since_when() -> None:
    board = HealthBoard(["orders"])
    board.received(beat("orders", client_id=101, uptime_s=3.5), 0.0)
    row = board.health(5.0).processes[0]
    assert (row.state, row.heard_s, row.pid, row.client_id, row.uptime_s) == ("silent", 5.0, 7, 101, 3.5)


def test_the_supervisors_word_stands_beside_it_also_for_what_does_not_beat() -> None:
    board = HealthBoard(["orders"])
    board.received(beat("orders", pid=11), 0.0)
    board.received(Process(name="orders", state="ready", pid=11, restarts=2), 0.0)
    board.received(Process(name="simulator", state="ready", pid=12), 0.0)
    health = board.health(0.5)
    assert health.ready
    assert [(r.name, r.state, r.supervised, r.restarts, r.pid) for r in health.processes] == [
        ("orders", "ready", "ready", 2, 11),
        ("simulator", None, "ready", 0, 12),
    ]
