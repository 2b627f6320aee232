"""Alerts: each fires once, in its time, and resolves once; silences and acknowledgements hold back what
they should."""

from __future__ import annotations

from pathlib import Path

import pytest
from twsmq_nodes.status.alert_core import REPEAT_S, RESOLVE_S, AlertCore, Announce, Holding, Rule
from twsmq_nodes.status.alert_rules import Facts, holding, watched
from twsmq_nodes.status.restart_clock import RestartClock
from twsmq_protocol.alerts import ALERTS, RUNBOOK
from twsmq_protocol.config import AlertSetting, parse_config
from twsmq_protocol.errors import ConfigError

S = 1_000_000_000
RULE = Rule("OrderUnknown", "page", 30.0, "docs/runbook/OrderUnknown.md")
DEFAULT = watched({})
HOLDS = [Holding(RULE, "", "1 orders unknown")]


class Desk:
    """Seconds go by, one evaluation each."""

    def __init__(self) -> None:
        self.core = AlertCore()
        self.now = 0.0

    def pass_s(self, seconds: float, holds: list[Holding]) -> list[tuple[str, bool]]:
        """States announced, and whether they were delivered."""
        announced: list[Announce] = []
        end = self.now + seconds
        while self.now < end:
            self.now += 1.0
            announced += self.core.evaluate(holds, self.now, int(self.now) * S)
        return [(each.event.state, each.deliver) for each in announced]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_holds_long_enough_fires_once_and_resolves_once(desk: Desk) -> None:
    assert desk.pass_s(30, HOLDS) == []
    assert desk.pass_s(100, HOLDS) == [("firing", True)]
    assert desk.pass_s(RESOLVE_S + 1, []) == [("resolved", True)]
    assert desk.pass_s(100, []) == []
    assert [row.state for row in desk.core.rows()] == ["resolved"]


def test_what_does_not_last_is_never_announced(desk: Desk) -> None:
    assert desk.pass_s(25, HOLDS) == []
    assert desk.pass_s(2, []) == []
    assert desk.pass_s(25, HOLDS) == []  # its time begins anew


def test_what_flickers_fires_once(desk: Desk) -> None:
    desk.pass_s(40, HOLDS)
    for _ in range(10):
        assert desk.pass_s(1, []) == []
        assert desk.pass_s(2, HOLDS) == []


def test_it_is_repeated_less_and_less_often_until_somebody_takes_care(desk: Desk) -> None:
    desk.pass_s(40, HOLDS)
    assert desk.pass_s(REPEAT_S, HOLDS) == [("firing", True)]
    assert desk.pass_s(REPEAT_S, HOLDS) == []
    assert desk.pass_s(REPEAT_S, HOLDS) == [("firing", True)]
    (taken,) = desk.core.acknowledge("OrderUnknown", None, "ann")
    assert (taken.event.state, taken.event.acknowledged_by, taken.deliver) == ("acknowledged", "ann", False)
    assert desk.pass_s(20 * REPEAT_S, HOLDS) == []
    assert desk.core.acknowledge("OrderUnknown", None, "bob") == []
    assert desk.pass_s(RESOLVE_S + 1, []) == [("resolved", True)]


def test_a_silence_holds_back_deliveries_and_not_states(desk: Desk) -> None:
    desk.core.silence("Order*", 100 * S)
    assert desk.pass_s(40, HOLDS) == [("firing", False)]
    (row,) = desk.core.firing()
    assert row.silenced_until == 100 * S
    assert desk.pass_s(61, HOLDS) == [("firing", True)]  # it still holds when the silence is over


def test_what_resolved_in_a_silence_reaches_nobody(desk: Desk) -> None:
    desk.core.silence("*", 1000 * S)
    desk.pass_s(40, HOLDS)
    assert desk.pass_s(10, []) == [("resolved", False)]


def test_two_of_one_name_about_different_things_are_two(desk: Desk) -> None:
    rule = Rule("ProcessFailed", "page", 0.0)
    two = [Holding(rule, "orders", "x"), Holding(rule, "status", "y")]
    assert desk.pass_s(1, two) == [("firing", True), ("firing", True)]
    assert len(desk.core.acknowledge("ProcessFailed", "orders", "ann")) == 1
    assert [row.about for row in desk.core.firing() if row.state == "firing"] == ["status"]


BAD: dict[str, Facts] = {
    "GatewayDown": Facts(gateway_state="disconnected", gateway_down_s=61.0),
    "RestartNotBack": Facts(gateway_state="disconnected", gateway_down_s=400.0, restart_overdue_s=1.0),
    "UpstreamLost": Facts(upstream_lost=True),
    "FarmBroken": Facts(farms_broken=["usfarm"]),
    "OrderUnknown": Facts(unknown=1, unknown_oldest_s=31.0),
    "Halted": Facts(halts={"": "loss limit"}),
    "KillIncomplete": Facts(kill_remaining={"": 2}),
    "SilentFeed": Facts(silent_lines={"marketdata-0": 3}),
    "LineLimit": Facts(lines=[("market_data", 91, 100)]),
    "BudgetHigh": Facts(budget_wait_s={"orders": 2.5}),
    "MarginLow": Facts(cushions={"DU1": 0.09}),
    "PositionsDiffer": Facts(differing=["DU1 conId 5"]),
    "ProcessFlapping": Facts(restarts={"orders": 3}),
    "ProcessFailed": Facts(failed={"orders": "exit status 1"}),
    "ProcessSilent": Facts(silent_processes={"orders": 31.0}),
    "JournalSlow": Facts(journal_commit_s=0.1),
    "DiskLow": Facts(disk_free=900_000_000),
    "AuthRefused": Facts(auth_refused_per_minute=6.0),
    "AccountOld": Facts(account_age_s=601.0),
    "NothingHeard": Facts(heard_s=121.0),
}
WELL = Facts(
    gateway_state="up",
    unknown=1,
    unknown_oldest_s=0.2,
    kill_remaining={"": 0},
    silent_lines={"marketdata-0": 0},
    lines=[("market_data", 90, 100), ("depth", 0, 0)],
    budget_wait_s={"orders": 0.25},
    cushions={"DU1": 0.1},
    restarts={"orders": 2},
    journal_commit_s=0.05,
    disk_free=2_000_000_000,
    auth_refused_per_minute=5.0,
    silent_processes={"orders": 3.0},
    heard_s=0.1,
    account_age_s=1.0,
)


@pytest.mark.parametrize("name", list(ALERTS))
def test_each_alert_holds_where_it_should_and_alone(name: str) -> None:
    found = {each.rule.name for each in holding(BAD[name], DEFAULT)}
    assert name in found
    assert found <= {name, "GatewayDown"}  # an overdue restart is an outage too


def test_nothing_but_a_fresh_unknown_order_holds_while_all_is_well() -> None:
    assert {each.rule.name for each in holding(WELL, DEFAULT)} == {"OrderUnknown"}
    assert holding(Facts(), DEFAULT) == []


def test_each_alert_has_a_page_that_says_what_to_do() -> None:
    for name in ALERTS:
        page = Path(__file__).parents[2] / RUNBOOK.format(name)
        assert page.read_text(encoding="utf-8").startswith(f"# {name}\n"), name


def test_the_table_in_the_documentation_is_this_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "board.md").read_text(encoding="utf-8")
    for name, rule in ALERTS.items():
        limit = "" if rule.limit is None else f"{rule.limit:g} {rule.unit}"
        assert f"| {name} | {rule.severity} | {rule.for_s:g} s | {limit} |\n" in page


def test_a_desk_sets_its_own_limits_durations_and_severities() -> None:
    config = parse_config("[alerts.rules]\nMarginLow = { limit = 0.3, for_s = 1 }\nHalted = { on = false }\n")
    own = watched(config.alerts.rules)
    assert [each.rule.for_s for each in own if each.rule.name == "MarginLow"] == [1.0]
    assert len(own) == len(ALERTS) - 1
    facts = Facts(cushions={"DU1": 0.25}, halts={"": "loss limit"})
    assert [each.rule.name for each in holding(facts, own)] == ["MarginLow"]
    severities = {each.rule.severity for each in watched({"SilentFeed": AlertSetting(severity="page")})}
    assert severities == {"page", "warn"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("MarginLo = { limit = 1 }", "no alert is called 'MarginLo'"),
        ("Halted = { limit = 1 }", "Halted has no limit"),
        ("Halted = { limits = 1 }", "limits"),
    ],
)
def test_a_rule_that_is_none_is_refused_with_the_file(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse_config(f"[alerts.rules]\n{text}\n")


# -- the planned restart

CLOCK = RestartClock("23:45", "America/New_York", 5.0)
MIDNIGHT = 1_795_755_600  # 2026-11-27 00:00 in New York
AT = MIDNIGHT + 23 * 3600 + 45 * 60


def test_the_restart_is_known_beforehand_and_its_window_is_short() -> None:
    assert CLOCK.next((AT - 3600) * S) == AT * S
    assert CLOCK.next(AT * S) == (AT + 86_400) * S
    assert not CLOCK.in_window((AT - 120) * S)
    assert CLOCK.in_window((AT - 30) * S)
    assert CLOCK.in_window((AT + 299) * S)
    assert not CLOCK.in_window((AT + 301) * S)


def test_only_an_outage_that_began_with_the_restart_is_overdue() -> None:
    assert CLOCK.overdue_s((AT + 301) * S, AT * S) == 1.0
    assert CLOCK.overdue_s((AT + 200) * S, AT * S) is None
    assert CLOCK.overdue_s((AT + 301) * S, (AT - 600) * S) is None
    assert CLOCK.overdue_s((AT + 4000) * S, (AT + 3000) * S) is None


def test_the_restart_of_a_sunday_needs_a_person() -> None:
    assert not CLOCK.weekly((AT + 60) * S)  # a Friday
    assert CLOCK.weekly((AT + 2 * 86_400 + 60) * S)


def test_no_restart_is_expected_where_none_is_named_and_a_wrong_zone_is_refused() -> None:
    none = RestartClock("", "nowhere", 5.0)
    assert (none.next(AT * S), none.in_window(AT * S), none.overdue_s(AT * S, 0)) == (None, False, None)
    with pytest.raises(ConfigError, match="no time zone"):
        RestartClock("23:45", "Mars/Olympus", 5.0)


def test_thirty_nights_of_restarts_call_nobody_and_one_that_fails_calls_once() -> None:
    core = AlertCore()
    calls: list[tuple[int, str]] = []
    for night in range(31):
        at = AT + night * 86_400
        back = 120 if night < 30 else 10_000  # the last one does not come back
        for second in range(-60, 900):
            ns = (at + second) * S
            down = 0 <= second < back
            since = at * S
            facts = Facts(
                gateway_state="disconnected" if down else "up",
                gateway_down_s=float(second) if down else None,
                in_restart_window=CLOCK.in_window(ns),
                restart_overdue_s=CLOCK.overdue_s(ns, since) if down else None,
                weekly_login=CLOCK.weekly(ns),
                heard_s=0.1,
            )
            now = float(night * 86_400 + second)
            calls += [(night, each.event.name) for each in core.evaluate(holding(facts, DEFAULT), now, ns)]
    assert calls == [(30, "RestartNotBack"), (30, "GatewayDown")]
