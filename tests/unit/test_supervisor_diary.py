"""What became of each process, and what its start waited for."""

from __future__ import annotations

from pathlib import Path

from twsmq_protocol.config import Config, parse_config
from twsmq_protocol.config_file import LoadedConfig
from twsmq_protocol.supervision import CLUSTER, LIVE, differing, flat, readers
from twsmq_protocol.system_events import ProcessState
from twsmq_supervisor.children import cluster
from twsmq_supervisor.diary import KEPT, Diary
from twsmq_supervisor.front import changes
from twsmq_supervisor.policy import Limits, Policy
from twsmq_supervisor.policy_events import Beaten, Exited, Signal, Spawned, StartRequested
from twsmq_supervisor.settings import Settings


def test_a_start_is_taken_apart_into_what_it_waited_for() -> None:
    diary = Diary()
    spells: tuple[tuple[ProcessState, str | None, float], ...] = (
        ("starting", None, 0.0),
        ("connecting", "no gateway", 1.0),
        ("reconciling", "open orders", 4.0),
        ("connecting", "no gateway", 5.0),
        ("ready", None, 7.0),
        ("ready", None, 9.0),
    )
    for state, reason, at in spells:
        diary.note("orders", state, reason, 1, at, int(at * 1e9))
    life = diary.of("orders")
    assert life.ready_after_s == 7.0
    assert [(one.state, one.reason, one.seconds) for one in life.waited(20.0)] == [
        ("starting", None, 1.0),
        ("connecting", "no gateway", 5.0),
        ("reconciling", "open orders", 1.0),
    ]


def test_what_still_waits_counts_and_another_run_begins_anew() -> None:
    diary = Diary()
    diary.note("orders", "starting", None, 1, 0.0, 0)
    diary.note("orders", "backoff", "killed", 1, 2.0, 0)
    diary.note("orders", "starting", None, 2, 3.0, 0)
    life = diary.of("orders")
    assert life.ready_after_s is None
    assert [(one.state, one.seconds) for one in life.waited(4.5)] == [("starting", 1.5)]
    for number in range(2 * KEPT):
        diary.note("orders", "connecting", f"attempt {number}", 2, 5.0 + number, number)
    assert [change.at for change in life.changes] == list(range(KEPT, 2 * KEPT))
    assert len(life.waited(60.0)) <= 13


def test_a_process_that_grows_beyond_its_bound_is_started_anew_but_not_again_and_again() -> None:
    policy = Policy([("orders", True)], Limits(memory_bytes=1_000_000_000))
    policy.handle(StartRequested(), 0.0)
    policy.handle(Spawned("orders", 7), 0.0)
    asked: list[float] = []
    for beat in range(2000):
        now = beat * 0.5
        pid = policy.children["orders"].pid or 0
        actions = policy.handle(Beaten("orders", pid, "ready", None, 2 * 10**9), now)
        if any(isinstance(action, Signal) for action in actions):
            asked.append(now)
            assert "memory_mb = 1000" in (policy.children["orders"].reason or "")
            policy.handle(Exited("orders", pid, 0), now)
            policy.handle(Spawned("orders", 8 + beat), now)
        policy.validate()
    assert len(asked) == 2
    assert asked[1] - asked[0] >= 600.0


def test_every_key_of_the_configuration_concerns_somebody() -> None:
    for key in flat(parse_config("")):
        assert key in LIVE | CLUSTER or readers(key), key
    assert set(flat(parse_config(""))) >= LIVE | CLUSTER


def test_what_a_changed_file_asks_for() -> None:
    before = parse_config("")
    after = parse_config(
        "[cluster]\nlogs_mb = 100\nport_base = 6000\n[alerts]\nlog = false\n[marketdata]\nlines = 50\n"
    )
    assert differing(before, after) == [
        "cluster.port_base",
        "cluster.logs_mb",
        "marketdata.lines",
        "alerts.log",
    ]
    names = ("connection", "marketdata-0", "status", "orders", "simulator")
    running: dict[str, Config] = dict.fromkeys(map(str, names), before)
    found = {row.key: (row.restart, row.cluster) for row in changes(after, running)}
    assert found == {
        "cluster.port_base": ([], True),
        "cluster.logs_mb": ([], False),
        "marketdata.lines": (["marketdata-0"], False),
        "alerts.log": (["status"], False),
    }
    assert changes(after, {"status": after, "orders": after}) == []


def test_a_simulated_gateway_is_started_with_what_the_file_says_by_then() -> None:
    """It reads no file: what it is told on its command line must not be of the supervisor's own start."""
    first, then = (Settings(loaded=loaded(f"[simulator]\nseed = {seed}\n")) for seed in (1, 8))
    spec = cluster(first)["simulator"]
    assert spec.argv_from is not None
    for settings, seed in ((first, "1"), (then, "8")):
        argv = spec.argv_from(settings)
        assert argv[argv.index("--seed") + 1] == seed
    running: dict[str, Config] = dict.fromkeys(("simulator", "history", "orders"), first.config)
    [row] = changes(then.config, running)
    assert (row.key, row.restart, row.cluster) == ("simulator.seed", ["simulator", "history"], False)


def test_the_address_of_a_gateway_is_the_clusters() -> None:
    """A process that dies after the file was edited must not trade at another gateway than its neighbours."""
    for mode in ("simulated", "external"):
        before = parse_config(f"[gateway]\nmode = '{mode}'\n")
        after = parse_config(f"[gateway]\nmode = '{mode}'\nhost = '::1'\nport = 4001\n")
        rows = changes(after, {"orders": before})
        assert [(row.key, row.restart, row.cluster) for row in rows] == [
            ("gateway.host", [], True),
            ("gateway.port", [], True),
        ]


def test_no_process_takes_its_modules_from_the_folder_it_is_started_in() -> None:
    """There a trader's `signal.py` or IBKR's `ibapi` may stand."""
    for spec in cluster(Settings(loaded=loaded(""))).values():
        assert spec.argv[1:3] == ("-P", "-m")


def loaded(text: str) -> LoadedConfig:
    return LoadedConfig(config=parse_config(text), data_dir=Path("/nowhere"), file=None)
